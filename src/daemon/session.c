/*
 * session.c - runs a configuration, from loading it to closing the last
 * handle.
 *
 *   - The state directory is locked and the loop created (session_open).
 *   - Everything is started; when the inboxes are open, the command is
 *     informed (session_run).
 *   - The loop runs until a signal or the command ends it. Then nothing more is
 *     fetched; batches, and what outlets have in flight, are finished within
 *     drain_timeout. A second signal ends this immediately.
 *   - Everything is closed, and the loop ends; it does not wait for names that
 *     are being looked up (abandon.h).
 *
 * Failures:
 *
 *   - It cannot start: the cause is logged, and the exit code says what kind
 *     it is.
 *   - The admin socket cannot be created: a warning is logged; everything
 *     else works.
 *   - An inbox does not finish what it is writing, because its disk hangs: the
 *     process exits without it, a few seconds after a second signal or after
 *     drain_timeout. That is as safe as a crash.
 */
#include "daemon/session.h"

#include <assert.h>
#include <string.h>

#include "base/container_of.h"
#include "base/reason.h"
#include "daemon/limits.h"
#include "daemon/log/log.h"
#include "daemon/state_dir.h"
#include "daemon/state_environment.h"

struct session *session_of(struct gather *gather)
{
    return container_of(gather, struct session, gather);
}

/* The end */

static void on_inboxes_closed(struct gather *gather)
{
    struct session *session = session_of(gather);
    admin_close(session->admin);
    session->admin = NULL;
    abandon_soon(&session->abandon);
}

static void on_gather_closed(struct gather *gather)
{
    struct session *session = session_of(gather);
    signals_close(&session->signals);
    notify_close(&session->notify);
}

static void on_fleet_left(void *data)
{
    struct session *session = data;
    uint64_t now_ms = uv_now(&session->loop);
    session->is_leaving = false;
    gather_close(&session->gather,
                 session->end_ms > now_ms ? session->end_ms - now_ms : 0,
                 on_gather_closed);
}

/* A host of a fleet hands its servers over before anything is closed. */
static void finish_within(struct session *session, uint64_t deadline_ms)
{
    session->end_ms = uv_now(&session->loop) + deadline_ms;
    if (session->is_leaving) {
        fleet_host_leave(&session->fleet, deadline_ms, on_fleet_left);
    } else {
        gather_close(&session->gather, deadline_ms, on_gather_closed);
    }
}

void session_end_within(struct session *session, uint64_t deadline_ms)
{
    if (!session->is_ending) {
        session->is_ending = true;
        session->is_leaving = session->is_in_fleet;
        notify_stopping(&session->notify, deadline_ms + SESSION_CLOSE_MS);
        key_commands_close(&session->key_commands);
        reload_close(&session->reload);
        finish_within(session, deadline_ms);
    }
}

void session_end(struct session *session)
{
    if (session->is_ending) {
        finish_within(session, 0);
    } else {
        session_end_within(session, session->config->drain_timeout_ms);
    }
}

static void end_by_signal(struct session *session, int number, bool is_now)
{
    char name[SIGNAL_NAME_SIZE];
    is_now = is_now || session->is_ending;
    log_line(LOG_LEVEL_INFO, "%s: %s", signals_name(number, name, sizeof name),
             is_now ? "exiting immediately" : "finishing outstanding work");
    session_end(session);
    if (is_now) {
        finish_within(session, 0);
    }
    abandon_within(&session->abandon,
                   is_now
                       ? SESSION_CLOSE_NOW_MS
                       : session->config->drain_timeout_ms + SESSION_CLOSE_MS);
}

/* Those for the command; ignored where it is not ready for them. */
static void pass_signal(struct session *session, session_signal_cb signal_cb)
{
    if (session->is_open && !session->is_ending && signal_cb != NULL) {
        signal_cb(session);
    }
}

