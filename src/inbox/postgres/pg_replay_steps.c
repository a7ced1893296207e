/*
 * pg_replay_steps.c - records replays, and how far they have got.
 */
#include "base/wall_clock.h"
#include "inbox/postgres/pg_replay_row.h"
#include "inbox/postgres/pg_step.h"

/* Starting a replay */

/* What each queue has passed is looked at when its messages are read. */
static const char start_sql[] =
    "INSERT INTO @replays (outlet, queue, of_letters, new_identity, since,"
    " until, cursor, last, delivered, refused, state, created_at, changed_at,"
    " why) SELECT o.id, $2, $3, $4, $5, $6, $7,"
    " CASE WHEN $3 THEN least($8, coalesce((SELECT max(d.arrival)"
    "  FROM @dead_letters AS d WHERE d.outlet = o.id), 0)) ELSE $8 END,"
    " 0, 0, 0, $9, $9, '' FROM @outlets AS o WHERE o.name = $1 RETURNING id";

static void on_started(struct pg_step *step)
{
    struct inbox_task *task = step->task;
    const PGresult *result = step->request.results[0];

    task->is_done = true;
    if (PQntuples(result) == 0) {
        pg_step_no_outlet(step, task->replay->outlet);
    } else {
        task->replay->id = (uint64_t)pg_number(result, 0, 0);
        task->count = 1;
    }
    pg_step_end(step);
}

void pg_replay_start(struct pg_step *step)
{
    const struct inbox_replay *replay = step->task->replay;
    struct pg_statement *insert = pg_step_statement(step, start_sql);

    pg_statement_text(insert, replay->outlet);
    pg_statement_text(insert, replay->queue);
    pg_statement_bool(insert, replay->is_of_letters);
    pg_statement_bool(insert, replay->has_new_ids);
    pg_step_number(insert, replay->since_ms);
    pg_step_number(insert, replay->until_ms);
    pg_step_number(insert, replay->cursor);
    pg_step_number(insert, replay->last);
    pg_step_number(insert, wall_clock_ms());
    pg_step_run(step, on_started);
}

/* Loading the next one */

static void on_next(struct pg_step *step)
{
    struct inbox_task *task = step->task;
    const PGresult *result = step->request.results[0];

    task->is_done = true;
    task->count = (uint64_t)PQntuples(result);
    if (task->count > 0) {
        pg_replay_row_read(result, 0, task->replay);
    }
    pg_step_end(step);
}

void pg_replay_next(struct pg_step *step)
{
    struct pg_statement *select = pg_step_statement(
        step, PG_REPLAY_ROW_SELECT " WHERE o.name = $1 AND r.state = 0"
                                   " ORDER BY r.id LIMIT 1");

    pg_statement_text(select, step->task->replay->outlet);
    pg_step_run(step, on_next);
}

/* Stopping one */

static const char stop_sql[] = "UPDATE @replays SET state = 2, changed_at = $2"
                               " WHERE id = $1 AND state = 0";

static void on_stopped(struct pg_step *step)
{
    struct inbox_task *task = step->task;
    unsigned long long id = task->replay->id;
    const PGresult *before = step->request.results[0];

    task->is_done = true;
    task->count = (uint64_t)PQntuples(before);
    if (task->count == 0) {
        task->error = reason_set(&task->why, HAPLO_ENOTFOUND,
                                 "there is no replay %llu", id);
    } else {
        pg_replay_row_read(before, 0, task->replay);
    }
    if (task->count > 0 && task->replay->state != INBOX_REPLAY_RUNNING) {
        task->error = reason_set(
            &task->why, HAPLO_EINVAL, "replay %llu is %s already", id,
            task->replay->state == INBOX_REPLAY_DONE ? "done" : "stopped");
    }
    task->replay->state = INBOX_REPLAY_STOPPED;
    pg_step_end(step);
}

void pg_replay_stop(struct pg_step *step)
{
    struct pg_statement *select = pg_step_statement(
        step, PG_REPLAY_ROW_SELECT " WHERE r.id = $1 FOR UPDATE OF r");
    struct pg_statement *update = pg_step_statement(step, stop_sql);

    pg_step_number(select, step->task->replay->id);
    pg_step_number(update, step->task->replay->id);
    pg_step_number(update, wall_clock_ms());
    pg_step_run(step, on_stopped);
}

/* Saving progress */

