/*
 * pg_narrow.h - finds the messages of a batch of which the server cannot make
 * jsonb, although pg_jsonb.h expects it to: one by one, outside of a
 * transaction. The others keep theirs.
 */
#ifndef INBOX_POSTGRES_PG_NARROW_H
#define INBOX_POSTGRES_PG_NARROW_H

#include <stdbool.h>
#include <stddef.h>

#include "inbox/inbox_store.h"
#include "inbox/postgres/pg_connection.h"

#define PG_NARROW_COUNT_MAX 256 /* messages; a request for each */

struct pg_narrow {
    const struct inbox_delivery *delivery; /* borrowed; the batch */
    bool *is_refused;                      /* owned; by message. NULL: nothing
                                              is known */
    size_t index;                          /* of the next message */
};

void pg_narrow_clear(struct pg_narrow *narrow);

/* False if memory runs out, the batch is too large, or was looked at before
 * since pg_narrow_clear(). */
bool pg_narrow_begin(struct pg_narrow *narrow,
                     const struct inbox_delivery *delivery);

/* Makes the statement that tries the next message; false: there is none. */
bool pg_narrow_try(struct pg_narrow *narrow, struct pg_statement *statement);

/* Looks at its result. False if that says nothing about the message. */
bool pg_narrow_tried(struct pg_narrow *narrow,
                     const struct pg_request *request);

/* True if the server has refused the message of this index. */
bool pg_narrow_is_refused(const struct pg_narrow *narrow, size_t index);

#endif
