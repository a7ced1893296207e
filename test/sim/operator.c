#include "operator.h"

#include <stdio.h>
#include <stdlib.h>

#include "app_reload.h"
#include "book.h"
#include "book_outlet.h"
#include "chaos.h"
#include "network.h"
#include "process.h"
#include "world.h"

/* Operators control the first process. NULL if it does not run or does not
 * have the queue. */
static struct seen_queue *find(const struct world *world,
                               const struct remote_queue *remote)
{
    struct seen_queue *queue = world_find_queue(world, remote);
    if (queue == NULL || !queue->process->is_open ||
        queue->process->is_stopping || queue->process->suspension.is_stopped) {
        return NULL;
    }
    process_wake(queue->process);
    return queue;
}

static void command(struct seen_queue *queue, enum guard_command command)
{
    guard_commanded(queue, command);
    switch (command) {
    case GUARD_PAUSE:
        haplo_queue_pause(queue->queue);
        break;
    case GUARD_RESUME:
        haplo_queue_resume(queue->queue);
        break;
    case GUARD_POLL_NOW:
        haplo_queue_poll_now(queue->queue);
        break;
    case GUARD_NEW_KEY:
        break;
    }
    guard_obeyed(queue, command);
}

/* Writes the key's file, which a running process reads again. */
void operator_sets_key(struct world *world, struct remote_queue *remote,
                       int key)
{
    struct seen_queue *queue = find(world, remote);
    remote->client_key = key;
    remote->key_change_count++;
    if (queue != NULL) {
        queue->key = key;
        queue->has_new_key = queue->exchange != NULL;
        guard_commanded(queue, GUARD_NEW_KEY);
        app_reread_key(queue);
        guard_obeyed(queue, GUARD_NEW_KEY);
    }
}

/* What an operator does who may not have been the only user of the queue. */
static void resume_from_stored(struct seen_queue *queue)
{
    struct world *world = queue->process->world;
    const struct store *store = &world->stores[queue->store];
    world_count(world, SITUATION_RESUMED_FROM_STORED);
    guard_commanded(queue, GUARD_RESUME);
    book_reread(queue);
    if (haplo_queue_resume_from(queue->queue,
                                store_state(store, queue->remote)) != 0) {
        guard_violation(queue, "does not go on from what is stored");
    }
    guard_obeyed(queue, GUARD_RESUME);
}

static void resume(struct seen_queue *queue)
{
    struct world *world = queue->process->world;
    if (queue->is_removing) {
        return;
    }
    if (queue->guard.state == HAPLO_QUEUE_PAUSED &&
        dice_hit(&world->dice, 300)) {
        resume_from_stored(queue);
    } else {
        command(queue, GUARD_RESUME);
    }
}

static void on_resume(struct world *world, void *subject, uint64_t stamp)
{
    const struct remote_queue *remote = subject;
    struct seen_queue *queue = find(world, remote);
    (void)stamp;
    if (queue != NULL) {
        TRACE(world, "%s: resumed", remote->name);
        resume(queue);
    }
}

static void pause_queue(struct world *world, struct seen_queue *queue)
{
    uint64_t longest_ms = dice_hit(&world->dice, 600) ? 2000 : 120000;
    world_at(world, dice_below(&world->dice, longest_ms), on_resume,
             queue->remote, 0);
    TRACE(world, "%s: paused", queue->remote->name);
    command(queue, GUARD_PAUSE);
}

static void add_again(struct world *world, struct remote_queue *remote)
{
    struct process *process = world->processes[0];
    bool is_here =
        process != NULL && process->queues[remote->index].queue != NULL;
    if (process != NULL && (!process->is_open || process->is_stopping ||
                            process->suspension.is_stopped ||
                            (is_here && !world_has_reloads(world)))) {
        return; /* not yet */
    }
    remote->is_configured = true;
    world_count(world, SITUATION_ADDED_AGAIN);
    TRACE(world, "%s: configured again", remote->name);
    if (process != NULL) {
        process_wake(process);
        app_add_queue(&process->queues[remote->index]);
    }
}

