/*
 * pg_letter_steps.c - removes dead letters. A step takes two requests: which
 * names match a pattern is decided here, not by the database.
 */
#include "inbox/postgres/pg_step.h"

#define LETTER_COUNT_MAX 500 /* dead letters that a step looks at */

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
    pg_step_end(step);
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
        pg_step_no_outlet(step, filter->outlet);
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
        pg_step_end(step);
        return;
    }
    pg_step_reset(step);
    struct pg_statement *remove = pg_step_statement(step, remove_sql);
    struct pg_array *array = pg_step_array(step, PG_INT8);

    for (size_t i = 0; i < count; i++) {
        pg_array_number(array, arrivals[i]);
    }
    (void)pg_array_finish(array); /* reports again in is_complete() */
    pg_statement_text(remove, filter->outlet);
    pg_statement_array(remove, array);
    pg_step_run(step, on_removed);
}

void pg_letters_purge(struct pg_step *step)
{
    const struct inbox_task *task = step->task;
    uint64_t only = task->filter.arrival;
    uint64_t after =
        task->position == 0 && only > 0 ? only - 1 : task->position;
    struct pg_statement *select = pg_step_statement(step, letters_sql);
    struct pg_statement *outlet =
        pg_step_statement(step, "SELECT id FROM @outlets WHERE name = $1");

    pg_statement_text(select, task->filter.outlet);
    pg_step_number(select, after);
    pg_step_number(select, only > 0 ? only : INT64_MAX);
    pg_statement_number(select, LETTER_COUNT_MAX);
    pg_statement_text(outlet, task->filter.outlet);
    pg_step_run(step, on_letters);
}
