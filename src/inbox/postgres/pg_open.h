/*
 * pg_open.h - opens an inbox in PostgreSQL: checks that its schema is there and
 * its server durable, and loads its queues.
 */
#ifndef INBOX_POSTGRES_PG_OPEN_H
#define INBOX_POSTGRES_PG_OPEN_H

#include "inbox/postgres/pg_store.h"

/* error is 0, or HAPLO_E* with why set. */
typedef void (*pg_opened_cb)(struct pg_store *store, int error,
                             const struct reason *why);

/* A connection checks, whenever it has been opened, that it leads to this
 * inbox. Not before the inbox is open. */
void pg_open_greet(struct pg_store *store, struct pg_connection *connection);

/* Uses the connection of the writer. Returns 0, and opened_cb fires from the
 * loop; or HAPLO_ENOMEM, and it does not. */
int pg_open_start(struct pg_store *store, pg_opened_cb opened_cb);

#endif
