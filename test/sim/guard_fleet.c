#include "guard_fleet.h"

#include "guard.h"
#include "process.h"
#include "store_fleet.h"
#include "world.h"

static unsigned slot_of(const struct seen_queue *queue)
{
    return placement_slot(queue->remote->server->name);
}

static bool has_token(const struct process *process, unsigned index)
{
    return process != NULL && process->queues[index].queue != NULL &&
           (process->queues[index].guard.is_outstanding ||
            process->queues[index].exchange != NULL);
}

static void check_others(const struct seen_queue *queue)
{
    const struct world *world = queue->process->world;
    for (unsigned host = 0; host < world->host_count; host++) {
        const struct process *other = world->processes[host];
        if (other == queue->process ||
            !has_token(other, queue->remote->index)) {
            continue;
        }
        if (!store_fleet_was_taken(world, host, slot_of(queue))) {
            guard_violation(queue, "two hosts have a token of it");
        }
        world_count(queue->process->world, SITUATION_TWO_TOKENS);
    }
}

void guard_fleet_starts(const struct seen_queue *queue, bool is_mark)
{
    const struct process *process = queue->process;
    struct world *world = process->world;
    unsigned slot = slot_of(queue);
    if (world->now_ms >= world->fleet.deadline_ms[process->host]) {
        guard_violation(queue, is_mark
                                   ? "a mark after the deadline of its host"
                                   : "a fetch after the deadline of its host");
    }
    if (!store_fleet_was_told(world, process->host, slot)) {
        guard_violation(queue, "a request of another host's queue");
    }
    if (!store_fleet_owns(world, process->host, slot)) {
        if (!store_fleet_was_taken(world, process->host, slot)) {
            guard_violation(queue, "a request after it was handed over");
        }
        world_count(world, SITUATION_REQUEST_OF_LOST);
    }
    check_others(queue);
}

void guard_fleet_adds(const struct seen_queue *queue)
{
    if (!queue->is_loaded) {
        guard_violation(queue, "is polled, and its state was not loaded");
    }
}

bool guard_fleet_may_begin(const struct process *process)
{
    const struct world *world = process->world;
    return !world->is_fleet ||
           (world->now_ms < world->fleet.deadline_ms[process->host] &&
            /* The host may know of an earlier one. */
            world->now_ms < process->app.fleet.fleet.deadline_ms &&
            world->now_ms > world->fleet.went_on_ms[process->host] + 1);
}
