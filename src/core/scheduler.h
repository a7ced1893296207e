/*
 * scheduler.h - decides which queue may send its next request, and when. Pure:
 * no I/O and no clock; the caller passes the time and performs the resulting
 * actions.
 *
 *   - Waiting: one heap of due times for queues and servers.
 *   - Order within a server: marks first, then fetches, first come, first
 *     served. A queue that has more messages goes behind the others after each
 *     batch.
 *   - Order between servers: round robin.
 *   - Limits: the slots of each server; requests in flight over all servers;
 *     and no new fetch while tokens, and bodies not yet accepted, exceed the
 *     byte budget.
 *   - Marks are exempt from the budget, because they free what it counts.
 */
#ifndef CORE_SCHEDULER_H
#define CORE_SCHEDULER_H

#include <stddef.h>
#include <stdint.h>

#include "core/heap.h"
#include "core/queue.h"
#include "core/server.h"

TAILQ_HEAD(server_ring, server);

struct scheduler {
    struct heap waits;             /* due times of queues and servers */
    struct server_ring mark_ring;  /* servers that can mark now */
    struct server_ring fetch_ring; /* servers that can fetch now */
    struct random random;          /* for jitter */
    uint64_t ready_sequence;       /* last one assigned */
    unsigned in_flight;            /* requests over all servers */
    unsigned in_flight_max;
    size_t held_bytes; /* in batches; the caller updates it */
    size_t held_bytes_max;
    uint32_t entry_count; /* heap entries reserved by added objects */
    queue_trace_cb queue_trace_cb;
    server_trace_cb server_trace_cb;
    void *data; /* passed to the callbacks */
};

void scheduler_init(struct scheduler *scheduler, unsigned in_flight_max,
                    size_t held_bytes_max, uint64_t seed);
void scheduler_free(struct scheduler *scheduler);

/* Adds an initialised object: reserves room for its waits and starts them.
 * Returns 0 or HAPLO_ENOMEM. */
int scheduler_add_server(struct scheduler *scheduler, struct server *server);
int scheduler_add_queue(struct scheduler *scheduler, struct queue *queue);

/* Removes an object, which must not have a request in flight. */
void scheduler_remove_server(struct scheduler *scheduler,
                             struct server *server);
void scheduler_remove_queue(struct scheduler *scheduler, struct queue *queue);

/* Calls queue_step() and then moves the queue to the right lists. */
enum queue_action scheduler_step(struct scheduler *scheduler,
                                 struct queue *queue,
                                 const struct queue_event *event,
                                 uint64_t now_ms);

/* Starts the next queue: it is FETCHING or (LAST_)MARKING afterwards, and
 * occupies a slot. NULL if nothing may start. */
struct queue *scheduler_next(struct scheduler *scheduler, uint64_t now_ms);

/* To be called when a request has ended, with a response (error 0 or HAPLO_E*)
 * or because it was cancelled, and before the resulting step of the queue.
 * Frees the slot and informs the state machine of the server. */
void scheduler_request_ended(struct scheduler *scheduler, struct queue *queue,
                             int error, uint64_t now_ms);

/* The next queue whose wait ends at now_ms; NULL if there is none. The caller
 * steps it with DUE. Waits of servers are processed internally. */
struct queue *scheduler_take_due(struct scheduler *scheduler, uint64_t now_ms);

/* When to call scheduler_take_due() next; HEAP_NEVER: never. */
uint64_t scheduler_due_ms(const struct scheduler *scheduler);

#endif
