/*
 * pg_retention.c - deletes old messages over the connection of the reader, so
 * that it delays no commit.
 *
 *   - A step looks at the next ROW_COUNT messages in order of arrival, and
 *     deletes those that may go: older than the period, passed by all outlets
 *     that have a row, no dead letter, and known to be marked. As long as a
 *     configured outlet has no row, nothing is deleted.
 *   - With latest_objects, the message stays that the view latest_objects has
 *     for an object. One look into an index tells whether there is a newer one.
 *   - Rows of batches go when the first message of their queue from there on
 *     belongs to a later batch.
 *   - The pass ends at the first step in which all messages are too new; the
 *     next look continues there. From time to time a pass begins with the
 *     oldest message again, since outlets have moved on.
 *
 * Of several processes that use the database, one executes a step at a time: a
 * lock that ends with the transaction keeps the others from waiting for rows,
 * and from deadlocks. Where hosts share the servers, one of them does all of it
 * (inbox_pause_retention()).
 *
 * If a step fails, for example because the role may not delete, this is logged
 * once, and tried again later. So it is if latest_objects was switched on and
 * the index is not there: without it, a step would read all messages for each.
 */
#include "inbox/postgres/pg_retention.h"

#include <stdlib.h>

#include "base/command_hint.h"
#include "base/wall_clock.h"
#include "inbox/postgres/pg_names.h"
#include "inbox/postgres/pg_schema.h"
#include "inbox/postgres/pg_store.h"

#define ROW_COUNT 500
#define REST_FACTOR 9 /* rests so many times as long as a step took */
#define REST_MS_MIN 20
#define FAILED_MS 10000
#define LOOK_PART 64 /* of the retention period */
#define LOOK_MS_MIN 200
#define LOOK_MS_MAX 60000
#define PASS_MS_MIN 1000
#define PASS_MS_MAX 3600000

#define HAS_INDEX "to_regclass('@stored_by_object') IS NOT NULL"

/* Whoever does not get the lock sees no messages, and looks again later. */
#define HAS_TURN \
    "(SELECT pg_try_advisory_xact_lock('@stored'::regclass::oid::bigint))"

/* $1 after, $2 received before, $3 names of outlets, $4 number of rows, $5
 * whether the newest message of each object stays */
static const char delete_sql[] =
    "WITH seen AS MATERIALIZED"
    " (SELECT s.arrival, s.queue, s.object_ref, s.record_version,"
    "   b.fetched_at FROM (SELECT arrival, queue, batch, object_ref,"
    "    record_version FROM @stored WHERE arrival > $1 AND " HAS_TURN
    "   ORDER BY arrival LIMIT $4) AS s"
    "  LEFT JOIN @batches AS b ON b.first_arrival = s.batch),"
    " due AS MATERIALIZED (SELECT s.arrival FROM seen AS s"
    "  JOIN @queues AS q ON q.id = s.queue"
    "  WHERE s.fetched_at <= $2 AND (NOT $5 OR " HAS_INDEX ")"
    "  AND (q.unconfirmed = 0 OR s.arrival < q.unconfirmed_from)"
    "  AND NOT EXISTS (SELECT 1 FROM unnest($3) AS n (name)"
    "   LEFT JOIN @outlets AS o ON o.name = n.name WHERE o.id IS NULL)"
    "  AND NOT EXISTS (SELECT 1 FROM @outlets AS o LEFT JOIN @positions AS p"
    "   ON p.outlet = o.id AND p.queue = s.queue"
    "   WHERE coalesce(p.position, 0) < s.arrival)"
    "  AND NOT EXISTS (SELECT 1 FROM @dead_letters AS d JOIN @outlets AS o"
    "   ON o.id = d.outlet WHERE d.arrival = s.arrival)"
    "  AND NOT ($5 AND q.queue = 'global' AND s.object_ref IS NOT NULL"
    "   AND NOT EXISTS (SELECT 1 FROM @stored AS n WHERE n.queue = s.queue"
    "    AND " PG_OBJECT_HASH("n.") " = " PG_OBJECT_HASH(
        "s.") "    AND n.object_ref = s.object_ref"
              "    AND (" PG_OBJECT_VERSION(
                  "n.") ", n.arrival) >"
                        "     (" PG_OBJECT_VERSION(
                            "s.") ", s.arrival)))),"
                                  " gone AS (DELETE FROM @stored WHERE arrival "
                                  "IN (SELECT arrival FROM due)"
                                  "  RETURNING 1)"
                                  " SELECT count(*), max(arrival), "
                                  "coalesce(bool_and(fetched_at > $2), true),"
                                  "  (SELECT count(*) FROM gone) FROM seen";

/* $1 after, $2 received before, $3 number of rows. Not beyond the next $3
 * messages: there may be many batches of which something stays. */
