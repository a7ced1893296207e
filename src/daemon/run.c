/*
 * run.c - polls and forwards until stopped, and logs what operators need to
 * know: what fails and why, once and not at each attempt; what works again;
 * what has to wait for the breaker, silence or failed logins of a server;
 * which outlet, or which queue of it, waits or is blocked; which queues are
 * held because of the configuration or its files.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/container_of.h"
#include "daemon/command.h"
#include "daemon/file_watch.h"
#include "daemon/gather_holds.h"
#include "daemon/log.h"
#include "daemon/outlet_log.h"
#include "daemon/poll_all.h"
#include "daemon/session.h"
#include "daemon/trace.h"

#define READY_TEXT_SIZE 128

struct run {
    struct session session;       /* see run_of() */
    struct file_watch file_watch; /* what queues wait for */
    struct outlet_log outlet_log; /* what is logged of outlets */
    struct poll_all poll_all;     /* SIGUSR1 */
};

/* Attached to a gather_queue that fails; NULL for all others. */
struct run_queue {
    uint64_t failures; /* since the last success */
};

static struct run *run_of(struct gather *gather)
{
    return container_of(session_of(gather), struct run, session);
}

/* Queues */

/* Counts a failure and returns the number of consecutive ones; 1 if memory
 * runs out. */
static uint64_t count_failure(struct gather_queue *queue)
{
    if (queue->command == NULL) {
        queue->command = calloc(1, sizeof(struct run_queue));
    }
    struct run_queue *own = queue->command;
    return own == NULL ? 1 : ++own->failures;
}

/* Resets the count and returns it. */
static uint64_t forget_failures(struct gather_queue *queue)
{
    struct run_queue *own = queue->command;
    uint64_t failures = own == NULL ? 0 : own->failures;
    free(own);
    queue->command = NULL;
    return failures;
}

/* A persistent failure is logged the 1st, 2nd, 4th, 8th ... time. */
static bool is_worth_telling(uint64_t failures)
{
    return (failures & (failures - 1)) == 0;
}

