/*
 * run.c - polls and forwards until stopped. What happens is logged by the
 * reporter (run_log.c); here, which queues are held because of the
 * configuration or its files, and which keys wait because of earlier runs.
 */
#include <stdlib.h>

#include "base/container_of.h"
#include "daemon/command.h"
#include "daemon/gather/file_watch.h"
#include "daemon/gather/gather_holds.h"
#include "daemon/gather/key_patrol.h"
#include "daemon/gather/poll_all.h"
#include "daemon/gather/recorder.h"
#include "daemon/log/log.h"
#include "daemon/log/run_log.h"
#include "daemon/log/trace.h"
#include "daemon/service_status.h"
#include "daemon/session.h"

struct run {
    struct session session;               /* see run_of() */
    struct file_watch file_watch;         /* what queues wait for */
    struct run_log log;                   /* what happens */
    struct poll_all poll_all;             /* SIGUSR1 */
    struct key_patrol key_patrol;         /* key files that change */
    struct recorder recorder;             /* the last hours */
    struct service_status service_status; /* for the service manager */
};

static struct run *run_of(struct gather *gather)
{
    return container_of(session_of(gather), struct run, session);
}

/* Failed logins */

static void tell_held_by_earlier_runs(const struct gather *gather)
{
    const struct gather_server *server;
    size_t cursor = 0;
    while ((server = name_table_next(&gather->servers, &cursor)) != NULL) {
        struct haplo_server_stats stats = {.struct_size = sizeof stats};
        if (server->server == NULL) {
            continue;
        }
        haplo_server_get_stats(server->server, &stats);
        if (stats.logins_held) {
            log_line(LOG_LEVEL_WARNING,
                     "%s: too many failed logins in a row before this run: API "
                     "keys that have not worked yet wait for %.0f s",
                     haplo_server_name(server->server),
                     (double)stats.wait_ms / 1000);
        }
    }
}

/* Held queues */

static void tell_count(const char *what, size_t count)
{
    if (count > 0) {
        log_line(LOG_LEVEL_WARNING, "%s: %zu", what, count);
    }
}

/* "polling; queues: 3, servers: 2, outlets: 1" */
static void tell_ready(struct run *run)
{
    const struct gather *gather = &run->session.gather;
    const struct gather_hold *hold;
    size_t expected_count = 0;
    size_t polled_count = gather->queue_count;
    TAILQ_FOREACH (hold, &gather->holds, link) {
        expected_count += hold->is_expected;
        polled_count -= hold->queue != NULL;
    }
    log_line(LOG_LEVEL_INFO, "polling; queues: %zu, servers: %zu, outlets: %zu",
             polled_count, gather->config->server_count,
             gather->config->outlet_count);
    service_status_ready(&run->service_status);
    if (polled_count == 0 && expected_count == 0) {
        log_line(LOG_LEVEL_WARNING, "no queue can be polled: see above");
    }
}

static void tell_holds(const struct gather *gather)
{
    const struct gather_hold *hold;
    size_t watched_count = 0;
    size_t expected_count = 0;
    gather_holds_tell(gather);
    TAILQ_FOREACH (hold, &gather->holds, link) {
        expected_count += hold->is_expected;
        watched_count += hold->is_watched && !hold->is_expected;
    }
    tell_count("queues held until their files are corrected", watched_count);
    tell_count("queues held until the configuration is corrected and reloaded",
               gather->hold_count - watched_count - expected_count);
    if (expected_count > 0) {
        log_line(LOG_LEVEL_INFO,
                 "queues that wait for their api_key_command: %zu",
                 expected_count);
    }
}

/* Reloads */

static void on_reload(struct reload *reload, const struct reload_result *result)
{
    struct session *session = session_of(reload->gather);
    if (result == NULL) {
        notify_reloading(&session->notify);
        return;
    }
    if (result->is_accepted) {
        log_use_format((enum log_format)session->config->log_format);
        session->key_commands.time_limit_ms =
            session->config->api_key_command_timeout_ms;
    }
    tell_ready(run_of(reload->gather));
}

static void on_hangup(struct session *session)
{
    log_line(LOG_LEVEL_INFO, "SIGHUP: reading the configuration again");
    (void)reload_request(&session->reload, NULL, NULL);
}

static void on_held(struct gather *gather)
{
    struct run *run = run_of(gather);
    if (session_of(gather)->reload.is_open) {
        file_watch_start(&run->file_watch);
    }
}

/* The command */

static void on_event(struct haplo_poller *poller,
                     const struct haplo_event *event)
{
    struct run *run = run_of(haplo_poller_data(poller));
    trace_event(event);
    if (event->queue != NULL && event->to == HAPLO_QUEUE_REFUSED) {
        file_watch_start(&run->file_watch);
    }
}

static void on_outlet_event(struct gather_outlet *outlet,
                            const struct forwarder_event *event)
{
    (void)outlet;
    trace_outlet(event);
}

static void on_opened(struct session *session)
{
    struct run *run = container_of(session, struct run, session);
    file_watch_init(&run->file_watch, &session->loop, &session->gather);
    poll_all_init(&run->poll_all, &session->loop, &session->gather);
    key_patrol_open(&run->key_patrol, &session->loop, &session->gather);
    recorder_open(&run->recorder, &session->loop, &session->gather);
    service_status_open(&run->service_status, session);
    tell_holds(&session->gather);
    tell_ready(run);
    tell_held_by_earlier_runs(&session->gather);
    run_log_open(&run->log);
    if (session->gather.hold_count > 0) {
        file_watch_start(&run->file_watch);
    }
}

static void on_keys_changed(struct session *session)
{
    file_watch_soon(&container_of(session, struct run, session)->file_watch);
}

static void on_poll_now(struct session *session)
{
    poll_all_start(&container_of(session, struct run, session)->poll_all);
}

static void on_drained(struct gather *gather)
{
    struct run *run = run_of(gather);
    file_watch_close(&run->file_watch);
    poll_all_close(&run->poll_all);
    key_patrol_close(&run->key_patrol);
    recorder_close(&run->recorder);
    run_log_close(&run->log);
    service_status_close(&run->service_status);
}

enum exit_code command_run(const struct command_options *options)
{
    struct run run = {0};
    const struct session_options callbacks = {
        .opened_cb = on_opened,
        .event_cb = on_event,
        .outlet_event_cb = on_outlet_event,
        .drained_cb = on_drained,
        .hangup_cb = on_hangup,
        .reload_cb = on_reload,
        .held_cb = on_held,
        .poll_now_cb = on_poll_now,
        .keys_changed_cb = on_keys_changed,
        .has_pauses = true,
        .listener = &run.log.listener,
    };
    run_log_init(&run.log, &run.session.gather);
    signals_hold_hangup();
    log_open(options->is_verbose, true);
    struct config *config;
    enum exit_code code = command_load_config(options, CONFIG_RUN, &config);
    if (code == EXIT_CODE_FINE) {
        log_use_format((enum log_format)config->log_format);
        code = session_open_host(&run.session, config, options->host);
    }
    if (code == EXIT_CODE_FINE) {
        code = session_run(&run.session, &callbacks);
    }
    run_log_free(&run.log);
    if (code == EXIT_CODE_FINE) {
        log_line(LOG_LEVEL_INFO, "stopped; batches left unmarked: %zu",
                 run.session.gather.batches_left);
    }
    return session_exit(&run.session, code);
}
