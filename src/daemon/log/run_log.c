/*
 * run_log.c - passes transitions to the reporter, and prints what it decides.
 *
 *   - A transition is passed on at once; the reporter may print a line, and
 *     says when it wants to be called next.
 *   - A timer calls it, at least every minute, since the wall clock may be set.
 *   - Once a day, a summary is printed; every hour, what changes slowly is
 *     sampled (hourly.c).
 */
#include "daemon/log/run_log.h"

#include "base/container_of.h"
#include "base/wall_clock.h"
#include "daemon/gather/gather_summary.h"
#include "daemon/log/log.h"

#define TIMER_MS_MAX 60000
#define NEXT_TURN_MS 1 /* 0 could mean this turn of the loop again */

static void on_timer(uv_timer_t *timer);

static void print(void *data, const struct report *report)
{
    const struct log_field fields[] = {
        {.name = "event", .text = report->event},
        {.name = "server",
         .text = report->server == NULL ? "" : report->server},
        {.name = "queue", .text = report->queue == NULL ? "" : report->queue},
        {.name = "outlet",
         .text = report->outlet == NULL ? "" : report->outlet},
        {.name = "inbox", .text = report->inbox == NULL ? "" : report->inbox},
        {.name = "host", .text = report->host == NULL ? "" : report->host},
        {.name = "class", .text = report->class == NULL ? "" : report->class},
        {.name = "count", .number = report->count},
        {.name = "duration_seconds",
         .number = report->lasted_ms,
         .scale = 1000},
    };
    (void)data;
    log_fields(report->level, fields, sizeof fields / sizeof *fields,
               report->text);
}

static void plan(struct run_log *log, uint64_t now_ms)
{
    uint64_t due_ms = log->reporter.due_ms < log->hourly.due_ms
                          ? log->reporter.due_ms
                          : log->hourly.due_ms;
    uint64_t wait_ms = due_ms > now_ms ? due_ms - now_ms : 0;
    if (log->hourly.is_at_work) {
        wait_ms = NEXT_TURN_MS;
    }
    if (log->is_open) {
        uv_timer_start(&log->timer, on_timer,
                       wait_ms < TIMER_MS_MAX ? wait_ms : TIMER_MS_MAX, 0);
    }
}

static void on_transition(struct observer_listener *listener,
                          const struct transition *transition)
{
    struct run_log *log = container_of(listener, struct run_log, listener);
    uint64_t due_ms = log->reporter.due_ms;
    reporter_note(&log->reporter, transition);
    if (log->reporter.due_ms < due_ms) {
        plan(log, transition->at_ms);
    }
}

/* Summaries */

/* An outlet that a reload has removed took its counts along. */
static uint64_t at_most(uint64_t before, uint64_t now)
{
    return before < now ? before : now;
}

static void tell_summary(struct run_log *log, uint64_t now_ms)
{
    const struct log_field fields[] = {{.name = "event", .text = "summary"}};
    char text[SUMMARY_TEXT_SIZE];
    struct summary now;
    struct summary *before = &log->before;
    gather_summary(log->gather, now_ms, &now);
    before->delivered_count =
        at_most(before->delivered_count, now.delivered_count);
    before->dead_letter_count =
        at_most(before->dead_letter_count, now.dead_letter_count);
    log_fields(LOG_LEVEL_INFO, fields, 1, summary_text(&now, before, text));
    *before = now;
}

/* Time */

static void on_timer(uv_timer_t *timer)
{
    struct run_log *log = timer->data;
    uint64_t now_ms = wall_clock_ms();
    reporter_run(&log->reporter, now_ms);
    hourly_run(&log->hourly, now_ms);
    if (now_ms >= log->summary_due_ms) {
        tell_summary(log, now_ms);
        log->summary_due_ms = now_ms + RUN_LOG_DAY_MS;
    }
    plan(log, now_ms);
}

void run_log_init(struct run_log *log, struct gather *gather)
{
    *log = (struct run_log){
        .listener.transition_cb = on_transition,
        .gather = gather,
    };
    hourly_init(&log->hourly, gather);
    reporter_init(&log->reporter, print, log);
}

void run_log_open(struct run_log *log)
{
    uint64_t now_ms = wall_clock_ms();
    (void)uv_timer_init(log->gather->loop, &log->timer); /* cannot fail */
    uv_unref((uv_handle_t *)&log->timer);
    log->timer.data = log;
    log->is_open = true;
    log->summary_due_ms = now_ms + RUN_LOG_DAY_MS;
    hourly_open(&log->hourly, now_ms);
    gather_summary(log->gather, now_ms, &log->before);
    plan(log, now_ms);
}

void run_log_close(struct run_log *log)
{
    if (log->is_open) {
        log->is_open = false;
        observer_unlisten(&log->listener);
        reporter_flush(&log->reporter, wall_clock_ms());
        uv_close((uv_handle_t *)&log->timer, NULL);
    }
}

void run_log_free(struct run_log *log)
{
    hourly_free(&log->hourly);
    reporter_free(&log->reporter);
}
