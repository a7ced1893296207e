#include "chaos.h"

#include "backup.h"
#include "machine.h"
#include "operator.h"
#include "process.h"
#include "world.h"

struct remote_queue *chaos_pick_queue(struct world *world)
{
    return &world->queues[dice_below(&world->dice, world->queue_count)];
}

static struct remote_server *pick_server(struct world *world)
{
    return &world->servers[dice_below(&world->dice, world->server_count)];
}

static void post(struct world *world)
{
    remote_post(
        world, chaos_pick_queue(world),
        (unsigned)dice_between(&world->dice, 1, world->plan.post_count_max));
}

static void unsend(struct world *world)
{
    struct remote_queue *queue = chaos_pick_queue(world);
    unsigned permille = dice_hit(&world->dice, 300) ? 1000 : 150;
    for (struct message *m = queue->first; m != NULL; m = m->next) {
        if (!m->is_unread && dice_hit(&world->dice, permille)) {
            remote_unsend(world, queue, m);
        }
    }
}

static void foreign_mark(struct world *world, void *subject, uint64_t count)
{
    const struct token *token = subject;
    unsigned marked_count = 0;
    if (!world->is_quiet) {
        marked_count =
            remote_mark(world, token, (unsigned)count, MARKER_FOREIGN);
    }
    if (marked_count > 0) {
        world_count(world, SITUATION_FOREIGN_MARK);
        TRACE(world, "%s: another consumer marks %u", token->queue->name,
              marked_count);
    }
}

static void foreign(struct world *world)
{
    struct token *token = remote_fetch(world, chaos_pick_queue(world));
    if (token != NULL) {
        uint64_t count = dice_hit(&world->dice, 500)
                             ? token->count
                             : dice_between(&world->dice, 1, token->count);
        world_at(world, dice_below(&world->dice, 6000), foreign_mark, token,
                 count);
    }
}

static void restore_key(struct world *world, void *subject, uint64_t stamp)
{
    struct remote_queue *queue = subject;
    (void)stamp;
    TRACE(world, "%s: its key is good again", queue->name);
    queue->key = queue->client_key != 0 ? queue->client_key : queue->key;
}

static void revoke_key(struct world *world)
{
    struct remote_queue *queue = chaos_pick_queue(world);
    queue->key++;
    world_count(world, SITUATION_KEY_REVOKED);
    TRACE(world, "%s: its key is revoked", queue->name);
    if (dice_hit(&world->dice, 500)) {
        world_at(world, world_some_time_ms(world), restore_key, queue, 0);
    }
}

static void human(struct world *world)
{
    remote_fail_logins(world, pick_server(world),
                       (unsigned)dice_between(&world->dice, 1, 60));
}

static void outage_ends(struct world *world, void *subject, uint64_t stamp)
{
    struct remote_server *server = subject;
    (void)stamp;
    TRACE(world, "%s: the outage is over", server->name);
    server->outage = OUTAGE_NONE;
}

static void outage(struct world *world)
{
    static const char *const names[OUTAGE_COUNT] = {
        "none", "unreachable", "stalled", "500", "503", "HTML", "302", "404"};
    struct remote_server *server = pick_server(world);
    server->outage =
        (enum outage)dice_between(&world->dice, 1, OUTAGE_COUNT - 1);
    world_count(world, SITUATION_OUTAGE);
    TRACE(world, "%s: outage: %s", server->name, names[server->outage]);
    world_at(world, world_some_time_ms(world), outage_ends, server, 0);
}

static void permit(struct world *world, void *subject, uint64_t stamp)
{
    struct remote_queue *queue = subject;
    (void)stamp;
    TRACE(world, "%s: permitted again", queue->name);
    queue->is_forbidden = false;
}

static void forbid(struct world *world)
{
    struct remote_queue *queue = chaos_pick_queue(world);
    TRACE(world, "%s: no permission any more", queue->name);
    queue->is_forbidden = true;
    world_at(world, world_some_time_ms(world), permit, queue, 0);
}

static void heed(struct world *world, void *subject, uint64_t stamp)
{
    struct remote_queue *queue = subject;
    (void)world;
    (void)stamp;
    queue->ignores_tokens = false;
}

static void ignore(struct world *world)
{
    struct remote_queue *queue = chaos_pick_queue(world);
    TRACE(world, "%s: marks mark nothing", queue->name);
    queue->ignores_tokens = true;
    world_at(world, world_some_time_ms(world), heed, queue, 0);
}

static void store_recovers(struct world *world, void *subject, uint64_t stamp)
{
    struct store *store = subject;
    (void)stamp;
    TRACE(world, "store %u: fine again", store->index);
    store->is_full = false;
    store->is_slow = false;
    store->is_down = false;
}

