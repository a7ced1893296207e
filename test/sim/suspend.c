#include "suspend.h"

#include "process.h"
#include "world.h"

static void on_go_on(struct world *world, void *subject, uint64_t life)
{
    struct process *process = world_process(world, life);
    (void)subject;
    if (process != NULL && process->suspension.until_ms <= world->now_ms) {
        suspend_end(process);
    }
}

static void stop(struct process *process, uint64_t for_ms)
{
    struct world *world = process->world;
    struct suspension *suspension = &process->suspension;
    world_count(world, SITUATION_SUSPENDED);
    TRACE(world, "process %u: stands still", process->host);
    suspension->is_stopped = true;
    suspension->until_ms = world->now_ms + for_ms;
    world_at(world, for_ms, on_go_on, NULL, process->life);
}

void suspend_process(struct process *process)
{
    struct world *world = process->world;
    struct suspension *suspension = &process->suspension;
    if (suspension->is_stopped || suspension->due_ms != 0) {
        return;
    }
    suspension->is_midway = dice_hit(&world->dice, 700);
    if (suspension->is_midway) {
        suspension->due_ms = world_some_time_ms(world);
    } else {
        stop(process, world_some_time_ms(world));
    }
}

/* In the order in which it was due. */
void suspend_end(struct process *process)
{
    struct world *world = process->world;
    struct suspension *suspension = &process->suspension;
    struct agenda_entry entry;
    suspension->due_ms = 0;
    if (!suspension->is_stopped) {
        return;
    }
    TRACE(world, "process %u: goes on", process->host);
    suspension->is_stopped = false;
    suspension->went_on_ms = world->now_ms;
    while (agenda_take(&suspension->held, &entry)) {
        world_again(world, entry);
    }
}

bool suspend_holds(struct process *process, struct agenda_entry *entry)
{
    struct suspension *suspension = &process->suspension;
    if (!suspension->is_stopped && suspension->due_ms != 0) {
        process->loop_ms = process->world->now_ms;
        stop(process, suspension->due_ms);
        suspension->due_ms = 0;
    }
    if (suspension->is_stopped) {
        agenda_add(&suspension->held, *entry);
        return true;
    }
    if (suspension->is_midway) {
        suspension->is_midway = false; /* runs with the time of then */
        world_count(process->world, SITUATION_STALE_LOOP);
    } else {
        process->loop_ms = process->world->now_ms;
    }
    return false;
}

bool suspend_is_behind(const struct process *process)
{
    return process->suspension.is_stopped ||
           process->suspension.went_on_ms == process->world->now_ms;
}
