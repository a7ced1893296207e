/*
 * worker.h - a thread that does what blocks, one job after the other, and
 * answers on the loop. For databases: libuv's own pool is shared with name
 * lookups, which must not wait behind a slow disk.
 *
 * While jobs are outstanding it keeps the loop alive.
 */
#ifndef INBOX_WORKER_H
#define INBOX_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include <uv.h>

struct worker_job;
typedef void (*worker_job_cb)(struct worker_job *job);

/* Embedded in its owner, which fills it; borrowed until done_cb. */
struct worker_job {
    worker_job_cb work_cb;         /* on the worker's thread */
    worker_job_cb done_cb;         /* then on the loop's */
    void *data;                    /* the owner's */
    STAILQ_ENTRY(worker_job) link; /* the worker's */
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
    struct worker_job_list done; /* the same */
    size_t outstanding_count;    /* jobs that are not answered */
    bool is_stopping;            /* ends when todo is empty */
    worker_closed_cb closed_cb;  /* of worker_close() */
    void *closed_data;           /* for closed_cb */
};

/* Starts the thread. On error (HAPLO_ENOMEM) nothing is left to be closed. */
int worker_open(struct worker *worker, uv_loop_t *loop);

/* From the loop's thread. */
void worker_submit(struct worker *worker, struct worker_job *job);

/* No job may be outstanding. Ends the thread; closed_cb fires from the loop. */
void worker_close(struct worker *worker, worker_closed_cb closed_cb,
                  void *data);

#endif
