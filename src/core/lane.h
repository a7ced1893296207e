/*
 * lane.h - the state machine of one lane: the messages of one queue on their
 * way to one outlet, in the order of arrival. Pure: no I/O, no clock.
 *
 *          added            its turn
 *    IDLE ------> READY ---------------> DELIVERING
 *     ^ |          ^ ^ ^                  | |  | |
 *     | |          | | +-- more of it ----+ |  | | refused: a message holds
 *     | |          | |                      |  | | the lane (policy "block")
 *     | | added to | | due           retry  |  | v
 *     | | its      | +------- WAITING <-----+  | BLOCKED
 *     | | backlog  |          (of whose memory | |
 *     | v          |           only the store  | | released, or the outlet
 *     | RECALLING -+ read      is left, goes   | | turned out to be broken
 *     |  ^    back             to RECALLING)   | v
 *     |  |                                     | READY or RECALLING
 *     |  +------- only its backlog is left ----+
 *     +---------- nothing is left -------------+
 *
 * A lane's messages are in memory (its spans), or in its backlog: deferred in
 * the inbox, passed by the outlet's cursor, to be read back when it is the
 * lane's turn. As long as there is a backlog, later messages of the lane line
 * up behind it: they are deferred as well.
 *
 * known_to draws the line between the two: what arrived up to there is in
 * memory or done, what arrived later, up to backlog_last, is in the backlog.
 *
 * Where refused messages become dead letters, a message that is refused is in
 * doubt at first: it may be the outlet that is broken. It is put aside
 * (deferred), and the lane goes on with the next one. If that is accepted, the
 * doubt is over: a dead letter. In every other case the lane goes back to its
 * first message in doubt; nothing behind it was accepted, so the order holds.
 */
#ifndef CORE_LANE_H
#define CORE_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "core/heap.h"

struct lane;

enum lane_state {
    LANE_IDLE,       /* nothing to forward */
    LANE_READY,      /* waits for its turn */
    LANE_DELIVERING, /* the outlet has its first span */
    LANE_WAITING,    /* backs off */
    LANE_BLOCKED,    /* a refused message holds it until it is released */
    LANE_RECALLING   /* its backlog is to be read back */
};

/* Messages of one lane with consecutive arrivals, in memory: what the outlet
 * is handed at once. Embedded in its owner. */
struct span {
    struct lane *lane;           /* whose messages */
    uint64_t first;              /* arrival of the first that is not done */
    uint32_t count;              /* of those not done */
    bool is_deferred;            /* stored as deferred: not in the window */
    TAILQ_ENTRY(span) in_window; /* in the order of arrival */
    TAILQ_ENTRY(span) in_lane;   /* the same, of its lane alone */
};
TAILQ_HEAD(span_list, span);

/* A refused message that may become a dead letter. */
struct doubt {
    uint64_t arrival;         /* of the message */
    STAILQ_ENTRY(doubt) link; /* in its lane, in the order of arrival */
    char why[];               /* what the outlet said */
};
STAILQ_HEAD(doubt_list, doubt);

/* Exists only while it has something to do: a host may have a million queues
 * that rest. */
struct lane {
    uint64_t queue_id;        /* the inbox's number of the queue */
    const char *server;       /* its name; borrowed */
    const char *queue;        /* the same */
    enum lane_state state;    /* written by lane_enter() alone */
    unsigned failures;        /* in a row */
    struct span_list spans;   /* in memory, not done */
    uint64_t known_to;        /* see above */
    uint64_t backlog_last;    /* the same */
    uint64_t backlog_saved;   /* the store has its backlog up to there */
    uint64_t recall_to;       /* what the present recall will have read */
    bool is_recalled;         /* its backlog is being read just now */
    bool is_recall_void;      /* and what is read is of no use any more */
    bool is_in_run;           /* in the list of lanes refused in this run */
    uint64_t held_arrival;    /* WAITING, BLOCKED: the message it is about */
    struct doubt_list doubts; /* refused, maybe to become dead letters */
    uint64_t proven_to;       /* doubts that the outlet is not the cause of */
    uint64_t refused_to;      /* the last message refused in refused_run */
    uint64_t refused_run;     /* see breaker.h */
    uint64_t due_ms;          /* end of WAITING */
    struct heap_entry wait;   /* the same, among those of all lanes */
    struct lane *next;        /* in its slot of the lane table */
    TAILQ_ENTRY(lane) turn;   /* READY, RECALLING: in their lists */
    TAILQ_ENTRY(lane) in_run; /* see is_in_run */
};
TAILQ_HEAD(lane_list, lane);

/* One change of state. */
typedef void (*lane_trace_cb)(void *data, const struct lane *lane,
                              enum lane_state from);

/* "READY" */
const char *lane_state_name(enum lane_state state);

/* True if the transition table has this edge. */
bool lane_may_follow(enum lane_state from, enum lane_state to);

void lane_init(struct lane *lane, uint64_t queue_id, const char *server,
               const char *queue);

/* Frees its doubts. It has no spans. */
void lane_free_doubts(struct lane *lane);

/* The one place that writes the state; trace_cb may be NULL. */
void lane_enter(struct lane *lane, enum lane_state to, lane_trace_cb trace_cb,
                void *data);

/* Where a lane that is neither held nor delivering belongs. */
enum lane_state lane_rest_state(const struct lane *lane);

bool lane_has_backlog(const struct lane *lane);

/* True if a message that arrives now has to go to the backlog. */
bool lane_defers(const struct lane *lane);

/* Adds a span behind the others. */
void lane_add(struct lane *lane, struct span *span);

/* Its first message that is neither done nor given up; 0: none. */
uint64_t lane_head(const struct lane *lane);

/* Puts a refused message in doubt: false if there is no memory. */
bool lane_doubt(struct lane *lane, uint64_t arrival, const char *why);

uint64_t span_last(const struct span *span);

#endif
