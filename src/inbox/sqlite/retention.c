/*
 * retention.c - deletes old messages in small steps, and makes sure that
 * commits hardly notice.
 *
 *   - Steps begin when the daemon has said which outlets there are
 *     (retention_start).
 *   - A step is a job for the writer's thread, as a group is, and takes a few
 *     milliseconds (retention_step.c). After it, nothing is deleted for
 *     REST_FACTOR times as long; if no group was written for a second, for
 *     about as long as it took.
 *   - When there is nothing more to do, the next look is due after a part of
 *     the retention period, and continues where this one ended. From time to
 *     time a pass begins with the oldest message again: what an outlet had
 *     deferred has been delivered, and dead letters were purged.
 *
 * Failures:
 *
 *   - The inbox cannot be written (lock, disk): logged once, and tried again.
 *   - Another program has kept a read transaction open, and the WAL has
 *     become too large: deleting waits, as groups do, which log it.
 */
#include "inbox/sqlite/retention.h"

#include <stdlib.h>
#include <string.h>

#include "base/container_of.h"

#define REST_FACTOR 9
#define REST_MS_MIN 10
#define IDLE_MS_MIN 2
#define BUSY_MS 1000 /* after a group */
#define FAILED_MS 5000
#define LOOK_PART 64 /* of the retention period */
#define LOOK_MS_MIN 100
#define LOOK_MS_MAX 60000
#define PASS_MS_MIN 500
#define PASS_MS_MAX 3600000

static uint64_t part_of(uint64_t period_ms, uint64_t min_ms, uint64_t max_ms)
{
    uint64_t part_ms = period_ms / LOOK_PART;

    return part_ms < min_ms ? min_ms : part_ms > max_ms ? max_ms : part_ms;
}

static void on_due(uv_timer_t *timer);

/* The timer does not keep the loop alive, as a step may. */
static void due_in(struct retention *retention, uint64_t delay_ms)
{
    if (retention->is_started && retention->closed_cb == NULL) {
        (void)uv_timer_start(&retention->timer, on_due, delay_ms, 0);
    }
}

/* Steps */

static void step_work(struct writer_job *job)
{
    struct retention *retention = container_of(job, struct retention, job);

    retention_step_run(&retention->step);
    job->has_failed = retention->step.fault != INBOX_FINE;
}

static void tell_removed(struct retention *retention)
{
    if (retention->is_told || retention->step.removed[0] == '\0') {
        return;
    }
    retention->is_told = true;
    inbox_warn_removed(retention->inbox, retention->step.removed);
}

static void note_result(struct retention *retention)
{
    bool has_failed = retention->job.has_failed;

    if (has_failed && !retention->has_failed) {
        inbox_warn(
            retention->inbox, "inbox %s: old messages cannot be deleted: %s",
            inbox_name(retention->inbox), retention->step.writer->why.text);
    } else if (!has_failed && retention->has_failed) {
        inbox_warn(retention->inbox,
                   "inbox %s: old messages are being deleted again",
                   inbox_name(retention->inbox));
    }
    retention->has_failed = has_failed;
    if (!has_failed) {
        tell_removed(retention);
    }
}

/* Groups have been written lately, so more may come at any moment. */
static bool is_busy(struct retention *retention)
{
    uint64_t now_ms = uv_now(retention->loop);

    if (retention->group_count != retention->jobs->first_count) {
        retention->group_count = retention->jobs->first_count;
        retention->busy_ms = now_ms;
    }
    return now_ms - retention->busy_ms < BUSY_MS;
}

static uint64_t rest_ms(struct retention *retention)
{
    uint64_t took_ms = uv_now(retention->loop) - retention->began_ms;

    if (retention->job.is_held || retention->has_failed) {
        return FAILED_MS;
    }
    if (!retention->step.has_more) {
        return part_of(retention->step.keep_ms, LOOK_MS_MIN, LOOK_MS_MAX);
    }
    if (!is_busy(retention)) {
        return took_ms + IDLE_MS_MIN;
    }
    return REST_FACTOR * took_ms + REST_MS_MIN;
}