static bool is_failure(const struct haplo_event *event)
{
    if (event->error == HAPLO_ESTALE) {
        return event->from != event->to; /* also where it is READY at once */
    }
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

/* Drained or marked. READY alone may mean just the next attempt. */
static bool is_end_of_batch(const struct haplo_event *event)
{
    return event->to == HAPLO_QUEUE_IDLE ||
           (event->to == HAPLO_QUEUE_READY &&
            event->from == HAPLO_QUEUE_MARKING);
}

static void tell_failure(struct gather_queue *queue,
                         const struct haplo_event *event)
{
    uint64_t failures = count_failure(queue);
    if (!is_worth_telling(failures)) {
        return;
    }
    if (event->to == HAPLO_QUEUE_BLOCKED) {
        log_line(LOG_LEVEL_ERROR, "%s: the queue is blocked", event->text);
        return;
    }
    log_line(LOG_LEVEL_WARNING, "%s (%llu in a row; next try in %.1f s)",
             event->text, (unsigned long long)failures,
             (double)event->delay_ms / 1000);
}

static void tell_success(struct gather_queue *queue)
{
    char name[GATHER_NAME_SIZE];
    uint64_t failures = forget_failures(queue);
    if (failures > 0) {
        log_line(LOG_LEVEL_INFO, "%s: works again after %llu failure%s",
                 gather_queue_name(queue, name), (unsigned long long)failures,
                 failures == 1 ? "" : "s");
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
        file_watch_start(&run->file_watch);
    }
}

/* Servers */

static void tell_held(const char *name, const char *when, uint64_t wait_ms)
{
    log_line(LOG_LEVEL_WARNING,
             "%s: too many failed logins in a row%s: API keys that have not "
             "worked yet wait for %.0f s",
             name, when, (double)wait_ms / 1000);
}

static void tell_held_by_earlier_runs(const struct gather *gather)
{
    const struct gather_server *server;
    size_t cursor = 0;
    while ((server = name_table_next(&gather->servers, &cursor)) != NULL) {
        struct haplo_server_stats stats = {.struct_size = sizeof stats};
        if (server->server == NULL) {
            continue;
        }
        haplo_server_stats(server->server, &stats);
        if (stats.logins_held) {
            tell_held(haplo_server_name(server->server), " before this run",
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

/* Held queues */

static void tell_count(const char *what, size_t count)
{
    if (count > 0) {
        log_line(LOG_LEVEL_WARNING, "%s: %zu", what, count);
    }
}

static void tell_holds(struct session *session)
{
    const struct gather *gather = &session->gather;
    const struct gather_hold *hold;
    size_t watched_count = 0;
    size_t expected_count = 0;
    size_t polled_count = gather->queue_count;
    gather_holds_tell(gather);
    TAILQ_FOREACH (hold, &gather->holds, link) {
        expected_count += hold->is_expected;
        watched_count += hold->is_watched && !hold->is_expected;
        polled_count -= hold->queue != NULL;
    }
    char text[READY_TEXT_SIZE];
    snprintf(text, sizeof text,
             "polling; queues: %zu, servers: %zu, outlets: %zu", polled_count,
             gather->config->server_count, gather->config->outlet_count);
    log_line(LOG_LEVEL_INFO, "%s", text);
    notify_ready(&session->notify, text);
    tell_count("queues held until their files are corrected", watched_count);
    tell_count("queues held until haplo-poll is restarted with a corrected "
               "configuration",
               gather->hold_count - watched_count - expected_count);
    if (expected_count > 0) {
        log_line(LOG_LEVEL_INFO,
                 "queues that wait for their api_key_command: %zu",
                 expected_count);
    } else if (polled_count == 0) {
        log_line(LOG_LEVEL_WARNING, "no queue can be polled: see above");
    }
}

/* The command */

static void on_event(struct haplo_poller *poller,
                     const struct haplo_event *event)
{
    trace_event(event);
    if (event->queue != NULL) {
        on_queue_event(run_of(haplo_poller_data(poller)), event);
    } else {
        on_server_event(event);
    }
}

static void on_outlet_event(struct gather_outlet *outlet,
                            const struct forwarder_event *event)
{
    struct run *run = run_of(outlet->gather);
    trace_outlet(event);
    outlet_log_note(&run->outlet_log, event);
}

static void on_opened(struct session *session)
{
    struct run *run = container_of(session, struct run, session);
    file_watch_init(&run->file_watch, &session->loop, &session->gather);
    poll_all_init(&run->poll_all, &session->loop, &session->gather);
    tell_holds(session);
    tell_held_by_earlier_runs(&session->gather);
    if (session->gather.hold_count > 0) {
        file_watch_start(&run->file_watch);
    }
}

static void on_hangup(struct session *session)
{
    (void)session;
    log_line(LOG_LEVEL_WARNING, "SIGHUP: ignored: restart haplo-poll to make "
                                "it read its configuration again");
}

static void on_keys_changed(struct session *session)
{
    file_watch_soon(&container_of(session, struct run, session)->file_watch);
}

static void on_poll_now(struct session *session)
{
    poll_all_start(&container_of(session, struct run, session)->poll_all);
}

static void free_queues(const struct gather_server *server)
{
    struct gather_queue *queue;
    size_t cursor = 0;
    while ((queue = name_table_next(&server->queues, &cursor)) != NULL) {
        forget_failures(queue);
    }
}

static void on_drained(struct gather *gather)
{
    struct run *run = run_of(gather);
    const struct gather_server *server;
    size_t cursor = 0;
    file_watch_close(&run->file_watch);
    poll_all_close(&run->poll_all);
    while ((server = name_table_next(&gather->servers, &cursor)) != NULL) {
        free_queues(server);
    }
}

enum exit_code command_run(const struct command_options *options)
{
    static const struct session_options callbacks = {
        .opened_cb = on_opened,
        .event_cb = on_event,
        .outlet_event_cb = on_outlet_event,
        .drained_cb = on_drained,
        .hangup_cb = on_hangup,
        .poll_now_cb = on_poll_now,
        .keys_changed_cb = on_keys_changed,
        .has_pauses = true,
    };
    struct run run = {0};
    outlet_log_init(&run.outlet_log);
    signals_hold_hangup();
    log_open(options->is_verbose, true);
    struct config *config;
    enum exit_code code = command_load_config(options, CONFIG_RUN, &config);
    if (code == EXIT_CODE_FINE) {
        code = session_open(&run.session, config);
    }
    if (code == EXIT_CODE_FINE) {
        code = session_run(&run.session, &callbacks);
    }
    outlet_log_free(&run.outlet_log);
    if (code == EXIT_CODE_FINE) {
        log_line(LOG_LEVEL_INFO, "stopped; batches left unmarked: %zu",
                 run.session.gather.batches_left);
    }
    return session_exit(&run.session, code);
}
