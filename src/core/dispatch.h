/*
 * dispatch.h - makes the decisions for one outlet: which lane is next, what a
 * result of the outlet means, what to read next, what to defer and what to
 * save. Pure: no I/O and no clock; the forwarder carries them out.
 *
 * The life of a message:
 *
 *   - dispatch_read_next() asks for the next messages in order of arrival, or
 *     for the backlog of a lane. What was read is added, span by span.
 *   - dispatch_next() returns the first span of the next lane. Lanes take
 *     turns, each has one span with the outlet at a time, and there are
 *     in_flight_max spans in total.
 *   - The outlet reports a result: dispatch_delivered(), _retry(), _refused()
 *     or _broken().
 *   - dispatch_save_begin() returns what may be stored: nothing before it has
 *     been sent.
 *
 * Failures:
 *
 *   - "Not now": the lane waits, the others continue (lane.h).
 *   - Refused because of its data: the lane is blocked, or the message becomes
 *     a dead letter once it is clear that the outlet accepts others.
 *   - The destination is broken: all lanes wait, one span probes (breaker.h).
 *   - A lane that waits or is blocked holds back the cursor, or fills the
 *     memory: it is deferred (lane.h), and its memory released.
 *   - A slow lane holds back the cursor for DISPATCH_HOLD_MS: it is deferred
 *     as well, but stays in memory.
 *   - Memory runs out when something must be recorded: is_lost. Start again
 *     from what is stored.
 *
 * If the inbox is in order per queue only (DISPATCH_BY_QUEUE), there is no
 * cursor to read onward from. The owner tells which lanes have messages
 * (dispatch_stored()), and all are read as the backlog of their lane. Each
 * lane has its own position, so none holds back another, and nothing is ever
 * deferred. A lane exists until its position is saved: if its queue then gets
 * more messages, they are read after what is stored.
 *
 * Several processes may then share an outlet, each with lanes of its own. When
 * lanes go to another process, they are withdrawn (dispatch_withdraw.c).
 */
#ifndef CORE_DISPATCH_H
#define CORE_DISPATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/breaker.h"
#include "core/lane.h"
#include "core/lane_table.h"
#include "core/progress.h"
#include "core/window.h"

#define DISPATCH_SAVE_MS 100        /* minimum time between two saves */
#define DISPATCH_SAVE_RETRY_MS 5000 /* after a failed save */
#define DISPATCH_HOLD_MS 1000       /* see above */
/* The cursor of an outlet whose inbox is in order per queue only: after all
 * arrivals. */
#define DISPATCH_BY_QUEUE (UINT64_MAX - 1)
#define DISPATCH_LEND_AFTER 16 /* spans sent, before a replay has its turn */
/* With more unsaved deferred messages, nothing is read ahead. */
#define DISPATCH_UNSAVED_DEFERRED 16384

struct dispatch_policy {
    struct breaker_policy breaker; /* its waits apply to lanes as well */
    unsigned in_flight_max;        /* spans with the outlet */
    size_t bytes_max;              /* limit for bodies in memory */
    bool has_dead_letters;         /* refused messages become dead letters */
};

/* Callbacks to the owner. None may call the dispatch. */
struct dispatch_calls {
    void (*release_cb)(void *data, struct span *span); /* it is no longer
                                                          used */
    lane_trace_cb lane_cb; /* the state of a lane has changed */
    void (*breaker_cb)(void *data, enum breaker_action action); /* never NONE */
    void (*buried_cb)(void *data, const struct lane *lane, uint64_t arrival,
                      const char *why); /* a message became a dead letter */
    /* The number of messages at the start of a span, some of which is done,
     * that need not be delivered: less than span->count. May be NULL: none. */
    uint32_t (*unwanted_cb)(void *data, const struct span *span);
};

/* Counters since the start. */
struct dispatch_counts {
    uint64_t delivered;    /* messages */
    uint64_t dead_letters; /* messages */
    uint64_t skipped;      /* messages skipped by an operator */
    uint64_t retries;      /* spans that had to be retried */
};

