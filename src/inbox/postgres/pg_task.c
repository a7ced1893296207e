/*
 * pg_task.c - carries out tasks.
 *
 *   - A step is prepared from the task, and sent as one request.
 *   - Its results are taken, and the inbox is told.
 *   - Removing dead letters takes two requests a step: which names match a
 *     pattern is decided here, not by the database.
 *
 * If a request fails, the task ends with the error; what a lost connection has
 * or has not stored is stored again when the task is repeated.
 */
#include "inbox/postgres/pg_task.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/container_of.h"
#include "base/wall_clock.h"
#include "inbox/postgres/pg_names.h"
#include "inbox/postgres/pg_replay_row.h"
#include "inbox/postgres/pg_store.h"

#define LETTER_COUNT_MAX 500 /* dead letters that a step looks at */

/* A step that is outstanding. */
struct pg_step {
    struct pg_store *store;                 /* its owner */
    struct inbox_task *task;                /* whose step */
    struct pg_request request;              /* outstanding */
    struct pg_statement statements[3];      /* of the request */
    char *sql[3];                           /* owned; of the statements */
    struct pg_array arrays[6];              /* owned; parameters */
    size_t array_count;                     /* in use */
    void (*taken_cb)(struct pg_step *step); /* takes the results */
};

static void step_free(struct pg_step *step)
{
    pg_request_clear(&step->request);
    for (size_t i = 0; i < step->array_count; i++) {
        pg_array_free(&step->arrays[i]);
    }
    for (size_t i = 0; i < 3; i++) {
        free(step->sql[i]);
    }
    free(step);
}

static void step_end(struct pg_step *step)
{
    struct inbox_task *task = step->task;

    step_free(step);
    inbox_task_stepped(task);
}

/* Building a request */

static struct pg_array *array_add(struct pg_step *step, enum pg_element element)
{
    struct pg_array *array = &step->arrays[step->array_count++];

    pg_array_init(array, element);
    return array;
}

/* Adds a statement. If memory runs out, its SQL is NULL. */
static struct pg_statement *statement_add(struct pg_step *step, const char *sql)
{
    size_t index = step->request.statement_count++;

    step->sql[index] = pg_names_expand(step->store->schema, sql);
    pg_statement_init(&step->statements[index], step->sql[index]);
    return &step->statements[index];
}

static void add_number(struct pg_statement *statement, uint64_t value)
{
    pg_statement_number(statement,
                        value < INT64_MAX ? (int64_t)value : INT64_MAX);
}

/* Forgets the previous request of the step. */
static void request_reset(struct pg_step *step)
{
    pg_request_clear(&step->request);
    for (size_t i = 0; i < step->array_count; i++) {
        pg_array_free(&step->arrays[i]);
    }
    for (size_t i = 0; i < 3; i++) {
        free(step->sql[i]);
        step->sql[i] = NULL;
    }
    step->array_count = 0;
    step->request.statement_count = 0;
}

static void on_answer(struct pg_request *request)
{
    struct pg_step *step = request->data;
    struct inbox_task *task = step->task;

    if (request->outcome != PG_FINE) {
        task->error = pg_store_explain(step->store, request, "change the inbox",
                                       HAPLO_EDELIVERY, &task->why);
        step_end(step);
        return;
    }
    step->taken_cb(step);
}

static bool is_complete(struct pg_step *step)
{
    bool is_whole = true;

    for (size_t i = 0; i < step->request.statement_count; i++) {
        is_whole = is_whole && step->sql[i] != NULL;
    }
    for (size_t i = 0; i < step->array_count; i++) {
        is_whole = pg_array_finish(&step->arrays[i]) == 0 && is_whole;
    }
    return is_whole;
}

static void on_no_memory(struct worker_job *job)
{
    struct inbox_task *task = container_of(job, struct inbox_task, job);

    task->error = reason_set(&task->why, HAPLO_ENOMEM, "out of memory");
    inbox_task_stepped(task);
}

