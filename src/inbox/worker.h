/*
 * worker.h - a thread that runs blocking jobs, one at a time, and reports on
 * the loop. Used for databases: the thread pool of libuv is shared with name
 * lookups, which must not wait behind a slow disk.
 *
 * It keeps the loop alive while jobs are outstanding.
 */
#ifndef INBOX_WORKER_H
#define INBOX_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include <uv.h>

struct worker_job;
typedef void (*worker_job_cb)(struct worker_job *job);

/* Embedded in its owner, which fills it. Borrowed until done_cb. */
struct worker_job {
    worker_job_cb work_cb; /* runs on the thread of the worker */
    worker_job_cb done_cb; /* runs on the thread of the loop afterwards */
    void *data;            /* for the owner */
    STAILQ_ENTRY(worker_job) link; /* in todo or done */
};

STAILQ_HEAD(worker_job_list, worker_job);

typedef void (*worker_closed_cb)(void *data);

struct worker {
    uv_loop_t *loop;             /* where done_cb fires */
    uv_thread_t thread;          /* runs the jobs */
    uv_mutex_t mutex;            /* guards the lists and is_stopping */
    uv_cond_t cond;              /* todo or is_stopping has changed */
    uv_async_t async;            /* done has changed */
    struct worker_job_list todo; /* in the order they came */
    struct worker_job_list done; /* in order of completion */
    size_t outstanding_count;    /* jobs whose done_cb has not fired */
    bool is_stopping;            /* ends when todo is empty */
    worker_closed_cb closed_cb;  /* of worker_close() */
    void *closed_data;           /* for closed_cb */
};

/* Starts the thread. On error (HAPLO_ENOMEM) there is nothing to close. */
int worker_open(struct worker *worker, uv_loop_t *loop);

/* To be called on the thread of the loop. */
void worker_submit(struct worker *worker, struct worker_job *job);

/* Ends the thread; closed_cb fires from the loop. No job may be outstanding. */
void worker_close(struct worker *worker, worker_closed_cb closed_cb,
                  void *data);

#endif
