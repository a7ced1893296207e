/*
 * pg_view.c - reads dead letters, replays or messages for a command, over a
 * connection of its own and as of one moment. Rows are passed on one by one, so
 * the result may be larger than the memory.
 */
#include "inbox/postgres/pg_view.h"

#include <stdio.h>
#include <stdlib.h>

#include <libpq-fe.h>

#include "base/reason.h"
#include "inbox/inbox_view.h"
#include "inbox/postgres/pg_connect.h"
#include "inbox/postgres/pg_replay_row.h"
#include "inbox/postgres/pg_statement.h"
#include "inbox/postgres/pg_survey.h"
#include "inbox/postgres/pg_trace.h"
#include "inbox/postgres/pg_view_rows.h"

#define BEGIN "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
#define SLICE_ROWS_MAX 256 /* of a transaction; libpq receives all of them */

/* Messages */

static void on_message(struct pg_viewing *viewing, const PGresult *row)
{
    const struct inbox_view *view = viewing->view;
    struct inbox_message message;

    pg_view_message(row, &message);
    viewing->last_arrival = message.arrival;
    if (inbox_filter_takes_queue(&view->filter, message.server,
                                 message.queue) &&
        inbox_filter_takes_time(&view->filter, message.received_at_ms)) {
        viewing->is_ended = !view->message_cb(&message, view->data);
    }
}

static int messages_view(struct pg_viewing *viewing)
{
    const struct inbox_view *view = viewing->view;
    char first[PG_VIEW_NUMBER_SIZE];
    char last[PG_VIEW_NUMBER_SIZE];
    const char *const values[] = {view->filter.outlet,
                                  pg_view_number(*view->first, first),
                                  pg_view_number(*view->last, last)};

    return pg_view_rows(
        viewing,
        "SELECT " PG_VIEW_COLUMNS " FROM @stored AS s"
        " JOIN @outlets AS o ON o.name = $1"
        " JOIN @positions AS p ON p.outlet = o.id AND p.queue = s.queue"
        "  AND p.position >= s.arrival" PG_VIEW_JOINS
        " WHERE s.arrival BETWEEN $2::bigint AND $3::bigint"
        " ORDER BY s.arrival",
        values, 3, on_message);
}

/* Of the messages from first to last, at most so many. */
static int some_messages_view(struct pg_viewing *viewing, uint64_t first,
                              uint64_t last, uint64_t limit)
{
    char texts[3][PG_VIEW_NUMBER_SIZE];
    const char *const values[] = {pg_view_number(first, texts[0]),
                                  pg_view_number(last, texts[1]),
                                  pg_view_number(limit, texts[2])};

    return pg_view_rows(viewing,
                        "SELECT " PG_VIEW_COLUMNS
                        " FROM @stored AS s" PG_VIEW_JOINS
                        " WHERE s.arrival BETWEEN $1::bigint AND $2::bigint"
                        " ORDER BY s.arrival LIMIT $3::bigint",
                        values, 3, on_message);
}

/* What becomes visible late has a lower arrival than what was read already. It
 * was not there when the reading began. */
static int slices_view(struct pg_viewing *viewing)
{
    const struct inbox_view *view = viewing->view;
    uint64_t first = *view->first;
    bool is_end = false;
    int error = 0;

    while (error == 0 && !is_end) {
        error = some_messages_view(viewing, first, *view->last, SLICE_ROWS_MAX);
        is_end = viewing->seen_count == 0;
        first = viewing->last_arrival + 1;
        viewing->is_ended = false;
        if (error == 0) {
            error = pg_view_run(viewing, "COMMIT");
        }
        is_end = is_end || !view->slice_cb(view->data);
        if (error == 0 && !is_end) {
            error = pg_view_run(viewing, BEGIN);
        }
    }
    return error;
}

static int all_messages_view(struct pg_viewing *viewing)
{
    const struct inbox_view *view = viewing->view;

    return view->slice_cb != NULL ? slices_view(viewing)
                                  : some_messages_view(viewing, *view->first,
                                                       *view->last, UINT64_MAX);
}

/* Ranges */