static void store_fails(struct world *world)
{
    struct store *store =
        &world->stores[dice_below(&world->dice, world->store_count)];
    switch (dice_below(&world->dice, 3)) {
    case 0:
        store->is_full = true;
        world_count(world, SITUATION_DISK_FULL);
        break;
    case 1:
        store->is_down = true;
        break;
    default:
        store->is_slow = true;
    }
    TRACE(world, "store %u: %s", store->index,
          store->is_full   ? "full"
          : store->is_down ? "out of reach"
                           : "slow");
    world_at(world, world_some_time_ms(world), store_recovers, store, 0);
}

static void on_restore(struct world *world, void *subject, uint64_t stamp)
{
    (void)subject;
    (void)stamp;
    if (!world->is_quiet) {
        backup_restore(world);
    }
}

/* Usually while nothing runs. */
static void restore(struct world *world)
{
    if (dice_hit(&world->dice, 700)) {
        operator_stops_all(world);
        world_at(world, dice_below(&world->dice, 3000), on_restore, NULL, 0);
    } else {
        backup_restore(world);
    }
}

static void on_move(struct world *world, void *subject, uint64_t stamp)
{
    struct remote_queue *queue = subject;
    (void)stamp;
    if (world->is_quiet || world_process_count(world) > 0 ||
        world->store_count < 2) {
        return;
    }
    queue->store = 1 - queue->store;
    world_count(world, SITUATION_MOVED);
    TRACE(world, "%s: moves to store %u", queue->name, queue->store);
}

/* Changes the configuration before the next process starts. */
static void moves(struct world *world)
{
    operator_stops_all(world);
    world_at(world, dice_below(&world->dice, 3000), on_move,
             chaos_pick_queue(world), 0);
}

/* Not in the trace, because it must not change anything. */
static void wall_jumps(struct world *world)
{
    if (!world->has_steady_wall_clock) {
        world->wall_offset_ms = dice_next(&world->wall_dice);
        world_count(world, SITUATION_WALL_JUMP);
    }
}

static void pauses(struct world *world)
{
    operator_comes(world, ERRAND_PAUSE);
}

static void removes(struct world *world)
{
    operator_comes(world, ERRAND_REMOVE);
}

static void polls_now(struct world *world)
{
    operator_comes(world, ERRAND_POLL_NOW);
}

static void sets_key(struct world *world)
{
    operator_comes(world, ERRAND_NEW_KEY);
}

static void stops(struct world *world)
{
    operator_comes(world, ERRAND_STOP);
}

typedef void (*chaos_cb)(struct world *world);

static const chaos_cb actions[CHAOS_COUNT] = {
    [CHAOS_POST] = post,
    [CHAOS_UNSEND] = unsend,
    [CHAOS_FOREIGN] = foreign,
    [CHAOS_REVOKE] = revoke_key,
    [CHAOS_HUMAN] = human,
    [CHAOS_OUTAGE] = outage,
    [CHAOS_FORBID] = forbid,
    [CHAOS_IGNORE] = ignore,
    [CHAOS_STORE] = store_fails,
    [CHAOS_PAUSE] = pauses,
    [CHAOS_REMOVE] = removes,
    [CHAOS_POLL_NOW] = polls_now,
    [CHAOS_NEW_KEY] = sets_key,
    [CHAOS_CRASH] = operator_kills,
    [CHAOS_STOP] = stops,
    [CHAOS_WALL] = wall_jumps,
    [CHAOS_JOIN] = machine_joins,
    [CHAOS_BACKUP] = backup_make,
    [CHAOS_RESTORE] = restore,
    [CHAOS_MOVE] = moves,
    [CHAOS_RELOAD] = operator_reloads,
    [CHAOS_RELEASE] = operator_releases,
    [CHAOS_DESTINATION] = destination_falls_ill,
    [CHAOS_SUSPEND] = machine_stands_still,
    [CHAOS_CUT] = machine_is_cut_off,
};

/* Schedules the next one first, as the action may kill the process. */
static void on_chaos(struct world *world, void *subject, uint64_t kind)
{
    (void)subject;
    if (world->is_quiet) {
        return;
    }
    world_at(world, 1 + dice_below(&world->dice, 2 * world->plan.gap_ms[kind]),
             on_chaos, NULL, kind);
    actions[kind](world);
}

void chaos_begin(struct world *world)
{
    for (uint64_t kind = 0; kind < CHAOS_COUNT; kind++) {
        uint64_t gap_ms = world->plan.gap_ms[kind];
        if (gap_ms > 0) {
            world_at(world, dice_below(&world->dice, gap_ms), on_chaos, NULL,
                     kind);
        }
    }
}
