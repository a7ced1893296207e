/*
 * pg_fleet.h - carries out the requests of a host that shares the servers with
 * others: see inbox_fleet.h.
 */
#ifndef INBOX_POSTGRES_PG_FLEET_H
#define INBOX_POSTGRES_PG_FLEET_H

#include "inbox/inbox_store.h"
#include "inbox/postgres/pg_connection.h"

struct pg_fleet;

/* The operation of inbox_store.h. */
int pg_fleet_ask(struct inbox_store *base, struct inbox_fleet_request *request);

/* No request may be outstanding. Frees it, and then closed_cb fires from the
 * loop. */
void pg_fleet_close(struct pg_fleet *fleet, pg_connection_closed_cb closed_cb,
                    void *data);

/* Its connection, while it is open; otherwise, or for NULL, NULL. */
PGconn *pg_fleet_pg(const struct pg_fleet *fleet);

#endif
