#include <string.h>

#include "app_config.h"
#include "core/queue.h"
#include "core/server.h"
#include "guard.h"
#include "guard_fleet.h"
#include "process.h"
#include "world.h"

/* A commit comes before the mark, and may be slow. */
#define LONGEST_REMOVAL_MS (APP_DRAIN_TIMEOUT_MS + 15000)

static bool waits_to_fetch(const struct seen_queue *queue)
{
    return queue->guard.state == HAPLO_QUEUE_READY;
}

/* A token that is too old does not wait any more. */
static bool waits_to_mark(const struct seen_queue *queue)
{
    return (queue->guard.state == HAPLO_QUEUE_MARK_READY ||
            queue->guard.state == HAPLO_QUEUE_LAST_MARK_READY) &&
           queue->guard.due_ms > queue->process->loop_ms;
}

/* The rule of src/core/server.h, by the guard's own count. has_prover: an
 * unproven key is being tried. */
static bool may_log_in(const struct seen_queue *queue, bool has_prover)
{
    unsigned refused =
        guard_refused(queue->server, queue->process->loop_ms - 1);
    unsigned budget = queue->server->remote->failed_logins_max;
    return queue->guard.is_proven ? refused < 2 * budget
                                  : !has_prover && refused < budget;
}

/* Of a server without an address nobody knows whose budget it uses: it may have
 * been recalled by its name, and be in the way of others. */
static bool is_settled(const struct seen_server *server)
{
    const struct process *process = server->process;
    for (unsigned i = 0; i < process->world->server_count; i++) {
        const struct seen_server *alias = &process->servers[i];
        if (alias->remote->address == server->remote->address &&
            (!alias->is_located || alias->is_settling)) {
            return false;
        }
    }
    return true;
}

static bool has_slot(const struct seen_server *server)
{
    const struct guard_server *guard = &server->guard;
    if (!is_settled(server)) {
        return false;
    }
    return (guard->state == HAPLO_SERVER_UP &&
            guard->in_flight < server->remote->in_flight_max) ||
           (guard->state == HAPLO_SERVER_PROBING && guard->in_flight == 0);
}

/* True if a queue of that server could start now. */
static bool is_able(const struct process *process,
                    const struct seen_server *server, bool is_mark,
                    bool has_prover)
{
    if (!has_slot(server)) {
        return false;
    }
    for (unsigned i = 0; i < process->world->queue_count; i++) {
        const struct seen_queue *queue = &process->queues[i];
        if (queue->queue != NULL && queue->server == server &&
            (is_mark ? waits_to_mark(queue) : waits_to_fetch(queue)) &&
            may_log_in(queue, has_prover)) {
            return true;
        }
    }
    return false;
}

static void pass(struct seen_queue *queue, const struct seen_queue *other)
{
    struct guard_queue *guard = &queue->guard;
    uint32_t bit = UINT32_C(1) << other->remote->index;
    if (guard->seen_proven != queue->guard.is_proven) {
        guard->seen_proven = queue->guard.is_proven;
        guard->passed_by = 0;
    }
    if (guard->passed_by & bit) {
        world_violation(queue->process->world, "%s: starves: %s goes again",
                        queue->remote->name, other->remote->name);
    }
    guard->passed_by |= bit;
}

static void pass_queues(struct seen_queue *starting, bool is_mark)
{
    struct process *process = starting->process;
    bool had_prover =
        starting->guard.was_proven && guard_provers(starting->server) > 0;
    for (unsigned i = 0; i < process->world->queue_count; i++) {
        struct seen_queue *queue = &process->queues[i];
        if (queue->queue == NULL || queue->server != starting->server ||
            !may_log_in(queue, had_prover)) {
            continue;
        }
        if (!is_mark && waits_to_mark(queue)) {
            world_violation(process->world, "%s: a fetch before the mark of %s",
                            starting->remote->name, queue->remote->name);
        }
        if (is_mark ? waits_to_mark(queue) : waits_to_fetch(queue)) {
            pass(queue, starting);
        }
    }
}

