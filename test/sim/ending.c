#include "ending.h"

#include "book.h"
#include "book_outlet.h"
#include "operator.h"
#include "process.h"
#include "world.h"

#define LOOK_MS 5000
#define GO_ON_MS 1000

static void mend_destinations(struct world *world)
{
    for (unsigned i = 0; i < world->destination_count; i++) {
        destination_heal(&world->destinations[i]);
    }
}

static void mend_servers(struct world *world)
{
    for (unsigned i = 0; i < world->server_count; i++) {
        world->servers[i].outage = OUTAGE_NONE;
    }
    for (unsigned i = 0; i < world->store_count; i++) {
        world->stores[i].is_full = false;
        world->stores[i].is_slow = false;
        world->stores[i].is_down = false;
    }
}

/* Either the server accepts the old key again, or the client gets a new one. */
static void mend_key(struct world *world, struct remote_queue *remote)
{
    if (remote->client_key == remote->key) {
        return;
    }
    if (remote->client_key != 0 && dice_hit(&world->dice, 500)) {
        remote->key = remote->client_key;
        return;
    }
    operator_sets_key(world, remote, remote->key);
}

static void mend(struct world *world)
{
    TRACE(world, "-- the ending: nothing goes wrong any more");
    world->is_quiet = true;
    world->crash_point = CRASH_NEVER;
    world->errand = ERRAND_NONE;
    mend_servers(world);
    mend_destinations(world);
    machine_mend_all(world);
    for (unsigned i = 0; i < world->queue_count; i++) {
        world->queues[i].is_forbidden = false;
        world->queues[i].ignores_tokens = false;
    }
}

/* What the queue still has to do, or NULL. */
static const char *left_undone(const struct world *world,
                               const struct remote_queue *remote)
{
    const struct seen_queue *queue = world_find_queue(world, remote);
    struct haplo_queue_stats stats = {.struct_size = sizeof stats};
    if (queue == NULL) {
        return "not there again";
    }
    if (remote->unread_count > 0 || guard_has_batch(queue->guard.state)) {
        return "not drained";
    }
    haplo_queue_get_stats(queue->queue, &stats);
    if (stats.error != 0) {
        return "still failing";
    }
    /* After a commit of unknown outcome whose batch was dropped, the product
     * learns what is stored only when the next batch is stale. */
    bool may_be_current = queue->is_current || !world->had_several;
    if ((may_be_current && stats.unconfirmed_count > 0) ||
        (queue->is_current && !book_is_settled(remote))) {
        return "not confirmed";
    }
    return NULL;
}

/* The first queue that still has something to do, or NULL. */
static const struct remote_queue *find_unsettled(const struct world *world)
{
    for (unsigned i = 0; i < world->queue_count; i++) {
        if (left_undone(world, &world->queues[i]) != NULL) {
            return &world->queues[i];
        }
    }
    return NULL;
}

/* What an outlet still has to do, or NULL if all have caught up. */
static const char *find_behind(const struct world *world)
{
    unsigned host_count = world->is_fleet ? world->host_count : 1;
    for (unsigned i = 0; i < world->destination_count * host_count; i++) {
        const struct destination *destination =
            &world->destinations[i / host_count];
        struct forwarder_stats stats;
        const struct forwarder *forwarder =
            app_forwarder(world->processes[i % host_count], destination);
        if (forwarder == NULL) {
            return destination->name;
        }
        forwarder_stats(forwarder, &stats);
        if (!stats.is_caught_up) {
            return destination->name;
        }
    }
    return NULL;
}

static void check_end(struct world *world)
{
    book_check_end(world);
    /* What another process has stored does not wake an outlet of the first.
     * The next message of its own does. */
    bool is_woken = world->is_examined || !world->had_several;
    for (unsigned i = 0; is_woken && i < world->destination_count; i++) {
        book_out_check_end(&world->destinations[i]);
    }
}

static void unsend_all(struct world *world)
{
    TRACE(world, "-- the ending: everything is unsent");
    for (unsigned i = 0; i < world->queue_count; i++) {
        struct remote_queue *queue = &world->queues[i];
        for (struct message *m = queue->first; m != NULL; m = m->next) {
            remote_unsend(world, queue, m);
        }
    }
}

static void help(struct world *world)
{
    for (unsigned i = 0; i < world->queue_count; i++) {
        operator_helps(world, &world->queues[i]);
    }
    if (!world->is_fleet) {
        operator_releases(world);
    }
}

static void poll_all_now(struct world *world)
{
    for (unsigned i = 0; i < world->queue_count; i++) {
        operator_polls_now(world, &world->queues[i]);
    }
}

/* The time by which the world must be settled. */
static uint64_t ending_due_ms(const struct world *world)
{
    uint64_t unread_count = 0;
    for (unsigned i = 0; i < world->queue_count; i++) {
        unread_count += world->queues[i].unread_count;
    }
    return world->now_ms + ENDING_MS_MAX + ENDING_MESSAGE_MS * unread_count;
}

static void on_look(struct world *world, void *subject, uint64_t due_ms);

static void look_again(struct world *world, uint64_t due_ms)
{
    world_at(world, LOOK_MS, on_look, NULL, due_ms);
}

/* The processes that the ending needs. */
static bool are_all_open(const struct world *world)
{
    for (unsigned i = 0; i < (world->is_fleet ? world->host_count : 1); i++) {
        const struct process *process = world->processes[i];
        if (process == NULL || !process->is_open || process->is_stopping) {
            return false;
        }
    }
    return true;
}

/* due_ms: the time by which everything must be settled. */
static void on_look(struct world *world, void *subject, uint64_t due_ms)
{
    (void)subject;
    help(world);
    if (!machine_end_others(world) || !are_all_open(world)) {
        look_again(world, due_ms);
        return;
    }
    const struct remote_queue *unsettled = find_unsettled(world);
    if (unsettled != NULL && world->now_ms >= due_ms) {
        world_violation(world, "%s: %s though nothing goes wrong any more",
                        unsettled->name, left_undone(world, unsettled));
    }
    const char *behind = unsettled == NULL ? find_behind(world) : NULL;
    if (behind != NULL && world->now_ms >= due_ms) {
        world_violation(world, "%s: has not caught up", behind);
    }
    if (unsettled != NULL || behind != NULL) {
        look_again(world, due_ms);
        return;
    }
    check_end(world);
    if (world->is_examined) {
        world->is_over = true;
        return;
    }
    if (!world->is_restarted && dice_hit(&world->dice, 300)) {
        /* What the process knows and what is stored must agree. */
        world->is_restarted = true;
        world_count(world, SITUATION_RESTARTED_FOR_EXAM);
        operator_stops_all(world);
        look_again(world, due_ms);
        return;
    }
    world->is_examined = true;
    unsend_all(world);
    look_again(world, ending_due_ms(world));
}

static void on_ending(struct world *world, void *subject, uint64_t stamp)
{
    (void)subject;
    (void)stamp;
    for (unsigned i = 0; i < world->queue_count; i++) {
        mend_key(world, &world->queues[i]);
    }
    look_again(world, ending_due_ms(world));
    if (world->plan.has_helper) {
        poll_all_now(world);
    }
}

/* Processes that stood still have a moment to do what they have missed. */
static void on_quiet(struct world *world, void *subject, uint64_t stamp)
{
    (void)subject;
    (void)stamp;
    mend(world);
    world_at(world, GO_ON_MS, on_ending, NULL, 0);
}

void ending_plan(struct world *world)
{
    world_at(world, world->plan.chaos_ms, on_quiet, NULL, 0);
}

bool ending_is_over(const struct world *world)
{
    return world->is_over;
}