static void request_run(struct pg_step *step,
                        void (*taken_cb)(struct pg_step *step))
{
    if (!is_complete(step)) {
        struct inbox_task *task = step->task;

        pg_reader_later(&step->store->reader, &task->job, on_no_memory);
        step_free(step);
        return;
    }
    step->taken_cb = taken_cb;
    step->request.statements = step->statements;
    step->request.limit_ms = step->store->timeout_ms;
    step->request.done_cb = on_answer;
    step->request.data = step;
    pg_connection_run(&step->store->reader.connection, &step->request);
}

static void outlet_is_unknown(struct pg_step *step, const char *outlet)
{
    struct inbox_task *task = step->task;

    task->error = reason_set(&task->why, HAPLO_ENOTFOUND,
                             "outlet %s has not forwarded anything from this "
                             "inbox",
                             outlet);
}

/* Removing dead letters */

static const char letters_sql[] =
    "SELECT d.arrival, d.at, coalesce(q.server, '?'), coalesce(q.queue, '?')"
    " FROM @dead_letters AS d LEFT JOIN @queues AS q ON q.id = d.queue"
    " WHERE d.outlet = (SELECT id FROM @outlets WHERE name = $1)"
    " AND d.arrival > $2 AND d.arrival <= $3 ORDER BY d.arrival LIMIT $4";

static const char remove_sql[] =
    "DELETE FROM @dead_letters"
    " WHERE outlet = (SELECT id FROM @outlets WHERE name = $1)"
    " AND arrival = ANY ($2)";

static void on_removed(struct pg_step *step)
{
    step_end(step);
}

static void on_letters(struct pg_step *step)
{
    struct inbox_task *task = step->task;
    const struct inbox_filter *filter = &task->filter;
    const PGresult *rows = step->request.results[0];
    int row_count = PQntuples(rows);
    int64_t arrivals[LETTER_COUNT_MAX];
    size_t count = 0;

    if (PQntuples(step->request.results[1]) == 0) {
        outlet_is_unknown(step, filter->outlet);
    }
    for (int i = 0; i < row_count && task->error == 0; i++) {
        task->position = (uint64_t)pg_number(rows, i, 0);
        if (inbox_filter_takes_time(filter, (uint64_t)pg_number(rows, i, 1)) &&
            inbox_filter_takes_queue(filter, pg_text(rows, i, 2),
                                     pg_text(rows, i, 3))) {
            arrivals[count++] = (int64_t)task->position;
        }
    }
    task->is_done = row_count < LETTER_COUNT_MAX;
    task->count += count;
    if (count == 0) {
        step_end(step);
        return;
    }
    request_reset(step);
    struct pg_statement *remove = statement_add(step, remove_sql);
    struct pg_array *array = array_add(step, PG_INT8);

    for (size_t i = 0; i < count; i++) {
        pg_array_number(array, arrivals[i]);
    }
    (void)pg_array_finish(array); /* reports again in is_complete() */
    pg_statement_text(remove, filter->outlet);
    pg_statement_array(remove, array);
    request_run(step, on_removed);
}

static void letters_purge(struct pg_step *step)
{
    const struct inbox_task *task = step->task;
    uint64_t only = task->filter.arrival;
    uint64_t after =
        task->position == 0 && only > 0 ? only - 1 : task->position;
    struct pg_statement *select = statement_add(step, letters_sql);
    struct pg_statement *outlet =
        statement_add(step, "SELECT id FROM @outlets WHERE name = $1");

    pg_statement_text(select, task->filter.outlet);
    add_number(select, after);
    add_number(select, only > 0 ? only : INT64_MAX);
    pg_statement_number(select, LETTER_COUNT_MAX);
    pg_statement_text(outlet, task->filter.outlet);
    request_run(step, on_letters);
}

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
        outlet_is_unknown(step, task->replay->outlet);
    } else {
        task->replay->id = (uint64_t)pg_number(result, 0, 0);
        task->count = 1;
    }
    step_end(step);
}

static void replay_start(struct pg_step *step)
{
    const struct inbox_replay *replay = step->task->replay;
    struct pg_statement *insert = statement_add(step, start_sql);

    pg_statement_text(insert, replay->outlet);
    pg_statement_text(insert, replay->queue);
    pg_statement_bool(insert, replay->is_of_letters);
    pg_statement_bool(insert, replay->has_new_ids);
    add_number(insert, replay->since_ms);
    add_number(insert, replay->until_ms);
    add_number(insert, replay->cursor);
    add_number(insert, replay->last);
    add_number(insert, wall_clock_ms());
    request_run(step, on_started);
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
    step_end(step);
}

