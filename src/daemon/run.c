/*
 * run.c - polls until told to stop, and tells operators what they must know:
 * what fails and why, once and not at every try; what works again; what a
 * server's breaker, silence or failed logins hold back.
 */
#include <stdio.h>

#include "daemon/command.h"
#include "daemon/gather.h"
#include "daemon/key_watch.h"
#include "daemon/log.h"
#include "daemon/session.h"
#include "daemon/trace.h"

struct run {
    struct session session;     /* */
    struct key_watch key_watch; /* */
};

/* A failure that lasts is told at the 1st, 2nd, 4th, 8th ... time. */
static bool is_worth_telling(uint64_t failures)
{
    return (failures & (failures - 1)) == 0;
}

static bool is_failure(const struct haplo_event *event)
{
    switch (event->to) {
    case HAPLO_QUEUE_BACKOFF:
    case HAPLO_QUEUE_REFUSED:
    case HAPLO_QUEUE_BLOCKED:
    case HAPLO_QUEUE_DELIVER_WAIT:
        return event->from != event->to;
    default:
        return false;
    }
}

/* Drained or marked. READY alone may be but the next try. */
static bool is_end_of_batch(const struct haplo_event *event)
{
    return event->to == HAPLO_QUEUE_IDLE ||
           (event->to == HAPLO_QUEUE_READY &&
            event->from == HAPLO_QUEUE_MARKING);
}

static void tell_failure(struct gather_queue *queue,
                         const struct haplo_event *event)
{
    if (!is_worth_telling(++queue->failures)) {
        return;
    }
    if (event->to == HAPLO_QUEUE_BLOCKED) {
        log_line(LOG_LEVEL_ERROR, "%s: the queue is blocked", event->text);
        return;
    }
    log_line(LOG_LEVEL_WARNING, "%s (%llu in a row; next try in %.1f s)",
             event->text, (unsigned long long)queue->failures,
             (double)event->delay_ms / 1000);
}

static void tell_success(struct gather_queue *queue)
{
    char name[GATHER_NAME_SIZE];
    if (queue->failures > 0) {
        log_line(LOG_LEVEL_INFO, "%s: works again after %llu failures",
                 gather_queue_name(queue, name),
                 (unsigned long long)queue->failures);
        queue->failures = 0;
    }
}

static void on_queue_event(struct run *run, const struct haplo_event *event)
{
    struct gather_queue *queue = haplo_queue_data(event->queue);
    bool is_success = event->error == 0 && is_end_of_batch(event);
    if (event->from == event->to) {
        log_line(LOG_LEVEL_WARNING, "%s", event->text);
    } else if (is_failure(event)) {
        tell_failure(queue, event);
    } else if (is_success) {
        tell_success(queue);
    }
    if (event->to == HAPLO_QUEUE_REFUSED) {
        key_watch_start(&run->key_watch);
    }
}

static void tell_held(const char *name, const char *when, uint64_t wait_ms)
{
    log_line(LOG_LEVEL_WARNING,
             "%s: too many failed logins in a row%s: API keys that have not "
             "worked yet wait for %.0f s",
             name, when, (double)wait_ms / 1000);
}

static void tell_held_by_earlier_runs(const struct gather *gather)
{
    for (size_t i = 0; i < gather->config->server_count; i++) {
        const struct haplo_server *server = gather->servers[i].server;
        struct haplo_server_stats stats = {.struct_size = sizeof stats};
        haplo_server_stats(server, &stats);
        if (stats.logins_held) {
            tell_held(haplo_server_name(server), " before this run",
                      stats.wait_ms);
        }
    }
}

static void on_server_event(const struct haplo_event *event)
{
    const char *name = haplo_server_name(event->server);
    double wait_s = (double)event->delay_ms / 1000;
    if (event->from == event->to) {
        if (event->error != 0) {
            tell_held(name, "", event->delay_ms);
        }
        return;
    }
    switch (event->to) {
    case HAPLO_SERVER_DOWN:
        log_line(LOG_LEVEL_WARNING,
                 "%s: server is failing: %s; next try in %.1f s", name,
                 event->text, wait_s);
        break;
    case HAPLO_SERVER_SILENT:
        log_line(LOG_LEVEL_WARNING,
                 "%s: the server refuses all logins from this address: no "
                 "request for %.0f s",
                 name, wait_s);
        break;
    case HAPLO_SERVER_UP:
        log_line(LOG_LEVEL_INFO, "%s: server works again", name);
        break;
    default:
        break;
    }
}

static void on_event(struct haplo_poller *poller,
                     const struct haplo_event *event)
{
    struct gather *gather = haplo_poller_data(poller);
    trace_event(event);
    if (event->queue != NULL) {
        on_queue_event(gather->data, event);
    } else {
        on_server_event(event);
    }
}

static void on_drained(struct gather *gather)
{
    struct run *run = gather->data;
    key_watch_close(&run->key_watch);
}

int command_run(const struct command_options *options)
{
    struct run run;
    struct session *session = &run.session;
    log_open(options->is_verbose, true);
    int code = session_open(session, options, on_event, &run);
    if (code != 0) {
        return code;
    }
    key_watch_init(&run.key_watch, &session->loop, &session->gather);
    session->gather.drained_cb = on_drained;
    log_line(LOG_LEVEL_INFO, "polling; queues: %zu, servers: %zu",
             session->config->queue_count, session->config->server_count);
    tell_held_by_earlier_runs(&session->gather);
    session_run(session);
    log_line(LOG_LEVEL_INFO, "stopped; batches left unmarked: %zu",
             session->gather.batches_left);
    return EXIT_CODE_FINE;
}
