#include "operator.h"

#include "chaos.h"
#include "gather.h"
#include "poll.h"
#include "process.h"
#include "world.h"

/* NULL if it is not there, or the process does not run. */
static struct poll_queue *find(const struct world *world,
                               const struct remote_queue *remote)
{
    struct process *process = world->process;
    return process == NULL || process->phase != PROCESS_RUNNING
               ? NULL
               : process->queues[remote->index];
}

/* -- Errands -------------------------------------------------------------- */

static void on_resume(struct world *world, void *subject, uint64_t stamp)
{
    const struct remote_queue *remote = subject;
    struct poll_queue *queue = find(world, remote);
    (void)stamp;
    if (queue != NULL) {
        TRACE(world, "%s: resumed", remote->name);
        poll_resume(queue);
    }
}

static void pause_queue(struct world *world, struct poll_queue *queue)
{
    uint64_t longest_ms = dice_hit(&world->dice, 600) ? 2000 : 120000;
    world_at(world, dice_below(&world->dice, longest_ms), on_resume,
             queue->remote, 0);
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

static void remove_queue(struct world *world, struct poll_queue *queue)
{
    if (queue->is_removing) {
        return;
    }
    world_count(world, SITUATION_REMOVED);
    queue->remote->is_configured = false;
    world_at(world, dice_between(&world->dice, 1000, 60000), on_add,
             queue->remote, 0);
    TRACE(world, "%s: removed", queue->remote->name);
    poll_remove(queue);
}

static void set_key(struct world *world, struct poll_queue *queue)
{
    bool is_right = dice_hit(&world->dice, 800);
    queue->remote->client_key = is_right ? queue->remote->key : 0;
    TRACE(world, "%s: a new key, the %s one", queue->remote->name,
          is_right ? "right" : "wrong");
    poll_set_key(queue, queue->remote->client_key);
}

static void stop(struct world *world)
{
    static const uint64_t deadlines_ms[] = {0, 300, 2000, 30000};
    TRACE(world, "process: told to stop");
    gather_close(world->process, deadlines_ms[dice_below(&world->dice, 4)]);
}

static void on_errand(struct world *world, void *subject, uint64_t errand)
{
    struct poll_queue *queue = find(world, subject);
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
        poll_now(queue);
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

/* -- When ----------------------------------------------------------------- */

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

void operator_sees(struct world *world, struct remote_queue *remote,
                   enum haplo_queue_state state)
{
    if (world->errand == ERRAND_NONE || world->errand_state != state) {
        return;
    }
    uint64_t longest_ms = dice_hit(&world->dice, 700) ? 3 : 300;
    world_at(world, dice_below(&world->dice, longest_ms), on_errand, remote,
             world->errand);
    world->errand = ERRAND_NONE;
}

/* -- The hand ------------------------------------------------------------- */

/* Into a certain state, or the nth change of all. What comes only with a pause
 * is helped to come. */
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
            world->errand_state++; /* DELIVER_WAIT stands in between */
        }
        world->crash_changes = 1;
    }
}

void operator_kills(struct world *world)
{
    if (world->process == NULL) {
        return;
    }
    world->crash_point =
        dice_hit(&world->dice, 400)
            ? CRASH_AT_CHANGE
            : (enum crash_point)dice_below(&world->dice, CRASH_COUNT);
    if (world->crash_point == CRASH_AT_CHANGE) {
        plan_crash_at_change(world);
    }
    world_crash_point(world, CRASH_AT_ANY_TIME);
}

/* -- Help ----------------------------------------------------------------- */

void operator_helps(struct world *world, struct remote_queue *remote)
{
    if (!remote->is_configured) {
        add_again(world, remote);
        return;
    }
    struct poll_queue *queue = find(world, remote);
    if (queue == NULL) {
        return;
    }
    if (queue->guard.is_paused) {
        poll_resume(queue);
    } else if (queue->core.state == HAPLO_QUEUE_BLOCKED) {
        poll_now(queue);
    }
}