static bool has_waiting(const struct seen_server *server, bool is_mark)
{
    const struct process *process = server->process;
    for (unsigned i = 0; i < process->world->queue_count; i++) {
        const struct seen_queue *queue = &process->queues[i];
        if (queue->queue != NULL && queue->server == server &&
            (is_mark ? waits_to_mark(queue) : waits_to_fetch(queue))) {
            return true;
        }
    }
    return false;
}

/* True if an unproven key of that actual server was being tried before that
 * queue had its turn. */
static bool had_prover(const struct seen_server *server,
                       const struct seen_queue *starting)
{
    unsigned own = !starting->guard.was_proven &&
                   starting->server->remote->address == server->remote->address;
    return guard_provers(server) > own;
}

/* A server that only waits until it may log in keeps its place meanwhile. */
static void pass_server(struct seen_server *server,
                        const struct seen_queue *starting, bool is_mark)
{
    unsigned *turns =
        is_mark ? server->guard.marks_of : server->guard.fetches_of;
    if (server == starting->server) {
        /* A turn of either kind uses up its slot and its place in the queue. */
        memset(server->guard.marks_of, 0, sizeof server->guard.marks_of);
        memset(server->guard.fetches_of, 0, sizeof server->guard.fetches_of);
        return;
    }
    if (!is_able(starting->process, server, is_mark,
                 had_prover(server, starting))) {
        if (!has_slot(server) || !has_waiting(server, is_mark)) {
            memset(turns, 0, sizeof server->guard.marks_of);
        }
        return;
    }
    if (++turns[starting->server->remote->index] > GUARD_TURNS_MAX) {
        world_violation(starting->process->world,
                        "%s: starves: %s has all the turns",
                        server->remote->name, starting->server->remote->name);
    }
    world_count(starting->process->world, SITUATION_SERVER_WAITED);
}

void guard_leaves_line(struct seen_server *server)
{
    struct guard_server *guard = &server->guard;
    if (!has_waiting(server, true)) {
        memset(guard->marks_of, 0, sizeof guard->marks_of);
    }
    if (!has_waiting(server, false)) {
        memset(guard->fetches_of, 0, sizeof guard->fetches_of);
    }
}

void guard_takes_turn(struct seen_queue *queue, bool is_mark)
{
    struct process *process = queue->process;
    pass_queues(queue, is_mark);
    for (unsigned i = 0; i < process->world->server_count; i++) {
        pass_server(&process->servers[i], queue, is_mark);
    }
}

/* True if the outstanding token is too old to be posted. */
static bool has_old_token(const struct seen_queue *queue, uint64_t now_ms)
{
    const struct token *token = queue->token;
    return queue->guard.is_outstanding && queue->exchange == NULL &&
           token->posts > 0 &&
           now_ms > token->first_post_ms + QUEUE_MARK_AGE_MAX_MS;
}

/* The longest time that a queue may sleep in its state. */
static uint64_t longest_ms(const struct seen_queue *queue)
{
    const struct remote_policy *policy = &queue->remote->policy;
    switch (queue->guard.state) {
    case HAPLO_QUEUE_IDLE:
        return (policy->interval_max_ms > policy->interval_ms
                    ? policy->interval_max_ms
                    : policy->interval_ms) *
                   11 / 10 +
               1;
    case HAPLO_QUEUE_BACKOFF:
        return QUEUE_RETRY_AFTER_MAX_MS;
    case HAPLO_QUEUE_REFUSED:
        return policy->refused_ms * 11 / 10 + 1;
    case HAPLO_QUEUE_DELIVER_WAIT:
        return policy->backoff_max_ms;
    default:
        return QUEUE_MARK_AGE_MAX_MS;
    }
}

