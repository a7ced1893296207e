/*
 * task_jobs.h - passes the steps of tasks to the writer, one at a time and in
 * turns.
 */
#ifndef INBOX_SQLITE_TASK_JOBS_H
#define INBOX_SQLITE_TASK_JOBS_H

#include "inbox/inbox_task.h"
#include "inbox/sqlite/writer.h"
#include "inbox/sqlite/writer_jobs.h"

struct task_jobs {
    struct writer_jobs *jobs;        /* of the writer */
    struct writer *writer;           /* its connection */
    struct inbox_task_queue waiting; /* in the order they came */
    struct inbox_task *current;      /* its step was submitted; NULL: none */
    struct writer_job job;           /* the step */
};

/* The pointers must have been set. */
void task_jobs_init(struct task_jobs *tasks);

/* Carries out the next step of a task; then inbox_task_stepped() is called. */
void task_jobs_submit(struct task_jobs *tasks, struct inbox_task *task);

#endif
