/*
 * forwarder.h - forwards messages from an inbox to one outlet, with one lane
 * per queue, each lane in order of arrival.
 *
 * core/dispatch.h makes the decisions (which lane is next, how long to wait,
 * whether the outlet is broken, how far the cursor may move). The forwarder
 * does the I/O: it reads ahead, passes parcels to the outlet and stores the
 * progress.
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
struct route_rules; /* core/route.h */

enum forwarder_on_refused { FORWARDER_BLOCK, FORWARDER_DEAD_LETTER };

struct forwarder_options {
    const char *name;               /* unique name of the outlet */
    const struct outlet_type *type; /* its kind */
    const void *type_options;       /* filled by the options of its type */
    const char *const *queues;      /* patterns "server/queue" (fnmatch) */
    size_t queue_count;             /* 0: all queues */
    const char *start; /* where a new outlet begins: "now", "beginning", or a
                          date; NULL: beginning */
    const struct route_rules *when;       /* messages to forward; NULL: all */
    enum forwarder_on_refused on_refused; /* what happens to refused messages */
    unsigned in_flight_max;      /* parcels in flight; 0: that of the type */
    size_t read_ahead_bytes_max; /* bodies in memory; 0: 16 MiB */
    uint64_t backoff_ms;         /* first wait; 0: 1 s */
    uint64_t backoff_max_ms;     /* longest wait; 0: 5 min */
    unsigned breaker_failures;   /* consecutive, open the breaker; 0:
                                    5 */
    unsigned breaker_refusals;   /* the same, different messages; 0:
                                    10 */
};

/* The options that all outlets have, besides name, type, inbox and queues.
 * They fill struct forwarder_options. */
extern const struct option_row forwarder_option_rows[];
extern const size_t forwarder_option_count;

/* True if a pattern of options->queues matches this queue. */
bool forwarder_pattern_matches(const char *pattern, const char *server,
                               const char *queue);

/* True if an outlet with these options forwards this queue. */
bool forwarder_options_want(const struct forwarder_options *options,
                            const char *server, const char *queue);

/* Statistics of one outlet. Counters are since the start. */
struct forwarder_stats {
    const char *name;           /* of the outlet */
    bool is_broken;             /* its breaker is open */
    bool is_caught_up;          /* nothing after the cursor, deferred, in
                                   flight or unsaved, and no replay */
    bool is_at_rest;            /* caught up, or everything left waits for an
                                   operator or its next try; nothing in flight,
                                   unsaved or unread */
    bool is_inbox_down;         /* it could not be read or written several
                                   times in a row */
    size_t blocked_lane_count;  /* held up by a refused message */
    size_t waiting_lane_count;  /* backing off */
    uint64_t wait_ms;           /* until its next try, or 0 */
    uint64_t cursor;            /* stored cursor */
    uint64_t delivered_count;   /* messages */
    uint64_t delivered_at_ms;   /* when it last accepted one, replays included;
                                   Unix milliseconds; 0: none yet */
    uint64_t filtered_count;    /* messages that the outlet does not want */
    uint64_t dead_letter_count; /* messages */
    uint64_t skipped_count;     /* messages skipped by an operator */
    uint64_t retry_count;       /* parcels that had to be retried */
    const char *why;            /* borrowed; the newest failure, or "" */
};

/*
 * A lane or the outlet has changed its state. The states are
 *
 *   lane     "waiting", "blocked", "working" (again), "dead letter",
 *            "elsewhere" (another host has it now, and whatever held it up)
 *   outlet   "broken", "waiting" (for the inbox; again once is_inbox_down),
 *            "working" (again), "at rest", "replay" (why tells what it does),
 *            "warning" (it works, but why says what is wrong)
 *
 * For "at rest", see struct forwarder_stats. Fires from the loop, never inside
 * a call of this header.
 */
struct forwarder_event {
    const char *outlet; /* its name */
    const char *server; /* NULL: concerns the whole outlet */
    const char *queue;  /* of the lane, with server */
    const char *state;  /* see above */
    const char *why;    /* one line, or "" */
    uint64_t arrival;   /* of the refused message, or 0 */
    uint64_t delay_ms;  /* until the next try, or 0 */
};
typedef void (*forwarder_event_cb)(struct forwarder *forwarder,
                                   const struct forwarder_event *event,
                                   void *data);

