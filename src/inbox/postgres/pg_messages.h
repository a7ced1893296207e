/*
 * pg_messages.h - the new messages of a group, and the batches that they belong
 * to, as parameters of the statements that insert them.
 */
#ifndef INBOX_POSTGRES_PG_MESSAGES_H
#define INBOX_POSTGRES_PG_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inbox/inbox_store.h"
#include "inbox/postgres/pg_array.h"
#include "inbox/postgres/pg_arrivals.h"
#include "inbox/postgres/pg_batches.h"
#include "inbox/postgres/pg_columns.h"
#include "inbox/postgres/pg_narrow.h"
#include "inbox/postgres/pg_rows.h"
#include "inbox/postgres/pg_statement.h"

#define PG_MESSAGES_STATEMENT_COUNT 2

/* Initialise it with pg_messages_init(). */
struct pg_messages {
    struct pg_array arrivals;  /* of all messages */
    struct pg_array queues;    /* ids of their queues */
    struct pg_array batches;   /* first arrivals of their batches */
    struct pg_array positions; /* in these */
    struct pg_array bodies;    /* exact bytes */
    struct pg_array has_json;  /* whether jsonb can hold the body; or empty */
    struct pg_columns columns; /* members with columns of their own */
    struct pg_array firsts;    /* of all batches: first arrivals */
    struct pg_array owners;    /* ids of their queues */
    struct pg_array counts;    /* of their messages */
    struct pg_array formats;   /* of these */
    struct pg_array fetched;   /* when they were fetched */
    size_t json_count;         /* true in has_json */
    int64_t last_arrival;      /* the highest one */
    char *stored_sql;          /* owned */
    char *batches_sql;         /* owned */
};

/* 0 or HAPLO_ENOMEM. */
int pg_messages_init(struct pg_messages *messages, const char *schema);
void pg_messages_free(struct pg_messages *messages);

void pg_messages_clear(struct pg_messages *messages);

/* Adds the messages of a batch that are not repeats, or are missing, and
 * changes the row of its queue. narrow: those without jsonb; NULL: all. Sets
 * stored_count, repeat_count and the arrivals of the delivery. False if these
 * are not above those of earlier messages of the queue. */
bool pg_messages_add(struct pg_messages *messages, const struct pg_batch *batch,
                     struct pg_arrivals *arrivals,
                     const struct pg_narrow *narrow);

/* Makes PG_MESSAGES_STATEMENT_COUNT statements that insert messages and
 * batches. 0, HAPLO_ENOMEM or HAPLO_ETOOBIG. */
int pg_messages_write(struct pg_messages *messages, uint64_t now_ms,
                      struct pg_statement *statements);

#endif
