#include "plan.h"

#include <stdio.h>
#include <string.h>

#include "world.h"

#define PICK(world, values) \
    ((values)[dice_below(&(world)->dice, sizeof(values) / sizeof((values)[0]))])

static unsigned below(struct world *world, unsigned bound)
{
    return (unsigned)dice_below(&world->dice, bound);
}

static unsigned between(struct world *world, unsigned least, unsigned most)
{
    return (unsigned)dice_between(&world->dice, least, most);
}

static bool hit(struct world *world, unsigned permille)
{
    return dice_hit(&world->dice, permille);
}

static void draw_fates(struct world *world)
{
    static const unsigned levels[] = {0, 30, 100, 100, 300, 500};
    unsigned level = PICK(world, levels);
    unsigned weights[FATE_COUNT] = {0};
    unsigned sum = 0;
    for (unsigned fate = FATE_FINE + 1; fate < FATE_COUNT; fate++) {
        weights[fate] = hit(world, 350) ? between(world, 1, 100) : 0;
        sum += weights[fate];
    }
    for (unsigned fate = 0; fate < FATE_COUNT && sum > 0; fate++) {
        world->plan.fate_permille[fate] = level * weights[fate] / sum;
    }
}

/* Worlds with that kind. */
static unsigned permille_of(const struct world *world, unsigned kind)
{
    switch (kind) {
    case CHAOS_JOIN:
    case CHAOS_RESTORE:
        return 120;
    case CHAOS_SUSPEND:
    case CHAOS_CUT:
        return world->plan.gap_ms[CHAOS_JOIN] > 0 ? 600 : 150;
    default:
        return 450;
    }
}

/* What fleets are spared: operators work on one process, and hosts tell each
 * other of failed logins in a way that is not simulated. */
static void spare_fleet(struct world *world)
{
    static const enum chaos_kind kinds[] = {
        CHAOS_REVOKE,   CHAOS_HUMAN,   CHAOS_PAUSE, CHAOS_REMOVE,
        CHAOS_POLL_NOW, CHAOS_NEW_KEY, CHAOS_STOP,  CHAOS_RELEASE,
        CHAOS_BACKUP,   CHAOS_RESTORE, CHAOS_MOVE,
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        world->plan.gap_ms[kinds[i]] = 0;
    }
    world->plan.fate_permille[FATE_REFUSED] = 0;
    world->plan.poison_permille = 0;
}

static void draw_chaos(struct world *world)
{
    static const unsigned often[CHAOS_COUNT] = {
        [CHAOS_POST] = 40,   [CHAOS_UNSEND] = 12, [CHAOS_FOREIGN] = 12,
        [CHAOS_REVOKE] = 4,  [CHAOS_HUMAN] = 4,   [CHAOS_OUTAGE] = 4,
        [CHAOS_FORBID] = 3,  [CHAOS_IGNORE] = 3,  [CHAOS_STORE] = 4,
        [CHAOS_PAUSE] = 12,  [CHAOS_REMOVE] = 4,  [CHAOS_POLL_NOW] = 8,
        [CHAOS_NEW_KEY] = 5, [CHAOS_CRASH] = 12,  [CHAOS_STOP] = 8,
        [CHAOS_WALL] = 4,    [CHAOS_JOIN] = 8,    [CHAOS_DESTINATION] = 6,
        [CHAOS_RELEASE] = 6, [CHAOS_BACKUP] = 8,  [CHAOS_RESTORE] = 12,
        [CHAOS_MOVE] = 6,    [CHAOS_RELOAD] = 40, [CHAOS_SUSPEND] = 8,
        [CHAOS_CUT] = 6,
    };
    for (unsigned kind = 0; kind < CHAOS_COUNT; kind++) {
        unsigned times = between(world, 1, often[kind]);
        if (kind == CHAOS_POST || hit(world, permille_of(world, kind))) {
            world->plan.gap_ms[kind] = world->plan.chaos_ms / times;
        }
    }
    /* A backup from before a queue was moved to the inbox has no state of that
     * queue, and neither has anything else. */
    if (world->plan.gap_ms[CHAOS_RESTORE] > 0) {
        world->plan.gap_ms[CHAOS_MOVE] = 0;
        world->plan.gap_ms[CHAOS_RELOAD] = 0;
    }
    /* The others have the configuration of the first. */
    world->host_count = 1;
    if (world->plan.gap_ms[CHAOS_JOIN] > 0) {
        world->plan.gap_ms[CHAOS_RELOAD] = 0;
        world->host_count = between(world, 2, WORLD_HOSTS_MAX);
        world->is_fleet = hit(world, 500);
    }
    if (world->is_fleet) {
        spare_fleet(world);
    }
}

static void draw_server(struct world *world, unsigned index)
{
    static const unsigned slots[] = {1, 1, 1, 2, 3, 8};
    static const unsigned timeouts_ms[] = {2000, 10000, 60000, 60000};
    struct remote_server *server = &world->servers[index];
    server->index = index;
    snprintf(server->name, sizeof server->name, "%c", 'a' + (int)index);
    server->revision = (enum remote_revision)below(world, 3);
    server->is_by_id = server->revision == REVISION_2019 || hit(world, 200);
    server->batch_max = hit(world, 500) ? 16 : between(world, 1, 8);
    if (server->revision == REVISION_2019 || world->plan.has_crowd) {
        server->batch_max = 0;
    }
    server->timeout_ms = PICK(world, timeouts_ms);
    server->in_flight_max = PICK(world, slots);
    if (server->in_flight_max > world->plan.in_flight_max) {
        server->in_flight_max = world->plan.in_flight_max;
    }
    server->failed_logins_max = world->plan.failed_logins_max;
    server->address = index;
    if (index > 0 && hit(world, 300)) {
        const struct remote_server *other =
            &world->servers[below(world, index)];
        server->address = other->address;
        world_count(world, SITUATION_ALIAS);
    }
    server->breaker_failures = hit(world, 600) ? 5 : between(world, 1, 5);
}

