#include "inbox/sqlite/task_jobs.h"

#include "base/container_of.h"
#include "inbox/inbox_store.h"
#include "inbox/sqlite/task_write.h"

static void step_work(struct writer_job *job)
{
    struct task_jobs *tasks = container_of(job, struct task_jobs, job);

    task_write(tasks->writer, tasks->current);
    job->has_failed = tasks->current->error != 0;
}

static void step_next(struct task_jobs *tasks);

static void step_done(struct writer_job *job)
{
    struct task_jobs *tasks = container_of(job, struct task_jobs, job);
    struct inbox_task *task = tasks->current;

    if (job->is_held) {
        task->error = HAPLO_EDELIVERY;
        task->why = job->why;
    }
    tasks->current = NULL;
    step_next(tasks);
    inbox_task_stepped(task);
}

static void step_next(struct task_jobs *tasks)
{
    struct inbox_task *task = STAILQ_FIRST(&tasks->waiting);

    if (tasks->current != NULL || task == NULL) {
        return;
    }
    STAILQ_REMOVE_HEAD(&tasks->waiting, wait);
    tasks->current = task;
    tasks->job.work_cb = step_work;
    tasks->job.done_cb = step_done;
    writer_jobs_submit(tasks->jobs, &tasks->job);
}

void task_jobs_init(struct task_jobs *tasks)
{
    STAILQ_INIT(&tasks->waiting);
    tasks->current = NULL;
}

void task_jobs_submit(struct task_jobs *tasks, struct inbox_task *task)
{
    STAILQ_INSERT_TAIL(&tasks->waiting, task, wait);
    step_next(tasks);
}
