/*
 * guard.h - what must hold of the requests of one process, counted by itself
 * from what it sends, what it is answered and what its events tell:
 *
 *   - a queue has one request in flight and one token outstanding; a token is
 *     posted after its messages are durable, never empty, again only after a
 *     failure that waiting may mend, not more often than mark_attempts_max, nor
 *     later than QUEUE_MARK_AGE_MAX_MS after its first post, and not given up
 *     before either is near;
 *   - a batch that is not stored is dropped only because it never can be,
 *     because another state was stored meanwhile, or because of a pause while
 *     it waits to be delivered again;
 *   - slots of servers and over all; nothing to a server that is DOWN or
 *     SILENT, one request at a time to one that has to show that it lives;
 *   - logins: one unproven key at a time, failed_logins_max failures in a row
 *     for unproven keys, twice that for proven ones, and none for 310 s after
 *     a throttle;
 *   - no hammering, and no idling: the waits after failures, Retry-After, the
 *     interval of an empty queue, which stretches; the waits of the breaker;
 *     nothing from a paused queue but the mark of its batch;
 *   - an answer means to the queue what the protocol says that it means;
 *   - what an operator says is done at once;
 *   - nothing is overslept or sleeps longer than it may, and no turn is left
 *     when a slot is free and a queue waits for it;
 *   - a server is DOWN, and logins are held, for a reason;
 *   - nobody starves: while a queue waits and may go, no other queue of its
 *     server gets two turns; while a server's queue waits for a slot of all,
 *     no other server gets more than GUARD_TURNS_MAX.
 */
#ifndef TEST_SIM_GUARD_H
#define TEST_SIM_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "haplopoll.h"
#include "meaning.h"

#define GUARD_SERVERS_MAX 4
#define GUARD_TURNS_MAX 3
#define GUARD_NEVER UINT64_MAX

struct process;
struct seen_queue;
struct seen_server;

struct guard_server {
    enum haplo_server_state state;          /* as its events tell */
    uint64_t due_ms;                        /* end of that; GUARD_NEVER */
    bool logins_held;                       /* as it tells */
    unsigned in_flight;                     /* requests */
    unsigned unproven_in_flight;            /* begun so */
    unsigned failing;                       /* in a row */
    bool must_probe;                        /* failing, or was throttled */
    unsigned times_down;                    /* in a row */
    uint64_t closed_until_ms;               /* the breaker's */
    uint64_t silent_until_ms;               /* a throttle's */
    unsigned refused;                       /* in a row */
    uint64_t refused_ms;                    /* the newest */
    unsigned fetches_of[GUARD_SERVERS_MAX]; /* while this one waited */
    unsigned marks_of[GUARD_SERVERS_MAX];   /* the same */
};

struct guard_queue {
    enum haplo_queue_state state; /* as its events tell */
    uint64_t due_ms;              /* of its wait; GUARD_NEVER: none */
    bool has_stirred;             /* an event, since the newest command */
    bool has_new_key;             /* since its newest answer, or with it */
    bool has_meaning;             /* answered, and no event has come of it */
    struct meaning meaning;       /* of the newest answer */
    bool is_proven;               /* the server has taken its key */
    bool was_proven;              /* in flight: as it began */
    bool was_probe;               /* in flight: the same */
    bool has_asked;               /* by a fetch, why a mark was refused */
    bool is_outstanding;          /* a token */
    bool is_paused;               /* commanded */
    bool seen_proven;             /* is_proven, when passed_by was begun */
    int error;                    /* of the newest request; 0: none */
    bool has_drained;             /* the newest answer said so, and it rests */
    unsigned failures;            /* in a row */
    uint64_t delay_ms;            /* that the newest answer has asked for */
    uint64_t interval_ms;         /* of its next rest */
    uint64_t not_before_ms;       /* of the next request */
    uint32_t passed_by;           /* queues that had a turn while it waited */
};

enum guard_command { GUARD_PAUSE, GUARD_RESUME, GUARD_POLL_NOW, GUARD_NEW_KEY };

/* A server, a queue, is there, and has done nothing yet. */
void guard_server_begins(struct seen_server *server);
void guard_begins(struct seen_queue *queue, bool is_proven);

/* Its request goes out. */
void guard_starts(struct seen_queue *queue, bool is_mark);

/* The request has ended, with that meaning; the process is about to hear of
 * it. The other way, by itself: it was cancelled. */
void guard_ended(struct seen_queue *queue, const struct meaning *meaning);
void guard_cancelled(struct seen_queue *queue);

/* An event of the process. */
void guard_event(struct process *process, const struct haplo_event *event);

/* An operator wants something, or the key is another one; and whether it is
 * done. */
void guard_commanded(struct seen_queue *queue, enum guard_command command);
void guard_obeyed(const struct seen_queue *queue, enum guard_command command);

/* Failed logins in a row; those that have spent the budget count for as long
 * as the server counts them. */
unsigned guard_refused(const struct seen_server *server, uint64_t now_ms);

/* True while the queue has a batch in that state. */
bool guard_has_batch(enum haplo_queue_state state);

/* After each event: nothing is left undone. */
void guard_settled(struct process *process);

/* For its parts */

/* guard_wait.c: a wait begins; what is said of a failure. */
void guard_waits(struct seen_queue *queue, int error);
void guard_server_waits(struct seen_server *server);

/* guard_token.c: a token is posted, or was fetched, or is there no more. */
void guard_posts(const struct seen_queue *queue);
void guard_fetched(struct seen_queue *queue);
void guard_leaves(struct seen_queue *queue, enum haplo_queue_state from,
                  const struct haplo_event *event);
bool guard_is_progress(const struct seen_queue *queue,
                       const struct meaning *meaning);

/* guard_turns.c: a queue's turn. */
void guard_takes_turn(struct seen_queue *queue, bool is_mark);

_Noreturn void guard_violation(const struct seen_queue *queue,
                               const char *what);

#endif
