#include "inbox/sqlite/writer_jobs.h"

#include "base/container_of.h"

static void job_work(struct worker_job *worker_job)
{
    struct writer_jobs *jobs =
        container_of(worker_job, struct writer_jobs, job);

    if (jobs->current->is_held) {
        return;
    }
    if (jobs->is_finish_due) {
        writer_checkpoint(jobs->writer);
    }
    jobs->current->work_cb(jobs->current);
}

static void job_next(struct writer_jobs *jobs);

static void job_done(struct worker_job *worker_job)
{
    struct writer_jobs *jobs =
        container_of(worker_job, struct writer_jobs, job);
    struct writer_job *job = jobs->current;

    jobs->current = NULL;
    if (!job->has_failed) {
        checkpoint_consider(jobs->checkpoint, jobs->writer->wal_frames);
        arrival_mark_consider(jobs->mark, jobs->writer->newest_arrival,
                              uv_now(jobs->loop));
    }
    job_next(jobs);
    job->done_cb(job);
}

/* Starts one, if the thread is free. */
static void job_next(struct writer_jobs *jobs)
{
    struct writer_job *job = STAILQ_FIRST(&jobs->waiting);
    size_t wal_frames;

    if (jobs->current != NULL || job == NULL) {
        return;
    }
    STAILQ_REMOVE_HEAD(&jobs->waiting, link);
    jobs->current = job;
    job->has_failed = false;
    wal_frames = jobs->writer->wal_frames;
    jobs->is_finish_due =
        checkpoint_is_finish_due(jobs->checkpoint, wal_frames);
    job->is_held =
        checkpoint_must_hold(jobs->checkpoint, wal_frames, &job->why);
    jobs->job.work_cb = job_work;
    jobs->job.done_cb = job_done;
    worker_submit(jobs->worker, &jobs->job);
}

void writer_jobs_init(struct writer_jobs *jobs)
{
    STAILQ_INIT(&jobs->waiting);
    jobs->current = NULL;
}

void writer_jobs_submit(struct writer_jobs *jobs, struct writer_job *job)
{
    STAILQ_INSERT_TAIL(&jobs->waiting, job, link);
    job_next(jobs);
}

void writer_jobs_submit_first(struct writer_jobs *jobs, struct writer_job *job)
{
    jobs->first_count++;
    STAILQ_INSERT_HEAD(&jobs->waiting, job, link);
    job_next(jobs);
}
