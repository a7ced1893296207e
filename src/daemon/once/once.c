/*
 * once.c - polls each queue until it has stored what was there at the start,
 * waits for the outlets to forward it, and ends.
 *
 *   - Every queue is due immediately; the poller does the rest.
 *   - A queue that reaches IDLE is drained: it is settled. So is one that has
 *     stored what was there when it began (once_limit.c).
 *   - A settled queue is paused.
 *   - When all queues are settled, and no outlet can do anything more now, the
 *     session ends.
 *   - When everything is closed, the table is printed.
 *
 * Failures:
 *
 *   - A queue fails: it is settled as well, once once_give_up.c decides so,
 *     and reported. So is a queue that is held, immediately.
 *   - An outlet is blocked, broken, or waits for its next attempt: it is
 *     reported, and continues in the next run.
 *   - The time of --max-time is over: what is not settled has failed.
 *   - A signal ends it: it has failed.
 *
 * Event callbacks may only read, so a timer that is due immediately does the
 * work that follows from events (on_wake).
 */
#include "daemon/once/once.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/container_of.h"
#include "daemon/gather/gather_holds.h"
#include "daemon/log/log.h"
#include "daemon/log/trace.h"
#include "daemon/signals.h"

static struct once *once_of(struct gather *gather)
{
    return container_of(session_of(gather), struct once, session);
}

/* Its data */

static void attach_server(struct once *once, const struct config_server *config)
{
    struct once_server *server = &once->servers[once->server_count++];
    server->server =
        name_table_find(&once->session.gather.servers, config->options.name);
    server->server->command = server;
    server->queues = &once->queues[once->queue_count];
    server->queue_count = config->queue_count;
    for (size_t i = 0; i < config->queue_count; i++) {
        struct once_queue *queue = &once->queues[once->queue_count++];
        queue->queue =
            name_table_find(&server->server->queues, config->queues[i].name);
        queue->queue->command = queue;
    }
}

/* 0 or HAPLO_ENOMEM. */
static int attach(struct once *once)
{
    const struct config *config = once->session.config;
    once->servers = calloc(config->server_count + 1, sizeof *once->servers);
    once->queues = calloc(config->queue_count + 1, sizeof *once->queues);
    if (once->servers == NULL || once->queues == NULL) {
        return HAPLO_ENOMEM;
    }
    for (size_t i = 0; i < config->server_count; i++) {
        attach_server(once, &config->servers[i]);
    }
    return 0;
}

/* Settling */

static void pause_settled(struct once *once)
{
    struct once_queue *queue;
    while ((queue = once->newly_settled) != NULL) {
        once->newly_settled = queue->next_settled;
        if (queue->queue->queue != NULL) {
            haplo_queue_pause(queue->queue->queue);
        }
    }
}

static void on_wake(uv_timer_t *timer)
{
    struct once *once = timer->data;
    if (once->session.is_ending) {
        return;
    }
    once_give_up_held_back(once);
    pause_settled(once);
    if (once->settled_count == once->queue_count &&
        once_outlets_are_at_rest(once)) {
        once_outlets_report(once);
        once->is_done = true;
        session_end(&once->session);
    }
}

void once_wake(struct once *once)
{
    uv_timer_start(&once->wake, on_wake, 0, 0); /* cannot fail */
}

void once_settle(struct once *once, struct once_queue *queue)
{
    if (queue->is_settled) {
        return;
    }
    queue->is_settled = true;
    queue->next_settled = once->newly_settled;
    once->newly_settled = queue;
    once->settled_count++;
    once_wake(once);
}

void once_give_up(struct once *once, struct once_queue *queue, const char *text)
{
    if (!queue->is_settled) {
        once->failed_count++;
        once_report_line(&once->report, text);
        once_settle(once, queue);
    }
}

/* Events */

static void on_queue_event(struct once *once, const struct haplo_event *event)
{
    struct gather_queue *queue = haplo_queue_data(event->queue);
    struct once_server *server = queue->server->command;
    if (event->from == event->to) {
        once_report_line(&once->report, event->text);
        return;
    }
    switch (event->to) {
    case HAPLO_QUEUE_IDLE:
        server->has_answered = true;
        once_settle(once, queue->command);
        break;
    case HAPLO_QUEUE_DELIVERING:
        server->has_answered = true;
        break;
    default:
        once_note_failure(once, event);
        break;
    }
}

static void on_event(struct haplo_poller *poller,
                     const struct haplo_event *event)
{
    struct once *once = once_of(haplo_poller_data(poller));
    struct gather_server *gather_server = haplo_server_data(event->server);
    struct once_server *server = gather_server->command;
    trace_event(event);
    if (server == NULL) {
        return; /* still being added */
    }
    server->last_event_ms = event->now_ms;
    if (once->session.is_ending) {
        return;
    }
    if (event->queue != NULL) {
        on_queue_event(once, event);
    } else {
        once_note_failure(once, event);
        once_wake(once);
    }
}