static void on_add(struct world *world, void *subject, uint64_t stamp)
{
    struct remote_queue *remote = subject;
    (void)stamp;
    if (!remote->is_configured) {
        add_again(world, remote);
    }
}

static void remove_queue(struct world *world, struct seen_queue *queue)
{
    if (queue->is_removing) {
        return;
    }
    world_count(world, SITUATION_REMOVED);
    queue->remote->is_configured = false;
    world_at(world, dice_between(&world->dice, 1000, 60000), on_add,
             queue->remote, 0);
    TRACE(world, "%s: removed", queue->remote->name);
    app_remove_queue(queue);
}

static void set_key(struct world *world, struct seen_queue *queue)
{
    bool is_right = dice_hit(&world->dice, 800);
    TRACE(world, "%s: a new key, the %s one", queue->remote->name,
          is_right ? "right" : "wrong");
    operator_sets_key(world, queue->remote, is_right ? queue->remote->key : 0);
}

static void stop(struct world *world)
{
    static const uint64_t deadlines_ms[] = {0, 300, 2000, 30000};
    TRACE(world, "process: told to stop");
    app_close(world->processes[0], deadlines_ms[dice_below(&world->dice, 4)]);
}

static void on_errand(struct world *world, void *subject, uint64_t errand)
{
    struct seen_queue *queue = find(world, subject);
    if (queue == NULL || world->is_quiet) {
        return;
    }
    switch ((enum errand)errand) {
    case ERRAND_PAUSE:
        pause_queue(world, queue);
        break;
    case ERRAND_REMOVE:
        remove_queue(world, queue);
        break;
    case ERRAND_POLL_NOW:
        TRACE(world, "%s: poll now", queue->remote->name);
        command(queue, GUARD_POLL_NOW);
        break;
    case ERRAND_NEW_KEY:
        set_key(world, queue);
        break;
    case ERRAND_STOP:
        stop(world);
        break;
    case ERRAND_NONE:
        break;
    }
}

void operator_comes(struct world *world, enum errand errand)
{
    if (dice_hit(&world->dice, 300)) {
        on_errand(world, chaos_pick_queue(world), errand);
        return;
    }
    world->errand = errand;
    world->errand_state =
        (enum haplo_queue_state)dice_below(&world->dice, TOTALS_QUEUE_STATES);
}

void operator_sees(const struct seen_queue *queue, enum haplo_queue_state state)
{
    struct world *world = queue->process->world;
    if (world->errand == ERRAND_NONE || world->errand_state != state) {
        return;
    }
    uint64_t longest_ms = dice_hit(&world->dice, 700) ? 3 : 300;
    world_at(world, dice_below(&world->dice, longest_ms), on_errand,
             queue->remote, world->errand);
    world->errand = ERRAND_NONE;
}

/* Entering a given state, or the nth change of any. A state that only a pause
 * leads to gets one. */
static void plan_crash_at_change(struct world *world)
{
    bool is_any = dice_hit(&world->dice, 300);
    world->crash_changes =
        (unsigned)dice_between(&world->dice, 1, is_any ? 30 : 2);
    world->crash_state =
        is_any ? -1 : (int)dice_below(&world->dice, TOTALS_QUEUE_STATES);
    if (world->crash_state >= HAPLO_QUEUE_LAST_DELIVERING) {
        world->errand = ERRAND_PAUSE;
        world->errand_state = (enum haplo_queue_state)(
            world->crash_state - HAPLO_QUEUE_LAST_DELIVERING +
            HAPLO_QUEUE_DELIVERING);
        if (world->crash_state > HAPLO_QUEUE_LAST_DELIVERING) {
            world->errand_state++; /* skips DELIVER_WAIT */
        }
        world->crash_changes = 1;
    }
}

