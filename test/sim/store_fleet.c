#include "store_fleet.h"

#include <assert.h>
#include <string.h>

#include "book_outlet.h"
#include "inbox/inbox_store.h"
#include "process.h"
#include "store.h"
#include "store_type.h"
#include "world.h"

const char *store_fleet_name(unsigned host)
{
    static const char *const names[STORE_FLEET_HOSTS_MAX] = {"h0", "h1", "h2"};
    return names[host];
}

void store_fleet_init(struct world *world)
{
    struct store_fleet *fleet = &world->fleet;
    fleet_tables_init(&fleet->tables);
    fleet->policy = (struct fleet_policy){
        .ttl_ms = 30000,
        .renew_ms = 5000,
        .soon_ms = 500,
        .retry_ms = 1000,
        .margin_ms = 5000,
        .grace_ms = 5000,
        .jitter_ms = 3000,
        .moves_per_s = 200, /* there are few servers, and many slots */
    };
}

static bool is_of(const struct fleet_tables *tables, size_t owner,
                  unsigned host)
{
    return owner != FLEET_NOBODY &&
           strcmp(tables->members[owner].row.host, store_fleet_name(host)) == 0;
}

bool store_fleet_owns(const struct world *world, unsigned host, unsigned slot)
{
    const struct fleet_tables *tables = &world->fleet.tables;
    return is_of(tables, tables->slots[slot].owner, host);
}

bool store_fleet_was_told(const struct world *world, unsigned host,
                          unsigned slot)
{
    const struct store_fleet *fleet = &world->fleet;
    return fleet->has_told[host] &&
           is_of(&fleet->tables, fleet->shown[host].slots[slot].owner, host);
}

bool store_fleet_was_taken(const struct world *world, unsigned host,
                           unsigned slot)
{
    return (world->fleet.taken_from[slot] >> host & 1) != 0;
}

void store_fleet_forget(struct world *world, unsigned host)
{
    world->fleet.has_told[host] = false;
    world->fleet.deadline_ms[host] = 0;
}

/* A request under way. What it asks for is copied, as it may outlive its
 * process. */
struct job {
    struct process *process; /* valid while it is alive */
    uint64_t life;           /* of the process */
    unsigned host;
    struct inbox *inbox;                 /* of the process */
    struct inbox_fleet_request *request; /* likewise */
    struct fleet_request ask;
    uint32_t weight;
    uint64_t sent_ms;
    bool is_given_up; /* the process has been told that it has failed */
    bool is_silent;   /* it is carried out, and not answered */
};

static bool hit(struct world *world, unsigned permille)
{
    return !world->is_quiet && dice_hit(&world->dice, permille);
}

static void on_failed(struct world *world, void *subject, uint64_t stamp)
{
    struct job *job = subject;
    (void)world;
    (void)stamp;
    if (!job->is_given_up) {
        job->is_given_up = true;
        inbox_fleet_replied(job->inbox, job->request, HAPLO_EDELIVERY,
                            "as the simulation has it");
    }
}

/* What others must hold of it from now on, by the time that has really
 * passed. */
static void note_reply(struct world *world, const struct job *job)
{
    struct store_fleet *fleet = &world->fleet;
    const struct fleet_reply *reply = &fleet->shown[job->host].reply;
    fleet->has_told[job->host] = reply->is_member;
    if (fleet->deadline_ms[job->host] <= world->now_ms) {
        fleet->went_on_ms[job->host] = world->now_ms;
    }
    fleet->deadline_ms[job->host] =
        reply->is_member
            ? job->sent_ms + fleet->policy.ttl_ms - fleet->policy.margin_ms
            : 0;
}

static void on_replied(struct world *world, void *subject, uint64_t stamp)
{
    static const struct inbox_fleet_detail details[FLEET_TABLES_MEMBERS];
    struct job *job = subject;
    (void)stamp;
    if (job->is_given_up) {
        return;
    }
    job->is_given_up = true;
    note_reply(world, job);
    TRACE(world, "process %u: %s", job->host,
          job->request->reply.is_member || job->ask.kind != FLEET_LEAVE
              ? "renewed its membership"
              : "has left");
    job->request->reply = world->fleet.shown[job->host].reply;
    job->request->details = details;
    job->request->shared = NULL; /* hosts tell each other nothing */
    inbox_fleet_replied(job->inbox, job->request, 0, "");
}