static void closed(struct retention *retention);

/* names may be NULL. */
static void names_free(char **names, size_t count)
{
    for (size_t i = 0; names != NULL && i < count; i++) {
        free(names[i]);
    }
    free(names);
}

/* NULL if memory runs out. */
static char **names_copy(const char *const *outlets, size_t count)
{
    char **names = calloc(count + 1, sizeof(*names));

    for (size_t i = 0; names != NULL && i < count; i++) {
        names[i] = strdup(outlets[i]);
        if (names[i] == NULL) {
            names_free(names, i);
            return NULL;
        }
    }
    return names;
}

/* While no step is running: the newer names apply, and everything that was
 * kept because of the others is looked at again. */
static void names_replace(struct retention *retention)
{
    if (retention->newer == NULL) {
        return;
    }
    names_free(retention->outlets, retention->outlet_count);
    retention->outlets = retention->newer;
    retention->outlet_count = retention->newer_count;
    retention->newer = NULL;
    retention->step.outlets = (const char *const *)retention->outlets;
    retention->step.outlet_count = retention->outlet_count;
    retention->is_told = false;
    retention_step_rewind(&retention->step);
}

static void step_done(struct writer_job *job)
{
    struct retention *retention = container_of(job, struct retention, job);

    retention->is_running = false;
    names_replace(retention);
    if (retention->closed_cb != NULL) {
        closed(retention);
        return;
    }
    if (!job->is_held) {
        note_result(retention);
    }
    due_in(retention, rest_ms(retention));
}

static void on_due(uv_timer_t *timer)
{
    struct retention *retention = timer->data;
    uint64_t now_ms = uv_now(retention->loop);

    if (!retention->step.has_more &&
        now_ms - retention->pass_ms >=
            part_of(retention->step.keep_ms, PASS_MS_MIN, PASS_MS_MAX)) {
        retention->pass_ms = now_ms;
        retention_step_rewind(&retention->step);
    }
    retention->began_ms = now_ms;
    retention->is_running = true;
    retention->job.work_cb = step_work;
    retention->job.done_cb = step_done;
    writer_jobs_submit(retention->jobs, &retention->job);
}

/* Starting and closing */

void retention_open(struct retention *retention)
{
    (void)uv_timer_init(retention->loop, &retention->timer);
    uv_unref((uv_handle_t *)&retention->timer);
    retention->timer.data = retention;
}

void retention_start(struct retention *retention, const char *const *outlets,
                     size_t outlet_count)
{
    char **names;

    if (retention->step.keep_ms == 0) {
        return;
    }
    names = names_copy(outlets, outlet_count);
    if (names == NULL) {
        inbox_warn(retention->inbox,
                   "inbox %s: out of memory: %s until haplo-poll is restarted",
                   inbox_name(retention->inbox),
                   retention->is_started
                       ? "retention knows nothing of changed outlets"
                       : "no old messages are deleted");
        return;
    }
    names_free(retention->newer, retention->newer_count);
    retention->newer = names;
    retention->newer_count = outlet_count;
    if (!retention->is_running) {
        names_replace(retention);
    }
    if (!retention->is_started) {
        retention->is_started = true;
        retention->pass_ms = uv_now(retention->loop);
        due_in(retention, 0);
    }
}

static void on_timer_closed(uv_handle_t *timer)
{
    struct retention *retention = timer->data;

    names_free(retention->outlets, retention->outlet_count);
    names_free(retention->newer, retention->newer_count);
    retention->closed_cb(retention);
}

static void closed(struct retention *retention)
{
    uv_close((uv_handle_t *)&retention->timer, on_timer_closed);
}

void retention_close(struct retention *retention, retention_closed_cb closed_cb)
{
    retention->closed_cb = closed_cb;
    if (!retention->is_running) {
        closed(retention);
    }
}