static void on_range(struct pg_viewing *viewing, const PGresult *row)
{
    *viewing->view->first = (uint64_t)pg_number(row, 0, 0);
    *viewing->view->last = (uint64_t)pg_number(row, 0, 1);
}

static void on_outlet(struct pg_viewing *viewing, const PGresult *row)
{
    (void)row;
    viewing->is_ended = true; /* it exists */
}

static int outlet_check(struct pg_viewing *viewing)
{
    const char *const values[] = {viewing->view->filter.outlet};
    int error = pg_view_rows(viewing, "SELECT id FROM @outlets WHERE name = $1",
                             values, 1, on_outlet);

    if (error == 0 && !viewing->is_ended) {
        error = reason_set(&viewing->why, HAPLO_ENOTFOUND,
                           "outlet %s has not forwarded anything from the "
                           "schema %s yet",
                           viewing->view->filter.outlet, viewing->schema);
    }
    viewing->is_ended = false;
    return error;
}

/* Of each queue, the batches of that time are looked at. Arrivals ascend within
 * a queue, but those of a batch need not follow each other: the last one is
 * found by its number. */
static int range_view(struct pg_viewing *viewing)
{
    const struct inbox_view *view = viewing->view;
    char since[PG_VIEW_NUMBER_SIZE];
    char until[PG_VIEW_NUMBER_SIZE];
    const char *const values[] = {view->filter.outlet,
                                  pg_view_number(view->filter.since_ms, since),
                                  pg_view_number(view->filter.until_ms, until)};
    int error = outlet_check(viewing);

    *view->first = 0;
    *view->last = 0;
    if (error == 0) {
        error = pg_view_rows(
            viewing,
            "SELECT min(r.first), max(least(l.last, r.position)) FROM"
            " (SELECT b.queue, p.position, min(b.first_arrival) AS first,"
            "   max(b.first_arrival) AS newest FROM @batches AS b"
            "  JOIN @outlets AS o ON o.name = $1"
            "  JOIN @positions AS p ON p.outlet = o.id AND p.queue = b.queue"
            "  WHERE b.fetched_at >= $2::bigint AND b.fetched_at < $3::bigint"
            "  AND b.first_arrival <= p.position"
            "  GROUP BY b.queue, p.position) AS r"
            " CROSS JOIN LATERAL (SELECT max(t.arrival) AS last FROM"
            "  (SELECT s.arrival FROM @stored AS s WHERE s.queue = r.queue"
            "   AND s.arrival >= r.newest ORDER BY s.arrival LIMIT"
            "   (SELECT n.count FROM @batches AS n"
            "    WHERE n.first_arrival = r.newest)) AS t) AS l",
            values, 3, on_range);
    }
    return error == 0 && view->message_cb != NULL && *view->first != 0
               ? messages_view(viewing)
               : error;
}

/* Of all messages, whether or not an outlet has passed them. */
static int all_view(struct pg_viewing *viewing)
{
    const struct inbox_view *view = viewing->view;
    char since[PG_VIEW_NUMBER_SIZE];
    char until[PG_VIEW_NUMBER_SIZE];
    const char *const values[] = {pg_view_number(view->filter.since_ms, since),
                                  pg_view_number(view->filter.until_ms, until)};
    int error;

    *view->first = 0;
    *view->last = 0;
    error = pg_view_rows(
        viewing,
        "SELECT min(s.arrival), max(s.arrival) FROM @stored AS s"
        " LEFT JOIN @batches AS b ON b.first_arrival = s.batch WHERE"
        " coalesce(b.fetched_at, 0) >= $1::bigint"
        " AND coalesce(b.fetched_at, 0) < $2::bigint",
        values, 2, on_range);
    return error == 0 && view->message_cb != NULL && *view->first != 0
               ? all_messages_view(viewing)
               : error;
}

/* Dead letters */

