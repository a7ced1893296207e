#include "operator.h"

#include "chaos.h"
#include "gather.h"
#include "poll.h"
#include "process.h"
#include "world.h"

/* A queue of a process that runs, or NULL. One with a batch more often, for
 * there is more that can go wrong. */
static struct poll_queue *pick(struct world *world)
{
    struct process *process = world->process;
    struct poll_queue *queue;
    if (process == NULL || process->phase != PROCESS_RUNNING) {
        return NULL;
    }
    for (int i = 0; i < 8; i++) {
        queue = process->queues[chaos_pick_queue(world)->index];
        if (queue != NULL && queue_has_batch(&queue->core)) {
            break;
        }
    }
    return queue;
}

static void on_resume(struct world *world, void *subject, uint64_t life)
{
    const struct remote_queue *remote = subject;
    if (world_is_alive(world, life) &&
        world->process->queues[remote->index] != NULL) {
        TRACE(world, "%s: resumed", remote->name);
        poll_resume(world->process->queues[remote->index]);
    }
}

void operator_pauses(struct world *world)
{
    struct poll_queue *queue = pick(world);
    if (queue == NULL) {
        return;
    }
    uint64_t longest_ms = dice_hit(&world->dice, 500) ? 2000 : 120000;
    world_at(world, dice_below(&world->dice, longest_ms), on_resume,
             queue->remote, queue->process->life);
    TRACE(world, "%s: paused", queue->remote->name);
    poll_pause(queue);
}

static void add_again(struct world *world, struct remote_queue *remote)
{
    struct process *process = world->process;
    if (process != NULL && (process->phase != PROCESS_RUNNING ||
                            process->queues[remote->index] != NULL)) {
        return; /* not yet */
    }
    remote->is_configured = true;
    world_count(world, SITUATION_ADDED_AGAIN);
    TRACE(world, "%s: configured again", remote->name);
    if (process != NULL) {
        gather_add_queue(process, remote);
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

void operator_removes(struct world *world)
{
    struct poll_queue *queue = pick(world);
    if (queue == NULL || queue->is_removing) {
        return;
    }
    world_count(world, SITUATION_REMOVED);
    queue->remote->is_configured = false;
    world_at(world, dice_between(&world->dice, 1000, 60000), on_add,
             queue->remote, 0);
    TRACE(world, "%s: removed", queue->remote->name);
    poll_remove(queue);
}

void operator_polls_now(struct world *world)
{
    struct poll_queue *queue = pick(world);
    if (queue != NULL) {
        TRACE(world, "%s: poll now", queue->remote->name);
        poll_now(queue);
    }
}

void operator_sets_key(struct world *world)
{
    struct poll_queue *queue = pick(world);
    if (queue == NULL) {
        return;
    }
    bool is_right = dice_hit(&world->dice, 800);
    queue->remote->client_key = is_right ? queue->remote->key : 0;
    TRACE(world, "%s: a new key, the %s one", queue->remote->name,
          is_right ? "right" : "wrong");
    poll_set_key(queue, queue->remote->client_key);
}

void operator_stops(struct world *world)
{
    static const uint64_t deadlines_ms[] = {0, 300, 2000, 30000};
    if (world->process != NULL) {
        TRACE(world, "process: told to stop");
        gather_close(world->process,
                     deadlines_ms[dice_below(&world->dice, 4)]);
    }
}

void operator_kills(struct world *world)
{
    if (world->process != NULL) {
        world->crash_point =
            (enum crash_point)dice_below(&world->dice, CRASH_COUNT);
        world->crash_changes = (unsigned)dice_between(&world->dice, 1, 30);
        world_crash_point(world, CRASH_AT_ANY_TIME);
    }
}

void operator_helps(struct world *world, struct remote_queue *remote)
{
    struct process *process = world->process;
    if (!remote->is_configured) {
        add_again(world, remote);
        return;
    }
    struct poll_queue *queue =
        process == NULL ? NULL : process->queues[remote->index];
    if (queue == NULL || process->phase != PROCESS_RUNNING) {
        return;
    }
    if (queue->guard.is_paused) {
        poll_resume(queue);
    } else if (queue->core.state == HAPLO_QUEUE_BLOCKED) {
        poll_now(queue);
    }
}
