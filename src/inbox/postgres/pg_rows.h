/*
 * pg_rows.h - the rows of the queues of a group, as they are inside its
 * transaction: read and locked at its beginning, changed in memory part by
 * part, and written at its end.
 */
#ifndef INBOX_POSTGRES_PG_ROWS_H
#define INBOX_POSTGRES_PG_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inbox/inbox_store.h"
#include "inbox/postgres/pg_array.h"
#include "inbox/postgres/pg_statement.h"
#include "inbox/unconfirmed.h"

struct pg_row {
    const struct inbox_queue *queue; /* whose row */
    int64_t id;                      /* of the row; 0: not found */
    struct unconfirmed unconfirmed;  /* messages */
    int64_t newest_batch;            /* its first arrival; 0: none */
    int64_t last_arrival;            /* highest arrival; 0: none */
    struct haplo_slice state;        /* borrowed: from a result or a part */
    bool is_changed;                 /* must be written */
};

/* Initialise it with pg_rows_init(). */
struct pg_rows {
    struct pg_row *items;        /* owned; sorted by queue, without doubles */
    size_t count;                /* in use */
    size_t capacity;             /* allocated */
    PGresult *result;            /* owned; states point into it */
    struct pg_array servers;     /* names of all queues */
    struct pg_array queues;      /* likewise */
    struct pg_array new_servers; /* names of those that may have no row */
    struct pg_array new_queues;  /* likewise */
    struct pg_array new_slots;   /* of their servers */
    struct pg_array ids;         /* of the changed rows, and what they get: */
    struct pg_array counts;      /* of unconfirmed messages */
    struct pg_array firsts;      /* of these */
    struct pg_array newest;      /* newest_batch */
    struct pg_array last;        /* last_arrival */
    struct pg_array states;      /* state */
    char *add_sql;               /* owned */
    char *lock_sql;              /* owned */
    char *write_sql;             /* owned */
};

/* 0 or HAPLO_ENOMEM. */
int pg_rows_init(struct pg_rows *rows, const char *schema);
void pg_rows_free(struct pg_rows *rows);

/* Begins with the queues of a group. is_each_new: also adds rows of queues that
 * had one before, as one of them has disappeared. 0, HAPLO_ENOMEM or
 * HAPLO_ETOOBIG. */
int pg_rows_collect(struct pg_rows *rows, const struct inbox_group *group,
                    bool is_each_new);

/* True if rows must be added before they can be locked. */
bool pg_rows_has_new(const struct pg_rows *rows);

/* The statements that add missing rows, and that lock and read all. */
void pg_rows_add(const struct pg_rows *rows, struct pg_statement *statement);
void pg_rows_lock(const struct pg_rows *rows, struct pg_statement *statement);

/* Takes the result of the latter. False if a row is missing. */
bool pg_rows_locked(struct pg_rows *rows, PGresult *result);

/* The transaction is over: what was read is not needed any more. */
void pg_rows_release(struct pg_rows *rows);

/* The row of a queue of the group. */
struct pg_row *pg_rows_of(const struct pg_rows *rows,
                          const struct inbox_queue *queue);

/* The statement that writes the changed rows; sets *count to their number. 0,
 * HAPLO_ENOMEM or HAPLO_ETOOBIG. */
int pg_rows_write(struct pg_rows *rows, struct pg_statement *statement,
                  size_t *count);

/* A copy of the state of a row, from malloc(). False: out of memory. */
bool pg_row_copy_state(const struct pg_row *row, struct haplo_slice *copy);

/* Sets the state of a row, which is then written. Borrows it. */
void pg_row_set(struct pg_row *row, struct haplo_slice state);

#endif