static void on_letter(struct pg_viewing *viewing, const PGresult *row)
{
    const int at = PG_VIEW_COLUMN_COUNT;
    const struct inbox_view *view = viewing->view;
    const struct inbox_filter *filter = &view->filter;
    struct inbox_letter letter = {
        .inbox_uuid = pg_text(row, 0, at),
        .outlet = pg_text(row, 0, at + 1),
        .at_ms = (uint64_t)pg_number(row, 0, at + 2),
        .attempts = (uint64_t)pg_number(row, 0, at + 3),
        .why = pg_text(row, 0, at + 4),
        .is_gone = PQgetisnull(row, 0, 0),
    };

    pg_view_message(row, &letter.message);
    letter.message.arrival = (uint64_t)pg_number(row, 0, at + 5);
    letter.message.server = pg_text(row, 0, at + 6);
    letter.message.queue = pg_text(row, 0, at + 7);
    if (inbox_filter_takes_outlet(filter, letter.outlet) &&
        inbox_filter_takes_queue(filter, letter.message.server,
                                 letter.message.queue) &&
        inbox_filter_takes_time(filter, letter.at_ms)) {
        viewing->is_ended = !view->letter_cb(&letter, view->data);
    }
}

static int letters_view(struct pg_viewing *viewing)
{
    char arrival[PG_VIEW_NUMBER_SIZE];
    const char *const values[] = {
        pg_view_number(viewing->view->filter.arrival, arrival)};

    return pg_view_rows(
        viewing,
        "SELECT " PG_VIEW_COLUMNS ", (SELECT uuid::text FROM @inbox),"
        " coalesce(o.name, '?'), d.at, d.attempts, d.why, d.arrival,"
        " coalesce(dq.server, '?'), coalesce(dq.queue, '?')"
        " FROM @dead_letters AS d LEFT JOIN @outlets AS o ON o.id = d.outlet"
        " LEFT JOIN @queues AS dq ON dq.id = d.queue"
        " LEFT JOIN @stored AS s ON s.arrival = d.arrival" PG_VIEW_JOINS
        " WHERE $1::bigint = 0 OR d.arrival = $1::bigint"
        " ORDER BY d.arrival, d.outlet",
        values, 1, on_letter);
}

/* Replays */

static void on_replay(struct pg_viewing *viewing, const PGresult *row)
{
    const struct inbox_view *view = viewing->view;
    struct inbox_replay replay;

    pg_replay_row_read(row, 0, &replay);
    if (inbox_filter_takes_outlet(&view->filter, replay.outlet)) {
        viewing->is_ended = !view->replay_cb(&replay, view->data);
    }
}

/* The view */

static int view_read(struct pg_viewing *viewing)
{
    int error = pg_view_run(viewing, BEGIN);

    if (error != 0) {
        return error;
    }
    if (viewing->view->letter_cb != NULL) {
        return letters_view(viewing);
    }
    if (viewing->view->replay_cb != NULL) {
        return pg_view_rows(viewing, PG_REPLAY_ROW_SELECT " ORDER BY r.id",
                            NULL, 0, on_replay);
    }
    if (viewing->view->summary_cb != NULL) {
        return pg_survey_view(viewing);
    }
    if (viewing->view->queue_cb != NULL) {
        return pg_survey_queues_view(viewing);
    }
    if (viewing->view->trace_cb != NULL) {
        return pg_trace_view(viewing);
    }
    return viewing->view->filter.outlet != NULL ? range_view(viewing)
                                                : all_view(viewing);
}

int pg_view(const char *conninfo, const char *schema,
            const struct inbox_view *view, char *why, size_t why_size)
{
    static const char *const keywords[] = {"connect_timeout",
                                           "fallback_application_name",
                                           "dbname", "client_encoding", NULL};
    const char *const values[] = {"10", "haplo-poll", conninfo, "UTF8", NULL};
    struct pg_viewing viewing = {.schema = schema, .view = view};
    int error;

    viewing.pg = PQconnectdbParams(keywords, values, 1);
    if (PQstatus(viewing.pg) != CONNECTION_OK) {
        pg_message(&viewing.why, PQerrorMessage(viewing.pg));
        error = HAPLO_ECONNECT;
    } else {
        error = view_read(&viewing);
    }
    PQfinish(viewing.pg); /* ends the transaction */
    return reason_write(why, why_size, error, "%s", viewing.why.text);
}
