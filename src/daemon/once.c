/*
 * once.c - polls each queue until it is empty, and ends.
 *
 *   - every queue is due at once; the poller does the rest;
 *   - a queue that comes to IDLE is drained: it is settled;
 *   - one that fails is settled, too: at once if somebody has to change
 *     something, or if the server asks for a wait above ONCE_WAIT_MAX_MS, else
 *     after ONCE_ATTEMPTS_MAX failures in a row;
 *   - a server that is throttled, or fails twice without an answer in between,
 *     settles all of its queues; one that holds back keys that have not
 *     worked yet, by this run's failed logins or by those of earlier ones,
 *     settles those that wait for nothing else;
 *   - a settled queue is paused, and when all are, the session ends.
 *
 * Events may only be read, so what follows from them is done by a timer that
 * is due at once (on_wake).
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/wall_clock.h"
#include "daemon/command.h"
#include "daemon/gather.h"
#include "daemon/log.h"
#include "daemon/once_report.h"
#include "daemon/session.h"
#include "daemon/trace.h"

#define ONCE_ATTEMPTS_MAX 3
#define ONCE_WAIT_MAX_MS 60000

struct once {
    struct session session;    /* */
    struct once_report report; /* progress and table */
    uv_timer_t wake;           /* carries out what events bring about */
    struct gather_queue *newly_settled; /* to be paused by it; a list */
    size_t queue_count;                 /* of the configuration */
    size_t settled_count;               /* queues */
    size_t failed_count;                /* of them */
};

static void on_wake(uv_timer_t *timer);

static void once_wake(struct once *once)
{
    uv_timer_start(&once->wake, on_wake, 0, 0);
}

static void settle(struct once *once, struct gather_queue *queue)
{
    queue->is_settled = true;
    queue->next_settled = once->newly_settled;
    once->newly_settled = queue;
    once->settled_count++;
    once_wake(once);
}

static void give_up(struct once *once, struct gather_queue *queue,
                    const char *text)
{
    once->failed_count++;
    once_report_line(&once->report, text);
    settle(once, queue);
}

/* -- Queues --------------------------------------------------------------- */

static bool is_final(const struct haplo_event *event)
{
    struct haplo_queue_stats stats = {.struct_size = sizeof stats};
    if (!haplo_error_is_transient(event->error) ||
        event->error == HAPLO_ETHROTTLED ||
        event->delay_ms > ONCE_WAIT_MAX_MS) {
        return true;
    }
    haplo_queue_stats(event->queue, &stats);
    return event->to == HAPLO_QUEUE_DELIVER_WAIT
               ? stats.deliver_retry_count >= ONCE_ATTEMPTS_MAX
               : stats.failures >= ONCE_ATTEMPTS_MAX;
}

static void give_up_failed(struct once *once, const struct haplo_event *event)
{
    struct gather_queue *queue = haplo_queue_data(event->queue);
    char text[HAPLO_TEXT_SIZE_MAX + 64];
    if (event->delay_ms > ONCE_WAIT_MAX_MS &&
        haplo_error_is_transient(event->error)) {
        snprintf(text, sizeof text, "%s; the next try would be in %.0f s",
                 event->text, (double)event->delay_ms / 1000);
        give_up(once, queue, text);
    } else {
        give_up(once, queue, event->text);
    }
}

static void on_queue_event(struct once *once, const struct haplo_event *event)
{
    struct gather_queue *queue = haplo_queue_data(event->queue);
    if (event->from == event->to) {
        once_report_line(&once->report, event->text);
        return;
    }
    switch (event->to) {
    case HAPLO_QUEUE_IDLE:
        queue->server->has_answered = true;
        if (!queue->is_settled) {
            settle(once, queue);
        }
        break;
    case HAPLO_QUEUE_DELIVERING:
        queue->server->has_answered = true;
        break;
    case HAPLO_QUEUE_BACKOFF:
    case HAPLO_QUEUE_REFUSED:
    case HAPLO_QUEUE_BLOCKED:
    case HAPLO_QUEUE_DELIVER_WAIT:
        if (!queue->is_settled && is_final(event)) {
            give_up_failed(once, event);
        }
        break;
    default:
        break;
    }
}

/* -- Servers -------------------------------------------------------------- */

/* True if a request of that queue led to the cause: "fetch NAME: ...". */
static bool is_own_cause(const char *cause, const char *name)
{
    const char *at = strchr(cause, ' ');
    size_t size = strlen(name);
    return at != NULL && strncmp(at + 1, name, size) == 0 &&
           at[1 + size] == ':';
}

static void give_up_server(struct once *once, struct gather_server *server,
                           const char *cause)
{
    for (size_t i = 0; i < server->queue_count; i++) {
        struct gather_queue *queue = &server->queues[i];
        char name[GATHER_NAME_SIZE];
        char text[HAPLO_TEXT_SIZE_MAX + GATHER_NAME_SIZE];
        if (queue->is_settled) {
            continue;
        }
        if (is_own_cause(cause, gather_queue_name(queue, name))) {
            give_up(once, queue, cause);
        } else {
            snprintf(text, sizeof text, "%s: not drained: %s", name, cause);
            give_up(once, queue, text);
        }
    }
}

