/*
 * scheduler.h - which queue may send its next request, and when. Pure: no
 * I/O, no clock; the caller tells the time and carries out what comes back.
 *
 *   - waits: one heap of due times, of queues and servers;
 *   - order within a server: marks first, then fetches first come, first
 *     served; a queue that has more goes behind the others after each batch;
 *   - order between servers: round robin;
 *   - bounds: a server's slots, requests in flight over all, and no new fetch
 *     while bodies that are not yet accepted, and tokens, hold more than the
 *     budget of bytes;
 *   - marks are exempt from the budget: they free what it counts.
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
    struct heap waits;               /* due times */
    struct server_ring mark_ring;    /* servers that could mark now */
    struct server_ring fetch_ring;   /* servers that could fetch now */
    struct random random;            /* of jitter */
    uint64_t ready_sequence;         /* the newest given out */
    unsigned in_flight;              /* requests, over all servers */
    unsigned in_flight_max;          /* */
    size_t held_bytes;               /* in batches; the caller keeps it */
    size_t held_bytes_max;           /* */
    uint32_t entry_count;            /* heap entries of the objects added */
    queue_trace_cb queue_trace_cb;   /* */
    server_trace_cb server_trace_cb; /* */
    void *data;                      /* for the callbacks */
};

void scheduler_init(struct scheduler *scheduler, unsigned in_flight_max,
                    size_t held_bytes_max, uint64_t seed);
void scheduler_free(struct scheduler *scheduler);

/* Makes room for an object's waits, and starts them: 0 or HAPLO_ENOMEM. The
 * object must have been initialised. */
int scheduler_add_server(struct scheduler *scheduler, struct server *server);
int scheduler_add_queue(struct scheduler *scheduler, struct queue *queue);

/* Lets go of the object, which must not be in flight. */
void scheduler_remove_server(struct scheduler *scheduler,
                             struct server *server);
void scheduler_remove_queue(struct scheduler *scheduler, struct queue *queue);

/* queue_step(), and the queue's place in lists and heap after it. */
enum queue_action scheduler_step(struct scheduler *scheduler,
                                 struct queue *queue,
                                 const struct queue_event *event,
                                 uint64_t now_ms);

/* The next queue whose turn it is, now FETCHING or (LAST_)MARKING, with its
 * slot taken; NULL if nothing may start. */
struct queue *scheduler_next(struct scheduler *scheduler, uint64_t now_ms);

/* The request of the queue has ended, by an answer (error 0 or HAPLO_E*) or
 * by being cancelled: gives its slot back and tells the server's state
 * machine. To be called before the step that the end brings about. */
void scheduler_request_ended(struct scheduler *scheduler, struct queue *queue,
                             int error, uint64_t now_ms);

/* The next queue whose wait is over at now_ms; waits of servers are dealt
 * with inside. NULL if there is none. The caller steps it with DUE. */
struct queue *scheduler_take_due(struct scheduler *scheduler, uint64_t now_ms);

/* When scheduler_take_due() has something to do next; HEAP_NEVER: never. */
uint64_t scheduler_due_ms(const struct scheduler *scheduler);

#endif
