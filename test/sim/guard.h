/*
 * guard.h - what must hold of the requests of one process. The guard keeps its
 * own count of what the process sends, of the responses, and of the events.
 *
 *   - A queue has one request in flight and one outstanding token. A token is
 *     posted only after its messages are durable, and never for an empty
 *     batch. It is posted again only after a failure that may be temporary, at
 *     most mark_attempts_max times, and at most QUEUE_MARK_AGE_MAX_MS after
 *     the first post. It is not given up long before one of these limits.
 *     A reload may give it up APP_DRAIN_TIMEOUT_MS after it has removed the
 *     queue, and does so soon after that.
 *   - A batch that is not stored is dropped only if it never can be stored, if
 *     another state was stored meanwhile, or if its queue is paused while it
 *     waits to be delivered again.
 *   - If a batch of new messages was marked already, and arrives again, it is
 *     delivered only backoff_max_ms after it was posted.
 *   - The limits of requests hold for each server and in total. A server that
 *     is DOWN or SILENT gets no request, and one that must prove itself gets
 *     one at a time.
 *   - Logins: one unproven key at a time, at most failed_logins_max failures
 *     in a row for unproven keys and twice that for proven ones, and no login
 *     for 310 s after a throttle; all that for each address, of which several
 *     servers may be aliases. No request before the address is known.
 *   - Waits are neither too short nor too long: those after failures,
 *     Retry-After, the growing interval of an empty queue, and the breaker's.
 *     A paused queue sends nothing but the mark of its batch.
 *   - The queue takes a response as the protocol defines it.
 *   - Commands of an operator take effect at once.
 *   - No timer fires late or early, and no slot stays free while a queue waits
 *     for it.
 *   - A server is DOWN, and logins are held, only for a reason.
 *   - No queue starves: while a queue waits and could be served, no other
 *     queue of its server gets two turns. While a server waits for one of the
 *     total slots, no other server gets more than GUARD_TURNS_MAX turns.
 */
#ifndef TEST_SIM_GUARD_H
#define TEST_SIM_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "haplopoll.h"
#include "meaning.h"

#define GUARD_SERVERS_MAX 4
#define GUARD_TURNS_MAX 1
#define GUARD_NEVER UINT64_MAX

struct process;
struct seen_queue;
struct seen_server;

/* What servers at one address have in common. */
struct guard_site {
    unsigned refused;    /* in a row; many, when it was throttled */
    uint64_t refused_ms; /* the newest */
};

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
    uint32_t replayed;            /* token that was new and marked nothing, the
                                     newest; 0: none */
    uint64_t replayed_ms;         /* when it was first posted */
    bool is_paused;               /* commanded */
    bool is_given_up;             /* its token: commanded */
    bool is_not_to_mark;          /* its batch, as the slot may be lost */
    bool seen_proven;             /* is_proven, when passed_by was begun */
    int error;                    /* of the newest request; 0: none */
    bool has_drained;             /* the newest answer said so, and it rests */
    unsigned failures;            /* in a row */
    uint64_t delay_ms;            /* that the newest answer has asked for */
    uint64_t interval_ms;         /* of its next rest */
    uint64_t not_before_ms;       /* of the next request */
    uint32_t passed_by;           /* queues that had a turn while it waited */
};

/* A reload waits no longer for the mark of a queue that it has removed. */
void guard_gives_up(struct seen_queue *queue);

enum guard_command { GUARD_PAUSE, GUARD_RESUME, GUARD_POLL_NOW, GUARD_NEW_KEY };

/* A server or queue was added and has done nothing yet. */
void guard_server_begins(struct seen_server *server);
void guard_begins(struct seen_queue *queue, bool is_proven);

/* The queue sends a request. */
void guard_starts(struct seen_queue *queue, bool is_mark);

/* The request has ended with that meaning, of which the process is about to
 * learn; or it was cancelled. */
void guard_ended(struct seen_queue *queue, const struct meaning *meaning);
void guard_cancelled(struct seen_queue *queue);

/* An event of the process. */
void guard_event(struct process *process, const struct haplo_event *event);

/* An operator has given a command, or the key has changed; and after it,
 * whether it took effect. */
void guard_commanded(struct seen_queue *queue, enum guard_command command);
void guard_obeyed(const struct seen_queue *queue, enum guard_command command);

/* What the server has in common with others. */
struct guard_site *guard_site_of(const struct seen_server *server);

/* Failed logins in a row at its address. They count for as long as the server
 * counts them. */
unsigned guard_refused(const struct seen_server *server, uint64_t now_ms);

/* Requests in flight at its address, with keys that are not proven. */
unsigned guard_provers(const struct seen_server *server);

/* True while the queue has a batch in that state. */
bool guard_has_batch(enum haplo_queue_state state);

/* After each event: checks that nothing is left to do. */
void guard_settled(struct process *process);

/* For its parts */

/* guard_wait.c: a wait begins, and what is reported of a failure. */
void guard_waits(struct seen_queue *queue, int error);
void guard_server_waits(struct seen_server *server);

/* guard_token.c: a token is posted, was fetched, or is gone. */
void guard_posts(const struct seen_queue *queue);
void guard_fetched(struct seen_queue *queue);
void guard_leaves(struct seen_queue *queue, enum haplo_queue_state from,
                  const struct haplo_event *event);
bool guard_is_progress(const struct seen_queue *queue,
                       const struct meaning *meaning);

/* guard_token.c: notes what that says about caches. Returns true if it is a
 * batch that must be held back. */
bool guard_holds_back(struct seen_queue *queue, const struct meaning *meaning);

/* guard_turns.c: a queue's turn. */
void guard_takes_turn(struct seen_queue *queue, bool is_mark);

/* A queue has changed its state: a server with nothing left to start, even for
 * a moment, lines up behind the others when it has something again. */
void guard_leaves_line(struct seen_server *server);

_Noreturn void guard_violation(const struct seen_queue *queue,
                               const char *what);

#endif
