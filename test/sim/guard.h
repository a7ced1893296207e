/*
 * guard.h - what must hold of the requests of one process, counted by itself
 * from what it starts and what it is answered:
 *
 *   - a queue has one request in flight and one token outstanding; a token is
 *     posted after its messages are durable, never empty, again only after a
 *     failure that waiting may mend, not more often than mark_attempts_max, nor
 *     later than QUEUE_MARK_AGE_MAX_MS after its first post, and not given up
 *     before either is near;
 *   - a batch that is not stored is dropped only because its sink rejects it,
 *     has been asked too often, or because of a pause while it waits to be
 *     delivered again;
 *   - slots of servers and over all; nothing to a server that is DOWN or
 *     SILENT, one request at a time to one that has to show that it lives;
 *   - logins: one unproven key at a time, failed_logins_max failures in a row
 *     for unproven keys, twice that for proven ones, and none for 310 s after
 *     a throttle;
 *   - no hammering, and no idling: the waits after failures, Retry-After, the
 *     interval of an empty queue, which stretches; the waits of the breaker;
 * nothing from a paused queue but the mark of its batch;
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

#include "core/queue.h"

#define GUARD_SERVERS_MAX 4
#define GUARD_TURNS_MAX 3

struct poll_queue;
struct poll_server;
struct process;

struct guard_server {
    unsigned in_flight;                     /* */
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
    bool is_proven;         /* the server has taken its key */
    bool was_proven;        /* in flight: as it began */
    bool was_probe;         /* in flight: the same */
    bool has_asked;         /* by a fetch, why a mark was refused */
    bool is_outstanding;    /* a token */
    bool is_paused;         /* commanded */
    bool seen_proven;       /* key_proven, when passed_by was begun */
    int error;              /* of the newest request; 0: none */
    unsigned deliveries;    /* of the batch at hand */
    bool has_drained;       /* the newest answer said so, and it rests */
    unsigned failures;      /* in a row */
    uint64_t delay_ms;      /* that the newest answer has asked for */
    uint64_t interval_ms;   /* of its next rest */
    uint64_t not_before_ms; /* of the next request */
    uint32_t passed_by;     /* queues that had a turn while this waited */
};

/* The core has given the queue a slot, and its request goes out. */
void guard_starts(struct poll_queue *queue);

/* The queue is there, and has done nothing yet. */
void guard_begins(struct poll_queue *queue);

/* A whole batch has come, and is not yet delivered. */
void guard_fetched(struct poll_queue *queue);

/* Before the core learns that the request has ended, with that event. */
void guard_ended(struct poll_queue *queue, int error,
                 const struct queue_event *event);
void guard_cancelled(struct poll_queue *queue);

/* The batch goes to the sink. */
void guard_delivers(struct poll_queue *queue);

/* The batch is dropped, or its token confirmed. */
void guard_gives_up(struct poll_queue *queue, enum haplo_queue_state from,
                    const struct queue_event *event);
void guard_confirmed(struct poll_queue *queue, enum haplo_queue_state from,
                     const struct queue_event *event, uint64_t epoch);

/* An operator wants something, or the key is another one; and whether the core
 * has done as it is told. */
void guard_commanded(struct poll_queue *queue, enum queue_event_kind kind);
void guard_obeyed(const struct poll_queue *queue, enum queue_event_kind kind);

/* The queue, the server, has changed its state; error: as its trace has it. */
void guard_changed(struct poll_queue *queue, int error);
void guard_server_changed(struct poll_server *server);

/* The core has taken the event in. */
void guard_stepped(const struct poll_queue *queue,
                   const struct queue_event *event);

/* Failed logins in a row; those that have spent the budget count for as long
 * as the server counts them. */
unsigned guard_refused(const struct poll_server *server, uint64_t now_ms);

/* After each event: nothing is left undone. */
void guard_settled(const struct process *process);

#endif
