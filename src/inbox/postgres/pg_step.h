/*
 * pg_step.h - one step of a task: a request, which is a transaction of its own,
 * over the connection of the reader, so that it delays no commit.
 *
 *   - The statements and their parameters are added.
 *   - The request is run. taken_cb gets the results; it ends the step, or
 * builds another request.
 *
 * If a request fails, or memory runs out, the task ends with the error.
 */
#ifndef INBOX_POSTGRES_PG_STEP_H
#define INBOX_POSTGRES_PG_STEP_H

#include "inbox/inbox_task.h"
#include "inbox/postgres/pg_store.h"

#define PG_STEP_STATEMENT_COUNT_MAX 3
#define PG_STEP_ARRAY_COUNT_MAX 6

/* A step that is outstanding. */
struct pg_step {
    struct pg_store *store;    /* its owner */
    struct inbox_task *task;   /* whose step */
    struct pg_request request; /* outstanding */
    struct pg_statement
        statements[PG_STEP_STATEMENT_COUNT_MAX]; /* of the request */
    char *sql[PG_STEP_STATEMENT_COUNT_MAX];      /* owned; of the statements */
    struct pg_array arrays[PG_STEP_ARRAY_COUNT_MAX]; /* owned; parameters */
    size_t array_count;                              /* in use */
    const char *rights; /* what to do if the role may not do this; NULL: run
                           haplo-poll migrate */
    void (*taken_cb)(struct pg_step *step); /* takes the results */
};

/* NULL: memory has run out, and the task will end with that. */
struct pg_step *pg_step_new(struct pg_store *store, struct inbox_task *task);

/* Adds a statement; "@" in it is the schema. */
struct pg_statement *pg_step_statement(struct pg_step *step, const char *sql);

/* Adds an array, to be finished before it becomes a parameter. */
struct pg_array *pg_step_array(struct pg_step *step, enum pg_element element);

/* Adds a number as a parameter; those beyond the largest one become that. */
void pg_step_number(struct pg_statement *statement, uint64_t value);

/* Runs the request; taken_cb fires if it succeeds. */
void pg_step_run(struct pg_step *step, void (*taken_cb)(struct pg_step *step));

/* Forgets the request, for the next one of the same step. */
void pg_step_reset(struct pg_step *step);

/* Frees the step, and tells the inbox. */
void pg_step_end(struct pg_step *step);

/* The task fails: there is no such outlet. */
void pg_step_no_outlet(struct pg_step *step, const char *outlet);

/* pg_letter_steps.c, pg_replay_steps.c, pg_outlet_steps.c, pg_purge_steps.c:
 * begin a step of this kind. */
void pg_letters_purge(struct pg_step *step);
void pg_replay_start(struct pg_step *step);
void pg_replay_stop(struct pg_step *step);
void pg_replay_next(struct pg_step *step);
void pg_replay_save(struct pg_step *step);
void pg_outlet_forget(struct pg_step *step);
void pg_purge(struct pg_step *step);

#endif
