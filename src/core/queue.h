/*
 * queue.h - the state machine of one queue. Pure: no I/O and no clock.
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
 * A pause leads to PAUSED: immediately from the states without a batch, and
 * from those with one through LAST_DELIVERING -> LAST_MARK_READY ->
 * LAST_MARKING (<-> LAST_MARK_WAIT), which finish the batch and fetch no
 * other.
 *
 * The graph itself guarantees at most one token: FETCHING is entered only from
 * READY, and no path from FETCHING through MARKING returns to READY before the
 * token has been confirmed or given up.
 *
 * A token is given up, and the queue fetches again, if it has been posted
 * mark_attempts_max times without a response, or QUEUE_MARK_AGE_MAX_MS after
 * it was first posted: if it were posted much later, it could also mark a
 * message that an administrator has unsent in between. It does not age before
 * it is first posted, because a message that is not marked cannot be unsent; so
 * a pause may have to wait for a server that is DOWN, unless the application
 * gives the token up.
 *
 * A refused mark gives no reason, so a fetch follows at once, which does. If
 * that fetch succeeds and the next mark is refused as well, the queue is
 * REFUSED all the same.
 *
 * delivery_state.h keeps what is stored and not known to be confirmed. An
 * empty fetch confirms it as well: what is stored and no longer unread has
 * been marked.
 *
 * A stale batch (the stored state is not the one it was evaluated against) is
 * dropped and fetched again: at once the first time, but with BACKOFF if it
 * happens repeatedly, as when two processes compete for one queue.
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

#define QUEUE_MARK_AGE_MAX_MS 60000   /* see above */
#define QUEUE_MARK_RETRY_MS 500       /* first wait before a mark is retried */
#define QUEUE_MARK_RETRY_MAX_MS 10000 /* longest of these waits */
#define QUEUE_RETRY_AFTER_MAX_MS 3600000 /* longest Retry-After honoured */

struct queue_policy {
    uint64_t interval_ms;       /* between polls of a drained queue */
    uint64_t interval_max_ms;   /* grows up to this while it is empty */
    uint64_t backoff_ms;        /* first wait after a failure */
    uint64_t backoff_max_ms;    /* longest wait after a failure */
    uint64_t refused_ms;        /* wait after a refused key */
    unsigned mark_attempts_max; /* posts of one token */
};

enum queue_event_kind {
    QUEUE_EVENT_DUE,      /* its wait has ended */
    QUEUE_EVENT_STARTED,  /* it got a slot; the request is sent */
    QUEUE_EVENT_FETCHED,  /* a complete batch with messages: count */
    QUEUE_EVENT_EMPTY,    /* a complete batch without messages */
    QUEUE_EVENT_FAILED,   /* the fetch or mark failed: error, delay_ms */
    QUEUE_EVENT_ACCEPTED, /* the application accepted the batch */
    QUEUE_EVENT_RETRY,    /* not now: delay_ms, or 0 for the back-off */
    QUEUE_EVENT_STALE,    /* a different state is stored */
    QUEUE_EVENT_DROPPED,  /* not now, and not kept: error */
    QUEUE_EVENT_REJECTED, /* the application rejected it: error */
    QUEUE_EVENT_MARKED,   /* the mark succeeded: count, unread_count */
    QUEUE_EVENT_PAUSE,    /* haplo_queue_pause() or removal */
    QUEUE_EVENT_RESUME,   /* haplo_queue_resume() */
    QUEUE_EVENT_GIVE_UP,  /* haplo_queue_give_up() */
    QUEUE_EVENT_POLL_NOW, /* haplo_queue_poll_now() */
    QUEUE_EVENT_NEW_KEY   /* a new API key is in use */
};

struct queue_event {
    enum queue_event_kind kind;
    int error;            /* FAILED, REJECTED: HAPLO_E* */
    uint64_t delay_ms;    /* FAILED: minimum wait, capped at
                             QUEUE_RETRY_AFTER_MAX_MS; RETRY: wait */
    uint64_t count;       /* FETCHED: messages; MARKED: marked */
    int64_t unread_count; /* MARKED: left, or -1 */
    bool is_repeated;     /* MARKED: the token may have been posted
                             before, in the same attempt */
};

/* What the caller must do after a step. */
enum queue_action {
    QUEUE_ACTION_NONE,    /* nothing */
    QUEUE_ACTION_DELIVER, /* pass the batch to the application */
    QUEUE_ACTION_CONFIRM, /* report the confirmation, drop the batch */
    QUEUE_ACTION_DROP,    /* drop the batch: it will be fetched again */
    QUEUE_ACTION_CANCEL   /* cancel the request and drop the batch */
};

/* A host may have a million idle ones, so the fields are ordered to leave no
 * padding. */
struct queue {
    const struct queue_policy *policy; /* borrowed; shared by many queues */
    struct server *server;             /* borrowed */
    struct heap_entry wait;            /* in the scheduler's heap */
    TAILQ_ENTRY(queue) link;        /* in a ready list; PAUSED: for the owner */
    uint64_t ready_sequence;        /* order in which queues became READY */
    uint64_t due_ms;                /* end of the wait; HEAP_NEVER: none */
    uint64_t first_mark_ms;         /* when the token was first posted */
    struct delivery_state delivery; /* what is stored and not confirmed */
    uint32_t interval_now_ms;       /* grows while the queue stays empty */
    uint32_t batch_count;           /* messages of the outstanding batch */
    int32_t unread_count;           /* last value from the server, capped;
                                       -1: unknown */
    int error;                      /* newest failure; 0 after success */
    uint16_t failures;              /* consecutive */
    uint16_t mark_attempts;         /* posts of the outstanding token */
    uint16_t deliver_attempts;      /* of the batch; saturates */
    enum haplo_queue_state state : 8; /* written only by queue_change() */
    bool key_proven : 1;              /* the server has accepted this key */
};

static_assert(HAPLO_WAIT_MS_MAX <= UINT32_MAX, "an interval fits");

/* Reports one change of state. error: the failure that caused it, or 0. */
typedef void (*queue_trace_cb)(void *data, const struct queue *queue,
                               enum haplo_queue_state from, int error);

/* What a step needs from outside. */
struct step_context {
    uint64_t now_ms;         /* monotonic */
    struct random *random;   /* for jitter */
    queue_trace_cb trace_cb; /* gets each change */
    void *data;              /* passed to trace_cb */
};

/* Initialises a queue in IDLE that is due at due_ms and has nothing stored.
 * Borrows the policy for its lifetime. */
void queue_init(struct queue *queue, const struct queue_policy *policy,
                struct server *server, uint64_t due_ms);

/* Processes one event: enters the next state and returns what to do. An event
 * that has no meaning in the current state changes nothing. */
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
