/*
 * poll_objects.c - mirrors src/poller/haplo_poller.c, haplo_queue.c,
 * haplo_batch.c and event.c: what an application can say, and what it is told.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/batch.h"
#include "gather.h"
#include "kept.h"
#include "poll_private.h"
#include "process.h"
#include "world.h"

/* -- What is told --------------------------------------------------------- */

/* The one whose part it is, not to be told by a pointer to const. */
static struct poll_queue *poll_queue_of(const struct process *process,
                                        const struct queue *core)
{
    const struct poll_queue *queue = (const struct poll_queue *)core;
    return process->queues[queue->remote->index];
}

static void on_queue_state(void *data, const struct queue *core,
                           enum haplo_queue_state from, int error)
{
    struct process *process = data;
    struct poll_queue *queue = poll_queue_of(process, core);
    process->paused_count += core->state == HAPLO_QUEUE_PAUSED;
    process->paused_count -= from == HAPLO_QUEUE_PAUSED;
    world_note_edge(process->world, from, core->state);
    trace_queue(process->world, queue->remote->name, core, from, error);
    guard_changed(queue, error);
    kept_note_queue(queue, from, error);
    operator_sees(process->world, queue->remote, core->state);
    world_crash_at_change(process->world, core->state);
}

static void on_server_state(void *data, const struct server *core,
                            enum haplo_server_state from, int error)
{
    struct process *process = data;
    const struct poll_server *of = (const struct poll_server *)core;
    struct poll_server *server = &process->servers[of->remote->index];
    trace_server(process->world, server->remote->name, core, from, error);
    kept_note_server(server);
    if (from != core->state) {
        guard_server_changed(server);
    }
    if (core->state == HAPLO_SERVER_SILENT && from != core->state) {
        world_count(process->world, SITUATION_SILENCE_KEPT);
    }
}

/* -- Coming into being ---------------------------------------------------- */

void poll_open(struct process *process)
{
    struct world *world = process->world;
    const struct haplo_queue_options options = {.struct_size = sizeof options};
    int error = fetch_format_init(&process->format, &options, NULL);
    assert(error == 0);
    scheduler_init(&process->scheduler, world->plan.in_flight_max,
                   world->plan.held_bytes_max, dice_next(&world->dice));
    process->scheduler.queue_trace_cb = on_queue_state;
    process->scheduler.server_trace_cb = on_server_state;
    process->scheduler.data = process;
    process->armed_ms = HEAP_NEVER;
    TAILQ_INIT(&process->gone);
    for (unsigned i = 0; i < world->server_count; i++) {
        struct poll_server *server = &process->servers[i];
        server->process = process;
        server->remote = &world->servers[i];
        server_init(&server->core, &server->remote->policy);
        kept_recall(server);
        error = scheduler_add_server(&process->scheduler, &server->core);
        assert(error == 0);
    }
    (void)error;
}

void poll_add_queue(struct process *process, struct remote_queue *remote,
                    struct sink_queue *sink_queue)
{
    struct world *world = process->world;
    struct poll_queue *queue = calloc(1, sizeof *queue);
    if (queue == NULL) {
        fprintf(stderr, "sim: out of memory\n");
        exit(2);
    }
    queue->process = process;
    queue->server = &process->servers[remote->server->index];
    queue->remote = remote;
    queue->sink_queue = sink_queue;
    queue->key = remote->client_key;
    queue->next_key = -1;
    queue_init(&queue->core, &remote->policy, &queue->server->core,
               sink_queue->ledger.epoch, sink_queue->ledger.is_unconfirmed,
               world->now_ms +
                   dice_below(&world->dice, remote->policy.interval_ms));
    queue->core.key_proven = kept_is_proven(queue);
    guard_begins(queue);
    int error = scheduler_add_queue(&process->scheduler, &queue->core);
    assert(error == 0);
    (void)error;
    process->queues[remote->index] = queue;
    process->queue_count++;
    poll_pump(process);
}

/* -- Queues --------------------------------------------------------------- */

void poll_set_key(struct poll_queue *queue, int key)
{
    if (queue->request != NULL) {
        queue->next_key = key;
    } else {
        queue->key = key;
    }
    poll_command(queue, QUEUE_EVENT_NEW_KEY);
}

void poll_pause(struct poll_queue *queue)
{
    poll_command(queue, QUEUE_EVENT_PAUSE);
}

void poll_resume(struct poll_queue *queue)
{
    if (queue->process->phase == PROCESS_RUNNING && !queue->is_removing) {
        poll_command(queue, QUEUE_EVENT_RESUME);
    }
}

void poll_now(struct poll_queue *queue)
{
    poll_command(queue, QUEUE_EVENT_POLL_NOW);
}

void poll_remove(struct poll_queue *queue)
{
    if (!queue->is_removing) {
        queue->is_removing = true;
        poll_command(queue, QUEUE_EVENT_PAUSE);
    }
}

/* -- Batches -------------------------------------------------------------- */

static void answer(struct poll_queue *queue, enum queue_event_kind kind)
{
    assert(queue->core.state == HAPLO_QUEUE_DELIVERING ||
           queue->core.state == HAPLO_QUEUE_LAST_DELIVERING);
    poll_step(queue, &(struct queue_event){.kind = kind});
    poll_pump(queue->process);
}

void poll_accept(struct poll_queue *queue)
{
    poll_keep_token(queue);
    answer(queue, QUEUE_EVENT_ACCEPTED);
}

void poll_retry(struct poll_queue *queue)
{
    answer(queue, QUEUE_EVENT_RETRY);
}

void poll_reject(struct poll_queue *queue)
{
    answer(queue, QUEUE_EVENT_REJECTED);
}

/* -- The end -------------------------------------------------------------- */

void poll_stop(struct process *process, uint64_t deadline_ms)
{
    struct world *world = process->world;
    if (process->phase != PROCESS_RUNNING) {
        return;
    }
    process->phase = PROCESS_STOPPING;
    process->stop_due_ms = world->now_ms + deadline_ms;
    for (unsigned i = 0; i < world->queue_count; i++) {
        struct poll_queue *queue = process->queues[i];
        if (queue != NULL) {
            process->batches_left += queue_has_batch(&queue->core);
            guard_commanded(queue, QUEUE_EVENT_PAUSE);
            poll_step(queue, &(struct queue_event){.kind = QUEUE_EVENT_PAUSE});
        }
    }
    poll_pump(process);
}

/* Gives back what it owns, as the end of a process does. */
void poll_close(struct process *process)
{
    struct haplo_batch *batch;
    for (unsigned i = 0; i < process->world->queue_count; i++) {
        struct poll_queue *queue = process->queues[i];
        if (queue != NULL) {
            if (queue->request != NULL) {
                wire_abandon(process->world, queue->request);
            }
            batch_free(queue->batch);
            free(queue);
        }
    }
    while ((batch = process->free_batches) != NULL) {
        process->free_batches = batch->next;
        batch_free(batch);
    }
    fetch_format_free(&process->format);
    scheduler_free(&process->scheduler);
}
