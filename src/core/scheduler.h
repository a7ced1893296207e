/*
 * scheduler.h - decides which queue may send its next request, and when. Pure:
 * no I/O and no clock; the caller passes the time and performs the resulting
 * actions.
 *
 *   - Waiting: one heap of due times for queues and servers.
 *   - Logins: servers that are the same actual server share a budget of failed
 *     logins. See login_group.h, and login_sites.h for how they are found.
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
#include "core/login_sites.h"
#include "core/queue.h"
#include "core/server.h"

TAILQ_HEAD(server_ring, server);

struct scheduler {
    struct heap waits;             /* due times of queues and servers */
    struct login_sites sites;      /* which servers share a budget */
    struct server_ring mark_ring;  /* servers that can mark now */
    struct server_ring fetch_ring; /* servers that can fetch now */
    struct random random;          /* for jitter */
    uint64_t ready_sequence;       /* last one assigned */
    uint64_t place;                /* in the rings: last one assigned */
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

/* Adds an initialised server, which is reached by these sites: see
 * login_sites_place(). location: what these are worth. Returns 0 or
 * HAPLO_ENOMEM. */
int scheduler_add_server(struct scheduler *scheduler, struct server *server,
                         enum server_location location,
                         const char *const *sites, unsigned site_count,
                         uint64_t now_ms);

/* These are its sites now: its name was looked up, or its options have changed.
 * Its login group may be another one. Returns 0, or HAPLO_ENOMEM: nothing has
 * changed. */
int scheduler_locate_server(struct scheduler *scheduler, struct server *server,
                            enum server_location location,
                            const char *const *sites, unsigned site_count,
                            uint64_t now_ms);

/* Replaces the policy of a server. */
void scheduler_set_policy(struct scheduler *scheduler, struct server *server,
                          const struct server_policy *policy);

/* The server may be another one: if it is DOWN, a request finds out. */
void scheduler_try_server(struct scheduler *scheduler, struct server *server,
                          uint64_t now_ms);

/* The first look-up has failed. */
void scheduler_lose_server(struct scheduler *scheduler, struct server *server);

/* Adds an initialised queue: reserves room for its wait and starts it. Returns
 * 0 or HAPLO_ENOMEM. */
int scheduler_add_queue(struct scheduler *scheduler, struct queue *queue);

/* Removes an object, which must not have a request in flight. */
void scheduler_remove_server(struct scheduler *scheduler, struct server *server,
                             uint64_t now_ms);
void scheduler_remove_queue(struct scheduler *scheduler, struct queue *queue);

/* Recalls failed logins of an earlier process: see login_sites_recall(). */
int scheduler_recall_logins(struct scheduler *scheduler,
                            const struct haplo_failed_logins *logins,
                            uint64_t now_ms);

/* Calls queue_step() and then moves the queue to the right lists. */
enum queue_action scheduler_step(struct scheduler *scheduler,
                                 struct queue *queue,
                                 const struct queue_event *event,
                                 uint64_t now_ms);

/* Starts the next queue: it is FETCHING or (LAST_)MARKING afterwards, and
 * occupies a slot. NULL if nothing may start. */
struct queue *scheduler_next(struct scheduler *scheduler, uint64_t now_ms);

/* True if a queue could be started, as far as its server is concerned. */
bool scheduler_has_next(const struct scheduler *scheduler);

/* True if the request of the queue may still be sent, although its server may
 * have joined another login group since it was started. */
bool scheduler_may_go_on(const struct queue *queue);

/* To be called when a request has ended, with a response (error 0 or HAPLO_E*)
 * or because it was cancelled, and before the resulting step of the queue.
 * Frees the slot and informs the state machine of the server. */
void scheduler_request_ended(struct scheduler *scheduler, struct queue *queue,
                             int error, uint64_t now_ms);

/* The next queue whose wait ends at now_ms; NULL if there is none. The caller
 * steps it with DUE. Other waits are processed internally. */
struct queue *scheduler_take_due(struct scheduler *scheduler, uint64_t now_ms);

/* When to call scheduler_take_due() next; HEAP_NEVER: never. */
uint64_t scheduler_due_ms(const struct scheduler *scheduler);

#endif
