/*
 * view_survey.c - counts what an inbox has. A batch may be there only in part,
 * because of dead letters, what outlets have deferred, and purges; so rows are
 * counted and not what the batches say. This reads each page of the table that
 * is not part of a large body.
 */
#include "inbox/sqlite/view_survey.h"

#include <sys/stat.h>

#include "inbox/sqlite/db_query.h"
#include "inbox/sqlite/view_rows.h"

/* The inbox */

/* By stat(): closing a descriptor of the file would drop the locks of SQLite.
 */
static uint64_t file_size(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 ? (uint64_t)status.st_size : 0;
}

static int summary_read(sqlite3_stmt *row, const struct inbox_view *view)
{
    const char *path = sqlite3_db_filename(sqlite3_db_handle(row), "main");
    struct inbox_summary summary = {
        .created_at_ms = view_number(row, 1),
        .count = view_number(row, 2),
        .bytes = file_size(path) + file_size(sqlite3_filename_wal(path)),
        .oldest_ms = view_number(row, 3),
        .newest_ms = view_number(row, 4),
    };

    if (!view_text(row, 0, &summary.uuid)) {
        return SQLITE_NOMEM;
    }
    view->summary_cb(&summary, view->data);
    return SQLITE_ROW;
}

/* Outlets */

#define OUTLETS                                                               \
    "SELECT o.name, o.cursor,"                                                \
    " (SELECT count(*) FROM stored AS s WHERE s.arrival > o.cursor),"         \
    " (SELECT count(*) FROM deferred AS d WHERE d.outlet = o.id),"            \
    " (SELECT count(*) FROM dead_letters AS d WHERE d.outlet = o.id),"        \
    " (SELECT min(b.fetched_at) FROM stored AS s JOIN batches AS b"           \
    "  ON b.first_arrival = s.arrival - s.position WHERE s.arrival IN"        \
    "  ((SELECT min(d.arrival) FROM deferred AS d WHERE d.outlet = o.id),"    \
    "   (SELECT min(n.arrival) FROM stored AS n WHERE n.arrival > o.cursor))" \
    " ) FROM outlets AS o ORDER BY o.name"

static int outlet_read(sqlite3_stmt *row, const struct inbox_view *view)
{
    struct inbox_outlet_survey outlet = {
        .cursor = view_number(row, 1),
        .pending_count = view_number(row, 2) + view_number(row, 3),
        .deferred_count = view_number(row, 3),
        .letter_count = view_number(row, 4),
        .oldest_pending_ms = view_number(row, 5),
    };

    if (!view_text(row, 0, &outlet.name)) {
        return SQLITE_NOMEM;
    }
    return view->outlet_cb(&outlet, view->data) ? SQLITE_ROW : SQLITE_DONE;
}

int survey_view(sqlite3 *db, const struct inbox_view *view)
{
    sqlite3_stmt *select;
    int code = db_query(db, &select,
                        "SELECT uuid, created_at,"
                        " (SELECT count(*) FROM stored),"
                        " (SELECT min(fetched_at) FROM batches),"
                        " (SELECT max(fetched_at) FROM batches) FROM inbox",
                        "");

    if (code == SQLITE_OK) {
        code = view_rows(select, view, summary_read);
    }
    if (code == SQLITE_OK) {
        code = db_query(db, &select, OUTLETS, "");
    }
    return code == SQLITE_OK ? view_rows(select, view, outlet_read) : code;
}

/* Queues */

/* In the order of both tables, which is that of their pages. */
#define QUEUES                                                             \
    "SELECT q.server, q.queue, sum(n.count), count(*),"                    \
    " sum(n.marked_at IS NULL), min(n.fetched_at), max(n.fetched_at) FROM" \
    " (SELECT b.queue, b.fetched_at, b.marked_at, (SELECT count(*) FROM"   \
    "   stored AS s WHERE s.arrival BETWEEN b.first_arrival"               \
    "   AND b.first_arrival + b.count - 1) AS count"                       \
    "  FROM batches AS b WHERE b.fetched_at >= ?1 AND b.fetched_at < ?2"   \
    "  ORDER BY b.first_arrival) AS n"                                     \
    " JOIN queues AS q ON q.id = n.queue WHERE n.count > 0"                \
    " GROUP BY q.id ORDER BY q.server, q.queue"

static int queue_read(sqlite3_stmt *row, const struct inbox_view *view)
{
    struct inbox_queue_survey queue = {
        .count = view_number(row, 2),
        .batch_count = view_number(row, 3),
        .unmarked_count = view_number(row, 4),
        .oldest_ms = view_number(row, 5),
        .newest_ms = view_number(row, 6),
    };

    if (!view_text(row, 0, &queue.server) || !view_text(row, 1, &queue.queue)) {
        return SQLITE_NOMEM;
    }
    if (!inbox_filter_takes_queue(&view->filter, queue.server, queue.queue)) {
        return SQLITE_ROW;
    }
    return view->queue_cb(&queue, view->data) ? SQLITE_ROW : SQLITE_DONE;
}

int survey_queues_view(sqlite3 *db, const struct inbox_view *view)
{
    sqlite3_stmt *select;
    int code = db_query(db, &select, QUEUES, "ii", view->filter.since_ms,
                        view->filter.until_ms);

    return code == SQLITE_OK ? view_rows(select, view, queue_read) : code;
}
