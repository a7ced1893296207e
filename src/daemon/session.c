/*
 * session.c - from the configuration to the last closed handle:
 *
 *   - the configuration is loaded, the state directory locked, the gathering
 *     opened;
 *   - the loop runs until SIGINT, SIGTERM or the command itself ends it: no
 *     new fetch, batches in hand are finished, for at most
 *     SESSION_STOP_DEADLINE_MS; a second signal shortens that to nothing;
 *   - all is closed, and the loop runs out.
 */
#include "daemon/session.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/container_of.h"
#include "daemon/limits.h"
#include "daemon/log.h"
#include "daemon/state_dir.h"

static void on_gather_closed(struct gather *gather)
{
    struct session *session = container_of(gather, struct session, gather);
    /* One more of them would now kill it, at the very end. */
    limits_hold_signals();
    uv_close((uv_handle_t *)&session->sigint, NULL);
    uv_close((uv_handle_t *)&session->sigterm, NULL);
}

void session_end(struct session *session)
{
    uint64_t deadline_ms = session->is_ending ? 0 : SESSION_STOP_DEADLINE_MS;
    session->is_ending = true;
    gather_close(&session->gather, deadline_ms, on_gather_closed);
}

static void on_signal(uv_signal_t *handle, int signal_number)
{
    struct session *session = handle->data;
    session->signal_number = signal_number;
    log_line(LOG_LEVEL_INFO, "%s: %s",
             signal_number == SIGINT ? "SIGINT" : "SIGTERM",
             session->is_ending ? "leaving at once"
                                : "finishing the batches in hand");
    session_end(session);
}

/* Until the session ends, it holds the loop: where all queues are blocked, or
 * paused, nothing else does. */
static int start_signal(struct session *session, uv_signal_t *handle,
                        int signal_number)
{
    int error = uv_signal_init(&session->loop, handle);
    if (error != 0) {
        return error;
    }
    handle->data = session;
    error = uv_signal_start(handle, on_signal, signal_number);
    if (error != 0) {
        uv_close((uv_handle_t *)handle, NULL);
    }
    return error;
}

static void close_loop(struct session *session)
{
    int error = uv_loop_close(&session->loop);
    assert(error == 0);
    (void)error;
}

static int open_loop(struct session *session, char *why, size_t why_size)
{
    if (limits_loop_init(&session->loop, why, why_size) != 0) {
        return -1;
    }
    int error = start_signal(session, &session->sigint, SIGINT);
    if (error == 0) {
        error = start_signal(session, &session->sigterm, SIGTERM);
        if (error != 0) {
            uv_close((uv_handle_t *)&session->sigint, NULL);
        }
    }
    if (error != 0) {
        snprintf(why, why_size, "no event loop: %s", uv_strerror(error));
        uv_run(&session->loop, UV_RUN_DEFAULT);
        close_loop(session);
    }
    return error;
}

static void free_session(struct session *session)
{
    state_dir_unlock(session->lock);
    config_free(session->config);
}

static int lock_state_dir(struct session *session)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    session->lock = state_dir_lock(session->config->state_dir, why, sizeof why);
    if (session->lock >= 0) {
        return 0;
    }
    int code = errno == EWOULDBLOCK ? EXIT_CODE_IN_USE : EXIT_CODE_USAGE;
    log_line(LOG_LEVEL_ERROR, "%s", why);
    return code;
}

int session_open(struct session *session, const struct command_options *options,
                 haplo_event_cb event_cb, void *data)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    memset(session, 0, sizeof *session);
    session->config = command_load_config(options);
    if (session->config == NULL) {
        return EXIT_CODE_USAGE;
    }
    int code = lock_state_dir(session);
    if (code != 0) {
        config_free(session->config);
        return code;
    }
    if (open_loop(session, why, sizeof why) != 0) {
        log_line(LOG_LEVEL_ERROR, "%s", why);
        free_session(session);
        return EXIT_CODE_FAILED;
    }
    int error = gather_open(&session->gather, &session->loop, session->config,
                            event_cb, data, why, sizeof why);
    if (error != 0) {
        log_line(LOG_LEVEL_ERROR, "%s", why);
        session_end(session);
        session_run(session);
        return error == HAPLO_EINVAL ? EXIT_CODE_USAGE : EXIT_CODE_FAILED;
    }
    return 0;
}

void session_run(struct session *session)
{
    uv_run(&session->loop, UV_RUN_DEFAULT);
    close_loop(session);
    free_session(session);
}
