/*
 * pg_narrow.h - finds the messages of a batch of which the server cannot make
 * jsonb, although pg_jsonb.h expects it to: one by one, outside of a
 * transaction. The others keep theirs.
 */
#ifndef INBOX_POSTGRES_PG_NARROW_H
#define INBOX_POSTGRES_PG_NARROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inbox/inbox_store.h"
#include "inbox/postgres/pg_connection.h"

#define PG_NARROW_COUNT_MAX 256 /* messages; a request for each */

struct pg_narrow;
typedef void (*pg_narrow_cb)(struct pg_narrow *narrow, bool is_known);

struct pg_narrow {
    const struct inbox_delivery *delivery; /* borrowed; the batch */
    struct pg_connection *connection;      /* borrowed */
    bool *is_refused;                      /* owned; by message. NULL: nothing
                                              is known */
    size_t index;                          /* of the next message */
    pg_narrow_cb done_cb;                  /* of pg_narrow_start() */
    struct pg_request request;             /* outstanding */
    struct pg_statement statement;         /* of request */
};

/* Forgets what is known. */
void pg_narrow_clear(struct pg_narrow *narrow);

/* Tries the messages of a batch. Returns 0, and done_cb fires once, from the
 * loop, with is_known false if something else has failed; or an error, and it
 * does not: HAPLO_ENOMEM; HAPLO_ETOOBIG if the batch is too large; HAPLO_EINVAL
 * if nothing can be found, since jsonb can hold none of the messages or they
 * were tried before. limit_ms: for each request. */
int pg_narrow_start(struct pg_narrow *narrow, struct pg_connection *connection,
                    const struct inbox_delivery *delivery, uint64_t limit_ms,
                    pg_narrow_cb done_cb);

/* True if the server has refused the message of this index. */
bool pg_narrow_is_refused(const struct pg_narrow *narrow, size_t index);

#endif
