/*
 * pg_outlet_steps.c - forgets an outlet that is no longer configured. One
 * statement: it has one position per queue, and few dead letters.
 */
#include "inbox/postgres/pg_step.h"

static const char forget_sql[] =
    "WITH o AS (DELETE FROM @outlets WHERE name = $1 RETURNING id),"
    " p AS (DELETE FROM @positions WHERE outlet IN (SELECT id FROM o)),"
    " d AS (DELETE FROM @dead_letters WHERE outlet IN (SELECT id FROM o)"
    "  RETURNING 1),"
    " r AS (DELETE FROM @replays WHERE outlet IN (SELECT id FROM o)"
    "  RETURNING 1)"
    " SELECT (SELECT count(*) FROM o),"
    "  (SELECT count(*) FROM d) + (SELECT count(*) FROM r)";

static void on_forgotten(struct pg_step *step)
{
    struct inbox_task *task = step->task;
    const PGresult *result = step->request.results[0];

    task->is_done = true;
    if (pg_number(result, 0, 0) == 0) {
        pg_step_no_outlet(step, task->filter.outlet);
    }
    task->count = (uint64_t)pg_number(result, 0, 1);
    pg_step_end(step);
}

void pg_outlet_forget(struct pg_step *step)
{
    pg_statement_text(pg_step_statement(step, forget_sql),
                      step->task->filter.outlet);
    pg_step_run(step, on_forgotten);
}
