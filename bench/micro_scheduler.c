/*
 * micro_scheduler.c - the cost of a queue's transitions and of the scheduler,
 * in virtual time.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/scheduler.h"
#include "micro.h"

#define QUEUES_A_SERVER 100
#define INTERVAL_MS 60000

static const struct queue_policy policy = {.interval_ms = INTERVAL_MS,
                                           .backoff_ms = 1000,
                                           .backoff_max_ms = 300000,
                                           .refused_ms = 900000,
                                           .mark_attempts_max = 4};
static const struct server_policy server_policy = {
    .in_flight_max = 1, .failed_logins_max = 5, .breaker_failures = 5};

static void on_queue_trace(void *data, const struct queue *queue,
                           enum haplo_queue_state from, int error)
{
    (void)data;
    (void)queue;
    (void)from;
    (void)error;
}

static void on_server_trace(void *data, const struct server *server,
                            enum haplo_server_state from, int error)
{
    (void)data;
    (void)server;
    (void)from;
    (void)error;
}

/* The events of one cycle. */
static const struct queue_event cycle_events[] = {
    {.kind = QUEUE_EVENT_DUE},
    {.kind = QUEUE_EVENT_STARTED},
    {.kind = QUEUE_EVENT_FETCHED, .count = 16},
    {.kind = QUEUE_EVENT_ACCEPTED},
    {.kind = QUEUE_EVENT_STARTED},
    {.kind = QUEUE_EVENT_MARKED, .count = 16, .unread_count = 0}};

void micro_queue_step(uint64_t count)
{
    static struct server server;
    static struct queue queue;
    struct random random = {.state = 1};
    const size_t event_count = sizeof cycle_events / sizeof cycle_events[0];
    const struct step_context context = {
        .now_ms = 1, .random = &random, .trace_cb = on_queue_trace};
    server_init(&server, &server_policy);
    queue_init(&queue, &policy, &server, 0);
    queue.key_proven = true;
    for (uint64_t i = 0; i < 2 * count; i++) {
        if (i == count) {
            micro_begin();
        }
        for (size_t j = 0; j < event_count; j++) {
            (void)queue_step(&queue, &cycle_events[j], &context);
        }
        if (queue.state != HAPLO_QUEUE_IDLE) {
            micro_fail("the queue did not finish its cycle");
        }
    }
    micro_end(count * event_count);
}

struct scene {
    struct scheduler scheduler;
    struct server *servers;
    struct queue *queues;
};

static void scene_make(struct scene *scene, size_t queue_count)
{
    size_t server_count = (queue_count + QUEUES_A_SERVER - 1) / QUEUES_A_SERVER;
    struct random places = {.state = 7};
    char site[32];
    const char *sites = site;
    scene->servers = calloc(server_count, sizeof *scene->servers);
    scene->queues = calloc(queue_count, sizeof *scene->queues);
    if (scene->servers == NULL || scene->queues == NULL) {
        micro_fail("out of memory");
    }
    scheduler_init(&scene->scheduler, 256, SIZE_MAX, 1);
    scene->scheduler.queue_trace_cb = on_queue_trace;
    scene->scheduler.server_trace_cb = on_server_trace;
    for (size_t i = 0; i < server_count; i++) {
        server_init(&scene->servers[i], &server_policy);
        (void)snprintf(site, sizeof site, "192.0.2.%zu:443", i);
        if (scheduler_add_server(&scene->scheduler, &scene->servers[i],
                                 LOCATION_KNOWN, &sites, 1, 0) != 0) {
            micro_fail("out of memory");
        }
    }
    for (size_t i = 0; i < queue_count; i++) {
        struct queue *queue = &scene->queues[i];
        queue_init(queue, &policy, &scene->servers[i % server_count],
                   random_below(&places, INTERVAL_MS));
        queue->key_proven = true;
        if (scheduler_add_queue(&scene->scheduler, queue) != 0) {
            micro_fail("out of memory");
        }
    }
}

/* Takes the first queue that is due, lets it fetch nothing, and requeues it. */
static void scene_poll_one(struct scene *scene)
{
    static const struct queue_event due = {.kind = QUEUE_EVENT_DUE};
    static const struct queue_event empty = {.kind = QUEUE_EVENT_EMPTY};
    struct scheduler *scheduler = &scene->scheduler;
    uint64_t now_ms = scheduler_due_ms(scheduler);
    struct queue *queue = scheduler_take_due(scheduler, now_ms);
    (void)scheduler_step(scheduler, queue, &due, now_ms);
    if (scheduler_next(scheduler, now_ms) != queue) {
        micro_fail("the scheduler returned another queue");
    }
    scheduler_request_ended(scheduler, queue, 0, now_ms);
    (void)scheduler_step(scheduler, queue, &empty, now_ms);
}

static void scheduler_turns(size_t queue_count, uint64_t count)
{
    struct scene scene;
    scene_make(&scene, queue_count);
    for (uint64_t i = 0; i < 2 * count; i++) {
        if (i == count) {
            micro_begin();
        }
        scene_poll_one(&scene);
    }
    micro_end(count);
}

void micro_scheduler_1k(uint64_t count)
{
    scheduler_turns(1000, count);
}

void micro_scheduler_100k(uint64_t count)
{
    scheduler_turns(100000, count);
}

void micro_scheduler_1m(uint64_t count)
{
    scheduler_turns(1000000, count);
}