static const char batches_sql[] =
    "DELETE FROM @batches WHERE first_arrival IN"
    " (SELECT b.first_arrival FROM @batches AS b"
    "  WHERE b.first_arrival > $1 AND b.fetched_at <= $2 AND " HAS_TURN
    "  AND b.first_arrival <= coalesce((SELECT n.arrival FROM @stored AS n"
    "   WHERE n.arrival > $1 ORDER BY n.arrival OFFSET $3 LIMIT 1),"
    "   9223372036854775807)"
    "  AND b.first_arrival IS DISTINCT FROM"
    "   (SELECT s.batch FROM @stored AS s WHERE s.queue = b.queue"
    "    AND s.arrival >= b.first_arrival ORDER BY s.arrival LIMIT 1)"
    "  ORDER BY b.first_arrival LIMIT $3)";

/* $1 names of outlets */
static const char removed_sql[] =
    "SELECT coalesce(string_agg(name, ', ' ORDER BY name), ''), " HAS_INDEX
    " FROM @outlets WHERE NOT name = ANY ($1)";

static uint64_t part_of(uint64_t period_ms, uint64_t min_ms, uint64_t max_ms)
{
    uint64_t part_ms = period_ms / LOOK_PART;

    return part_ms < min_ms ? min_ms : part_ms > max_ms ? max_ms : part_ms;
}

static void on_due(uv_timer_t *timer);

/* The timer does not keep the loop alive. */
static void due_in(struct pg_retention *retention, uint64_t delay_ms)
{
    (void)uv_timer_start(&retention->timer, on_due, delay_ms, 0);
}

/* Results */

static void tell_failure(struct pg_retention *retention)
{
    struct inbox *inbox = retention->store->base.inbox;
    struct reason why;

    if (!retention->has_failed) {
        (void)pg_store_explain(retention->store, &retention->request,
                               "delete old messages", 0, &why);
        inbox_warn(inbox, "inbox %s: %s", inbox_name(inbox), why.text);
    }
    retention->has_failed = true;
}

static bool has_index(const struct pg_retention *retention)
{
    return !retention->keeps_latest ||
           pg_bool(retention->request.results[2], 0, 1);
}

static void tell_no_index(struct pg_retention *retention)
{
    struct inbox *inbox = retention->store->base.inbox;
    char hint[COMMAND_HINT_SIZE];

    if (!retention->has_failed) {
        inbox_warn(inbox,
                   "inbox %s: schema %s: no old messages are deleted, because "
                   "latest_objects needs an index: run `%s`",
                   inbox_name(inbox), retention->store->schema,
                   command_hint(hint, "migrate", inbox_name(inbox), NULL));
    }
    retention->has_failed = true;
}

static void tell_removed(struct pg_retention *retention, const char *names)
{
    if (retention->is_told || names == NULL || names[0] == '\0') {
        return;
    }
    retention->is_told = true;
    inbox_warn_removed(retention->store->base.inbox, names);
}

/* Returns the wait until the next step. */
static uint64_t result_take(struct pg_retention *retention)
{
    const PGresult *seen = retention->request.results[0];
    int64_t count = pg_number(seen, 0, 0);

    retention->is_at_end = count == 0 || pg_bool(seen, 0, 2);
    retention->has_failed = false;
    tell_removed(retention, pg_text(retention->request.results[2], 0, 0));
    if (retention->is_at_end) {
        return part_of(retention->keep_ms, LOOK_MS_MIN, LOOK_MS_MAX);
    }
    retention->after = pg_number(seen, 0, 1);
    return REST_MS_MIN +
           REST_FACTOR * (uv_now(retention->loop) - retention->began_ms);
}

static void closed(struct pg_retention *retention);

/* While no step is running: the newer names apply, and everything that was
 * kept because of the others is looked at again. */
static void names_replace(struct pg_retention *retention)
{
    if (retention->has_newer) {
        pg_array_free(&retention->names);
        retention->names = retention->newer;
        retention->has_newer = false;
        retention->is_told = false;
        retention->after = 0;
    }
}

static void on_step(struct pg_request *request)
{
    struct pg_retention *retention = request->data;
    uint64_t wait_ms = FAILED_MS;

    retention->is_running = false;
    if (request->outcome == PG_FINE && has_index(retention)) {
        wait_ms = result_take(retention);
    } else if (request->outcome == PG_FINE) {
        tell_no_index(retention);
    } else if (retention->closed_cb == NULL) {
        tell_failure(retention);
    }
    pg_request_clear(request);
    names_replace(retention);
    if (retention->closed_cb != NULL) {
        closed(retention);
    } else {
        due_in(retention, wait_ms);
    }
}

/* Steps */

