/*
 * pg_shared.h - what hosts that share the servers tell each other: see
 * inbox_shared.h. It rarely changes: its version is a hash of all rows, which
 * are sent only if the reader has another one.
 */
#ifndef INBOX_POSTGRES_PG_SHARED_H
#define INBOX_POSTGRES_PG_SHARED_H

#include <libpq-fe.h>

#include "inbox/inbox_shared.h"
#include "inbox/inbox_store.h"

struct pg_shared {
    PGresult *rows;              /* owned; what content points into */
    struct inbox_shared content; /* owned, but not its strings */
};

/* SQL for pg_names_expand(), whose only parameter is the version that the
 * reader has. */
extern const char pg_shared_sql[];

/* The version that was found. */
int64_t pg_shared_version(const PGresult *result);

/* Takes the result, if it has another version than the reader. Returns 0, or
 * HAPLO_ENOMEM: then it is still the caller's. */
int pg_shared_take(struct pg_shared *shared, PGresult **result);

void pg_shared_free(struct pg_shared *shared);

/* The operation of inbox_store.h. It uses the connection of the reader. */
int pg_shared_write(struct inbox_store *base, struct inbox_shared_write *write);

#endif
