#include "inbox/postgres/pg_step.h"

#include <stdlib.h>
#include <string.h>

#include "base/container_of.h"
#include "inbox/postgres/pg_names.h"

static void step_free(struct pg_step *step)
{
    pg_request_clear(&step->request);
    for (size_t i = 0; i < step->array_count; i++) {
        pg_array_free(&step->arrays[i]);
    }
    for (size_t i = 0; i < PG_STEP_STATEMENT_COUNT_MAX; i++) {
        free(step->sql[i]);
    }
    free(step);
}

void pg_step_end(struct pg_step *step)
{
    struct inbox_task *task = step->task;

    step_free(step);
    inbox_task_stepped(task);
}

/* Building a request */

struct pg_array *pg_step_array(struct pg_step *step, enum pg_element element)
{
    struct pg_array *array = &step->arrays[step->array_count++];

    pg_array_init(array, element);
    return array;
}

/* If memory runs out, its SQL is NULL. */
struct pg_statement *pg_step_statement(struct pg_step *step, const char *sql)
{
    size_t index = step->request.statement_count++;

    step->sql[index] = pg_names_expand(step->store->schema, sql);
    pg_statement_init(&step->statements[index], step->sql[index]);
    return &step->statements[index];
}

void pg_step_number(struct pg_statement *statement, uint64_t value)
{
    pg_statement_number(statement,
                        value < INT64_MAX ? (int64_t)value : INT64_MAX);
}

void pg_step_reset(struct pg_step *step)
{
    pg_request_clear(&step->request);
    for (size_t i = 0; i < step->array_count; i++) {
        pg_array_free(&step->arrays[i]);
    }
    for (size_t i = 0; i < PG_STEP_STATEMENT_COUNT_MAX; i++) {
        free(step->sql[i]);
        step->sql[i] = NULL;
    }
    step->array_count = 0;
    step->request.statement_count = 0;
}

static void explain(const struct pg_step *step)
{
    const struct pg_request *request = &step->request;
    struct inbox_task *task = step->task;

    if (step->rights != NULL && strcmp(request->sqlstate, "42501") == 0) {
        task->error = reason_set(
            &task->why, HAPLO_EDELIVERY, "schema %s: change the inbox: %s: %s",
            step->store->schema, request->why.text, step->rights);
    } else {
        task->error = pg_store_explain(step->store, request, "change the inbox",
                                       HAPLO_EDELIVERY, &task->why);
    }
}

static void on_answer(struct pg_request *request)
{
    struct pg_step *step = request->data;

    if (request->outcome != PG_FINE) {
        explain(step);
        pg_step_end(step);
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

struct pg_step *pg_step_new(struct pg_store *store, struct inbox_task *task)
{
    struct pg_step *step = calloc(1, sizeof(*step));

    if (step == NULL) {
        pg_reader_later(&store->reader, &task->job, on_no_memory);
        return NULL;
    }
    step->store = store;
    step->task = task;
    return step;
}

void pg_step_run(struct pg_step *step, void (*taken_cb)(struct pg_step *step))
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

void pg_step_no_outlet(struct pg_step *step, const char *outlet)
{
    struct inbox_task *task = step->task;

    task->error = reason_set(&task->why, HAPLO_ENOTFOUND,
                             "outlet %s has not forwarded anything from this "
                             "inbox",
                             outlet);
}