static void step_fill(struct pg_retention *retention, int64_t before_ms)
{
    struct pg_statement *statements = retention->statements;

    for (size_t i = 0; i < PG_RETENTION_STATEMENTS; i++) {
        pg_statement_init(&statements[i], retention->sql[i]);
    }
    pg_statement_number(&statements[0], retention->after);
    pg_statement_number(&statements[0], before_ms);
    pg_statement_array(&statements[0], &retention->names);
    pg_statement_number(&statements[0], ROW_COUNT);
    pg_statement_bool(&statements[0], retention->keeps_latest);
    pg_statement_number(&statements[1], retention->after);
    pg_statement_number(&statements[1], before_ms);
    pg_statement_number(&statements[1], ROW_COUNT);
    pg_statement_array(&statements[2], &retention->names);
}

static void on_due(uv_timer_t *timer)
{
    struct pg_retention *retention = timer->data;
    uint64_t now_ms = uv_now(retention->loop);
    uint64_t wall_ms = wall_clock_ms();

    if (retention->is_at_end &&
        now_ms - retention->pass_ms >=
            part_of(retention->keep_ms, PASS_MS_MIN, PASS_MS_MAX)) {
        retention->pass_ms = now_ms;
        retention->after = 0;
    }
    if (retention->is_paused) {
        return;
    }
    retention->began_ms = now_ms;
    retention->is_running = true;
    step_fill(retention, wall_ms > retention->keep_ms
                             ? (int64_t)(wall_ms - retention->keep_ms)
                             : 0);
    retention->request.statements = retention->statements;
    retention->request.statement_count = PG_RETENTION_STATEMENTS;
    retention->request.limit_ms = retention->store->timeout_ms;
    retention->request.done_cb = on_step;
    retention->request.data = retention;
    pg_connection_run(&retention->store->reader.connection,
                      &retention->request);
}

/* Starting and closing */

static bool sql_make(struct pg_retention *retention)
{
    const char *const sql[PG_RETENTION_STATEMENTS] = {delete_sql, batches_sql,
                                                      removed_sql};
    bool is_whole = true;

    for (size_t i = 0; i < PG_RETENTION_STATEMENTS; i++) {
        if (retention->sql[i] == NULL) {
            retention->sql[i] =
                pg_names_expand(retention->store->schema, sql[i]);
        }
        is_whole = is_whole && retention->sql[i] != NULL;
    }
    return is_whole;
}

/* False if memory runs out. */
static bool prepare(struct pg_retention *retention, const char *const *outlets,
                    size_t outlet_count)
{
    struct pg_array names;

    pg_array_init(&names, PG_TEXT);
    for (size_t i = 0; i < outlet_count; i++) {
        pg_array_text(&names, outlets[i]);
    }
    if (pg_array_finish(&names) != 0 || !sql_make(retention)) {
        pg_array_free(&names);
        return false;
    }
    if (retention->has_newer) {
        pg_array_free(&retention->newer);
    }
    retention->newer = names;
    retention->has_newer = true;
    return true;
}

void pg_retention_start(struct pg_retention *retention,
                        const char *const *outlets, size_t outlet_count)
{
    struct inbox *inbox = retention->store->base.inbox;

    if (retention->keep_ms == 0) {
        return;
    }
    if (!prepare(retention, outlets, outlet_count)) {
        inbox_warn(
            inbox, "inbox %s: out of memory: %s until haplo-poll is restarted",
            inbox_name(inbox),
            retention->is_open ? "retention knows nothing of changed outlets"
                               : "no old messages are deleted");
        return;
    }
    if (!retention->is_running) {
        names_replace(retention);
    }
    if (retention->is_open) {
        return;
    }
    (void)uv_timer_init(retention->loop, &retention->timer);
    uv_unref((uv_handle_t *)&retention->timer);
    retention->timer.data = retention;
    retention->is_open = true;
    retention->pass_ms = uv_now(retention->loop);
    due_in(retention, 0);
}

/* What was examined is examined again, since another process has gone on. */
void pg_retention_pause(struct pg_retention *retention, bool is_paused)
{
    bool was_paused = retention->is_paused;

    retention->is_paused = is_paused;
    if (was_paused && !is_paused && retention->is_open &&
        !retention->is_running && retention->closed_cb == NULL) {
        retention->after = 0;
        due_in(retention, 0);
    }
}

static void on_timer_closed(uv_handle_t *timer)
{
    struct pg_retention *retention = timer->data;

    retention->closed_cb(retention);
}

static void closed(struct pg_retention *retention)
{
    uv_close((uv_handle_t *)&retention->timer, on_timer_closed);
}

void pg_retention_close(struct pg_retention *retention,
                        pg_retention_closed_cb closed_cb)
{
    retention->closed_cb = closed_cb;
    if (!retention->is_open) {
        closed_cb(retention);
    } else if (!retention->is_running) {
        closed(retention);
    }
}

void pg_retention_free(struct pg_retention *retention)
{
    for (size_t i = 0; i < PG_RETENTION_STATEMENTS; i++) {
        free(retention->sql[i]);
    }
    pg_array_free(&retention->names);
    if (retention->has_newer) {
        pg_array_free(&retention->newer);
    }
}