void store_fleet_let_go(struct world *world, unsigned host, unsigned slot)
{
    if (store_fleet_owns(world, host, slot)) {
        world->fleet.is_let_go[slot] = true;
    }
}

static bool has_server(const struct world *world, unsigned slot)
{
    for (unsigned i = 0; i < world->server_count; i++) {
        if (placement_slot(world->servers[i].name) == slot) {
            return true;
        }
    }
    return false;
}

/* The host has not renewed its membership. */
static void take_from(struct world *world, unsigned host, unsigned slot)
{
    world->fleet.taken_ms[slot] = world->now_ms;
    world->fleet.taken_from[slot] |= (uint8_t)(1U << host);
    book_out_taken_over(world, slot);
    if (has_server(world, slot)) {
        world_count(world, SITUATION_SLOT_TAKEN);
        TRACE(world, "slot %u: was taken from %s", slot,
              store_fleet_name(host));
    }
}

static void note_moves(struct world *world, const struct job *job,
                       const struct fleet_slot *before)
{
    struct store_fleet *fleet = &world->fleet;
    for (size_t i = 0; i < job->ask.move_count; i++) {
        unsigned slot = job->ask.moves[i].slot;
        size_t owner = before[slot].owner;
        if (fleet->tables.slots[slot].owner == owner) {
            continue;
        }
        fleet->has_moved[slot] |= owner != FLEET_NOBODY;
        if (has_server(world, slot)) {
            TRACE(world, "slot %u: is now that of %s", slot,
                  job->ask.moves[i].to == NULL ? "nobody"
                                               : job->ask.moves[i].to);
        }
        for (unsigned host = 0; host < STORE_FLEET_HOSTS_MAX; host++) {
            if (store_fleet_owns(world, host, slot)) {
                fleet->taken_from[slot] &= (uint8_t) ~(1U << host);
            } else if (host != job->host &&
                       is_of(&fleet->tables, owner, host)) {
                take_from(world, host, slot);
            }
        }
        if (has_server(world, slot) &&
            is_of(&fleet->tables, owner, job->host)) {
            world_count(world, SITUATION_SLOT_HANDED_OVER);
            book_out_handed_over(world, slot);
        }
        if (fleet->is_let_go[slot]) {
            fleet->is_let_go[slot] = false;
            fleet->taken_ms[slot] = world->now_ms;
            book_out_taken_over(world, slot);
        }
    }
}

static void on_arrival(struct world *world, void *subject, uint64_t stamp)
{
    struct job *job = subject;
    struct store_fleet *fleet = &world->fleet;
    struct fleet_shown *shown = &fleet->shown[job->host];
    struct fleet_slot before[FLEET_SLOT_COUNT];
    struct fleet_reply reply;
    (void)stamp;
    if (world->stores[0].is_down) {
        return; /* it fails in time */
    }
    memcpy(before, fleet->tables.slots, sizeof before);
    fleet_tables_ask(&fleet->tables, &fleet->policy, world->now_ms,
                     store_fleet_name(job->host), job->weight, &job->ask,
                     &reply);
    note_moves(world, job, before);
    if (job->is_silent || world_process(world, job->life) == NULL ||
        job->is_given_up) {
        world_count(world, SITUATION_FLEET_DOUBT);
        return;
    }
    shown->reply = reply;
    fleet_tables_show(&fleet->tables, world->now_ms, shown->members,
                      shown->slots, &shown->reply);
    process_at(job->process,
               dice_between(&world->dice, 1, world->plan.latency_ms_max),
               on_replied, job, 0);
}

