/*
 * session.h - what `run` and `once` have in common: configuration, lock,
 * loop, signals, and the gathering from its opening to its end.
 */
#ifndef DAEMON_SESSION_H
#define DAEMON_SESSION_H

#include <stdbool.h>

#include <uv.h>

#include "daemon/command.h"
#include "daemon/gather.h"

#define SESSION_STOP_DEADLINE_MS 30000 /* to finish deliveries and marks */

struct session {
    struct config *config; /* */
    int lock;              /* of the state directory */
    uv_loop_t loop;        /* */
    uv_signal_t sigint;    /* */
    uv_signal_t sigterm;   /* */
    struct gather gather;  /* */
    bool is_ending;        /* session_end() was called */
    int signal_number;     /* that ended it, or 0 */
};

/* Opens all that. Returns 0, or an exit code with the cause printed; then
 * there is nothing to run or close. event_cb's poller data is the gather,
 * whose data is `data`. */
int session_open(struct session *session, const struct command_options *options,
                 haplo_event_cb event_cb, void *data);

/* Drains and ends; session_run() then returns. */
void session_end(struct session *session);

/* Runs until the end, and frees all. */
void session_run(struct session *session);

#endif
