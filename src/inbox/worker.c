#include "inbox/worker.h"

#include <assert.h>

#include "haplopoll.h"

#define STACK_SIZE ((size_t)1024 * 1024) /* ample for SQLite */

/* On the thread of the worker */

/* NULL when the worker is to end. */
static struct worker_job *job_next(struct worker *worker)
{
    struct worker_job *job;

    uv_mutex_lock(&worker->mutex);
    while (STAILQ_EMPTY(&worker->todo) && !worker->is_stopping) {
        uv_cond_wait(&worker->cond, &worker->mutex);
    }
    job = STAILQ_FIRST(&worker->todo);
    if (job != NULL) {
        STAILQ_REMOVE_HEAD(&worker->todo, link);
    }
    uv_mutex_unlock(&worker->mutex);
    return job;
}

static void worker_run(void *data)
{
    struct worker *worker = data;
    struct worker_job *job;
    int result;

    while ((job = job_next(worker)) != NULL) {
        job->work_cb(job);
        uv_mutex_lock(&worker->mutex);
        STAILQ_INSERT_TAIL(&worker->done, job, link);
        uv_mutex_unlock(&worker->mutex);
        result = uv_async_send(&worker->async);
        assert(result == 0);
        (void)result;
    }
}

/* On the thread of the loop */

static void on_async(uv_async_t *async)
{
    struct worker *worker = async->data;
    struct worker_job_list done = STAILQ_HEAD_INITIALIZER(done);
    struct worker_job *job;

    uv_mutex_lock(&worker->mutex);
    STAILQ_CONCAT(&done, &worker->done);
    uv_mutex_unlock(&worker->mutex);
    while ((job = STAILQ_FIRST(&done)) != NULL) {
        STAILQ_REMOVE_HEAD(&done, link);
        worker->outstanding_count--;
        if (worker->outstanding_count == 0) {
            uv_unref((uv_handle_t *)&worker->async);
        }
        /* May close the worker, which does not free the handle yet. */
        job->done_cb(job);
    }
}

/* The thread is idle, so this does not block for long. */
static void thread_end(struct worker *worker)
{
    int result;

    uv_mutex_lock(&worker->mutex);
    worker->is_stopping = true;
    uv_cond_signal(&worker->cond);
    uv_mutex_unlock(&worker->mutex);
    result = uv_thread_join(&worker->thread);
    assert(result == 0);
    (void)result;
}

int worker_open(struct worker *worker, uv_loop_t *loop)
{
    /* The default is 8 MB, which counts where address space is limited. */
    const uv_thread_options_t thread = {.flags = UV_THREAD_HAS_STACK_SIZE,
                                        .stack_size = STACK_SIZE};

    worker->loop = loop;
    worker->outstanding_count = 0;
    worker->is_stopping = false;
    STAILQ_INIT(&worker->todo);
    STAILQ_INIT(&worker->done);
    if (uv_mutex_init(&worker->mutex) != 0) {
        return HAPLO_ENOMEM;
    }
    if (uv_cond_init(&worker->cond) != 0) {
        goto no_cond;
    }
    if (uv_thread_create_ex(&worker->thread, &thread, worker_run, worker) !=
        0) {
        goto no_thread;
    }
    /* Last, because closing a handle takes the loop. The thread does not use
     * it before the first job. */
    if (uv_async_init(loop, &worker->async, on_async) != 0) {
        goto no_async;
    }
    worker->async.data = worker;
    uv_unref((uv_handle_t *)&worker->async);
    return 0;

no_async:
    thread_end(worker);
no_thread:
    uv_cond_destroy(&worker->cond);
no_cond:
    uv_mutex_destroy(&worker->mutex);
    return HAPLO_ENOMEM;
}

void worker_submit(struct worker *worker, struct worker_job *job)
{
    assert(!worker->is_stopping);
    worker->outstanding_count++;
    uv_ref((uv_handle_t *)&worker->async);
    uv_mutex_lock(&worker->mutex);
    STAILQ_INSERT_TAIL(&worker->todo, job, link);
    uv_cond_signal(&worker->cond);
    uv_mutex_unlock(&worker->mutex);
}

static void on_async_closed(uv_handle_t *handle)
{
    struct worker *worker = handle->data;

    uv_cond_destroy(&worker->cond);
    uv_mutex_destroy(&worker->mutex);
    worker->closed_cb(worker->closed_data);
}

void worker_close(struct worker *worker, worker_closed_cb closed_cb, void *data)
{
    assert(worker->outstanding_count == 0);
    worker->closed_cb = closed_cb;
    worker->closed_data = data;
    thread_end(worker);
    uv_close((uv_handle_t *)&worker->async, on_async_closed);
}
