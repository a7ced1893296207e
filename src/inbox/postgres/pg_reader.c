#include "inbox/postgres/pg_reader.h"

#include <assert.h>
#include <stdlib.h>

#include "inbox/postgres/pg_names.h"
#include "inbox/postgres/pg_store.h"

/*
 * PG_QUERY_MESSAGES reads no more rows than it returns, however long the
 * backlogs are: a subquery with a limit can only be executed once per lane, in
 * the order of the lanes, and the window has no order of its own. A message
 * beyond the limit of bytes comes without its body. The row of a batch is
 * looked up in the same way.
 */
#define REPLAY                                                     \
    "SELECT t.arrival, t.queue, t.batch, t.body FROM @stored AS t" \
    " JOIN @positions AS p ON p.outlet = $3 AND p.queue = t.queue" \
    "  AND p.position >= t.arrival"                                \
    " WHERE t.arrival > $1 AND t.arrival <= $2 ORDER BY t.arrival LIMIT $4"

#define LETTERS                                                          \
    "SELECT t.arrival, t.queue, t.batch, t.body FROM @dead_letters AS d" \
    " JOIN @stored AS t ON t.arrival = d.arrival"                        \
    " WHERE d.outlet = $3 AND d.arrival > $1 AND d.arrival <= $2"        \
    " AND d.at >= $6 AND d.at < $7 ORDER BY d.arrival LIMIT $4"

/* The messages of a replay, each with the names of its queue: a second
 * statement could see other positions, and so the names of other queues. $5 is
 * the limit of bytes. */
#define MESSAGES_OF(source)                                                  \
    "SELECT m.arrival, m.queue, m.batch, b.count::bigint, b.format::bigint," \
    " b.fetched_at,"                                                         \
    " CASE WHEN m.total <= $5 OR m.number = 1 THEN m.body END,"              \
    " q.id, q.server, q.queue"                                               \
    " FROM (SELECT s.arrival, s.queue, s.batch, s.body,"                     \
    "  sum(octet_length(s.body)) OVER seen AS total,"                        \
    "  row_number() OVER seen AS number FROM (" source ") AS s"              \
    "  WINDOW seen AS (ORDER BY s.arrival ROWS UNBOUNDED PRECEDING)) AS m"   \
    " LEFT JOIN @batches AS b ON b.first_arrival = m.batch"                  \
    " LEFT JOIN @queues AS q ON q.id = m.queue"                              \
    " ORDER BY m.arrival"

#define LANES                                                          \
    "SELECT q.id, q.server, q.queue, q.last_arrival FROM @queues AS q" \
    " LEFT JOIN @positions AS p ON p.outlet = $1 AND p.queue = q.id"   \
    " WHERE q.last_arrival > coalesce(p.position, 0)"

static const char *const queries[PG_QUERY_COUNT] = {
    [PG_QUERY_REPLAY] = MESSAGES_OF(REPLAY),
    [PG_QUERY_LETTERS] = MESSAGES_OF(LETTERS),
    [PG_QUERY_MESSAGES] =
        "SELECT m.arrival, m.queue, m.batch, b.count, b.format, b.fetched_at,"
        " CASE WHEN m.total <= $4 OR m.number = 1 THEN m.body END"
        " FROM (SELECT s.arrival, s.queue, s.batch, s.body,"
        "  sum(octet_length(s.body)) OVER seen AS total,"
        "  row_number() OVER seen AS number"
        "  FROM unnest($1, $2) AS lane (queue, after)"
        "  CROSS JOIN LATERAL"
        "   (SELECT t.arrival, t.queue, t.batch, t.body FROM @stored AS t"
        "    WHERE t.queue = lane.queue AND t.arrival > greatest(lane.after,"
        "     (SELECT p.position FROM @positions AS p"
        "      WHERE p.outlet = $3 AND p.queue = lane.queue))"
        "    ORDER BY t.arrival LIMIT $5) AS s"
        "  WINDOW seen AS (ROWS UNBOUNDED PRECEDING) LIMIT $5) AS m"
        " LEFT JOIN LATERAL (SELECT r.count::bigint AS count,"
        "  r.format::bigint AS format, r.fetched_at FROM @batches AS r"
        "  WHERE r.first_arrival = m.batch LIMIT 1) AS b ON true",
    [PG_QUERY_NAMES] =
        "SELECT id, server, queue FROM @queues WHERE id = ANY ($1)",
    /* It passes, in each queue, what was received before $2. */
    [PG_QUERY_START] =
        "WITH o AS (INSERT INTO @outlets (name) VALUES ($1)"
        "  ON CONFLICT (name) DO NOTHING RETURNING id),"
        " b AS (SELECT queue, min(first_arrival) - 1 AS position FROM @batches"
        "  WHERE fetched_at >= $2 GROUP BY queue)"
        " INSERT INTO @positions (outlet, queue, position)"
        " SELECT o.id, q.id, coalesce(b.position, q.last_arrival)"
        " FROM o CROSS JOIN @queues AS q LEFT JOIN b ON b.queue = q.id",
    [PG_QUERY_OUTLET] = "SELECT id FROM @outlets WHERE name = $1",
    [PG_QUERY_LANES] = LANES,
    [PG_QUERY_LANES_OF] = LANES " AND q.slot = ANY ($2)",
    [PG_QUERY_STATES] =
        "SELECT id, server, queue, state FROM @queues"
        " WHERE server = ANY ($1) AND id > $2 ORDER BY id LIMIT $3",
};