/* Starts at the stored cursor. While opening the outlet fails, it is retried
 * with back-off. Borrows all options. NULL if memory runs out. */
struct forwarder *forwarder_new(uv_loop_t *loop, struct inbox *inbox,
                                const struct forwarder_options *options,
                                forwarder_event_cb event_cb, void *data);

/*
 * Several hosts may share an outlet: each forwards the messages of the servers
 * in its slots (fleet/placement.h), and the replays of the outlets whose names
 * are in them. None of these callbacks may call the forwarder.
 */
struct forwarder_share {
    bool (*owns_cb)(void *data, unsigned slot); /* it may begin parcels of it */
    bool (*may_begin_cb)(void *data); /* it may begin anything just now; asked
                                         before each parcel */
    void (*drained_cb)(void *data, unsigned slot); /* of forwarder_drain() */
    void *data;                                    /* passed to these */
};

/* To be called right after forwarder_new(); borrows share. Lanes are shared
 * only if the inbox has positions (struct inbox_outlet). */
void forwarder_share(struct forwarder *forwarder,
                     const struct forwarder_share *share);

/* owns_cb is true for this slot from now on: looks for what is to be forwarded,
 * from the stored progress. */
void forwarder_slot_gained(struct forwarder *forwarder, unsigned slot);

/* owns_cb is false from now on. drained_cb fires once, from the loop, when
 * nothing of the slot is in flight and all its progress is stored; not if the
 * forwarder is closed first, or if the slot is lost or gained meanwhile. */
void forwarder_slot_drain(struct forwarder *forwarder, unsigned slot);

/* owns_cb is false from now on, and another host may be forwarding it: drops
 * what has not begun. What is in flight still counts if it succeeds. */
void forwarder_slot_lost(struct forwarder *forwarder, unsigned slot);

/* To be called when messages have been stored; see inbox_stored_cb. */
void forwarder_wake(struct forwarder *forwarder,
                    const struct inbox_queue *queue, uint64_t last_arrival,
                    size_t count);

/* True unless it is shared, and another host forwards the messages of this
 * server. */
bool forwarder_owns(const struct forwarder *forwarder, const char *server);

/* 1 if the outlet wants this message, 0 if not, or HAPLO_ENOMEM. */
int forwarder_accepts(const struct forwarder *forwarder,
                      const struct inbox_message *message);

/* True if the outlet wants messages of this queue. */
bool forwarder_wants(const struct forwarder *forwarder, const char *server,
                     const char *queue);

/* A message of a queue that the outlet wants does not match its rules. Fires
 * when the message is read, which can happen again after a restart or an error.
 * May call forwarder_accepts(). */
typedef void (*forwarder_declined_cb)(struct forwarder *forwarder,
                                      const struct inbox_message *message,
                                      void *data);
void forwarder_on_declined(struct forwarder *forwarder,
                           forwarder_declined_cb declined_cb);

/* To be called when a replay was added to the inbox or stopped there. */
void forwarder_replay(struct forwarder *forwarder);

void forwarder_stats(const struct forwarder *forwarder,
                     struct forwarder_stats *stats);

/* The decision of an operator about a blocked or waiting lane. */
enum forwarder_release {
    FORWARDER_RETRY,          /* try its first message again, now */
    FORWARDER_SKIP,           /* skip it */
    FORWARDER_TO_DEAD_LETTERS /* skip it, and keep it as a dead letter */
};
/* Returns 0; HAPLO_EBUSY if the outlet has its first message just now, so that
 * its result is not known; or HAPLO_ENOTFOUND if there is nothing to release.
 */
int forwarder_release_lane(struct forwarder *forwarder, const char *server,
                           const char *queue, enum forwarder_release release);

/* Finishes what is in flight within deadline_ms, stores the progress, closes
 * the outlet and frees itself. closed_cb fires once, from the loop, while the
 * inbox is still open. A second call before that may shorten the deadline; the
 * callback of the first call applies. */
void forwarder_close(struct forwarder *forwarder, uint64_t deadline_ms,
                     void (*closed_cb)(void *data), void *data);

#endif