struct dispatch {
    const struct dispatch_policy *policy; /* borrowed */
    const struct dispatch_calls *calls;   /* borrowed */
    void *data;                           /* passed to calls */
    struct random random;                 /* for jitter */
    struct breaker breaker;               /* of the destination */
    struct window window;                 /* read and not done */
    struct lane_table lanes;              /* owned; lanes that have work */
    struct heap waits;                    /* due times of WAITING lanes */
    struct lane_list ready;               /* READY lanes in order */
    struct lane_list recalling;           /* RECALLING lanes, except those
                                             being read */
    struct lane_list run;     /* lanes refused, and not proven since */
    uint64_t refusals;        /* so far, and results of lent parcels */
    uint64_t proven_to;       /* refusals up to that number are the data's
                                 fault: what was sent after them has been
                                 accepted since the breaker opened last */
    uint64_t openings;        /* of the breaker, so far */
    struct lane_list moved;   /* by queue: lanes with a position to be saved */
    struct lane_list leaving; /* by queue: withdrawn, and not over yet */
    struct progress pending;  /* to be saved next */
    struct progress saving;   /* being saved, or to be saved again */
    uint64_t saved_cursor;    /* known to be stored */
    uint64_t save_due_ms;     /* earliest next save */
    unsigned in_flight;       /* spans with the outlet */
    uint64_t lent_queue_id;   /* see dispatch_lend(); 0: nothing is lent */
    unsigned lend_wait;       /* spans sent since the last lent parcel */
    size_t waiting_count;     /* lanes */
    size_t blocked_count;     /* lanes */
    size_t recall_count;      /* lanes whose backlog is being read */
    bool is_by_queue;         /* see above */
    bool is_saving;           /* between save_begin and save_end */
    bool is_save_open;        /* outcome of saving is unknown */
    bool is_reading;          /* reading onward */
    bool was_recall;          /* the last read was a recall: alternate */
    bool has_more;            /* there may be messages after
                                 window.read_to */
    bool was_woken;           /* woken while reading: read again */
    bool is_lost;             /* see above */
    struct dispatch_counts counts; /* for statistics */
};

/* Starts after a stored cursor, or with DISPATCH_BY_QUEUE. Borrows policy and
 * calls. */
void dispatch_init(struct dispatch *dispatch,
                   const struct dispatch_policy *policy,
                   const struct dispatch_calls *calls, void *data,
                   uint64_t cursor, uint64_t seed);

/* Releases all spans, including those in flight, and frees all lanes. */
void dispatch_free(struct dispatch *dispatch);

/* Reading */

/* Finds the lane of a queue, or creates it; NULL if memory runs out. Borrows
 * the names. If nothing is added to it immediately, call
 * dispatch_lane_drop_idle(). */
struct lane *dispatch_lane(struct dispatch *dispatch, uint64_t queue_id,
                           const char *server, const char *queue);
void dispatch_lane_drop_idle(struct dispatch *dispatch, struct lane *lane);

/* At the start: this lane has deferred messages, arrivals first to last. */
void dispatch_backlog(struct dispatch *dispatch, struct lane *lane,
                      uint64_t first, uint64_t last);

/* By queue, at any time: this lane has, or had, messages up to last after its
 * stored position. */
void dispatch_stored(struct dispatch *dispatch, struct lane *lane,
                     uint64_t last);

/* By queue: the outlet wants no messages of this lane. Passes all up to last
 * without reading them. */
void dispatch_pass(struct dispatch *dispatch, struct lane *lane, uint64_t last);

/* To be called when messages have been stored. */
void dispatch_wake(struct dispatch *dispatch);

struct dispatch_read {
    struct lane *lane; /* read its backlog; NULL: read onward */
    uint64_t after;    /* read arrivals above this; by queue, also above the
                          stored position */
};

/* Decides what to read now, given the bytes of bodies in memory and those that
 * a read may add. Returns false if there is nothing to read, or not before
 * memory is released, which this call may do. Each read ends with
 * dispatch_onward_done() or dispatch_recall_done(). */
bool dispatch_read_next(struct dispatch *dispatch, size_t bytes_held,
                        size_t bytes_read_max, struct dispatch_read *read,
                        uint64_t now_ms);

/* Adds what was read, in order. False if the span is not used, because its
 * messages are deferred or will be read again later. */
bool dispatch_onward_add(struct dispatch *dispatch, struct lane *lane,
                         struct span *span);
bool dispatch_recall_add(struct dispatch *dispatch, struct lane *lane,
                         struct span *span);

/* Passes messages of a backlog that the outlet does not want. */
void dispatch_recall_pass(struct dispatch *dispatch, struct lane *lane,
                          uint64_t first, uint32_t count);