static void queries_free(struct pg_reader *reader)
{
    pg_listen_free(&reader->listen);
    for (size_t i = 0; i < PG_QUERY_COUNT; i++) {
        free(reader->queries[i]);
    }
}

int pg_reader_open(struct pg_reader *reader, struct pg_store *store,
                   uv_loop_t *loop, const char *conninfo)
{
    bool is_complete = true;
    int result;

    reader->store = store;
    for (size_t i = 0; i < PG_QUERY_COUNT; i++) {
        reader->queries[i] = pg_names_expand(store->schema, queries[i]);
        is_complete = is_complete && reader->queries[i] != NULL;
    }
    if (!is_complete || pg_listen_init(&reader->listen, store) != 0 ||
        pg_connection_init(&reader->connection, loop, conninfo) != 0) {
        queries_free(reader);
        return HAPLO_ENOMEM;
    }
    STAILQ_INIT(&reader->later);
    result = uv_timer_init(loop, &reader->timer);
    assert(result == 0);
    (void)result;
    reader->timer.data = reader;
    return 0;
}

static void on_later(uv_timer_t *timer)
{
    struct pg_reader *reader = timer->data;
    struct worker_job_list list = STAILQ_HEAD_INITIALIZER(list);
    struct worker_job *job;

    STAILQ_CONCAT(&list, &reader->later);
    while ((job = STAILQ_FIRST(&list)) != NULL) {
        STAILQ_REMOVE_HEAD(&list, link);
        job->done_cb(job);
    }
}

void pg_reader_later(struct pg_reader *reader, struct worker_job *job,
                     worker_job_cb done_cb)
{
    int result = uv_timer_start(&reader->timer, on_later, 0, 0);

    assert(result == 0);
    (void)result;
    job->done_cb = done_cb;
    STAILQ_INSERT_TAIL(&reader->later, job, link);
}

static void leave(struct pg_reader *reader)
{
    if (--reader->handle_count == 0) {
        queries_free(reader);
        reader->closed_cb(reader->closed_data);
    }
}

static void on_connection_closed(void *data)
{
    leave(data);
}

static void on_timer_closed(uv_handle_t *handle)
{
    leave(handle->data);
}

static void on_idle(void *data)
{
    struct pg_reader *reader = data;

    reader->handle_count = 2;
    pg_connection_close(&reader->connection, on_connection_closed, reader);
    uv_close((uv_handle_t *)&reader->timer, on_timer_closed);
}

void pg_reader_close(struct pg_reader *reader,
                     pg_connection_closed_cb closed_cb, void *data)
{
    assert(STAILQ_EMPTY(&reader->later));
    reader->closed_cb = closed_cb;
    reader->closed_data = data;
    pg_listen_stop(&reader->listen, on_idle, reader);
}
