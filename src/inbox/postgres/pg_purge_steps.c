/*
 * pg_purge_steps.c - erases messages, in steps of two requests.
 *
 *   - The first one looks at the next ROW_COUNT messages in order of arrival.
 *     The server returns the bodies of those that may match: they contain the
 *     value, or an escape that may stand for a part of it. So most bodies stay
 *     where they are.
 *   - Which ones match is decided here.
 *   - The second request deletes these and their dead letters, and adds their
 *     rows to `purged`, in one statement.
 *
 * Everything is found that was committed before the purge began. What is stored
 * meanwhile may be missed, since an arrival may become visible after higher
 * ones.
 *
 * The server keeps deleted rows until VACUUM; only the owner of the tables
 * could force that, and nobody here can reach its log and its standbys. The
 * command lists them (inbox_type.purge_rest).
 */
#include <string.h>

#include "base/wall_clock.h"
#include "core/identity.h"
#include "inbox/postgres/pg_step.h"

#define ROW_COUNT 500           /* messages that a step looks at */
#define BYTES_MAX (16ULL << 20) /* of their bodies, unless one is larger */

/* Searching */

/* $1 after, $2 up to, $3 number of rows, $4 value, $5 limit of bytes. A message
 * that cannot match has no size; an empty value is in all. */
static const char search_sql[] =
    "SELECT m.arrival, m.queue, coalesce(q.server, '?'),"
    " coalesce(q.queue, '?'), coalesce(b.fetched_at, 0), m.size,"
    " CASE WHEN m.size IS NOT NULL AND (m.total <= $5 OR m.total = m.size)"
    "  THEN m.body END"
    " FROM (SELECT c.arrival, c.queue, c.batch, c.body, c.size,"
    "  sum(c.size) OVER (ORDER BY c.arrival ROWS UNBOUNDED PRECEDING) AS total"
    "  FROM (SELECT s.arrival, s.queue, s.batch, s.body,"
    "   CASE WHEN position($4 IN s.body) > 0"
    "    OR position('\\x5c'::bytea IN s.body) > 0"
    "    THEN octet_length(s.body)::bigint END AS size"
    "   FROM @stored AS s WHERE s.arrival > $1 AND s.arrival <= $2"
    "   ORDER BY s.arrival LIMIT $3) AS c) AS m"
    " LEFT JOIN @queues AS q ON q.id = m.queue"
    " LEFT JOIN @batches AS b ON b.first_arrival = m.batch"
    " ORDER BY m.arrival";

enum column { ARRIVAL, QUEUE, SERVER, NAME, FETCHED_AT, SIZE, BODY };

/* A message to be erased. */
struct match {
    int64_t arrival;                /* which one */
    int64_t queue;                  /* id of its queue */
    uint8_t key[IDENTITY_KEY_SIZE]; /* of its bytes */
};

/* HAPLO_ENOMEM is passed through the task. */
static bool is_match(struct inbox_task *task, const PGresult *rows, int row)
{
    const struct inbox_filter *filter = &task->filter;

    return inbox_filter_takes_time(
               filter, (uint64_t)pg_number(rows, row, FETCHED_AT)) &&
           inbox_filter_takes_queue(filter, pg_text(rows, row, SERVER),
                                    pg_text(rows, row, NAME)) &&
           inbox_purge_matches(task->purge, pg_bytes(rows, row, BODY),
                               &task->error);
}

static void match_take(struct match *match, const PGresult *rows, int row)
{
    match->arrival = pg_number(rows, row, ARRIVAL);
    match->queue = pg_number(rows, row, QUEUE);
    identity_key(pg_bytes(rows, row, BODY), match->key);
}

/* Returns their number. The next step begins with the first message whose body
 * was too much for this one. */
static size_t matches_find(struct inbox_task *task, const PGresult *rows,
                           struct match *matches)
{
    int row_count = PQntuples(rows);
    size_t count = 0;
    int row = 0;

