/*
 * lane.h - the state machine of one lane: the messages of one queue that go to
 * one outlet, in order of arrival. Pure: no I/O and no clock.
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
 *     |  |                                     | RECALLING or IDLE
 *     |  +------- only its backlog is left ----+
 *     +---------- nothing is left -------------+
 *
 * The messages of a lane are in memory (its spans) or in its backlog: deferred
 * in the inbox and passed by the cursor of the outlet, to be read back when the
 * lane is next. While there is a backlog, later messages of the lane are queued
 * behind it: they are deferred as well.
 *
 * known_to separates the two: messages that arrived up to there are in memory
 * or done; later ones, up to backlog_last, are in the backlog.
 *
 * An inbox that is in order per queue only has no cursor (dispatch.h): then
 * all messages are in the backlog first, and stay there in the inbox until the
 * position of the lane has passed them.
 *
 * If refused messages become dead letters, a refused message is first in doubt,
 * since the outlet may be broken. It is deferred, and the lane continues with
 * the next one. If that is accepted, the message becomes a dead letter.
 * Otherwise the lane returns to its first message in doubt. No later message
 * was accepted, so the order is preserved.
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
    LANE_READY,      /* has messages, waits for its turn */
    LANE_DELIVERING, /* the outlet has its first span */
    LANE_WAITING,    /* backs off */
    LANE_BLOCKED,    /* a refused message holds it until it is released */
    LANE_RECALLING   /* its backlog must be read */
};

/* Messages of one lane with consecutive arrivals, in memory, which the outlet
 * gets together. Embedded in its owner. */
struct span {
    struct lane *lane;           /* the lane of the messages */
    uint64_t first;              /* arrival of the first one not done */
    uint32_t count;              /* number not done */
    bool is_deferred;            /* deferred, so not in the window */
    TAILQ_ENTRY(span) in_window; /* in the order of arrival */
    TAILQ_ENTRY(span) in_lane;   /* the same, within its lane */
};
TAILQ_HEAD(span_list, span);

/* A refused message that may become a dead letter. */
struct doubt {
    uint64_t arrival;         /* of the message */
    unsigned tries;           /* see struct lane */
    STAILQ_ENTRY(doubt) link; /* in its lane, in the order of arrival */
    char why[];               /* reason given by the outlet */
};
STAILQ_HEAD(doubt_list, doubt);

/* Exists only while there is something to do: a host may have a million idle
 * queues. */
struct lane {
    uint64_t queue_id;       /* id of the queue in the inbox */
    const char *server;      /* borrowed; name of its server */
    const char *queue;       /* borrowed; name of the queue */
    enum lane_state state;   /* written only by lane_enter() */
    unsigned failures;       /* consecutive */
    struct span_list spans;  /* in memory, not done */
    uint64_t known_to;       /* see above */
    uint64_t backlog_last;   /* see above */
    uint64_t backlog_saved;  /* its backlog is stored up to there */
    uint64_t recall_to;      /* end of the current recall */
    uint64_t position_saved; /* of lane_position(): stored up to there */
    bool is_recalled;        /* its backlog is being read */
    bool is_recall_void;     /* the result of that is not needed */
    bool is_cut;     /* by queue: its last recall was, so there may be more */
    bool is_in_run;  /* in the list of lanes refused in this run */
    bool is_moved;   /* in the list of lanes with a new position */
    bool is_leaving; /* by queue: another process forwards it from now on */
    unsigned slot;   /* set by the owner; see dispatch_withdraw() */
    uint64_t held_arrival;        /* WAITING, BLOCKED: message that holds it */
    char *held_why;               /* owned; BLOCKED: reason given by the outlet;
                                     NULL: memory ran out */
    uint64_t tried_arrival;       /* the last message that was not accepted */
    unsigned tries;               /* how often that was sent, in a row */
    struct doubt_list doubts;     /* refused; may become dead letters */
    uint64_t proven_to;           /* doubts not caused by the outlet */
    uint64_t proven_in;           /* ... as of that count of openings */
    uint64_t sent_at;             /* count of refusals when it was its turn */
    uint64_t refused_at;          /* that count when it was refused last */
    uint64_t refused_to;          /* the last message refused in refused_run */
    uint64_t refused_run;         /* see breaker.h */
    uint64_t due_ms;              /* end of WAITING */
    struct heap_entry wait;       /* the same, in the heap of all lanes */
    struct lane *next;            /* in its slot of the lane table */
    TAILQ_ENTRY(lane) turn;       /* READY, RECALLING: in their lists */
    TAILQ_ENTRY(lane) in_run;     /* see is_in_run */
    TAILQ_ENTRY(lane) in_moved;   /* see is_moved */
    TAILQ_ENTRY(lane) in_leaving; /* see is_leaving */
};
TAILQ_HEAD(lane_list, lane);

/* Reports one change of state. */
typedef void (*lane_trace_cb)(void *data, const struct lane *lane,
                              enum lane_state from);

/* The name of a state, such as "READY". */
const char *lane_state_name(enum lane_state state);

/* True if the transition table has this edge. */
bool lane_may_follow(enum lane_state from, enum lane_state to);

void lane_init(struct lane *lane, uint64_t queue_id, const char *server,
               const char *queue);

/* Frees its doubts, and why it was blocked. It must not have spans. */
void lane_free_doubts(struct lane *lane);

/* Keeps the reason why it is blocked, for who decides about the message. */
void lane_note_why(struct lane *lane, const char *why);

/* The only function that writes the state. trace_cb may be NULL. */
void lane_enter(struct lane *lane, enum lane_state to, lane_trace_cb trace_cb,
                void *data);

/* The state for a lane that is neither held nor delivering. */
enum lane_state lane_rest_state(const struct lane *lane);

/* True if a message that arrives now must go to the backlog. */
bool lane_defers(const struct lane *lane);

/* Appends a span. */
void lane_add(struct lane *lane, struct span *span);

/* Its first message that is neither done nor given up; 0: none. */
uint64_t lane_head(const struct lane *lane);

/* Everything up to there is done; 0: what the inbox has stored. Never moves
 * backwards. */
uint64_t lane_position(const struct lane *lane);

/* A message was sent and not accepted: counts its tries. */
void lane_note_try(struct lane *lane, uint64_t arrival);

/* How often it was sent, as far as the lane remembers. */
unsigned lane_tries(const struct lane *lane, uint64_t arrival);

/* Puts a refused message in doubt; false if memory runs out. */
bool lane_doubt(struct lane *lane, uint64_t arrival, const char *why);

uint64_t span_last(const struct span *span);

#endif
