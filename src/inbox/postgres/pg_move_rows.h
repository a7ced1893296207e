/*
 * pg_move_rows.h - collects rows of one part of an inbox that is moved here
 * (inbox_move.h), and adds them to the tables in one statement.
 */
#ifndef INBOX_POSTGRES_PG_MOVE_ROWS_H
#define INBOX_POSTGRES_PG_MOVE_ROWS_H

#include <stdbool.h>
#include <stddef.h>

#include "inbox/inbox_move.h"
#include "inbox/postgres/pg_array.h"
#include "inbox/postgres/pg_blocking.h"
#include "inbox/postgres/pg_columns.h"

struct pg_move_rows {
    bool has_jsonb;            /* of the inbox */
    enum inbox_move_part part; /* of all rows, while there are some */
    size_t count;              /* rows */
    size_t bytes;              /* of their texts and bytes */
    uint64_t last_arrival;     /* MESSAGES: of the newest row */
    struct pg_array columns[INBOX_MOVE_PART_COUNT][INBOX_MOVE_COLUMNS_MAX];
    struct pg_array slots;           /* QUEUES: of their servers */
    struct pg_array has_json;        /* MESSAGES: is jsonb made of it? */
    struct pg_columns message_texts; /* MESSAGES: members with a column */
};

/* 0 or HAPLO_ENOMEM. */
int pg_move_rows_init(struct pg_move_rows *rows, bool has_jsonb);
void pg_move_rows_free(struct pg_move_rows *rows);

/* Copies a row, of the same part as those that are there. */
void pg_move_rows_add(struct pg_move_rows *rows, enum inbox_move_part part,
                      const struct inbox_move_value *row);

/* True if that is enough for a statement. */
bool pg_move_rows_are_many(const struct pg_move_rows *rows);

/* Adds all of them to the tables, and forgets them. Returns 0, or HAPLO_E* with
 * blocking->why set. */
int pg_move_rows_write(struct pg_move_rows *rows, struct pg_blocking *blocking);

#endif
