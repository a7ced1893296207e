/*
 * view_rows.h - what the readers for commands share: rows of a statement,
 * messages in them.
 */
#ifndef INBOX_SQLITE_VIEW_ROWS_H
#define INBOX_SQLITE_VIEW_ROWS_H

#include <stdbool.h>

#include <sqlite3.h>

#include "inbox/inbox_view.h"

/* The columns that view_head() and view_body() expect, from one column on: body
 * is last, as reading it costs most. */
#define VIEW_COLUMNS                                                          \
    "s.arrival, coalesce(q.server, '?'), coalesce(q.queue, '?'), s.position," \
    " b.count, b.format, b.fetched_at, s.queue, s.body"
#define VIEW_JOINS                             \
    " LEFT JOIN queues AS q ON q.id = s.queue" \
    " LEFT JOIN batches AS b ON b.first_arrival = s.arrival - s.position"
#define VIEW_COLUMN_COUNT 9

/* Returns SQLITE_ROW to go on, SQLITE_DONE to end, or an error. */
typedef int (*view_row_cb)(sqlite3_stmt *row, const struct inbox_view *view);

/* Steps through all rows, and finalizes the statement. Returns SQLITE_OK or an
 * error. */
int view_rows(sqlite3_stmt *select, const struct inbox_view *view,
              view_row_cb read_cb);

/* Of a column that is never NULL. False if memory runs out. */
bool view_text(sqlite3_stmt *row, int column, const char **text);

uint64_t view_number(sqlite3_stmt *row, int column);

/* A message without its body; then with it. Both return SQLITE_ROW or an
 * error. */
int view_head(sqlite3_stmt *row, int at, struct inbox_message *message);
int view_body(sqlite3_stmt *row, int at, struct inbox_message *message);

#endif
