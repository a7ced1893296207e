/*
 * dispatch.h - decides for one outlet: which lane's turn it is, what an answer
 * of the outlet means, what is read next, what is deferred and what is saved.
 * Pure: no I/O, no clock; the forwarder does what it says.
 *
 * The life of a message:
 *
 *   - dispatch_read_next() asks for what comes next in the order of arrival, or
 *     for a lane's backlog; what was read is added, span by span;
 *   - dispatch_next() hands out the first span of the lane whose turn it is,
 *     round robin, one span of a lane at a time, in_flight_max in all;
 *   - the outlet's answer is one of dispatch_delivered(), _retry(), _refused(),
 *     _broken();
 *   - dispatch_save_begin() says what can be stored: never before it was sent.
 *
 * What goes wrong:
 *
 *   - "not now": the lane waits, the others go on (lane.h);
 *   - refused because of its data: the lane is blocked, or the message becomes
 *     a dead letter once it is clear that the outlet accepts others;
 *   - the destination is broken: all wait, one span probes (breaker.h);
 *   - a lane that waits or is blocked holds back the cursor, or fills the
 *     memory: it is deferred (lane.h), its memory released;
 *   - a lane that is merely slow holds back the cursor for DISPATCH_HOLD_MS: it
 *     is deferred as well, but stays in memory;
 *   - no memory to note something: is_lost. Begin again from what is stored.
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

#define DISPATCH_SAVE_MS 100        /* at least, from one save to the next */
#define DISPATCH_SAVE_RETRY_MS 5000 /* after a save that failed */
#define DISPATCH_HOLD_MS 1000       /* see above */
#define DISPATCH_UNSAVED_DEFERRED              \
    16384 /* messages: no reading ahead beyond \
           */

struct dispatch_policy {
    struct breaker_policy breaker; /* its waits are the lanes' as well */
    unsigned in_flight_max;        /* spans with the outlet at once */
    size_t bytes_max;              /* bodies in memory */
    bool has_dead_letters;         /* refused messages become such */
};

/* What the owner is told; none may call back into the dispatch. */
struct dispatch_calls {
    void (*release_cb)(void *data, struct span *span); /* it is not used any
                                                          more */
    lane_trace_cb lane_cb; /* a lane's state has changed */
    void (*breaker_cb)(void *data, enum breaker_action action); /* not NONE */
    void (*buried_cb)(void *data, const struct lane *lane, uint64_t arrival,
                      const char *why); /* a message became a dead letter */
};

/* Since the start. */
struct dispatch_counts {
    uint64_t delivered;    /* messages */
    uint64_t dead_letters; /* messages */
    uint64_t skipped;      /* messages that an operator has passed over */
    uint64_t retries;      /* spans that were not delivered at first */
};

struct dispatch {
    const struct dispatch_policy *policy; /* borrowed */
    const struct dispatch_calls *calls;   /* borrowed */
    void *data;                           /* for the calls */
    struct random random;                 /* for jitter */
    struct breaker breaker;               /* of the destination */
    struct window window;                 /* what was read and is not done */
    struct lane_table lanes;              /* that have something to do; owned */
    struct heap waits;                    /* of lanes that are WAITING */
    struct lane_list ready;               /* in the order of their turns */
    struct lane_list recalling;           /* the same; without the one that is
                                             being read */
    struct lane_list run;                 /* refused in the breaker's run */
    struct progress pending;              /* to be saved next */
    struct progress saving;        /* being saved, or to be tried again */
    uint64_t saved_cursor;         /* stored for sure */
    uint64_t save_due_ms;          /* not before */
    unsigned in_flight;            /* spans with the outlet */
    size_t waiting_count;          /* lanes */
    size_t blocked_count;          /* lanes */
    bool is_saving;                /* between save_begin and save_end */
    bool is_save_open;             /* saving is not known to be stored */
    bool is_reading;               /* onward */
    bool is_recalling;             /* some lane's backlog */
    bool was_recall;               /* the newest read: they take turns */
    bool has_more;                 /* there may be messages behind
                                      window.read_to */
    bool was_woken;                /* while reading: look again */
    bool is_lost;                  /* see above */
    struct dispatch_counts counts; /* for people */
};

/* Begins behind a stored cursor. Borrows policy and calls. */
void dispatch_init(struct dispatch *dispatch,
                   const struct dispatch_policy *policy,
                   const struct dispatch_calls *calls, void *data,
                   uint64_t cursor, uint64_t seed);

/* Releases all spans, also those in flight, and frees all lanes. */
void dispatch_free(struct dispatch *dispatch);

/* -- Reading -------------------------------------------------------------- */

