/*
 * writer_jobs.h - what the writer's thread does with an open inbox: groups,
 * steps of retention and requests of operators, one at a time. Groups go
 * first. Before each job, the rest of the WAL is copied if that is due; after
 * it, a checkpoint is considered.
 *
 * While no job is running, the thread of the loop may look at the writer.
 */
#ifndef INBOX_SQLITE_WRITER_JOBS_H
#define INBOX_SQLITE_WRITER_JOBS_H

#include <stdbool.h>
#include <sys/queue.h>

#include "inbox/sqlite/arrival_mark.h"
#include "inbox/sqlite/checkpoint.h"
#include "inbox/sqlite/writer.h"
#include "inbox/worker.h"

struct writer_job;
typedef void (*writer_job_cb)(struct writer_job *job);

/* Embedded in its owner, which fills the first part. Borrowed until done_cb. */
struct writer_job {
    writer_job_cb work_cb; /* on the writer's thread; not called if is_held */
    writer_job_cb done_cb; /* on the thread of the loop afterwards */
    bool is_held;          /* set before: nothing may be written, because the
                              WAL has become too large; see why */
    struct reason why;     /* text of is_held */
    bool has_failed;       /* set by work_cb: nothing was written */
    STAILQ_ENTRY(writer_job) link; /* waiting */
};

STAILQ_HEAD(writer_job_list, writer_job);

struct writer_jobs {
    uv_loop_t *loop;                /* for its clock */
    struct worker *worker;          /* the thread */
    struct writer *writer;          /* its connection */
    struct checkpoint *checkpoint;  /* decides about the WAL */
    struct arrival_mark *mark;      /* told how far arrivals have got */
    struct writer_job_list waiting; /* in their order */
    struct writer_job *current;     /* with the thread; NULL: none */
    uint64_t first_count;           /* jobs that went first, so far */
    bool is_finish_due;             /* copy the rest of the WAL first */
    struct worker_job job;          /* passes current to the thread */
};

/* The rest must have been filled. */
void writer_jobs_init(struct writer_jobs *jobs);

/* Both complete with done_cb, from the loop and never inside the call. The
 * second one does not wait for the others that are waiting. */
void writer_jobs_submit(struct writer_jobs *jobs, struct writer_job *job);
void writer_jobs_submit_first(struct writer_jobs *jobs, struct writer_job *job);

#endif
