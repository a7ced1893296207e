/*
 * reload_pass.h - walks through a new configuration, once, and begins a change
 * for each object that is not what it says. See reload_change.h.
 */
#ifndef DAEMON_RELOAD_PASS_H
#define DAEMON_RELOAD_PASS_H

#include <stdbool.h>
#include <stddef.h>

#include <uv.h>

#include "daemon/gather/gather_key.h"
#include "daemon/reload/reload_change.h"

enum reload_pass_stage {
    RELOAD_PASS_IDLE,
    RELOAD_PASS_INBOXES,
    RELOAD_PASS_SERVERS,
    RELOAD_PASS_QUEUES,
    RELOAD_PASS_REMOVED, /* servers and queues that it does not have */
    RELOAD_PASS_OUTLETS
};

struct reload_pass {
    struct reload_changes *changes; /* borrowed */
    struct config *from;            /* owned while it runs: what was at work */
    struct config *to;              /* borrowed: the newest one */
    enum reload_pass_stage stage;   /* where it is */
    size_t index;                   /* of the next object in the stage */
    struct gather_key_look look;    /* QUEUES: at keys, in this slice */
    size_t cursor;                  /* REMOVED: in the table of servers */
    size_t queue_cursor;            /* REMOVED: in that of its queues */
    struct gather_server *server;   /* REMOVED: which one; or NULL */
    bool has_lost;                  /* memory ran out for a change */
    uv_idle_t slices;               /* runs meanwhile */
    gather_cb passed_cb;            /* it has ended */
};

void reload_pass_init(struct reload_pass *pass, uv_loop_t *loop,
                      struct reload_changes *changes, gather_cb passed_cb);

/* Replaces the configuration of the gather by `to`, which it borrows, and takes
 * the one that it replaces. passed_cb fires once, from the loop. */
void reload_pass_start(struct reload_pass *pass, struct config *from,
                       struct config *to);

/* Stops it for good. */
void reload_pass_close(struct reload_pass *pass);

/* When the gather is closed: nothing borrows from the old configuration. */
void reload_pass_free(struct reload_pass *pass);

#endif
