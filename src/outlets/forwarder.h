/*
 * forwarder.h - takes messages from an inbox to one outlet, queue by queue
 * (one lane for each queue), each lane in the order of arrival.
 *
 * The decisions (whose turn, how long to wait, when the outlet is broken, how
 * far the cursor may go) are those of core/dispatch.h; this is its I/O: reading
 * ahead, handing parcels over, storing progress.
 */
#ifndef OUTLETS_FORWARDER_H
#define OUTLETS_FORWARDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "inbox/inbox.h"
#include "outlets/outlet.h"

struct forwarder;

enum forwarder_on_refused { FORWARDER_BLOCK, FORWARDER_DEAD_LETTER };

struct forwarder_options {
    const char *name;               /* of the outlet; unique */
    const struct outlet_type *type; /* its kind */
    const void *type_options;       /* what its options filled */
    const char *const *queues;      /* patterns "server/queue" (fnmatch) */
    size_t queue_count;             /* 0: all queues */
    enum forwarder_on_refused on_refused; /* what refused messages become */
    unsigned in_flight_max;               /* parcels at once; 0: the type's */
    size_t read_ahead_bytes_max;          /* bodies in memory; 0: 16 MiB */
    uint64_t backoff_ms;                  /* first wait; 0: 1 s */
    uint64_t backoff_max_ms;              /* longest; 0: 5 min */
    unsigned breaker_failures;            /* in a row, until it is broken; 0:
                                             5 */
    unsigned breaker_refusals;            /* the same, of different messages; 0:
                                             10 */
};

/* The options that all outlets have, after name, type, inbox and queues; they
 * fill struct forwarder_options. */
extern const struct option_row forwarder_option_rows[];
extern const size_t forwarder_option_count;

/* Whether a pattern of options->queues means this queue. */
bool forwarder_pattern_matches(const char *pattern, const char *server,
                               const char *queue);

/* What an operator sees of one outlet; all since the start but the states. */
struct forwarder_stats {
    const char *name;           /* its own */
    bool is_broken;             /* its breaker is open */
    bool is_caught_up;          /* nothing left behind the cursor, nothing
                                   deferred, nothing in flight or unsaved */
    bool is_at_rest;            /* caught up, or all that is left waits for an
                                   operator or for its next try; nothing in
                                   flight, unsaved or unread */
    size_t blocked_lane_count;  /* a refused message holds them */
    size_t waiting_lane_count;  /* they back off */
    uint64_t wait_ms;           /* until its next try, or 0 */
    uint64_t cursor;            /* as stored */
    uint64_t delivered_count;   /* messages */
    uint64_t filtered_count;    /* messages of queues that it does not have */
    uint64_t dead_letter_count; /* messages */
    uint64_t skipped_count;     /* messages that an operator has passed over */
    uint64_t retry_count;       /* parcels that were not delivered at first */
    const char *why;            /* the newest failure, "" if none; borrowed */
};

/*
 * A lane or the outlet changed state: a line for the log. The states are
 *
 *   lane     "waiting", "blocked", "working" (again), "dead letter"
 *   outlet   "broken", "waiting" (for the inbox), "working" (again), "at rest"
 *
 * "At rest" is for whoever waits for it: see struct forwarder_stats. Fires from
 * the loop, never inside a call of this header.
 */
struct forwarder_event {
    const char *outlet; /* its name */
    const char *server; /* NULL: the whole outlet's event */
    const char *queue;  /* the lane's, with server */
    const char *state;  /* see above */
    const char *why;    /* one line, or "" */
    uint64_t arrival;   /* of the message that is refused, or 0 */
    uint64_t delay_ms;  /* until the next try, or 0 */
};
typedef void (*forwarder_event_cb)(struct forwarder *forwarder,
                                   const struct forwarder_event *event,
                                   void *data);

/* Starts at the stored cursor; opening the outlet is tried again with back-off
 * while it fails. Borrows all options. NULL: no memory. */
struct forwarder *forwarder_new(uv_loop_t *loop, struct inbox *inbox,
                                const struct forwarder_options *options,
                                forwarder_event_cb event_cb, void *data);

/* Messages were stored. */
void forwarder_wake(struct forwarder *forwarder);

void forwarder_stats(const struct forwarder *forwarder,
                     struct forwarder_stats *stats);

/* What an operator decides of a blocked or waiting lane. */
enum forwarder_release {
    FORWARDER_RETRY,          /* try its first message again, now */
    FORWARDER_SKIP,           /* pass over it */
    FORWARDER_TO_DEAD_LETTERS /* and keep it as a dead letter */
};
/* HAPLO_ENOTFOUND if that lane has nothing to be released. */
int forwarder_release_lane(struct forwarder *forwarder, const char *server,
                           const char *queue, enum forwarder_release release);

/* Finishes what is in flight, until deadline_ms from now, stores the progress,
 * closes the outlet and frees itself; closed_cb fires once, from the loop. The
 * inbox is still open then. Before closed_cb a second call may shorten the
 * deadline; its callback is the first one's. */
void forwarder_close(struct forwarder *forwarder, uint64_t deadline_ms,
                     void (*closed_cb)(void *data), void *data);

#endif