static void on_signal(void *data, enum signal_meaning meaning, int number)
{
    struct session *session = data;
    if (meaning == SIGNAL_POLL_NOW) {
        pass_signal(session, session->options.poll_now_cb);
    } else if (meaning == SIGNAL_HANGUP && session->options.hangup_cb != NULL) {
        session->is_hangup_due = !session->is_open;
        pass_signal(session, session->options.hangup_cb);
    } else {
        end_by_signal(session, number, meaning == SIGNAL_END_NOW);
    }
}

static void close_loop(struct session *session)
{
    int error = uv_loop_close(&session->loop);
    assert(error == 0);
    (void)error;
}

static void free_session(struct session *session)
{
    pauses_free(&session->pauses);
    reload_free(&session->reload);
    state_dir_unlock(session->lock);
    config_free(session->first_config);
    config_free(session->config);
}

/* The start */

/* From here on, nothing that is logged may block. */
static int open_loop(struct session *session, char *why, size_t why_size)
{
    const char *what = "start the thread that writes log lines";
    if (limits_loop_init(&session->loop, why, why_size) != 0) {
        return -1;
    }
    int error = log_start();
    if (error == 0) {
        what = "create an event loop";
        error = signals_start(&session->signals, &session->loop, on_signal,
                              session);
    }
    if (error != 0) {
        (void)reason_write(why, why_size, 0, "cannot %s: %s", what,
                           uv_strerror(error));
        uv_run(&session->loop, UV_RUN_DEFAULT);
        close_loop(session);
    }
    return error;
}

/* What could not be opened is named in the configuration. */
static enum exit_code exit_code_of(int error)
{
    return error == HAPLO_EINVAL   ? EXIT_CODE_USAGE
           : error == HAPLO_EEXIST ? EXIT_CODE_IN_USE
                                   : EXIT_CODE_FAILED;
}

static enum exit_code lock_state_dir(struct session *session)
{
    struct reason why;
    int error =
        state_dir_lock(session->config->state_dir, &session->lock, &why);
    if (error == 0) {
        error = state_environment_claim(session->config->state_dir,
                                        session->config->environment, &why);
        if (error == 0) {
            return EXIT_CODE_FINE;
        }
        state_dir_unlock(session->lock);
    }
    log_line(LOG_LEVEL_ERROR, "%s", why.text);
    return exit_code_of(error);
}

static enum exit_code open_state(struct session *session, struct config *config)
{
    *session = (struct session){.config = config};
    enum exit_code code = lock_state_dir(session);
    if (code != EXIT_CODE_FINE) {
        config_free(config);
    }
    return code;
}

static enum exit_code open_rest(struct session *session)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    if (limits_allow_dumps()) {
        log_line(LOG_LEVEL_WARNING, LIMITS_DUMPS_VARIABLE
                 " is set: a core dump would contain API keys and messages");
    }
    if (open_loop(session, why, sizeof why) != 0) {
        log_line(LOG_LEVEL_ERROR, "%s", why);
        free_session(session);
        return EXIT_CODE_FAILED;
    }
    notify_open(&session->notify, &session->loop);
    return EXIT_CODE_FINE;
}

/* Which host of the fleet it is, if the configuration has one. */
static enum exit_code find_self(struct session *session, const char *host)
{
    struct reason why;
    session->is_in_fleet = session->config->fleet.inbox != NULL;
    if (!session->is_in_fleet) {
        return EXIT_CODE_FINE;
    }
    int error = fleet_self_load(&session->self, session->config,
                                &session->gather, host, &why);
    if (error == 0) {
        return EXIT_CODE_FINE;
    }
    log_line(LOG_LEVEL_ERROR, "%s", why.text);
    free_session(session);
    return exit_code_of(error);
}

enum exit_code session_open_host(struct session *session, struct config *config,
                                 const char *host)
{
    enum exit_code code = open_state(session, config);
    if (code == EXIT_CODE_FINE) {
        code = find_self(session, host);
    }
    return code == EXIT_CODE_FINE ? open_rest(session) : code;
}