    for (; row < row_count && task->error == 0; row++) {
        bool may_match = !PQgetisnull(rows, row, SIZE);

        if (may_match && PQgetisnull(rows, row, BODY)) {
            break;
        }
        if (may_match && is_match(task, rows, row)) {
            match_take(&matches[count++], rows, row);
        }
        task->position = (uint64_t)pg_number(rows, row, ARRIVAL);
    }
    task->is_done = row < ROW_COUNT && row == row_count;
    return count;
}

/* Erasing */

/* $1 arrivals, $2 queues, $3 keys, $4 now, $5 reason. What is gone already, for
 * instance because it was too old, needs no row in `purged`. */
static const char erase_sql[] =
    "WITH gone AS (DELETE FROM @stored AS s"
    "  USING unnest($1, $2, $3) AS n (arrival, queue, key)"
    "  WHERE s.arrival = n.arrival RETURNING n.arrival, n.queue, n.key),"
    " noted AS (INSERT INTO @purged (arrival, queue, at, why, key)"
    "  SELECT arrival, queue, $4, $5, key FROM gone),"
    " letters AS (DELETE FROM @dead_letters WHERE arrival = ANY ($1)"
    "  AND outlet IN (SELECT id FROM @outlets) RETURNING 1)"
    " SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM letters),"
    "  (SELECT count(*) FROM gone AS g CROSS JOIN @outlets AS o"
    "   LEFT JOIN @positions AS p ON p.outlet = o.id AND p.queue = g.queue"
    "   WHERE coalesce(p.position, 0) < g.arrival)";

static void on_erased(struct pg_step *step)
{
    struct inbox_task *task = step->task;
    const PGresult *result = step->request.results[0];

    task->count += (uint64_t)pg_number(result, 0, 0);
    task->purge->letter_count += (uint64_t)pg_number(result, 0, 1);
    task->purge->pending_count += (uint64_t)pg_number(result, 0, 2);
    pg_step_end(step);
}

static void erase(struct pg_step *step, const struct match *matches,
                  size_t count)
{
    struct pg_statement *statement = pg_step_statement(step, erase_sql);
    struct pg_array *arrivals = pg_step_array(step, PG_INT8);
    struct pg_array *queues = pg_step_array(step, PG_INT8);
    struct pg_array *keys = pg_step_array(step, PG_BYTEA);
    struct pg_array *const arrays[] = {arrivals, queues, keys};

    for (size_t i = 0; i < count; i++) {
        const char *key = (const char *)matches[i].key;

        pg_array_number(arrivals, matches[i].arrival);
        pg_array_number(queues, matches[i].queue);
        pg_array_bytes(keys, (struct haplo_slice){key, IDENTITY_KEY_SIZE});
    }
    for (size_t i = 0; i < 3; i++) {
        (void)pg_array_finish(arrays[i]); /* reports again in is_complete() */
        pg_statement_array(statement, arrays[i]);
    }
    pg_step_number(statement, wall_clock_ms());
    pg_statement_text(statement, step->task->purge->why);
    pg_step_run(step, on_erased);
}

static void on_found(struct pg_step *step)
{
    struct inbox_task *task = step->task;
    struct match matches[ROW_COUNT];
    size_t count = matches_find(task, step->request.results[0], matches);

    if (task->error != 0) {
        (void)reason_set(&task->why, task->error, "out of memory");
    }
    if (task->error != 0 || count == 0) {
        pg_step_end(step);
        return;
    }
    pg_step_reset(step);
    erase(step, matches, count);
}

void pg_purge(struct pg_step *step)
{
    const struct inbox_task *task = step->task;
    const char *value = task->purge->value != NULL ? task->purge->value : "";
    uint64_t only = task->filter.arrival;
    struct pg_statement *search = pg_step_statement(step, search_sql);

    step->rights = "without `keep`, only the owner of the tables may erase: "
                   "see Erasing messages in haplo-postgres(5)";
    pg_step_number(search, only > 0 ? only - 1 : task->position);
    pg_step_number(search, only > 0 ? only : INT64_MAX);
    pg_statement_number(search, ROW_COUNT);
    pg_statement_bytes(search, (struct haplo_slice){value, strlen(value)});
    pg_step_number(search, BYTES_MAX);
    pg_step_run(step, on_found);
}
