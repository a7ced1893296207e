/*
 * view.c - reads dead letters, replays or messages for a command, in one read
 * transaction of a connection of its own. Commits continue in the meantime, but
 * the WAL grows; hence slices, each a transaction. What else there is to read
 * is in view_survey.c and view_trace.c.
 */
#include "inbox/sqlite/view.h"

#include <stdio.h>
#include <stdlib.h>

#include "inbox/inbox_view.h"
#include "inbox/sqlite/connection.h"
#include "inbox/sqlite/db_error.h"
#include "inbox/sqlite/db_query.h"
#include "inbox/sqlite/db_source.h"
#include "inbox/sqlite/replay_row.h"
#include "inbox/sqlite/view_rows.h"
#include "inbox/sqlite/view_survey.h"
#include "inbox/sqlite/view_trace.h"

/* Messages */

static int message_read(sqlite3_stmt *row, const struct inbox_view *view)
{
    struct inbox_message message;
    int code = view_head(row, 0, &message);

    if (code != SQLITE_ROW) {
        return code;
    }
    if (!inbox_filter_takes_queue(&view->filter, message.server,
                                  message.queue) ||
        !inbox_filter_takes_time(&view->filter, message.received_at_ms)) {
        return SQLITE_ROW;
    }
    code = view_body(row, 0, &message);
    if (code != SQLITE_ROW) {
        return code;
    }
    return view->message_cb(&message, view->data) ? SQLITE_ROW : SQLITE_DONE;
}

static int messages_read(sqlite3 *db, const struct inbox_view *view,
                         uint64_t outlet_id, uint64_t first, uint64_t last)
{
    sqlite3_stmt *select;
    int code = db_query(db, &select,
                        "SELECT " VIEW_COLUMNS " FROM stored AS s" VIEW_JOINS
                        " WHERE s.arrival BETWEEN ?1 AND ?2 AND NOT EXISTS"
                        " (SELECT 1 FROM deferred AS d WHERE d.outlet = ?3"
                        "  AND d.queue = s.queue AND d.arrival = s.arrival)"
                        " ORDER BY s.arrival",
                        "iii", first, last, outlet_id);

    return code == SQLITE_OK ? view_rows(select, view, message_read) : code;
}

/* Slices */

#define SLICE_ROWS_MAX 10000 /* of a transaction, also if none is taken */

/* Reads from *from on until the callback has enough, and moves *from behind
 * the last one that was read. *is_end: there are no more. */
