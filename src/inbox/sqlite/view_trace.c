#include "inbox/sqlite/view_trace.h"

#include "inbox/sqlite/db_query.h"
#include "inbox/sqlite/view_rows.h"

/* The message */

#define UUID "(SELECT uuid FROM inbox)"

static int stored_read(sqlite3_stmt *row, const struct inbox_view *view)
{
    const int at = VIEW_COLUMN_COUNT;
    struct inbox_trace trace = {
        .state = INBOX_TRACE_STORED,
        .position = (uint32_t)view_number(row, 3),
        .stored_at_ms = view_number(row, at + 1),
        .marked_at_ms = view_number(row, at + 2),
    };
    int code = view_head(row, 0, &trace.message);

    if (code == SQLITE_ROW) {
        code = view_body(row, 0, &trace.message);
    }
    if (code != SQLITE_ROW || !view_text(row, at, &trace.inbox_uuid)) {
        return SQLITE_NOMEM;
    }
    view->trace_cb(&trace, view->data);
    return SQLITE_ROW;
}

/* Where there is no such message. */
static int missing_read(sqlite3_stmt *row, const struct inbox_view *view)
{
    struct inbox_trace trace = {
        .state = view_number(row, 1) >= view->filter.arrival
                     ? INBOX_TRACE_GONE
                     : INBOX_TRACE_NEVER,
        .message = {.arrival = view->filter.arrival},
    };

    if (!view_text(row, 0, &trace.inbox_uuid)) {
        return SQLITE_NOMEM;
    }
    if (sqlite3_column_type(row, 2) != SQLITE_NULL) {
        trace.state = INBOX_TRACE_PURGED;
        trace.purged_at_ms = view_number(row, 2);
        if (!view_text(row, 3, &trace.purged_why) ||
            !view_text(row, 4, &trace.message.server) ||
            !view_text(row, 5, &trace.message.queue)) {
            return SQLITE_NOMEM;
        }
    }
    view->trace_cb(&trace, view->data);
    return SQLITE_ROW;
}

/* *queue_id: that of its queue; 0 if there is no such message. */
static int queue_find(sqlite3 *db, uint64_t arrival, uint64_t *queue_id)
{
    sqlite3_stmt *select;
    int code =
        db_query(db, &select, "SELECT queue FROM stored WHERE arrival = ?1",
                 "i", arrival);

    *queue_id = 0;
    if (code == SQLITE_OK) {
        code = sqlite3_step(select);
    }
    if (code == SQLITE_ROW) {
        *queue_id = view_number(select, 0);
        code = SQLITE_DONE;
    }
    (void)sqlite3_finalize(select); /* repeats the error of the step */
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

static int message_view(sqlite3 *db, const struct inbox_view *view,
                        bool is_stored)
{
    sqlite3_stmt *select;
    int code = db_query(
        db, &select,
        is_stored ? "SELECT " VIEW_COLUMNS ", " UUID ", b.stored_at,"
                    " b.marked_at FROM stored AS s" VIEW_JOINS
                    " WHERE s.arrival = ?1"
                  : "SELECT " UUID ", coalesce((SELECT seq FROM"
                    "  sqlite_sequence WHERE name = 'stored'), 0), p.at, p.why,"
                    " coalesce(q.server, '?'), coalesce(q.queue, '?')"
                    " FROM inbox LEFT JOIN purged AS p ON p.arrival = ?1"
                    " LEFT JOIN queues AS q ON q.id = p.queue",
        "i", view->filter.arrival);

    return code == SQLITE_OK
               ? view_rows(select, view, is_stored ? stored_read : missing_read)
               : code;
}

/* The outlets */

#define OUTLETS                                                             \
    "SELECT o.name, o.cursor >= ?1, EXISTS (SELECT 1 FROM deferred AS d"    \
    "  WHERE d.outlet = o.id AND d.queue = ?2 AND d.arrival = ?1),"         \
    " CASE WHEN o.cursor >= ?1 THEN (SELECT count(*) FROM deferred AS d"    \
    "  WHERE d.outlet = o.id AND d.queue = ?2 AND d.arrival < ?1)"          \
    " ELSE (SELECT count(*) FROM stored AS s WHERE s.arrival > o.cursor"    \
    "  AND s.arrival < ?1) END,"                                            \
    " coalesce(d.at, 0), coalesce(d.attempts, 0), coalesce(d.why, '')"      \
    " FROM outlets AS o LEFT JOIN dead_letters AS d ON d.outlet = o.id AND" \
    " d.arrival = ?1 ORDER BY o.name"

static int outlet_read(sqlite3_stmt *row, const struct inbox_view *view)
{
    struct inbox_trace_outlet outlet = {
        .is_deferred = view_number(row, 2) != 0,
        .ahead_count = view_number(row, 3),
        .refused_at_ms = view_number(row, 4),
        .attempts = view_number(row, 5),
    };

    outlet.is_passed = view_number(row, 1) != 0 && !outlet.is_deferred;
    if (!view_text(row, 0, &outlet.name) || !view_text(row, 6, &outlet.why)) {
        return SQLITE_NOMEM;
    }
    return view->trace_outlet_cb(&outlet, view->data) ? SQLITE_ROW
                                                      : SQLITE_DONE;
}

int trace_view(sqlite3 *db, const struct inbox_view *view)
{
    sqlite3_stmt *select;
    uint64_t queue_id = 0;
    int code = queue_find(db, view->filter.arrival, &queue_id);

    if (code == SQLITE_OK) {
        code = message_view(db, view, queue_id != 0);
    }
    if (code == SQLITE_OK) {
        code = db_query(db, &select, OUTLETS, "ii", view->filter.arrival,
                        queue_id);
    }
    return code == SQLITE_OK ? view_rows(select, view, outlet_read) : code;
}