static void on_marked(struct gather_queue *queue, const struct haplo_mark *mark)
{
    struct once *once = once_of(queue->server->gather);
    if (queue->command != NULL && !once->session.is_ending) {
        once_note_mark(once, queue->command, mark);
    }
}

static void on_outlet_event(struct gather_outlet *outlet,
                            const struct forwarder_event *event)
{
    struct once *once = once_of(outlet->gather);
    trace_outlet(event);
    if (!once->session.is_ending) {
        once_outlets_note(once, event);
    }
}

/* The command */

/* Held queues have failed: none of their files is read again. */
static void give_up_held(struct once *once)
{
    const struct gather *gather = &once->session.gather;
    const struct gather_hold *hold;
    gather_holds_tell(gather);
    once->failed_count += gather->config->problem_count;
    TAILQ_FOREACH (hold, &gather->holds, link) {
        char text[HAPLO_TEXT_SIZE_MAX];
        snprintf(text, sizeof text,
                 "%s/%s: not drained: %s because of %s:%u:%u", hold->server,
                 hold->name, haplo_queue_state_name(hold->state),
                 config_place_path(gather->config, hold->place),
                 hold->place.line, hold->place.column);
        if (hold->queue != NULL) {
            once_give_up(once, hold->queue->command, text);
        } else {
            once_report_line(&once->report, text);
        }
    }
}

static bool has_worked_before(const struct gather_queue *queue)
{
    struct haplo_queue_stats stats = {.struct_size = sizeof stats};
    haplo_queue_get_stats(queue->queue, &stats);
    return stats.generation > 0 && !queue->key_refused;
}

/* Starts with queues that have worked before: a working key clears the count
 * of failed logins, so that bad keys do not use up the budget before the good
 * ones are tried. */
static void poll_all_now(struct once *once)
{
    for (int is_new = 0; is_new <= 1; is_new++) {
        for (size_t i = 0; i < once->queue_count; i++) {
            struct gather_queue *queue = once->queues[i].queue;
            if (queue->queue == NULL) {
                continue;
            }
            if (has_worked_before(queue) != (is_new != 0)) {
                haplo_queue_poll_now(queue->queue);
            }
        }
    }
}

static void on_opened(struct session *session)
{
    struct once *once = container_of(session, struct once, session);
    uv_timer_init(&session->loop, &once->wake);  /* cannot fail */
    uv_timer_init(&session->loop, &once->limit); /* cannot fail */
    once->wake.data = once;
    once->limit.data = once;
    int error = attach(once);
    once_report_start(&once->report, once);
    if (error != 0) {
        once_report_line(&once->report, haplo_error_text(error));
        session_end(session);
        return;
    }
    once_limit_start(once);
    give_up_held(once);
    poll_all_now(once);
    once_wake(once); /* all of them may have to wait already */
}

static void on_drained(struct gather *gather)
{
    struct once *once = once_of(gather);
    once_report_end(&once->report);
    uv_close((uv_handle_t *)&once->wake, NULL);
    uv_close((uv_handle_t *)&once->limit, NULL);
}

/* It would poll queues that other hosts are polling. */
static enum exit_code check_alone(const struct config *config)
{
    if (config->fleet.inbox == NULL) {
        return EXIT_CODE_FINE;
    }
    log_line(LOG_LEVEL_ERROR,
             "%s:%u: several hosts share the servers (coordination: postgres), "
             "and `once` knows nothing of them: use `haplo-poll run`",
             config_place_path(config, config->fleet.place),
             config->fleet.place.line);
    return EXIT_CODE_USAGE;
}

enum exit_code command_once(const struct command_options *options)
{
    static const struct session_options callbacks = {
        .opened_cb = on_opened,
        .event_cb = on_event,
        .marked_cb = on_marked,
        .outlet_event_cb = on_outlet_event,
        .drained_cb = on_drained,
    };
    struct once once = {
        .report.is_quiet = options->is_quiet,
        .max_time_ms = options->max_time_ms,
        .started_ms = uv_hrtime() / 1000000,
    };
    log_open(options->is_verbose, true);
    struct config *config;
    enum exit_code code = command_load_config(options, CONFIG_RUN, &config);
    if (code == EXIT_CODE_FINE && check_alone(config) != EXIT_CODE_FINE) {
        config_free(config);
        code = EXIT_CODE_USAGE;
    }
    if (code == EXIT_CODE_FINE) {
        code = session_open(&once.session, config);
    }
    if (code == EXIT_CODE_FINE) {
        code = session_run(&once.session, &callbacks);
        signals_release(); /* stdout may have no reader */
        bool is_printed = once_report_print(&once.report);
        if (code == EXIT_CODE_FINE &&
            (!once.is_done || once.failed_count > 0 || !is_printed)) {
            code = EXIT_CODE_FAILED;
        }
    }
    free(once.servers);
    free(once.queues);
    return session_exit(&once.session, code);
}