/* To be called when everything up to read_to has been added or filtered out.
 * After an error, read_to is the end of the previous read, and has_more is
 * true. */
void dispatch_onward_done(struct dispatch *dispatch, uint64_t read_to,
                          bool has_more);

enum dispatch_recall {
    DISPATCH_RECALL_ALL,    /* the backlog has been added */
    DISPATCH_RECALL_MORE,   /* there may be more; or an error */
    DISPATCH_RECALL_NOTHING /* nothing was added, because the read was too
                               small: next time, the lane is the first */
};
void dispatch_recall_done(struct dispatch *dispatch, struct lane *lane,
                          enum dispatch_recall outcome, uint64_t now_ms);

/* Delivering */

/* The span to pass to the outlet now, or NULL. */
struct span *dispatch_next(struct dispatch *dispatch);

/* True if there is one. */
bool dispatch_has_next(const struct dispatch *dispatch);

/* The results of the outlet. The first count messages have been delivered. If
 * there are more, another result must follow immediately. */
void dispatch_delivered(struct dispatch *dispatch, struct span *span,
                        uint32_t count, uint64_t now_ms);
/* The first of the rest cannot be delivered now; delay_ms: minimum wait. */
void dispatch_retry(struct dispatch *dispatch, struct span *span,
                    uint64_t delay_ms, uint64_t now_ms);
/* It can never be delivered. */
void dispatch_refused(struct dispatch *dispatch, struct span *span,
                      const char *why, uint64_t now_ms);
/* The whole destination is broken. */
void dispatch_broken(struct dispatch *dispatch, struct span *span,
                     uint64_t delay_ms, uint64_t now_ms);

/* The destination cannot even be opened. */
void dispatch_not_opened(struct dispatch *dispatch, uint64_t now_ms);

/* Lends one of the in_flight_max places to a replay, for a parcel of this
 * queue: if no span waits for it, or after every DISPATCH_LEND_AFTER spans.
 * False: not now. There is one such place at most. The result of the parcel
 * counts only if the destination was broken, as that of any probe. */
bool dispatch_lend(struct dispatch *dispatch, uint64_t queue_id);

/* The result of that parcel: ACCEPTED, REFUSED or FAILED. Returns its number
 * among all refusals, to be compared with proven_to later. */
uint64_t dispatch_lend_end(struct dispatch *dispatch,
                           enum breaker_event_kind result, uint64_t now_ms);

enum dispatch_release { DISPATCH_RETRY, DISPATCH_SKIP, DISPATCH_BURY };

/* The decision of an operator about the message that a lane waits for or is
 * blocked by, or about its next one while the destination is broken. A dead
 * letter has the reason why it was refused, or else this one. Returns 0,
 * HAPLO_EBUSY if the outlet has it just now, or HAPLO_ENOTFOUND if there is
 * none. */
int dispatch_release(struct dispatch *dispatch, struct lane *lane,
                     enum dispatch_release release, const char *why,
                     uint64_t now_ms);

/* By queue: other processes forward the lanes for which stays_cb is false.
 * Drops what has not been sent. If what is in flight is delivered, it counts;
 * otherwise it is not sent again. */
void dispatch_withdraw(struct dispatch *dispatch,
                       bool (*stays_cb)(void *data, const struct lane *lane),
                       uint64_t now_ms);

/* Time */

/* When to call dispatch_due(); HEAP_NEVER: never. */
uint64_t dispatch_due_ms(const struct dispatch *dispatch);
void dispatch_due(struct dispatch *dispatch, uint64_t now_ms);

/* Saving */

/* What to store now, or NULL. is_last: even if it is not due. Borrowed until
 * dispatch_save_end(). */
const struct progress *dispatch_save_begin(struct dispatch *dispatch,
                                           bool is_last, uint64_t now_ms);
void dispatch_save_end(struct dispatch *dispatch, bool is_stored,
                       uint64_t now_ms);

/* True if everything that is done has been stored. */
bool dispatch_is_saved(const struct dispatch *dispatch);

/* True if nothing is left to forward, in flight, deferred or unsaved. */
bool dispatch_is_caught_up(const struct dispatch *dispatch);

/* True if caught up, or everything left waits for an operator or a time. */
bool dispatch_is_at_rest(const struct dispatch *dispatch);

#endif