/* The lane of that queue, which is made if there is none; NULL if there is no
 * memory. Borrows the names. A lane that gets nothing at once is to be given
 * back to dispatch_lane_drop_idle(). */
struct lane *dispatch_lane(struct dispatch *dispatch, uint64_t queue_id,
                           const char *server, const char *queue);
void dispatch_lane_drop_idle(struct dispatch *dispatch, struct lane *lane);

/* At the start: the lane has deferred messages, with arrivals first to last. */
void dispatch_backlog(struct dispatch *dispatch, struct lane *lane,
                      uint64_t first, uint64_t last);

/* Messages were stored. */
void dispatch_wake(struct dispatch *dispatch);

struct dispatch_read {
    struct lane *lane; /* whose deferred messages; NULL: all messages */
    uint64_t after;    /* arrivals above this */
};

/* What to read now, with so many bytes of bodies in memory, and so many that a
 * read may add to them; false: nothing, or not before more memory is released,
 * which may happen inside. Each read ends with onward_done() or recall_done().
 */
bool dispatch_read_next(struct dispatch *dispatch, size_t bytes_held,
                        size_t bytes_read_max, struct dispatch_read *read,
                        uint64_t now_ms);

/* Adds what was read, in its order. False: the span is not used, because its
 * messages are deferred, or have to be read again later. */
bool dispatch_onward_add(struct dispatch *dispatch, struct lane *lane,
                         struct span *span);
bool dispatch_recall_add(struct dispatch *dispatch, struct lane *lane,
                         struct span *span);

/* Deferred messages of a lane that the outlet does not want any more. */
void dispatch_recall_pass(struct dispatch *dispatch, struct lane *lane,
                          uint64_t first, uint32_t count);

/* All up to read_to was added or filtered out; after an error, read_to is
 * where the last one ended and has_more is true. */
void dispatch_onward_done(struct dispatch *dispatch, uint64_t read_to,
                          bool has_more);
void dispatch_recall_done(struct dispatch *dispatch, struct lane *lane,
                          bool has_more, uint64_t now_ms);

/* -- Delivering ----------------------------------------------------------- */

/* The span to hand to the outlet now, or NULL. */
struct span *dispatch_next(struct dispatch *dispatch);

/* The outlet's answers. Its first count messages are delivered; if these are
 * not all, another answer follows at once. */
void dispatch_delivered(struct dispatch *dispatch, struct span *span,
                        uint32_t count, uint64_t now_ms);
/* The first of the rest is not delivered now: delay_ms is the least wait. */
void dispatch_retry(struct dispatch *dispatch, struct span *span,
                    uint64_t delay_ms, uint64_t now_ms);
/* Nor ever. */
void dispatch_refused(struct dispatch *dispatch, struct span *span,
                      const char *why, uint64_t now_ms);
/* The whole destination is broken. */
void dispatch_broken(struct dispatch *dispatch, struct span *span,
                     uint64_t delay_ms, uint64_t now_ms);

/* The destination cannot even be opened. */
void dispatch_not_opened(struct dispatch *dispatch, uint64_t now_ms);

enum dispatch_release { DISPATCH_RETRY, DISPATCH_SKIP, DISPATCH_BURY };

/* An operator's decision on the message that a lane waits for, or is blocked
 * by, or that is its next one while the destination is broken: 0, or
 * HAPLO_ENOTFOUND if there is none. */
int dispatch_release(struct dispatch *dispatch, struct lane *lane,
                     enum dispatch_release release, const char *why,
                     uint64_t now_ms);

/* -- Time ----------------------------------------------------------------- */

/* When dispatch_due() is to be called; HEAP_NEVER: no time is awaited. */
uint64_t dispatch_due_ms(const struct dispatch *dispatch);
void dispatch_due(struct dispatch *dispatch, uint64_t now_ms);

/* -- Saving --------------------------------------------------------------- */

/* What to store now, or NULL; is_last: also if it is not due. Borrowed until
 * dispatch_save_end(). */
const struct progress *dispatch_save_begin(struct dispatch *dispatch,
                                           bool is_last, uint64_t now_ms);
void dispatch_save_end(struct dispatch *dispatch, bool is_stored,
                       uint64_t now_ms);

/* True if what is done is stored. */
bool dispatch_is_saved(const struct dispatch *dispatch);

/* Nothing left to forward, in flight, deferred or unsaved. */
bool dispatch_is_caught_up(const struct dispatch *dispatch);

/* Caught up, or all that is left waits for an operator or for time. */
bool dispatch_is_at_rest(const struct dispatch *dispatch);

#endif