static void replay_next(struct pg_step *step)
{
    struct pg_statement *select = statement_add(
        step, PG_REPLAY_ROW_SELECT " WHERE o.name = $1 AND r.state = 0"
                                   " ORDER BY r.id LIMIT 1");

    pg_statement_text(select, step->task->replay->outlet);
    request_run(step, on_next);
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
    step_end(step);
}

static void replay_stop(struct pg_step *step)
{
    struct pg_statement *select = statement_add(
        step, PG_REPLAY_ROW_SELECT " WHERE r.id = $1 FOR UPDATE OF r");
    struct pg_statement *update = statement_add(step, stop_sql);

    add_number(select, step->task->replay->id);
    add_number(update, step->task->replay->id);
    add_number(update, wall_clock_ms());
    request_run(step, on_stopped);
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

static const char save_sql[] =
    "UPDATE @replays SET cursor = $2, delivered = $3, refused = $4,"
    " state = CASE WHEN state = 0 THEN $5 ELSE state END, changed_at = $6,"
    " why = $7 WHERE id = $1 RETURNING state";

static void on_saved(struct pg_step *step)
{
    struct inbox_task *task = step->task;
    const PGresult *result = step->request.results[2];

    task->is_done = true;
    task->replay->state = PQntuples(result) > 0
                              ? (enum inbox_replay_state)pg_number(result, 0, 0)
                              : INBOX_REPLAY_STOPPED; /* its row was removed */
    step_end(step);
}

static void delivered_add(struct pg_step *step,
                          const struct inbox_replay_marks *marks)
{
    struct pg_statement *statement = statement_add(step, delivered_sql);
    struct pg_array *firsts = array_add(step, PG_INT8);
    struct pg_array *lasts = array_add(step, PG_INT8);

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
    struct pg_statement *statement = statement_add(step, refused_sql);
    struct pg_array *arrivals = array_add(step, PG_INT8);
    struct pg_array *queues = array_add(step, PG_INT8);
    struct pg_array *whys = array_add(step, PG_TEXT);
    struct pg_array *attempts = array_add(step, PG_INT8);
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
    add_number(statement, wall_clock_ms());
}

static void replay_save(struct pg_step *step)
{
    const struct inbox_replay *replay = step->task->replay;
    struct pg_statement *update;

    delivered_add(step, step->task->marks);
    refused_add(step, step->task->marks);
    update = statement_add(step, save_sql);
    add_number(update, replay->id);
    add_number(update, replay->cursor);
    add_number(update, replay->delivered_count);
    add_number(update, replay->refused_count);
    add_number(update, (uint64_t)replay->state);
    add_number(update, wall_clock_ms());
    pg_statement_text(update, replay->why.text);
    request_run(step, on_saved);
}

/* The operation */

static void (*const kinds[])(struct pg_step *step) = {
    [INBOX_TASK_LETTERS_PURGE] = letters_purge,
    [INBOX_TASK_REPLAY_START] = replay_start,
    [INBOX_TASK_REPLAY_STOP] = replay_stop,
    [INBOX_TASK_REPLAY_NEXT] = replay_next,
    [INBOX_TASK_REPLAY_SAVE] = replay_save,
};

static void on_unsupported(struct worker_job *job)
{
    struct inbox_task *task = container_of(job, struct inbox_task, job);

    task->error = reason_set(&task->why, HAPLO_EINVAL,
                             "not supported yet for an inbox in PostgreSQL");
    inbox_task_stepped(task);
}

void pg_task(struct inbox_store *base, struct inbox_task *task)
{
    struct pg_store *store = container_of(base, struct pg_store, base);
    struct pg_step *step = calloc(1, sizeof(*step));

    if (step == NULL) {
        pg_reader_later(&store->reader, &task->job, on_no_memory);
        return;
    }
    step->store = store;
    step->task = task;
    if ((size_t)task->kind >= sizeof(kinds) / sizeof(kinds[0])) {
        step_free(step);
        pg_reader_later(&store->reader, &task->job, on_unsupported);
        return;
    }
    kinds[task->kind](step);
}
