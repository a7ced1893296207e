/*
 * pg_view.c - reads dead letters, replays or messages for a command, over a
 * connection of its own and as of one moment. Rows are passed on one by one, so
 * the result may be larger than the memory.
 */
#include "inbox/postgres/pg_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <libpq-fe.h>

#include "base/reason.h"
#include "core/identity.h"
#include "inbox/inbox_view.h"
#include "inbox/postgres/pg_connect.h"
#include "inbox/postgres/pg_names.h"
#include "inbox/postgres/pg_replay_row.h"
#include "inbox/postgres/pg_statement.h"

#define NUMBER_SIZE_MAX 24

struct pg_viewing {
    PGconn *pg;                    /* owned */
    const char *schema;            /* borrowed */
    const struct inbox_view *view; /* what is read */
    struct reason why;             /* of the failure */
    bool is_ended;                 /* a callback wants no more rows */
};

static int fail(struct pg_viewing *viewing, const char *what,
                const PGresult *result)
{
    const char *primary =
        result != NULL ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY)
                       : NULL;
    struct reason text;

    pg_message(&text, primary != NULL ? primary : PQerrorMessage(viewing->pg));
    return reason_set(&viewing->why, HAPLO_EDELIVERY, "schema %s: %s: %s",
                      viewing->schema, what, text.text);
}

/* Rows */

typedef void (*row_cb)(struct pg_viewing *viewing, const PGresult *row);

static int rows_take(struct pg_viewing *viewing, row_cb read_cb)
{
    PGresult *result;
    int error = 0;

    while ((result = PQgetResult(viewing->pg)) != NULL) {
        ExecStatusType status = PQresultStatus(result);

        if (status == PGRES_SINGLE_TUPLE && !viewing->is_ended && error == 0) {
            read_cb(viewing, result);
        } else if (status != PGRES_SINGLE_TUPLE && status != PGRES_TUPLES_OK) {
            error = fail(viewing, "read", result);
        }
        PQclear(result);
    }
    return error;
}

/* A statement with these parameters, in PostgreSQL's text format. */
static int rows_read(struct pg_viewing *viewing, const char *sql,
                     const char *const *values, int count, row_cb read_cb)
{
    char *expanded = pg_names_expand(viewing->schema, sql);
    int is_sent;

    if (expanded == NULL) {
        return reason_set(&viewing->why, HAPLO_ENOMEM, "out of memory");
    }
    is_sent = PQsendQueryParams(viewing->pg, expanded, count, NULL, values,
                                NULL, NULL, 1);
    free(expanded);
    if (!is_sent || !PQsetSingleRowMode(viewing->pg)) {
        return fail(viewing, "read", NULL);
    }
    return rows_take(viewing, read_cb);
}

static const char *number_text(uint64_t value, char text[NUMBER_SIZE_MAX])
{
    if (value > (uint64_t)INT64_MAX) {
        value = INT64_MAX;
    }
    (void)snprintf(text, NUMBER_SIZE_MAX, "%" PRIu64, value);
    return text;
}

/* Messages */

#define MESSAGE_COLUMNS                                                    \
    "s.arrival, coalesce(q.server, '?'), coalesce(q.queue, '?'), s.batch," \
    " b.count::bigint, b.format::bigint, b.fetched_at, s.queue, s.body"
#define MESSAGE_JOINS                           \
    " LEFT JOIN @queues AS q ON q.id = s.queue" \
    " LEFT JOIN @batches AS b ON b.first_arrival = s.batch"
#define MESSAGE_COLUMN_COUNT 9

/* With the body and the hash. */
static void message_fill(const PGresult *row, struct inbox_message *message)
{
    *message = (struct inbox_message){
        .arrival = (uint64_t)pg_number(row, 0, 0),
        .server = pg_text(row, 0, 1),
        .queue = pg_text(row, 0, 2),
        .batch_first = (uint64_t)pg_number(row, 0, 3),
        .batch_count = (uint32_t)pg_number(row, 0, 4),
        .format = (enum haplo_format)pg_number(row, 0, 5),
        .received_at_ms = (uint64_t)pg_number(row, 0, 6),
        .queue_id = (uint64_t)pg_number(row, 0, 7),
        .body = pg_bytes(row, 0, 8),
    };
    message->hash = identity_hash(message->body);
}