static struct remote_policy draw_policy(struct world *world,
                                        uint64_t interval_ms)
{
    static const uint64_t backoff_max_ms[] = {10000, 60000, 300000};
    static const uint64_t refused_ms[] = {30000, 120000, 900000};
    return (struct remote_policy){
        .interval_ms = interval_ms,
        .interval_max_ms = hit(world, 300) ? 10 * interval_ms : 0,
        .backoff_ms = 1000,
        .backoff_max_ms = PICK(world, backoff_max_ms),
        .refused_ms = PICK(world, refused_ms),
        .mark_attempts_max = hit(world, 600) ? 4 : between(world, 1, 12),
    };
}

static void draw_queue(struct world *world, struct remote_server *server,
                       uint64_t interval_ms, unsigned wrong_key_permille)
{
    unsigned index = world->queue_count++;
    struct remote_queue *queue = &world->queues[index];
    queue->server = server;
    queue->index = index;
    snprintf(queue->name, sizeof queue->name, "%c/q%u", server->name[0],
             ++server->queue_count);
    queue->own_name = queue->name + 2;
    queue->key = 1;
    queue->client_key = hit(world, wrong_key_permille) ? 0 : 1;
    queue->is_configured = true;
    queue->store = below(world, world->store_count);
    queue->policy = draw_policy(world, interval_ms);
}

static void draw_stores(struct world *world)
{
    world->store_count = between(world, 1, WORLD_STORES_MAX);
    for (unsigned i = 0; i < world->store_count; i++) {
        struct store *store = &world->stores[i];
        store->world = world;
        store->index = i;
        store->is_by_queue = hit(world, 400) || world->is_fleet;
        snprintf(store->uuid, sizeof store->uuid,
                 "00000000-0000-4000-8000-%012u", i);
    }
}

/* Mostly few queues; sometimes many on one server, which may all have wrong
 * keys. */
static void draw_queues(struct world *world, uint64_t interval_ms)
{
    static const unsigned wrong_permille[] = {0, 0, 0, 0, 200, 1000};
    for (unsigned i = 0; i < world->server_count; i++) {
        unsigned count =
            hit(world, 80) ? between(world, 6, 12) : between(world, 1, 3);
        unsigned wrong =
            PICK(world, wrong_permille) * (world->is_fleet ? 0 : 1);
        draw_server(world, i);
        while (count-- > 0 && world->queue_count < REMOTE_QUEUES_MAX) {
            draw_queue(world, &world->servers[i], interval_ms, wrong);
        }
    }
}

void plan_draw(struct world *world)
{
    static const uint64_t intervals_ms[] = {2000, 5000, 20000, 60000};
    static const size_t held_bytes_max[] = {4096, 16384, 65536};
    static const uint64_t latencies_ms[] = {20, 200, 1500};
    static const uint64_t writes_ms[] = {1, 20, 20, 400, 3000};
    static const unsigned posts[] = {2, 10, 40};
    struct plan *plan = &world->plan;
    uint64_t interval_ms = PICK(world, intervals_ms);
    plan->chaos_ms = 60000 + interval_ms * dice_between(&world->dice, 20, 120);
    plan->mark_fails_permille = hit(world, 300) ? between(world, 1, 900) : 0;
    plan->latency_ms_max = PICK(world, latencies_ms);
    plan->write_ms_max = PICK(world, writes_ms);
    plan->commit_fails_permille = hit(world, 300) ? between(world, 1, 200) : 0;
    plan->doubt_permille = hit(world, 300) ? between(world, 1, 200) : 0;
    plan->poison_permille = hit(world, 300) ? between(world, 1, 100) : 0;
    plan->parcel_fails_permille = hit(world, 300) ? between(world, 1, 200) : 0;
    plan->parcel_doubt_permille = hit(world, 300) ? between(world, 1, 100) : 0;
    plan->reject_permille = hit(world, 200) ? between(world, 1, 100) : 0;
    plan->quick_unsend_permille = hit(world, 400) ? between(world, 1, 400) : 0;
    plan->override_permille = hit(world, 400) ? between(world, 1, 600) : 0;
    plan->post_count_max = PICK(world, posts);
    plan->in_flight_max = hit(world, 600) ? 256 : between(world, 1, 3);
    plan->held_bytes_max =
        hit(world, 700) ? PLAN_HELD_BYTES_ALL : PICK(world, held_bytes_max);
    plan->has_helper = hit(world, 700);
    plan->failed_logins_max = hit(world, 600) ? 5 : between(world, 1, 5);
    plan->look_up_fails_permille = hit(world, 300) ? between(world, 1, 900) : 0;
    world->server_count = between(world, 1, WORLD_SERVERS_MAX - 1);
    draw_fates(world);
    if (hit(world, 3)) {
        plan->has_crowd = true;
        plan->override_permille = 0;
        plan->post_count_max = 1500;
        plan->mark_fails_permille = 960;
        plan->chaos_ms = 300000;
    }
    draw_chaos(world);
    draw_stores(world);
    destinations_draw(world);
    draw_queues(world, interval_ms);
}
