/*
 * pg_view_rows.h - what the readers for commands share: the connection, rows of
 * a statement, messages in them.
 */
#ifndef INBOX_POSTGRES_PG_VIEW_ROWS_H
#define INBOX_POSTGRES_PG_VIEW_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include <libpq-fe.h>

#include "base/reason.h"
#include "inbox/inbox_view.h"

#define PG_VIEW_NUMBER_SIZE 24

/* The columns that pg_view_message() expects, from the first one on. */
#define PG_VIEW_COLUMNS                                                    \
    "s.arrival, coalesce(q.server, '?'), coalesce(q.queue, '?'), s.batch," \
    " b.count::bigint, b.format::bigint, b.fetched_at, s.queue, s.body"
#define PG_VIEW_JOINS                           \
    " LEFT JOIN @queues AS q ON q.id = s.queue" \
    " LEFT JOIN @batches AS b ON b.first_arrival = s.batch"
#define PG_VIEW_COLUMN_COUNT 9

struct pg_viewing {
    PGconn *pg;                    /* owned */
    const char *schema;            /* borrowed */
    const struct inbox_view *view; /* what is read */
    struct reason why;             /* of the failure */
    bool is_ended;                 /* a callback wants no more rows */
    uint64_t seen_count;           /* rows of this statement */
    uint64_t last_arrival;         /* of the newest message that was read */
};

typedef void (*pg_view_row_cb)(struct pg_viewing *viewing, const PGresult *row);

/* Reads the rows of a statement with these parameters, in PostgreSQL's text
 * format, one by one. Returns 0, or an error with viewing->why set. */
int pg_view_rows(struct pg_viewing *viewing, const char *sql,
                 const char *const *values, int count, pg_view_row_cb read_cb);

/* The same for a statement without parameters and rows. */
int pg_view_run(struct pg_viewing *viewing, const char *sql);

/* A number as a parameter. */
const char *pg_view_number(uint64_t value, char text[PG_VIEW_NUMBER_SIZE]);

/* A message with its body and hash. */
void pg_view_message(const PGresult *row, struct inbox_message *message);

#endif