static void on_message(struct pg_viewing *viewing, const PGresult *row)
{
    const struct inbox_view *view = viewing->view;
    struct inbox_message message;

    message_fill(row, &message);
    if (inbox_filter_takes_queue(&view->filter, message.server,
                                 message.queue) &&
        inbox_filter_takes_time(&view->filter, message.received_at_ms)) {
        viewing->is_ended = !view->message_cb(&message, view->data);
    }
}

static int messages_view(struct pg_viewing *viewing)
{
    const struct inbox_view *view = viewing->view;
    char first[NUMBER_SIZE_MAX];
    char last[NUMBER_SIZE_MAX];
    const char *const values[] = {view->filter.outlet,
                                  number_text(*view->first, first),
                                  number_text(*view->last, last)};

    return rows_read(
        viewing,
        "SELECT " MESSAGE_COLUMNS " FROM @stored AS s"
        " JOIN @outlets AS o ON o.name = $1"
        " JOIN @positions AS p ON p.outlet = o.id AND p.queue = s.queue"
        "  AND p.position >= s.arrival" MESSAGE_JOINS
        " WHERE s.arrival BETWEEN $2::bigint AND $3::bigint"
        " ORDER BY s.arrival",
        values, 3, on_message);
}

static int all_messages_view(struct pg_viewing *viewing)
{
    const struct inbox_view *view = viewing->view;
    char first[NUMBER_SIZE_MAX];
    char last[NUMBER_SIZE_MAX];
    const char *const values[] = {number_text(*view->first, first),
                                  number_text(*view->last, last)};

    return rows_read(viewing,
                     "SELECT " MESSAGE_COLUMNS
                     " FROM @stored AS s" MESSAGE_JOINS
                     " WHERE s.arrival BETWEEN $1::bigint AND $2::bigint"
                     " ORDER BY s.arrival",
                     values, 2, on_message);
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
    int error = rows_read(viewing, "SELECT id FROM @outlets WHERE name = $1",
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
    char since[NUMBER_SIZE_MAX];
    char until[NUMBER_SIZE_MAX];
    const char *const values[] = {view->filter.outlet,
                                  number_text(view->filter.since_ms, since),
                                  number_text(view->filter.until_ms, until)};
    int error = outlet_check(viewing);

    *view->first = 0;
    *view->last = 0;
    if (error == 0) {
        error = rows_read(
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
    char since[NUMBER_SIZE_MAX];
    char until[NUMBER_SIZE_MAX];
    const char *const values[] = {number_text(view->filter.since_ms, since),
                                  number_text(view->filter.until_ms, until)};
    int error;

    *view->first = 0;
    *view->last = 0;
    error =
        rows_read(viewing,
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
    const int at = MESSAGE_COLUMN_COUNT;
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

    message_fill(row, &letter.message);
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
    char arrival[NUMBER_SIZE_MAX];
    const char *const values[] = {
        number_text(viewing->view->filter.arrival, arrival)};

    return rows_read(
        viewing,
        "SELECT " MESSAGE_COLUMNS ", (SELECT uuid::text FROM @inbox),"
        " coalesce(o.name, '?'), d.at, d.attempts, d.why, d.arrival,"
        " coalesce(dq.server, '?'), coalesce(dq.queue, '?')"
        " FROM @dead_letters AS d LEFT JOIN @outlets AS o ON o.id = d.outlet"
        " LEFT JOIN @queues AS dq ON dq.id = d.queue"
        " LEFT JOIN @stored AS s ON s.arrival = d.arrival" MESSAGE_JOINS
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
    PGresult *begun =
        PQexec(viewing->pg, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    int error = PQresultStatus(begun) == PGRES_COMMAND_OK
                    ? 0
                    : fail(viewing, "begin", begun);

    PQclear(begun);
    if (error != 0) {
        return error;
    }
    if (viewing->view->letter_cb != NULL) {
        return letters_view(viewing);
    }
    if (viewing->view->replay_cb != NULL) {
        return rows_read(viewing, PG_REPLAY_ROW_SELECT " ORDER BY r.id", NULL,
                         0, on_replay);
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