static struct fleet_request copy_of(struct world *world,
                                    const struct fleet_request *ask)
{
    struct fleet_request copy = *ask;
    struct fleet_move *moves =
        pool_take(&world->pool, (ask->move_count + 1) * sizeof *moves);
    copy.moves = moves;
    for (size_t i = 0; i < ask->move_count; i++) {
        moves[i] = ask->moves[i];
        for (unsigned j = 0; moves[i].to != NULL && j < STORE_FLEET_HOSTS_MAX;
             j++) {
            if (strcmp(moves[i].to, store_fleet_name(j)) == 0) {
                moves[i].to = store_fleet_name(j);
                break;
            }
        }
    }
    return copy;
}

int store_fleet_ask(struct inbox_store *base,
                    struct inbox_fleet_request *request)
{
    struct process *process = store_type_process(base);
    struct world *world = process->world;
    struct job *job = pool_take(&world->pool, sizeof *job);
    uint64_t way_ms = dice_between(&world->dice, 1, world->plan.latency_ms_max);
    bool is_lost = world->machines[process->host].is_cut_from_stores ||
                   hit(world, world->plan.doubt_permille);
    *job = (struct job){
        .process = process,
        .life = process->life,
        .host = process->host,
        .inbox = base->inbox,
        .request = request,
        .ask = copy_of(world, &request->ask),
        .weight = request->host->weight,
        .sent_ms = world->now_ms,
        .is_silent = hit(world, world->plan.doubt_permille),
    };
    process_at(process, request->limit_ms, on_failed, job, 0);
    if (is_lost && dice_hit(&world->dice, 300)) {
        way_ms = dice_between(&world->dice, 1, 3 * request->policy->ttl_ms);
        is_lost = false;
    }
    if (!is_lost) {
        world_at(world, way_ms, on_arrival, job, 0);
    }
    return 0;
}

/* Reading states again */

struct refresh_job {
    struct inbox_store *base;
    struct inbox_refresh *refresh;
};

static void refresh_queue(struct inbox *inbox, const struct store *store,
                          struct seen_queue *queue)
{
    const struct remote_queue *remote = queue->remote;
    queue->is_current = true;
    if (store_state(store, remote).data == NULL) {
        return;
    }
    int error =
        inbox_refresh_queue(inbox, store_queue_id(remote), remote->server->name,
                            remote->own_name, store_state(store, remote));
    assert(error == 0);
    (void)error;
}

static bool is_asked_for(const struct inbox_refresh *refresh,
                         const struct seen_queue *queue)
{
    for (size_t i = 0; i < refresh->server_count; i++) {
        if (strcmp(refresh->servers[i], queue->remote->server->name) == 0) {
            return true;
        }
    }
    return false;
}

static void on_refreshed(struct world *world, void *subject, uint64_t stamp)
{
    const struct refresh_job *job = subject;
    struct process *process = store_type_process(job->base);
    const struct store *store = store_type_store(job->base);
    (void)stamp;
    bool has_failed = store->is_down ||
                      world->machines[process->host].is_cut_from_stores ||
                      hit(world, world->plan.commit_fails_permille / 4);
    for (unsigned i = 0; i < world->queue_count; i++) {
        struct seen_queue *queue = &process->queues[i];
        if (queue->remote->store == store->index &&
            is_asked_for(job->refresh, queue)) {
            queue->is_loaded = true; /* it was tried */
            if (!has_failed) {
                refresh_queue(job->base->inbox, store, queue);
            }
        }
    }
    if (has_failed) {
        inbox_refreshed(job->base->inbox, job->refresh, HAPLO_EDELIVERY,
                        "as the simulation has it");
        return;
    }
    inbox_refreshed(job->base->inbox, job->refresh, 0, "");
}

int store_fleet_refresh(struct inbox_store *base, struct inbox_refresh *refresh)
{
    struct process *process = store_type_process(base);
    struct world *world = process->world;
    struct refresh_job *job = pool_take(&world->pool, sizeof *job);
    *job = (struct refresh_job){.base = base, .refresh = refresh};
    process_at(process,
               dice_between(&world->dice, 1, world->plan.latency_ms_max),
               on_refreshed, job, 0);
    return 0;
}
