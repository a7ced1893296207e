/*
 * run_log.c - passes transitions to the reporter, and prints what it decides.
 *
 *   - A transition is passed on at once; the reporter may print a line, and
 *     says when it wants to be called next.
 *   - A timer calls it, at least every minute, since the wall clock may be set.
 *   - Once a day, a summary is printed; every hour the backlogs of servers and
 *     outlets are sampled, and those that keep growing are warned of.
 */
#include "daemon/log/run_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container_of.h"
#include "base/wall_clock.h"
#include "daemon/gather/gather_summary.h"
#include "daemon/log/log.h"
#include "daemon/log/trend.h"
#include "daemon/observe/observer_feed.h"

#define TIMER_MS_MAX 60000
#define NAME_SIZE (HAPLO_NAME_SIZE_MAX + 16)

/* The backlog of a server or an outlet. */
struct named_trend {
    char name[NAME_SIZE]; /* "example", "outlet files" */
    struct trend trend;   /* its samples */
};

static const char *trend_name_of(const void *trend)
{
    return ((const struct named_trend *)trend)->name;
}

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
    uint64_t due_ms = log->reporter.due_ms;
    uint64_t wait_ms = due_ms > now_ms ? due_ms - now_ms : 0;
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

/* What a reload has removed took its counts along. */
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
    before->stored_count = at_most(before->stored_count, now.stored_count);
    before->repeat_count = at_most(before->repeat_count, now.repeat_count);
    before->resend_count = at_most(before->resend_count, now.resend_count);
    before->failure_count = at_most(before->failure_count, now.failure_count);
    before->delivered_count =
        at_most(before->delivered_count, now.delivered_count);
    before->dead_letter_count =
        at_most(before->dead_letter_count, now.dead_letter_count);
    log_fields(LOG_LEVEL_INFO, fields, 1, summary_text(&now, before, text));
    *before = now;
}

/* Backlogs */

static struct trend *trend_of(struct run_log *log, const char *kind,
                              const char *name)
{
    char full[NAME_SIZE];
    (void)snprintf(full, sizeof full, "%s%s", kind, name);
    struct named_trend *found = name_table_find(&log->trends, full);
    if (found != NULL) {
        return &found->trend;
    }
    found = calloc(1, sizeof *found);
    if (found == NULL) {
        return NULL;
    }
    memcpy(found->name, full, sizeof full);
    if (name_table_add(&log->trends, found) != 0) {
        free(found);
        return NULL;
    }
    return &found->trend;
}

static void sample(struct run_log *log, const char *kind, const char *name,
                   uint64_t count, const char *why)
{
    const struct log_field fields[] = {
        {.name = "event", .text = "backlog"},
        {.name = kind[0] == '\0' ? "server" : "outlet", .text = name},
        {.name = "count", .number = count},
    };
    char text[SUMMARY_TEXT_SIZE];
    struct trend *trend = trend_of(log, kind, name);
    if (trend != NULL && trend_add(trend, count)) {
        (void)snprintf(text, sizeof text,
                       "%s%s: its backlog has grown for %u h, from %" PRIu64
                       " to %" PRIu64 " messages: %s",
                       kind, name, trend->hours, trend->lowest, count, why);
        log_fields(LOG_LEVEL_WARNING, fields, 3, text);
    }
}

static void sample_outlets(struct run_log *log)
{
    struct gather_outlet *outlet;
    size_t cursor = 0;
    while ((outlet = name_table_next(&log->gather->outlets, &cursor))) {
        observer_feed_lag(outlet);
        sample(log, "outlet ", outlet->seen.name,
               outlet_lag_messages(&outlet->lag),
               "more is stored than it forwards");
    }
}

static void sample_backlogs(struct run_log *log)
{
    const struct gather_server *server;
    size_t cursor = 0;
    while ((server = name_table_next(&log->gather->servers, &cursor))) {
        sample(log, "", server->seen.name, server->seen.unread_count,
               "more arrives on the server than is fetched");
    }
    sample_outlets(log);
}

/* Time */

static void on_timer(uv_timer_t *timer)
{
    struct run_log *log = timer->data;
    uint64_t now_ms = wall_clock_ms();
    reporter_run(&log->reporter, now_ms);
    if (now_ms >= log->sample_due_ms) {
        sample_backlogs(log);
        log->sample_due_ms = now_ms + RUN_LOG_HOUR_MS;
    }
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
        .trends.name_of = trend_name_of,
    };
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
    log->sample_due_ms = now_ms + RUN_LOG_HOUR_MS;
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
    struct named_trend *trend;
    size_t cursor = 0;
    while ((trend = name_table_next(&log->trends, &cursor)) != NULL) {
        free(trend);
    }
    name_table_free(&log->trends);
    reporter_free(&log->reporter);
}