void operator_kills(struct world *world)
{
    struct process *process =
        world->processes[dice_below(&world->dice, world->host_count)];
    if (process == NULL) {
        return;
    }
    process_wake(process);
    world->crash_point =
        dice_hit(&world->dice, 400)
            ? CRASH_AT_CHANGE
            : (enum crash_point)dice_below(&world->dice, CRASH_COUNT);
    if (world->crash_point == CRASH_AT_CHANGE) {
        plan_crash_at_change(world);
    }
    world_crash_point(world, CRASH_AT_ANY_TIME);
}

void operator_polls_now(struct world *world, struct remote_queue *remote)
{
    struct seen_queue *queue = find(world, remote);
    if (queue != NULL) {
        command(queue, GUARD_POLL_NOW);
    }
}

void operator_stops_all(struct world *world)
{
    for (unsigned host = WORLD_HOSTS_MAX; host-- > 0;) {
        if (world->processes[host] != NULL) {
            suspend_end(world->processes[host]);
            process_wake(world->processes[host]);
            app_close(world->processes[host], 0);
        }
    }
}

static void change_something(struct world *world)
{
    struct remote_queue *queue = chaos_pick_queue(world);
    switch (dice_below(&world->dice, 8)) {
    case 0:
        world->stores[dice_below(&world->dice, world->store_count)]
            .config_number++;
        break;
    case 1:
        if (world->destination_count > 0) {
            world
                ->destinations[dice_below(&world->dice,
                                          world->destination_count)]
                .config_number++;
        }
        break;
    case 2:
    case 3:
    case 4:
        queue->store = (unsigned)dice_below(&world->dice, world->store_count);
        break;
    default:
        queue->config_number++;
    }
}

void operator_reloads(struct world *world)
{
    struct process *process = world->processes[0];
    for (uint64_t count = dice_below(&world->dice, 5); count > 0; count--) {
        change_something(world);
    }
    if (process != NULL && process->is_open && !process->is_stopping &&
        !process->suspension.is_stopped) {
        process_wake(process);
        app_reload(process);
    }
}

static void release(struct world *world, const struct destination *destination,
                    const struct remote_queue *remote)
{
    struct forwarder *forwarder =
        app_forwarder(world->processes[0], destination);
    struct store_row *head = book_out_head(destination, remote);
    enum forwarder_release what =
        (enum forwarder_release)dice_below(&world->dice, 3);
    if (forwarder == NULL || head == NULL ||
        forwarder_release_lane(forwarder, remote->server->name,
                               remote->own_name, what) != 0) {
        return;
    }
    struct reach *reach = &head->reach[destination->index];
    reach->is_skipped |= what == FORWARDER_SKIP;
    reach->is_sentenced |= what == FORWARDER_TO_DEAD_LETTERS;
    world_count(world, SITUATION_RELEASED);
    TRACE(world, "%s: %s released, arrival %llu, %d", destination->name,
          remote->name, (unsigned long long)head->arrival, (int)what);
}

void operator_releases(struct world *world)
{
    struct process *process = world->processes[0];
    if (process == NULL || !process->is_open || process->is_stopping ||
        world->destination_count == 0) {
        return;
    }
    const struct destination *destination =
        &world
             ->destinations[dice_below(&world->dice, world->destination_count)];
    process_wake(process);
    for (unsigned i = 0; i < world->queue_count; i++) {
        if (destination_wants(destination, &world->queues[i])) {
            release(world, destination, &world->queues[i]);
        }
    }
}

void operator_helps(struct world *world, struct remote_queue *remote)
{
    if (!remote->is_configured) {
        add_again(world, remote);
        return;
    }
    struct seen_queue *queue = find(world, remote);
    if (queue == NULL) {
        return;
    }
    if (queue->guard.is_paused) {
        resume(queue);
    } else if (queue->guard.state == HAPLO_QUEUE_BLOCKED) {
        command(queue, GUARD_POLL_NOW);
    }
}