enum exit_code session_open(struct session *session, struct config *config)
{
    enum exit_code code = open_state(session, config);
    return code == EXIT_CODE_FINE ? open_rest(session) : code;
}

static void join_fleet(struct session *session)
{
    if (session->is_in_fleet &&
        fleet_host_start(&session->fleet, &session->self.host) != 0) {
        log_line(LOG_LEVEL_ERROR, "%s", haplo_error_text(HAPLO_ENOMEM));
        session->code = EXIT_CODE_FAILED;
        session_end(session);
    }
}

static void on_opened(struct gather *gather, int error)
{
    struct session *session = session_of(gather);
    if (error == 0) {
        session->is_open = true;
        if (session->options.reload_cb != NULL) {
            reload_open(&session->reload, &session->loop, gather,
                        &session->config, session->options.reload_cb);
        }
        join_fleet(session);
        session->options.opened_cb(session);
        if (session->is_hangup_due) {
            pass_signal(session, session->options.hangup_cb);
        }
        return;
    }
    session->code = exit_code_of(error);
    session_end(session);
}

static void on_keys_changed(void *data)
{
    struct session *session = data;
    pass_signal(session, session->options.keys_changed_cb);
}

/* What polls for long does not wait for them; see gather_hold_until_key(). */
static void start_key_commands(struct session *session)
{
    const struct config *config = session->config;
    uint64_t limit_ms = config->api_key_command_timeout_ms;
    bool is_polling = session->options.only_outlet == NULL &&
                      session->options.only_inbox == NULL;
    if (session->options.keys_changed_cb == NULL && is_polling &&
        key_commands_run_all(&session->key_commands, limit_ms, config->queues,
                             config->queue_count) == 0) {
        return;
    }
    key_commands_init(&session->key_commands, &session->loop, limit_ms,
                      on_keys_changed, session);
}

enum exit_code session_run(struct session *session,
                           const struct session_options *options)
{
    const struct gather_options gather_options = {
        .only_outlet = options->only_outlet,
        .only_inbox = options->only_inbox,
        .key_commands = &session->key_commands,
        .has_pauses = options->has_pauses,
        .pauses = options->has_pauses ? &session->pauses : NULL,
        .opened_cb = on_opened,
        .event_cb = options->event_cb,
        .marked_cb = options->marked_cb,
        .outlet_event_cb = options->outlet_event_cb,
        .drained_cb = options->drained_cb,
        .held_cb = options->held_cb,
        .inboxes_closed_cb = on_inboxes_closed,
        .has_log = options->listener != NULL,
        .telling = session->is_in_fleet ? &session->fleet.telling.calls : NULL,
        .fleet = session->is_in_fleet ? &session->fleet.calls : NULL,
    };
    session->options = *options;
    fleet_host_init(&session->fleet, &session->gather,
                    &session->config->fleet.policy, &session->pauses, session);
    abandon_init(&session->abandon, &session->loop);
    if (session->is_in_fleet) {
        pauses_share(&session->pauses, &session->fleet.telling.calls);
    } else if (options->has_pauses) {
        pauses_load(&session->pauses, session->config->state_dir);
    }
    start_key_commands(session);
    session->first_config = config_keep(session->config);
    session->admin = admin_open(&session->loop, session->config,
                                &session->gather, &session->reload);
    gather_open(&session->gather, &session->loop, session->config,
                &gather_options);
    if (options->listener != NULL) {
        observer_listen(&session->gather.observer, options->listener);
    }
    uv_run(&session->loop, UV_RUN_DEFAULT);
    if (!session->abandon.is_done) {
        abandon_close(&session->abandon);
        key_commands_free(&session->key_commands);
        fleet_host_free(&session->fleet);
        close_loop(session);
        free_session(session);
    }
    return session->code;
}

enum exit_code session_exit(const struct session *session, enum exit_code code)
{
    return abandon_exit(&session->abandon, code);
}
