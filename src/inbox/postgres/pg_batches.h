/*
 * pg_batches.h - the batches of a group that are to be stored: those whose
 * state may follow the stored one, and which of their repeats are missing.
 */
#ifndef INBOX_POSTGRES_PG_BATCHES_H
#define INBOX_POSTGRES_PG_BATCHES_H

#include <stdbool.h>
#include <stddef.h>

#include "inbox/inbox_store.h"
#include "inbox/postgres/pg_rows.h"
#include "inbox/postgres/pg_statement.h"

struct pg_batch {
    struct inbox_delivery *delivery; /* its delivery */
    struct pg_row *row;              /* of its queue */
    bool *is_missing;                /* owned; by message: a repeat without a
                                        row. NULL: none is */
};

struct pg_batches {
    struct pg_batch *items; /* owned */
    size_t count;           /* in use */
    size_t capacity;        /* allocated */
    size_t checked;         /* those whose repeats need no look-up any more */
    char *check_sql;        /* owned; reads what a batch may repeat */
};

/* 0 or HAPLO_ENOMEM. */
int pg_batches_init(struct pg_batches *batches, const char *schema);
void pg_batches_free(struct pg_batches *batches);

void pg_batches_clear(struct pg_batches *batches);

/* Compares the states of all deliveries with the stored ones; sets compare,
 * queue_id, repeat_count and stored, and keeps those that are CURRENT. False if
 * memory runs out. */
bool pg_batches_compare(struct pg_batches *batches,
                        const struct inbox_group *group,
                        const struct pg_rows *rows);

/* Makes the statement that reads the stored messages which the next batch may
 * repeat; false: there is none. */
bool pg_batches_check(struct pg_batches *batches,
                      struct pg_statement *statement);

/* Looks at its result: sets is_missing, and mended_count of the delivery. False
 * if memory runs out. */
bool pg_batches_checked(struct pg_batches *batches, const PGresult *result);

/* Repeats that are to be stored again. */
size_t pg_batches_missing_count(const struct pg_batches *batches);

#endif