static void on_server_event(struct once *once, const struct haplo_event *event)
{
    struct gather_server *server = haplo_server_data(event->server);
    if (event->to == HAPLO_SERVER_SILENT) {
        give_up_server(once, server, event->text);
    } else if (event->to == HAPLO_SERVER_DOWN) {
        if (!server->has_answered) {
            give_up_server(once, server, event->text);
        }
        server->has_answered = false;
    }
    once_wake(once);
}

/* True if the server has queues left whose keys it holds back, and nothing
 * under way that could change that. *until_ms: wall clock, when that ends. */
static bool is_held_back(const struct gather_server *server, uint64_t *until_ms)
{
    struct haplo_server_stats stats = {.struct_size = sizeof stats};
    haplo_server_stats(server->server, &stats);
    if (!stats.logins_held || stats.in_flight > 0) {
        return false;
    }
    *until_ms = 0;
    for (size_t i = 0; i < server->queue_count; i++) {
        struct haplo_queue_stats queue = {.struct_size = sizeof queue};
        if (server->queues[i].is_settled) {
            continue;
        }
        haplo_queue_stats(server->queues[i].queue, &queue);
        if (queue.state != HAPLO_QUEUE_READY || queue.wait_ms == 0) {
            return false;
        }
        *until_ms = wall_clock_ms() + queue.wait_ms;
    }
    return *until_ms != 0;
}

static void give_up_keys(struct once *once, const struct gather_server *server,
                         uint64_t until_ms)
{
    char until[WALL_CLOCK_TEXT_SIZE];
    wall_clock_text(until_ms, until);
    for (size_t i = 0; i < server->queue_count; i++) {
        struct gather_queue *queue = &server->queues[i];
        char name[GATHER_NAME_SIZE];
        char text[HAPLO_TEXT_SIZE_MAX + GATHER_NAME_SIZE];
        if (queue->is_settled) {
            continue;
        }
        snprintf(text, sizeof text,
                 queue->key_refused
                     ? "%s: not drained: its API key was refused before, and "
                       "waits until %s after %u failed logins in a row on "
                       "this server: correct it"
                     : "%s: not drained: its API key was not tried, as too "
                       "many others of this server were refused: correct "
                       "those first; it waits until %s after %u failed logins "
                       "in a row",
                 gather_queue_name(queue, name), until,
                 server->logins.failed_count);
        give_up(once, queue, text);
    }
}

static void give_up_held_back(struct once *once)
{
    struct gather *gather = &once->session.gather;
    for (size_t i = 0; i < gather->config->server_count; i++) {
        uint64_t until_ms;
        if (is_held_back(&gather->servers[i], &until_ms)) {
            give_up_keys(once, &gather->servers[i], until_ms);
        }
    }
}

/* -- The end -------------------------------------------------------------- */

static void pause_settled(struct once *once)
{
    struct gather_queue *queue;
    while ((queue = once->newly_settled) != NULL) {
        once->newly_settled = queue->next_settled;
        haplo_queue_pause(queue->queue);
    }
}

static void on_wake(uv_timer_t *timer)
{
    struct once *once = timer->data;
    struct gather *gather = &once->session.gather;
    if (once->session.is_ending) {
        return;
    }
    give_up_held_back(once);
    pause_settled(once);
    if (once->settled_count == gather->queue_count) {
        session_end(&once->session);
    }
}

static void on_event(struct haplo_poller *poller,
                     const struct haplo_event *event)
{
    struct gather *gather = haplo_poller_data(poller);
    struct once *once = gather->data;
    trace_event(event);
    if (once->session.is_ending) {
        return;
    }
    if (event->queue != NULL) {
        on_queue_event(once, event);
    } else {
        on_server_event(once, event);
    }
}

static void on_drained(struct gather *gather)
{
    struct once *once = gather->data;
    once_report_end(&once->report);
    uv_close((uv_handle_t *)&once->wake, NULL);
}

static bool has_worked_before(const struct gather_queue *queue)
{
    struct haplo_queue_stats stats = {.struct_size = sizeof stats};
    haplo_queue_stats(queue->queue, &stats);
    return stats.epoch > 0 && !queue->key_refused;
}

/* Queues that have worked before come first: one key that works clears the
 * server's count of failed logins, so that bad keys do not use the budget up
 * before the good ones had their turn. */
static void poll_all_now(struct gather *gather)
{
    for (int is_new = 0; is_new <= 1; is_new++) {
        for (size_t i = 0; i < gather->queue_count; i++) {
            if (has_worked_before(&gather->queues[i]) != (is_new != 0)) {
                haplo_queue_poll_now(gather->queues[i].queue);
            }
        }
    }
}

int command_once(const struct command_options *options)
{
    struct once once = {0};
    struct session *session = &once.session;
    log_open(options->is_verbose, false);
    int code = session_open(session, options, on_event, &once);
    if (code != 0) {
        return code;
    }
    session->gather.drained_cb = on_drained;
    uv_timer_init(&session->loop, &once.wake); /* has no way to fail */
    once.wake.data = &once;
    once_report_start(&once.report, &session->gather, options->is_quiet);
    once.queue_count = session->gather.queue_count;
    poll_all_now(&session->gather);
    once_wake(&once); /* all may be held back already */
    session_run(session);
    bool is_whole = once.settled_count == once.queue_count;
    return is_whole && once.failed_count == 0 ? EXIT_CODE_FINE
                                              : EXIT_CODE_FAILED;
}