static const char delivered_sql[] =
    "DELETE FROM @dead_letters AS d USING unnest($2, $3) AS n (first, last)"
    " WHERE d.outlet = (SELECT id FROM @outlets WHERE name = $1)"
    " AND d.arrival BETWEEN n.first AND n.last";

static const char refused_sql[] =
    "INSERT INTO @dead_letters AS d"
    " (outlet, arrival, queue, why, attempts, at)"
    " SELECT o.id, n.arrival, n.queue, n.why, n.attempts, $6"
    " FROM @outlets AS o CROSS JOIN unnest($2, $3, $4, $5)"
    "  AS n (arrival, queue, why, attempts) WHERE o.name = $1"
    " ON CONFLICT (outlet, arrival) DO UPDATE SET why = excluded.why,"
    " at = excluded.at, attempts = d.attempts + excluded.attempts";

/* If another host has gone on with it, what is left of this one's work is not
 * stored. */
static const char save_sql[] =
    "UPDATE @replays SET cursor = $2, delivered = $3, refused = $4,"
    " state = CASE WHEN state = 0 THEN $5 ELSE state END, changed_at = $6,"
    " why = $7 WHERE id = $1 AND cursor <= $2 RETURNING state";

static void on_saved(struct pg_step *step)
{
    struct inbox_task *task = step->task;
    const PGresult *result = step->request.results[2];

    task->is_done = true;
    task->replay->state =
        PQntuples(result) > 0
            ? (enum inbox_replay_state)pg_number(result, 0, 0)
            : INBOX_REPLAY_STOPPED; /* not this one's any more */
    pg_step_end(step);
}

static void delivered_add(struct pg_step *step,
                          const struct inbox_replay_marks *marks)
{
    struct pg_statement *statement = pg_step_statement(step, delivered_sql);
    struct pg_array *firsts = pg_step_array(step, PG_INT8);
    struct pg_array *lasts = pg_step_array(step, PG_INT8);

    for (size_t i = 0; i < marks->delivered_count; i++) {
        const struct inbox_span *span = &marks->delivered[i];

        pg_array_number(firsts, (int64_t)span->first);
        pg_array_number(lasts, (int64_t)(span->first + span->count - 1));
    }
    (void)pg_array_finish(firsts); /* reports again in is_complete() */
    (void)pg_array_finish(lasts);
    pg_statement_text(statement, step->task->replay->outlet);
    pg_statement_array(statement, firsts);
    pg_statement_array(statement, lasts);
}

static void refused_add(struct pg_step *step,
                        const struct inbox_replay_marks *marks)
{
    struct pg_statement *statement = pg_step_statement(step, refused_sql);
    struct pg_array *arrivals = pg_step_array(step, PG_INT8);
    struct pg_array *queues = pg_step_array(step, PG_INT8);
    struct pg_array *whys = pg_step_array(step, PG_TEXT);
    struct pg_array *attempts = pg_step_array(step, PG_INT8);
    struct pg_array *const arrays[] = {arrivals, queues, whys, attempts};

    for (size_t i = 0; i < marks->refused_count; i++) {
        const struct inbox_dead_letter *letter = &marks->refused[i];

        pg_array_number(arrivals, (int64_t)letter->arrival);
        pg_array_number(queues, (int64_t)letter->queue_id);
        pg_array_text(whys, letter->why);
        pg_array_number(attempts, (int64_t)letter->attempts);
    }
    pg_statement_text(statement, step->task->replay->outlet);
    for (size_t i = 0; i < 4; i++) {
        (void)pg_array_finish(arrays[i]); /* reports again in is_complete() */
        pg_statement_array(statement, arrays[i]);
    }
    pg_step_number(statement, wall_clock_ms());
}

void pg_replay_save(struct pg_step *step)
{
    const struct inbox_replay *replay = step->task->replay;
    struct pg_statement *update;

    delivered_add(step, step->task->marks);
    refused_add(step, step->task->marks);
    update = pg_step_statement(step, save_sql);
    pg_step_number(update, replay->id);
    pg_step_number(update, replay->cursor);
    pg_step_number(update, replay->delivered_count);
    pg_step_number(update, replay->refused_count);
    pg_step_number(update, (uint64_t)replay->state);
    pg_step_number(update, wall_clock_ms());
    pg_statement_text(update, replay->why.text);
    pg_step_run(step, on_saved);
}