static void check_server(struct world *world, struct seen_server *server)
{
    struct guard_server *guard = &server->guard;
    struct haplo_server_stats stats = {.struct_size = sizeof stats};
    unsigned budget = server->remote->failed_logins_max;
    uint64_t now_ms = server->process->loop_ms;
    haplo_server_get_stats(server->server, &stats);
    if (guard->due_ms < now_ms && guard->state == HAPLO_SERVER_SILENT &&
        stats.wait_ms > 0) {
        guard->due_ms = now_ms + stats.wait_ms; /* it was throttled again */
    }
    if (guard->due_ms < now_ms) {
        world_violation(world, "%s: has overslept", server->remote->name);
    }
    if (guard->due_ms != GUARD_NEVER &&
        guard->due_ms - now_ms > SERVER_SILENCE_MS + SERVER_SILENCE_JITTER_MS) {
        world_violation(world, "%s: sleeps too long", server->remote->name);
    }
    if ((guard->state == HAPLO_SERVER_DOWN && !guard->must_probe) ||
        (guard->state == HAPLO_SERVER_UP && guard->must_probe)) {
        world_violation(world, "%s: %s without a reason", server->remote->name,
                        haplo_server_state_name(guard->state));
    }
    if (!server->is_located) {
        return; /* see is_settled() */
    }
    if ((stats.logins_held && guard_refused(server, now_ms - 1) < budget) ||
        (!stats.logins_held && guard_refused(server, now_ms) >= budget)) {
        world_violation(world, "%s: logins %s without a reason",
                        server->remote->name,
                        stats.logins_held ? "held" : "free");
    }
}

static void check_queue(struct world *world, const struct seen_queue *queue)
{
    const struct guard_queue *guard = &queue->guard;
    if (guard->has_meaning) {
        guard_violation(queue, "an answer is passed over");
    }
    if (guard->has_new_key && guard->state == HAPLO_QUEUE_REFUSED) {
        guard_violation(queue, "REFUSED with a new key");
    }
    if (guard->due_ms < queue->process->loop_ms) {
        guard_violation(queue, "has overslept");
    }
    if (guard->due_ms != GUARD_NEVER &&
        guard->due_ms - queue->process->loop_ms > longest_ms(queue)) {
        guard_violation(queue, "sleeps too long");
    }
    if (guard_has_batch(guard->state) != guard->is_outstanding) {
        guard_violation(queue, "has a batch, or not");
    }
    if (guard_fleet_may_begin(queue->process) &&
        has_old_token(queue, queue->process->loop_ms)) {
        guard_violation(queue, "keeps an old token");
    }
    if (world_has_reloads(world) && !queue->process->is_stopping &&
        queue->is_removing && guard->state > HAPLO_QUEUE_LAST_DELIVERING &&
        queue->process->loop_ms > queue->removing_ms + LONGEST_REMOVAL_MS) {
        guard_violation(queue, "is not given up");
    }
}

static void check_slots(const struct process *process,
                        const struct haplo_poller_stats *stats)
{
    struct world *world = process->world;
    unsigned in_flight = 0;
    for (unsigned i = 0; i < world->server_count; i++) {
        in_flight += process->servers[i].guard.in_flight;
    }
    if (stats->in_flight != in_flight ||
        in_flight > world->plan.in_flight_max) {
        world_violation(world, "%u in flight, not %u of %u", in_flight,
                        stats->in_flight, world->plan.in_flight_max);
    }
}

static void check_turns(const struct process *process, bool has_room)
{
    struct world *world = process->world;
    for (unsigned i = 0; i < world->server_count; i++) {
        const struct seen_server *server = &process->servers[i];
        bool has_prover = guard_provers(server) > 0;
        bool fetches = is_able(process, server, false, has_prover);
        if (fetches && !has_room) {
            world_count(world, SITUATION_NO_ROOM);
        }
        if (is_able(process, server, true, has_prover) ||
            (fetches && has_room)) {
            world_violation(world, "%s: a turn is not given",
                            server->remote->name);
        }
    }
}

void guard_settled(struct process *process)
{
    struct world *world = process->world;
    struct haplo_poller_stats stats = {.struct_size = sizeof stats};
    if (!process->is_open) {
        return;
    }
    for (unsigned i = 0; i < world->queue_count; i++) {
        if (process->queues[i].queue != NULL) {
            check_queue(world, &process->queues[i]);
        }
    }
    for (unsigned i = 0; i < world->server_count; i++) {
        if (process->servers[i].server != NULL) {
            check_server(world, &process->servers[i]);
        }
    }
    haplo_poller_get_stats(process->poller, &stats);
    check_slots(process, &stats);
    if (stats.in_flight < world->plan.in_flight_max &&
        guard_fleet_may_begin(process)) {
        check_turns(process,
                    stats.undelivered_bytes < world->plan.held_bytes_max);
    }
}
