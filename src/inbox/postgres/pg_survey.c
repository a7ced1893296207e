/*
 * pg_survey.c - counts what an inbox has. A batch may be there only in part,
 * because of dead letters, purges and what some outlet has not passed; so rows
 * are counted and not what the batches say.
 */
#include "inbox/postgres/pg_survey.h"

#include "inbox/postgres/pg_statement.h"
#include "inbox/postgres/pg_view_rows.h"

static uint64_t number(const PGresult *row, int column)
{
    return (uint64_t)pg_number(row, 0, column); /* 0 where it is NULL */
}

/* The inbox */

static void on_summary(struct pg_viewing *viewing, const PGresult *row)
{
    const struct inbox_summary summary = {
        .uuid = pg_text(row, 0, 0),
        .created_at_ms = number(row, 1),
        .count = number(row, 2),
        .bytes = number(row, 3),
        .oldest_ms = number(row, 4),
        .newest_ms = number(row, 5),
    };

    viewing->view->summary_cb(&summary, viewing->view->data);
}

/* Outlets */

static void on_outlet(struct pg_viewing *viewing, const PGresult *row)
{
    const struct inbox_outlet_survey outlet = {
        .name = pg_text(row, 0, 0),
        .pending_count = number(row, 1),
        .oldest_pending_ms = number(row, 2),
        .letter_count = number(row, 3),
    };

    viewing->is_ended = !viewing->view->outlet_cb(&outlet, viewing->view->data);
}

int pg_survey_view(struct pg_viewing *viewing)
{
    int error = pg_view_rows(
        viewing,
        "SELECT i.uuid::text, i.created_at,"
        " (SELECT count(*) FROM @stored),"
        " (SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class AS c"
        "  WHERE c.relkind = 'r' AND c.relnamespace ="
        "   (SELECT t.relnamespace FROM pg_class AS t"
        "    WHERE t.oid = '@stored'::regclass)),"
        " (SELECT min(fetched_at) FROM @batches),"
        " (SELECT max(fetched_at) FROM @batches) FROM @inbox AS i",
        NULL, 0, on_summary);

    if (error != 0) {
        return error;
    }
    return pg_view_rows(
        viewing,
        "SELECT o.name, coalesce(sum(l.count), 0)::bigint,"
        " min((SELECT b.fetched_at FROM @stored AS s JOIN @batches AS b"
        "  ON b.first_arrival = s.batch WHERE s.arrival = l.first)),"
        " (SELECT count(*) FROM @dead_letters AS d WHERE d.outlet = o.id)"
        " FROM @outlets AS o CROSS JOIN @queues AS q"
        " LEFT JOIN @positions AS p ON p.outlet = o.id AND p.queue = q.id"
        " CROSS JOIN LATERAL (SELECT count(*) AS count, min(s.arrival) AS first"
        "  FROM @stored AS s WHERE s.queue = q.id"
        "  AND s.arrival > coalesce(p.position, 0)) AS l"
        " GROUP BY o.id, o.name ORDER BY o.name",
        NULL, 0, on_outlet);
}

/* Queues */

static void on_queue(struct pg_viewing *viewing, const PGresult *row)
{
    const struct inbox_view *view = viewing->view;
    const struct inbox_queue_survey queue = {
        .server = pg_text(row, 0, 0),
        .queue = pg_text(row, 0, 1),
        .count = number(row, 2),
        .batch_count = number(row, 3),
        .unmarked_count = number(row, 4),
        .oldest_ms = number(row, 5),
        .newest_ms = number(row, 6),
    };

    if (inbox_filter_takes_queue(&view->filter, queue.server, queue.queue)) {
        viewing->is_ended = !view->queue_cb(&queue, view->data);
    }
}

int pg_survey_queues_view(struct pg_viewing *viewing)
{
    const struct inbox_filter *filter = &viewing->view->filter;
    char since[PG_VIEW_NUMBER_SIZE];
    char until[PG_VIEW_NUMBER_SIZE];
    const char *const values[] = {pg_view_number(filter->since_ms, since),
                                  pg_view_number(filter->until_ms, until)};

    return pg_view_rows(
        viewing,
        "SELECT q.server, q.queue, sum(n.count)::bigint, count(*),"
        " count(*) FILTER (WHERE b.marked_at IS NULL),"
        " min(b.fetched_at), max(b.fetched_at)"
        " FROM (SELECT s.batch, s.queue, count(*) AS count FROM @stored AS s"
        "  GROUP BY s.batch, s.queue) AS n"
        " JOIN @batches AS b ON b.first_arrival = n.batch"
        " JOIN @queues AS q ON q.id = n.queue"
        " WHERE b.fetched_at >= $1::bigint AND b.fetched_at < $2::bigint"
        " GROUP BY q.id, q.server, q.queue ORDER BY q.server, q.queue",
        values, 2, on_queue);
}
