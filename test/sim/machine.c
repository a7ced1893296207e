#include "machine.h"

#include "app.h"
#include "process.h"
#include "world.h"

static struct process *pick_process(struct world *world)
{
    return world->processes[dice_below(&world->dice, world->host_count)];
}

static void on_reconnected(struct world *world, void *subject, uint64_t stamp)
{
    struct machine *machine = subject;
    (void)stamp;
    TRACE(world, "process %u: is connected again",
          (unsigned)(machine - world->machines));
    *machine = (struct machine){0};
}

void machine_is_cut_off(struct world *world)
{
    unsigned index = (unsigned)dice_below(&world->dice, world->host_count);
    struct machine *machine = &world->machines[index];
    uint64_t what = dice_below(&world->dice, 3);
    machine->is_cut_from_servers = what != 0;
    machine->is_cut_from_stores = what != 1;
    world_count(world, SITUATION_CUT_OFF);
    TRACE(world, "process %u: is cut off from %s", index,
          what == 0   ? "the inboxes"
          : what == 1 ? "the servers"
                      : "all");
    world_at(world, world_some_time_ms(world), on_reconnected, machine, 0);
}

void machine_stands_still(struct world *world)
{
    struct process *process = pick_process(world);
    if (process != NULL) {
        suspend_process(process);
    }
}

static void end(struct world *world, struct process *process)
{
    bool is_alive = !process->suspension.is_stopped && process->is_open;
    process_wake(process);
    if (is_alive && dice_hit(&world->dice, 500)) {
        app_close(process, 1000);
    } else if (!process->is_stopping || !is_alive) {
        world_kill(world, process, CRASH_AT_ANY_TIME);
    }
}

static void on_end(struct world *world, void *subject, uint64_t life)
{
    struct process *process = world_process(world, life);
    (void)subject;
    if (process != NULL) {
        end(world, process);
    }
}

/* In a fleet: it comes again. */
static void leave(struct world *world)
{
    struct process *process = pick_process(world);
    if (process != NULL) {
        end(world, process);
    }
}

void machine_joins(struct world *world)
{
    if (world->is_fleet) {
        leave(world);
        return;
    }
    unsigned index =
        (unsigned)dice_between(&world->dice, 1, world->host_count - 1);
    if (world->processes[index] != NULL || world->processes[0] == NULL ||
        !world->processes[0]->is_open) {
        return;
    }
    world->had_several = true;
    process_start(world, index);
    world_count(world, world_process_count(world) > 2
                           ? SITUATION_THREE_PROCESSES
                           : SITUATION_TWO_PROCESSES);
    world_at(world, world_some_time_ms(world), on_end, NULL, world->life);
}

void machine_mend_all(struct world *world)
{
    for (unsigned i = 0; i < WORLD_HOSTS_MAX; i++) {
        world->machines[i] = (struct machine){0};
        if (world->processes[i] != NULL) {
            suspend_end(world->processes[i]);
        }
    }
}

bool machine_end_others(struct world *world)
{
    bool is_none = true;
    if (world->is_fleet) {
        return true;
    }
    for (unsigned i = 1; i < world->host_count; i++) {
        struct process *process = world->processes[i];
        is_none &= process == NULL;
        if (process != NULL && !process->is_stopping) {
            world_at(world, 0, on_end, NULL, process->life);
        }
    }
    return is_none;
}
