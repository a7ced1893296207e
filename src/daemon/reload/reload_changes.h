/*
 * reload_changes.h - all changes of a reload that have begun and not ended, and
 * which of them is looked at next; see reload_change.h for a single one.
 *
 *   - Those that are ready are looked at, some in each turn of the loop.
 *   - Those that wait for something are looked at again whenever something has
 *     happened, and from time to time.
 *   - A queue that finishes its batch has drain_timeout for that. Then its
 *     token is given up: what is stored is recognised when the server sends it
 *     again.
 */
#ifndef DAEMON_RELOAD_CHANGES_H
#define DAEMON_RELOAD_CHANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <uv.h>

#include "base/name_table.h"
#include "daemon/gather/gather.h"
#include "daemon/reload/reload_pins.h"

#define RELOAD_SLICE_COUNT 128 /* objects in one turn of the loop */
#define RELOAD_NAME_SIZE (GATHER_NAME_SIZE + 16) /* "outlet a" */

struct reload_change; /* reload_step.h */

TAILQ_HEAD(reload_change_list, reload_change);

/* Queues whose tokens were given up, not told yet. */
struct reload_given_up {
    size_t count;                 /* of them */
    char first[RELOAD_NAME_SIZE]; /* one of them */
};

struct reload_changes {
    struct gather *gather;               /* borrowed */
    struct name_table table;             /* all of them, by part and name */
    struct reload_change_list ready;     /* to be looked at */
    struct reload_change_list waiting;   /* for something that is not there */
    struct reload_change_list finishing; /* queues, by deadline */
    struct reload_change_list busy;      /* a callback brings them back */
    struct reload_pins pins;             /* of all outlets that are at work */
    struct reload_given_up given_up;     /* see above */
    uv_idle_t slices;                    /* runs while any are ready */
    uv_timer_t timer;                    /* looks at those that wait */
    uv_timer_t deadline;                 /* of the first one of finishing */
    uint64_t wait_ms;                    /* grows while nothing happens */
    size_t told_count;                   /* queues that this reload has held */
    bool is_held_back;                   /* during a pass */
    bool is_closed;                      /* for good */
    gather_cb settled_cb;                /* no change is left; or NULL */
};

/* The gather is open. reload_changes_close() and _free() must follow. */
void reload_changes_init(struct reload_changes *changes, uv_loop_t *loop,
                         struct gather *gather);

/* During a pass, objects must not come and go. */
void reload_changes_hold_back(struct reload_changes *changes);
void reload_changes_let_go(struct reload_changes *changes);

/* The number of changes that have begun and not ended. */
size_t reload_changes_count(const struct reload_changes *changes);

/* Calls wait_cb with a line for each object that waits, at most count_max. */
typedef void (*reload_wait_cb)(void *data, const char *line);
void reload_changes_tell(const struct reload_changes *changes, size_t count_max,
                         reload_wait_cb wait_cb, void *data);

/* Stops all changes where they are, before the gather is closed. */
void reload_changes_close(struct reload_changes *changes);

/* Frees them, once the loop has ended. */
void reload_changes_free(struct reload_changes *changes);

#endif
