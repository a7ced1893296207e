/*
 * blocking.c - runs an outlet that blocks: parcels are jobs of a worker thread
 * (inbox/worker.h). The first job opens the destination: a folder must be known
 * before its disk can be unmounted, however late the first parcel comes.
 *
 * Closing: the current parcel is finished; those after it get RETRY without
 * being tried. Then the destination is closed, also on the thread, and the
 * thread ends.
 */
#include "outlets/blocking.h"

#include <assert.h>
#include <stdlib.h>

#include "base/container_of.h"

struct blocking {
    struct outlet base;             /* must be first */
    struct outlet_setting setting;  /* a copy, which borrows its pointers */
    const struct blocking_ops *ops; /* borrowed */
    struct worker worker;           /* the thread */
    struct worker_job opening;      /* opens the destination */
    struct worker_job closing;      /* closes the destination */
    size_t parcel_count;            /* parcels outstanding */
    bool is_closing;                /* between close and closed_cb */
    atomic_bool is_ending;          /* the same, for the thread */
    outlet_closed_cb closed_cb;     /* of blocking_close() */
    void *closed_data;              /* for closed_cb */
    /* Used on the thread: */
    void *state;                   /* from ops->open(); NULL: not open */
    struct blocking_memory memory; /* kept when it is closed */
};

/* On the thread */

static void destination_close(struct blocking *blocking)
{
    if (blocking->state != NULL) {
        blocking->ops->close(blocking->state);
        blocking->state = NULL;
    }
}

static bool destination_open(struct blocking *blocking, struct reason *why)
{
    if (blocking->state == NULL) {
        if (blocking->ops->open(&blocking->setting, &blocking->memory,
                                &blocking->state, why) != 0) {
            blocking->state = NULL;
            return false;
        }
        blocking->memory.was_open = true;
    }
    return true;
}

/* If it fails, the first parcel tries again, and reports why. */
static void on_opening(struct worker_job *job)
{
    struct reason why;

    (void)destination_open(job->data, &why);
}

static void on_parcel(struct worker_job *job)
{
    struct outlet_parcel *parcel = container_of(job, struct outlet_parcel, job);
    struct blocking *blocking = job->data;

    if (atomic_load(&blocking->is_ending)) {
        parcel->verdict = OUTLET_RETRY;
        (void)reason_set(&parcel->why, 0, "closing");
    } else if (!destination_open(blocking, &parcel->why)) {
        parcel->verdict = OUTLET_BROKEN;
    } else {
        blocking->ops->deliver(blocking->state, parcel, &blocking->is_ending);
    }
    if (parcel->verdict == OUTLET_BROKEN) {
        destination_close(blocking);
    }
}

static void on_closing(struct worker_job *job)
{
    destination_close(job->data);
}

/* On the loop */

static void on_worker_closed(void *data)
{
    struct blocking *blocking = data;
    outlet_closed_cb closed_cb = blocking->closed_cb;
    void *closed_data = blocking->closed_data;

    free(blocking);
    closed_cb(closed_data);
}

static void on_destination_closed(struct worker_job *job)
{
    struct blocking *blocking = job->data;

    worker_close(&blocking->worker, on_worker_closed, blocking);
}

static void on_opened(struct worker_job *job)
{
    (void)job;
}

static void close_if_idle(struct blocking *blocking)
{
    if (blocking->is_closing && blocking->parcel_count == 0) {
        blocking->closing = (struct worker_job){
            .work_cb = on_closing,
            .done_cb = on_destination_closed,
            .data = blocking,
        };
        worker_submit(&blocking->worker, &blocking->closing);
    }
}

static void on_parcel_done(struct worker_job *job)
{
    struct outlet_parcel *parcel = container_of(job, struct outlet_parcel, job);
    struct blocking *blocking = job->data;
    bool is_last = --blocking->parcel_count == 0 && blocking->is_closing;

    parcel->delivered_cb(parcel);
    if (is_last) { /* otherwise the callback may have closed it */
        close_if_idle(blocking);
    }
}

int blocking_open(const struct outlet_setting *setting,
                  const struct blocking_ops *ops, struct outlet **out,
                  struct reason *why)
{
    struct blocking *blocking = calloc(1, sizeof(*blocking));

    *out = NULL;
    if (blocking == NULL ||
        worker_open(&blocking->worker, setting->loop) != 0) {
        free(blocking);
        return reason_set(
            why, HAPLO_ENOMEM,
            "cannot start a thread for the outlet: out of memory, or too "
            "many threads");
    }
    blocking->base.type = setting->type;
    blocking->setting = *setting;
    blocking->ops = ops;
    atomic_init(&blocking->is_ending, false);
    blocking->opening = (struct worker_job){
        .work_cb = on_opening,
        .done_cb = on_opened,
        .data = blocking,
    };
    worker_submit(&blocking->worker, &blocking->opening);
    *out = &blocking->base;
    return 0;
}

void blocking_deliver(struct outlet *outlet, struct outlet_parcel *parcel)
{
    struct blocking *blocking = (struct blocking *)outlet;

    assert(!blocking->is_closing);
    blocking->parcel_count++;
    parcel->job.work_cb = on_parcel;
    parcel->job.done_cb = on_parcel_done;
    parcel->job.data = blocking;
    worker_submit(&blocking->worker, &parcel->job);
}

void blocking_close(struct outlet *outlet, outlet_closed_cb closed_cb,
                    void *data)
{
    struct blocking *blocking = (struct blocking *)outlet;

    blocking->is_closing = true;
    blocking->closed_cb = closed_cb;
    blocking->closed_data = data;
    atomic_store(&blocking->is_ending, true);
    close_if_idle(blocking);
}
