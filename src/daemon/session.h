/*
 * session.h - what commands that put a configuration to work have in common:
 * configuration, lock, loop, signals, control socket, and the gathering from
 * its opening to its end.
 */
#ifndef DAEMON_SESSION_H
#define DAEMON_SESSION_H

#include <stdbool.h>

#include <uv.h>

#include "daemon/command.h"
#include "daemon/control.h"
#include "daemon/gather.h"

#define SESSION_STOP_DEADLINE_MS 30000 /* to finish what is in flight */

struct session;

/* All inboxes are open, and all is at work. */
typedef void (*session_opened_cb)(struct session *session);

/* What a command is told; the others than opened_cb as in gather.h, and only
 * after opened_cb. */
struct session_options {
    session_opened_cb opened_cb;            /* required */
    haplo_event_cb event_cb;                /* or NULL */
    gather_outlet_event_cb outlet_event_cb; /* or NULL */
    gather_cb drained_cb;                   /* or NULL */
};

/* A command embeds it, and gets back to itself by container_of(). */
struct session {
    struct config *config;       /* owned */
    int lock;                    /* of the state directory */
    uv_loop_t loop;              /* owned */
    uv_signal_t sigint;          /* ends the session */
    uv_signal_t sigterm;         /* the same */
    struct control control;      /* requests of other processes */
    struct gather gather;        /* the configuration at work */
    session_opened_cb opened_cb; /* the command's */
    bool is_ending;              /* session_end() was called */
    enum exit_code code;         /* why it could not start, or FINE */
};

/* Takes the configuration, locks the state directory and makes the loop.
 * EXIT_CODE_FINE, and session_run() must follow; or another code with the cause
 * logged, and nothing is left. */
enum exit_code session_open(struct session *session, struct config *config);

/* Puts the configuration to work, runs until the end, and frees all but the
 * session itself. EXIT_CODE_FINE, or why it could not start. only_outlet: see
 * struct gather_options. */
enum exit_code session_run(struct session *session,
                           const struct session_options *options,
                           const struct config_outlet *only_outlet);

/* Drains and ends; session_run() then returns. A second call does not wait. */
void session_end(struct session *session);

/* The session whose gathering it is. */
struct session *session_of(struct gather *gather);

#endif
