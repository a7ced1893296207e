/*
 * queue.h - the state machine of one queue. Pure: no I/O, no clock.
 *
 *               due             turn             batch
 *       IDLE ---------> READY ---------> FETCHING -----> DELIVERING
 *        ^              ^ | ^               |             | ^  | |
 *        |      more to | | | due     empty |      retry  v |  | | reject
 *        |        fetch | | |          or   |   DELIVER_WAIT   | v
 *        |              | | +--- BACKOFF <--| failed           | BLOCKED
 *        |              | +----- REFUSED <--+         accept   |
 *        |  drained     |         ^                            v
 *        +-----------MARKING <----|------------------ MARK_READY
 *                       | ^       | gives up           ^
 *                failed v |       |                    | due
 *                      MARK_WAIT -+--------------------+
 *
 * A pause leads to PAUSED: at once from the states without a batch, and from
 * those with one through LAST_DELIVERING -> LAST_MARK_READY -> LAST_MARKING
 * (<-> LAST_MARK_WAIT), which finish that batch and fetch no other.
 *
 * The exactly-one-token rule is in the shape: FETCHING is entered from READY
 * only, and no state on the way from FETCHING to MARKING leads to READY
 * without the token having been confirmed or given up.
 *
 * A token is given up, and the queue fetches afresh, when it was posted
 * mark_attempts_max times without an answer, or QUEUE_MARK_AGE_MAX_MS after
 * it was first posted: replayed long after, it would also mark a message that
 * an administrator has unsent in between. Before its first post it does not
 * age, for what was not marked cannot be unsent.
 *
 * What is stored and not known to be confirmed is delivery_state.h's matter. An
 * empty fetch confirms, too: what was stored and is not unread has been marked.
 *
 * A batch that turns out to be stale (the stored state is another one than it
 * was evaluated against) is dropped and fetched again: READY at once, but
 * BACKOFF if that happens again and again, as two processes on one queue do it
 * to each other.
 */
#ifndef CORE_QUEUE_H
#define CORE_QUEUE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "core/backoff.h"
#include "core/delivery_state.h"
#include "core/heap.h"
#include "haplopoll.h"

#define QUEUE_MARK_AGE_MAX_MS 60000      /* see above */
#define QUEUE_MARK_RETRY_MS 500          /* first wait before a mark's retry */
#define QUEUE_MARK_RETRY_MAX_MS 10000    /* longest */
#define QUEUE_RETRY_AFTER_MAX_MS 3600000 /* a server may ask for so much */

struct queue_policy {
    uint64_t interval_ms;       /* between polls of a drained queue */
    uint64_t interval_max_ms;   /* it stretches to this while empty */
    uint64_t backoff_ms;        /* first wait after a failure */
    uint64_t backoff_max_ms;    /* longest */
    uint64_t refused_ms;        /* wait after a refused key */
    unsigned mark_attempts_max; /* of one token */
};

enum queue_event_kind {
    QUEUE_EVENT_DUE,      /* its wait is over */
    QUEUE_EVENT_STARTED,  /* it has a slot; the request goes out */
    QUEUE_EVENT_FETCHED,  /* a whole batch with messages; count */
    QUEUE_EVENT_EMPTY,    /* a whole batch without */
    QUEUE_EVENT_FAILED,   /* the fetch or mark failed; error, delay_ms */
    QUEUE_EVENT_ACCEPTED, /* the application's answers ... */
    QUEUE_EVENT_RETRY,    /* ... delay_ms, or 0 for the back-off */
    QUEUE_EVENT_STALE,    /* ... another state is stored */
    QUEUE_EVENT_DROPPED,  /* ... not now, and not kept; error */
    QUEUE_EVENT_REJECTED, /* ... error */
    QUEUE_EVENT_MARKED,   /* the mark was answered; count, unread_count */
    QUEUE_EVENT_PAUSE,    /* */
    QUEUE_EVENT_RESUME,   /* */
    QUEUE_EVENT_POLL_NOW, /* */
    QUEUE_EVENT_NEW_KEY   /* a new API key is in use */
};

struct queue_event {
    enum queue_event_kind kind; /* */
    int error;                  /* FAILED, REJECTED: HAPLO_E* */
    uint64_t delay_ms;          /* FAILED: least wait, if not above
                                   QUEUE_RETRY_AFTER_MAX_MS; RETRY: wait */
    uint64_t count;             /* FETCHED: messages; MARKED: marked */
    int64_t unread_count;       /* MARKED: left, or -1 */
    bool is_repeated;           /* MARKED: the token may have been posted
                                   before, in the same attempt */
};

/* What the caller must do after a step. */
enum queue_action {
    QUEUE_ACTION_NONE,    /* */
    QUEUE_ACTION_DELIVER, /* give the batch to the application */
    QUEUE_ACTION_CONFIRM, /* tell it what is confirmed, drop the batch */
    QUEUE_ACTION_DROP,    /* drop the batch: it will be fetched again */
    QUEUE_ACTION_CANCEL   /* cancel the request and drop the batch */
};

/* A host may have a million of these that rest: the fields are in an order
 * that leaves no holes. */
struct queue {
    const struct queue_policy *policy; /* borrowed; shared by many queues */
    struct server *server;             /* borrowed */
    struct heap_entry wait;            /* in the scheduler's heap */
    TAILQ_ENTRY(queue) link;        /* in a ready list; PAUSED: the owner's */
    uint64_t ready_sequence;        /* order of getting READY */
    uint64_t due_ms;                /* of the state's wait; HEAP_NEVER: none */
    uint64_t first_mark_ms;         /* when the token was first posted */
    struct delivery_state delivery; /* what is stored and not confirmed */
    uint32_t interval_now_ms;       /* stretches while it stays empty */
    uint32_t batch_count;           /* messages of the outstanding batch */
    int32_t unread_count;           /* as the server said last, or as much as
                                       fits; -1: unknown */
    int error;                      /* newest failure; 0 after success */
    uint16_t failures;              /* in a row */
    uint16_t mark_attempts;         /* of the outstanding token */
    uint16_t deliver_attempts;      /* of the batch; stays at its maximum */
    enum haplo_queue_state state : 8; /* written by queue_change() alone */
    bool key_proven : 1;              /* the server has taken this key */
};

static_assert(HAPLO_WAIT_MS_MAX <= UINT32_MAX, "an interval fits");

/* One change of state, for the trace. error: the failure that led to it, or
 * 0. */
typedef void (*queue_trace_cb)(void *data, const struct queue *queue,
                               enum haplo_queue_state from, int error);

/* What a step needs of its surroundings. */
struct step_context {
    uint64_t now_ms;         /* monotonic */
    struct random *random;   /* */
    queue_trace_cb trace_cb; /* */
    void *data;              /* for trace_cb */
};

/* A queue in IDLE, due at due_ms, of which nothing is stored. Borrows the
 * policy for as long as the queue is there. */
void queue_init(struct queue *queue, const struct queue_policy *policy,
                struct server *server, uint64_t due_ms);

/* One event in, the next state and what to do out. An event that means
 * nothing in the present state changes nothing. */
enum queue_action queue_step(struct queue *queue,
                             const struct queue_event *event,
                             const struct step_context *context);

/* True if the transition table has this edge. */
bool queue_may_follow(enum haplo_queue_state from, enum haplo_queue_state to);

/* True while a request is in flight: it holds a slot. */
bool queue_is_in_flight(const struct queue *queue);

/* True while it has a batch: a token is outstanding. */
bool queue_has_batch(const struct queue *queue);

#endif
