/*
 * reload_change.h - objects on their way from one configuration to the next.
 *
 * reload_pass.c finds out what is to change, and begins a change for each such
 * object; whatever has no change keeps working. A change then goes step by
 * step, as fast as its object allows:
 *
 *     PENDING    a queue whose new inbox is not open: still at work as it was
 *     FINISHING  it finishes what it has begun, and begins nothing
 *     FINISHED   it is not at work any more, or not yet: once what it needs is
 *                there, it goes on under its next configuration, or is removed
 *     MOVING     a queue: its state moves to another inbox
 *     OPENING    an inbox
 *
 *   - A queue delivers and marks the batch that it has; then it leaves the
 *     poller. What it has stored stays, and its next poll is due as if it were
 *     new, but at once if it was failing.
 *   - A server is removed when its queues have left, and added again.
 *   - An outlet finishes what is in flight.
 *   - An inbox is closed when the queues and outlets that use it have finished.
 *
 * Nothing waits for anything else than that. An inbox that cannot be opened is
 * tried again, and only its own queues and outlets wait. The next reload may
 * come at any time: it replaces what a change leads to.
 *
 * A change keeps the configuration that its object still borrows from.
 */
#ifndef DAEMON_RELOAD_CHANGE_H
#define DAEMON_RELOAD_CHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <uv.h>

#include "base/name_table.h"
#include "config/config_diff.h"
#include "daemon/gather/gather.h"
#include "daemon/reload/reload_pins.h"

#define RELOAD_SLICE_COUNT 128 /* objects in one turn of the loop */

struct reload_change; /* reload_change.c */

TAILQ_HEAD(reload_change_list, reload_change);

struct reload_changes {
    struct gather *gather;             /* borrowed */
    struct name_table table;           /* all of them, by part and name */
    struct reload_change_list ready;   /* to be looked at */
    struct reload_change_list waiting; /* for something that is not there */
    struct reload_change_list busy;    /* a callback brings them back */
    struct reload_pins pins;           /* of all outlets that are at work */
    uv_idle_t slices;                  /* runs while any are ready */
    uv_timer_t timer;                  /* looks at those that wait */
    uint64_t wait_ms;                  /* grows while nothing happens */
    size_t told_count;                 /* queues that this reload has held */
    bool is_held_back;                 /* during a pass */
    bool is_closed;                    /* for good */
    gather_cb settled_cb;              /* no change is left; or NULL */
};

/* The gather is open. reload_changes_close() and _free() must follow. */
void reload_changes_init(struct reload_changes *changes, uv_loop_t *loop,
                         struct gather *gather);

/* During a pass, objects must not come and go. */
void reload_changes_hold_back(struct reload_changes *changes);
void reload_changes_let_go(struct reload_changes *changes);

/* The number of changes that have begun and not ended. */
size_t reload_changes_count(const struct reload_changes *changes);

/* Begins a change of an object that is at work, or held, to a configuration, or
 * to none (NULL); or leads one that has begun there instead. from: what the
 * object borrows from, unless it is kept already. 0 or HAPLO_ENOMEM: nothing
 * has changed. */
int reload_change_inbox(struct reload_changes *changes,
                        struct gather_inbox *inbox,
                        const struct config_inbox *next, struct config *from);
int reload_change_outlet(struct reload_changes *changes,
                         struct gather_outlet *outlet,
                         const struct config_outlet *next, struct config *from);
int reload_change_server(struct reload_changes *changes,
                         struct gather_server *server,
                         const struct config_server *next, struct config *from);
int reload_change_queue(struct reload_changes *changes,
                        struct gather_queue *queue,
                        const struct config_queue *next, struct config *from);

/* Calls wait_cb with a line for each object that waits, at most count_max.
 * Returns their number. */
typedef void (*reload_wait_cb)(void *data, const char *line);
size_t reload_changes_tell(const struct reload_changes *changes,
                           size_t count_max, reload_wait_cb wait_cb,
                           void *data);

/* Stops all changes where they are, before the gather is closed. */
void reload_changes_close(struct reload_changes *changes);

/* Frees them, once the loop has ended. */
void reload_changes_free(struct reload_changes *changes);

#endif