static int slice_read(sqlite3 *db, const struct inbox_view *view,
                      uint64_t *from, uint64_t last, bool *is_end)
{
    sqlite3_stmt *select;
    int code = db_query(db, &select,
                        "SELECT " VIEW_COLUMNS " FROM stored AS s" VIEW_JOINS
                        " WHERE s.arrival BETWEEN ?1 AND ?2"
                        " ORDER BY s.arrival LIMIT ?3",
                        "iii", *from, last, (uint64_t)SLICE_ROWS_MAX);

    *is_end = true;
    if (code != SQLITE_OK) {
        return code;
    }
    code = SQLITE_ROW;
    while (code == SQLITE_ROW && (code = sqlite3_step(select)) == SQLITE_ROW) {
        *is_end = false;
        *from = view_number(select, 0) + 1;
        code = message_read(select, view);
    }
    (void)sqlite3_finalize(select); /* repeats the error of the step */
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

static int slices_read(sqlite3 *db, const struct inbox_view *view,
                       uint64_t first, uint64_t last)
{
    bool is_end = false;
    int code = SQLITE_OK;

    while (code == SQLITE_OK && !is_end) {
        code = slice_read(db, view, &first, last, &is_end);
        if (code == SQLITE_OK) {
            code = connection_run(db, "COMMIT");
        }
        if (code == SQLITE_OK && !view->slice_cb(view->data)) {
            is_end = true;
        }
        if (code == SQLITE_OK && !is_end) {
            code = connection_run(db, "BEGIN");
        }
    }
    return code;
}

/* Ranges */

static int outlet_find(sqlite3 *db, const char *name, uint64_t *id,
                       uint64_t *cursor)
{
    sqlite3_stmt *select;
    int code =
        db_query(db, &select, "SELECT id, cursor FROM outlets WHERE name = ?1",
                 "t", name);

    *id = 0;
    if (code == SQLITE_OK) {
        code = sqlite3_step(select);
    }
    if (code == SQLITE_ROW) {
        *id = view_number(select, 0);
        *cursor = view_number(select, 1);
        code = SQLITE_DONE;
    }
    (void)sqlite3_finalize(select); /* repeats the error of the step */
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* Batches are nearly in the order of the times when they were fetched, but not
 * quite: all are looked at. */
static int range_find(sqlite3 *db, const struct inbox_view *view,
                      uint64_t cursor, uint64_t *first, uint64_t *last)
{
    sqlite3_stmt *select;
    int code = db_query(
        db, &select,
        "SELECT min(first_arrival), min(max(first_arrival + count - 1), ?3)"
        " FROM batches WHERE fetched_at >= ?1 AND fetched_at < ?2"
        " AND first_arrival <= ?3",
        "iii", view->filter.since_ms, view->filter.until_ms, cursor);

    if (code == SQLITE_OK) {
        code = sqlite3_step(select);
    }
    if (code == SQLITE_ROW) {
        *first = view_number(select, 0);
        *last = view_number(select, 1);
        code = SQLITE_DONE;
    }
    (void)sqlite3_finalize(select); /* repeats the error of the step */
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* *is_known is false if the outlet has no progress. */
static int range_view(sqlite3 *db, const struct inbox_view *view,
                      bool *is_known)
{
    uint64_t outlet_id;
    uint64_t cursor;
    uint64_t first = 0;
    uint64_t last = 0;
    int code = SQLITE_OK;

    if (view->filter.outlet == NULL) { /* all messages */
        outlet_id = 0;
        cursor = (uint64_t)INT64_MAX;
        *is_known = true;
    } else {
        code = outlet_find(db, view->filter.outlet, &outlet_id, &cursor);
        *is_known = outlet_id != 0;
    }
    if (code == SQLITE_OK && *is_known) {
        code = range_find(db, view, cursor, &first, &last);
    }
    *view->first = first;
    *view->last = last;
    if (code != SQLITE_OK || view->message_cb == NULL || first == 0) {
        return code;
    }
    return view->slice_cb != NULL
               ? slices_read(db, view, first, last)
               : messages_read(db, view, outlet_id, first, last);
}

/* Dead letters */

#define LETTERS                                                         \
    "SELECT " VIEW_COLUMNS ", (SELECT uuid FROM inbox),"                \
    " coalesce(o.name, '?'), d.at, d.attempts, d.why, d.arrival,"       \
    " coalesce(dq.server, '?'), coalesce(dq.queue, '?')"                \
    " FROM dead_letters AS d LEFT JOIN outlets AS o ON o.id = d.outlet" \
    " LEFT JOIN queues AS dq ON dq.id = d.queue"                        \
    " LEFT JOIN stored AS s ON s.arrival = d.arrival" VIEW_JOINS        \
    " WHERE (?1 = 0 OR d.arrival = ?1) ORDER BY d.arrival, d.outlet"

static int letter_read(sqlite3_stmt *row, const struct inbox_view *view)
{
    const int at = VIEW_COLUMN_COUNT;
    struct inbox_letter letter = {
        .at_ms = view_number(row, at + 2),
        .attempts = view_number(row, at + 3),
        .is_gone = sqlite3_column_type(row, 0) == SQLITE_NULL,
    };
    int code = view_head(row, 0, &letter.message);

    letter.message.arrival = view_number(row, at + 5);
    if (code != SQLITE_ROW || !view_text(row, at, &letter.inbox_uuid) ||
        !view_text(row, at + 1, &letter.outlet) ||
        !view_text(row, at + 4, &letter.why) ||
        !view_text(row, at + 6, &letter.message.server) ||
        !view_text(row, at + 7, &letter.message.queue)) {
        return SQLITE_NOMEM;
    }
    if (!inbox_filter_takes_outlet(&view->filter, letter.outlet) ||
        !inbox_filter_takes_queue(&view->filter, letter.message.server,
                                  letter.message.queue) ||
        !inbox_filter_takes_time(&view->filter, letter.at_ms)) {
        return SQLITE_ROW;
    }
    if (!letter.is_gone && view->filter.arrival != 0) {
        code = view_body(row, 0, &letter.message);
    }
    if (code != SQLITE_ROW) {
        return code;
    }
    return view->letter_cb(&letter, view->data) ? SQLITE_ROW : SQLITE_DONE;
}

static int letters_view(sqlite3 *db, const struct inbox_view *view)
{
    sqlite3_stmt *select;
    int code = db_query(db, &select, LETTERS, "i", view->filter.arrival);

    return code == SQLITE_OK ? view_rows(select, view, letter_read) : code;
}

/* Replays */

static int replay_read(sqlite3_stmt *row, const struct inbox_view *view)
{
    struct inbox_replay replay;

    if (replay_row_read(row, &replay) != SQLITE_OK) {
        return SQLITE_NOMEM;
    }
    if (!inbox_filter_takes_outlet(&view->filter, replay.outlet)) {
        return SQLITE_ROW;
    }
    return view->replay_cb(&replay, view->data) ? SQLITE_ROW : SQLITE_DONE;
}

static int replays_view(sqlite3 *db, const struct inbox_view *view)
{
    sqlite3_stmt *select;
    int code = db_query(db, &select, REPLAY_ROW_SELECT " ORDER BY r.id", "");

    return code == SQLITE_OK ? view_rows(select, view, replay_read) : code;
}

/* The view */

static int view_read(sqlite3 *db, const char *path,
                     const struct inbox_view *view, struct reason *why)
{
    bool is_known = true;
    int code = connection_run(db, "BEGIN");

    if (code == SQLITE_OK) {
        code = view->letter_cb != NULL    ? letters_view(db, view)
               : view->replay_cb != NULL  ? replays_view(db, view)
               : view->summary_cb != NULL ? survey_view(db, view)
               : view->queue_cb != NULL   ? survey_queues_view(db, view)
               : view->trace_cb != NULL   ? trace_view(db, view)
                                          : range_view(db, view, &is_known);
    }
    if (code != SQLITE_OK) {
        return db_explain(db, path, code, why);
    }
    return is_known ? 0
                    : reason_set(why, HAPLO_ENOTFOUND,
                                 "outlet %s has not forwarded anything from "
                                 "%s yet",
                                 view->filter.outlet, path);
}

int sqlite_view(const char *path, const struct inbox_view *view, char *why,
                size_t why_size)
{
    struct reason reason = {.text = ""};
    char *plain = connection_path(path);
    sqlite3 *db = NULL;
    int error = plain == NULL ? reason_set(&reason, HAPLO_ENOMEM,
                                           "%s: out of memory", path)
                              : db_source_open(plain, &db, &reason);

    if (error == 0) {
        error = view_read(db, plain, view, &reason);
    }
    connection_close(db); /* rolls back */
    free(plain);
    return reason_write(why, why_size, error, "%s", reason.text);
}
