#include "inbox/postgres/pg_trace.h"

#include "inbox/postgres/pg_statement.h"
#include "inbox/postgres/pg_view_rows.h"

static uint64_t number(const PGresult *row, int column)
{
    return (uint64_t)pg_number(row, 0, column); /* 0 where it is NULL */
}

/* The message */

static void on_stored(struct pg_viewing *viewing, const PGresult *row)
{
    const int at = PG_VIEW_COLUMN_COUNT;
    struct inbox_trace trace = {
        .state = INBOX_TRACE_STORED,
        .inbox_uuid = pg_text(row, 0, at),
        .stored_at_ms = number(row, at + 1),
        .marked_at_ms = number(row, at + 2),
        .position = (uint32_t)number(row, at + 3),
    };

    pg_view_message(row, &trace.message);
    viewing->view->trace_cb(&trace, viewing->view->data);
}

/* Where there is no such message. */
static void on_missing(struct pg_viewing *viewing, const PGresult *row)
{
    uint64_t arrival = viewing->view->filter.arrival;
    struct inbox_trace trace = {
        .inbox_uuid = pg_text(row, 0, 0),
        .state =
            number(row, 1) >= arrival ? INBOX_TRACE_GONE : INBOX_TRACE_NEVER,
        .message = {.arrival = arrival},
    };

    if (!PQgetisnull(row, 0, 2)) {
        trace.state = INBOX_TRACE_PURGED;
        trace.purged_at_ms = number(row, 2);
        trace.purged_why = pg_text(row, 0, 3);
        trace.message.server = pg_text(row, 0, 4);
        trace.message.queue = pg_text(row, 0, 5);
    }
    viewing->view->trace_cb(&trace, viewing->view->data);
}

/* The highest number that was used is that of the queues: a role that stores
 * messages may not read the sequence everywhere. */
static int missing_view(struct pg_viewing *viewing, const char *const *values)
{
    return pg_view_rows(
        viewing,
        "SELECT i.uuid::text,"
        " (SELECT coalesce(max(last_arrival), 0) FROM @queues), p.at, p.why,"
        " coalesce(q.server, '?'), coalesce(q.queue, '?')"
        " FROM @inbox AS i LEFT JOIN @purged AS p ON p.arrival = $1::bigint"
        " LEFT JOIN @queues AS q ON q.id = p.queue",
        values, 1, on_missing);
}

/* The outlets */

static void on_outlet(struct pg_viewing *viewing, const PGresult *row)
{
    const struct inbox_trace_outlet outlet = {
        .name = pg_text(row, 0, 0),
        .is_passed = pg_bool(row, 0, 1),
        .ahead_count = number(row, 2),
        .refused_at_ms = number(row, 3),
        .attempts = number(row, 4),
        .why = pg_text(row, 0, 5),
    };

    viewing->is_ended =
        !viewing->view->trace_outlet_cb(&outlet, viewing->view->data);
}

static int outlets_view(struct pg_viewing *viewing, const char *const *values)
{
    return pg_view_rows(
        viewing,
        "SELECT o.name, coalesce(p.position, 0) >= $1::bigint,"
        " (SELECT count(*) FROM @stored AS n WHERE n.queue = s.queue"
        "  AND n.arrival > coalesce(p.position, 0) AND n.arrival < $1::bigint),"
        " coalesce(d.at, 0), coalesce(d.attempts, 0), coalesce(d.why, '')"
        " FROM @outlets AS o CROSS JOIN"
        "  (SELECT queue FROM @stored WHERE arrival = $1::bigint) AS s"
        " LEFT JOIN @positions AS p ON p.outlet = o.id AND p.queue = s.queue"
        " LEFT JOIN @dead_letters AS d ON d.outlet = o.id"
        "  AND d.arrival = $1::bigint ORDER BY o.name",
        values, 1, on_outlet);
}

int pg_trace_view(struct pg_viewing *viewing)
{
    char arrival[PG_VIEW_NUMBER_SIZE];
    const char *const values[] = {
        pg_view_number(viewing->view->filter.arrival, arrival)};
    int error = pg_view_rows(viewing,
                             "SELECT " PG_VIEW_COLUMNS
                             ", (SELECT uuid::text FROM @inbox), b.stored_at,"
                             " b.marked_at, s.position::bigint"
                             " FROM @stored AS s" PG_VIEW_JOINS
                             " WHERE s.arrival = $1::bigint",
                             values, 1, on_stored);

    if (error != 0) {
        return error;
    }
    return viewing->seen_count == 0 ? missing_view(viewing, values)
                                    : outlets_view(viewing, values);
}
