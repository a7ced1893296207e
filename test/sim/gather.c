#include "gather.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

#include "poll.h"
#include "process.h"
#include "world.h"

/* -- Batches -------------------------------------------------------------- */

void gather_delivered(struct delivery *delivery)
{
    struct poll_queue *queue =
        (struct poll_queue *)(void *)((char *)delivery -
                                      offsetof(struct poll_queue, delivery));
    struct world *world = queue->process->world;
    if (queue->process->is_closing) {
        world_count(world, SITUATION_DELIVERED_TOO_LATE);
        return; /* too late to mark: the sink will recognise it */
    }
    switch (delivery->verdict) {
    case VERDICT_ACCEPT:
        poll_accept(queue);
        break;
    case VERDICT_RETRY:
        poll_retry(queue);
        break;
    case VERDICT_REJECT:
        world_count(world, SITUATION_REJECTED);
        poll_reject(queue);
        break;
    }
}

void gather_deliver(struct poll_queue *queue)
{
    struct world *world = queue->process->world;
    guard_delivers(queue);
    queue->delivery = (struct delivery){
        .queue = queue->sink_queue,
        .batch = queue->batch,
        .token = queue->token,
        .received_at_ms = world->now_ms + world->wall_offset_ms,
    };
    sink_deliver(queue->sink_queue->sink, &queue->delivery);
}

void gather_marked(struct poll_queue *queue, uint64_t next_epoch)
{
    struct process *process = queue->process;
    world_crash_point(process->world, CRASH_AFTER_CONFIRMATION);
    if (process->is_closing) {
        world_count(process->world, SITUATION_CONFIRMED_TOO_LATE);
        queue->remote->confirm_is_due = false;
        return; /* the next process learns it from the server */
    }
    sink_confirmed(queue->sink_queue->sink, queue->sink_queue, next_epoch);
}

/* -- Opening -------------------------------------------------------------- */

void gather_add_queue(struct process *process, struct remote_queue *remote)
{
    struct sink *sink = &process->sinks[remote->sink];
    struct sink_queue *queue = sink_queue_open(sink, remote);
    poll_add_queue(process, remote, queue);
}

/* -- Closing -------------------------------------------------------------- */

void gather_removed(struct poll_queue *queue)
{
    sink_queue_close(queue->sink_queue);
}

static void close_next_sink(struct process *process)
{
    struct world *world = process->world;
    if (process->closing_sink < world->disk_count) {
        sink_close(&process->sinks[process->closing_sink++]);
        return;
    }
    TRACE(world, "process: ends, %zu batches left", process->batches_left);
    world_process_ended(world);
}

void gather_sink_closed(struct process *process)
{
    close_next_sink(process);
}

void gather_stopped(struct process *process)
{
    world_count(process->world, process->batches_left == 0
                                    ? SITUATION_STOPPED_DRAINED
                                    : SITUATION_STOPPED_WITH_BATCHES);
    process->is_closing = true;
    close_next_sink(process);
}

void gather_close(struct process *process, uint64_t deadline_ms)
{
    poll_stop(process, deadline_ms);
}
