#include "guard.h"

#include "core/queue.h"
#include "core/server.h"
#include "guard_fleet.h"
#include "process.h"
#include "world.h"

static struct world *world_of(const struct seen_queue *queue)
{
    return queue->process->world;
}

void guard_violation(const struct seen_queue *queue, const char *what)
{
    world_violation(world_of(queue), "%s: %s", queue->remote->name, what);
}

static void check(const struct seen_queue *queue, bool holds, const char *what)
{
    if (!holds) {
        guard_violation(queue, what);
    }
}

void guard_server_begins(struct seen_server *server)
{
    struct haplo_server_stats stats = {.struct_size = sizeof stats};
    haplo_server_get_stats(server->server, &stats);
    server->guard.state = stats.state;
    server->guard.due_ms = GUARD_NEVER;
    server->guard.logins_held = stats.logins_held;
}

void guard_begins(struct seen_queue *queue, bool is_proven)
{
    queue->guard = (struct guard_queue){
        .state = HAPLO_QUEUE_IDLE,
        .interval_ms = queue->remote->policy.interval_ms,
        .is_proven = is_proven,
        .seen_proven = is_proven,
        .due_ms = queue->process->loop_ms + queue->remote->policy.interval_ms,
    };
}

static void check_server(const struct seen_queue *queue)
{
    const struct guard_server *guard = &queue->server->guard;
    uint64_t now_ms = queue->process->loop_ms;
    check(queue, guard->in_flight <= queue->server->remote->in_flight_max,
          "more requests than its server has slots");
    check(queue,
          !queue->process->is_open || guard->state == HAPLO_SERVER_UP ||
              guard->state == HAPLO_SERVER_PROBING,
          "a request to a server that is DOWN or SILENT");
    check(queue, now_ms >= guard->closed_until_ms,
          "a request to a server that is failing");
    check(queue, now_ms >= guard->silent_until_ms,
          "a request to a server that asked for silence");
    check(queue, !guard->must_probe || guard->in_flight == 1,
          "more than one probe");
}

struct guard_site *guard_site_of(const struct seen_server *server)
{
    return &server->process->sites[server->remote->address];
}

unsigned guard_refused(const struct seen_server *server, uint64_t now_ms)
{
    const struct guard_site *site = guard_site_of(server);
    return now_ms < site->refused_ms + SERVER_SILENCE_MS ? site->refused : 0;
}

/* Calls it for each server that is known to be at the address of this one. */
static void for_each_alias(const struct seen_server *server,
                           void (*alias_cb)(struct seen_server *alias,
                                            void *data),
                           void *data)
{
    struct process *process = server->process;
    for (unsigned i = 0; i < process->world->server_count; i++) {
        struct seen_server *alias = &process->servers[i];
        if (alias->is_located &&
            alias->remote->address == server->remote->address) {
            alias_cb(alias, data);
        }
    }
}

static void add_provers(struct seen_server *alias, void *data)
{
    *(unsigned *)data += alias->guard.unproven_in_flight;
}

unsigned guard_provers(const struct seen_server *server)
{
    unsigned count = 0;
    for_each_alias(server, add_provers, &count);
    return count;
}

static void fall_silent(struct seen_server *alias, void *data)
{
    alias->guard.must_probe = true;
    alias->guard.silent_until_ms = *(const uint64_t *)data + SERVER_SILENCE_MS;
}

static void check_login(const struct seen_queue *queue)
{
    unsigned budget = queue->server->remote->failed_logins_max;
    unsigned refused = guard_refused(queue->server, queue->process->loop_ms);
    check(queue, !queue->server->is_sought,
          "a request before its server's address is known");
    if (!queue->server->is_located) {
        check(queue, queue->server->guard.in_flight == 1,
              "two requests to a server without an address");
        return;
    }
    if (queue->guard.was_proven) {
        check(queue, refused < 2 * budget,
              "a proven key is tried though the budget is spent");
        return;
    }
    check(queue, guard_provers(queue->server) == 1,
          "two unproven keys are tried at once");
    check(queue, refused < budget,
          "an unproven key is tried though the budget is spent");
}

static void check_fetch(const struct seen_queue *queue)
{
    const struct process *process = queue->process;
    struct haplo_poller_stats stats = {.struct_size = sizeof stats};
    haplo_poller_get_stats(process->poller, &stats);
    check(queue, queue->guard.state == HAPLO_QUEUE_FETCHING,
          "a fetch, and it is not FETCHING");
    check(queue, !queue->guard.is_outstanding,
          "a fetch while a token is outstanding");
    check(queue, !queue->guard.is_paused, "a fetch while paused");
    check(queue, !process->is_stopping || process->app.is_in_fleet,
          "a fetch while stopping");
    check(queue, stats.undelivered_bytes < world_of(queue)->plan.held_bytes_max,
          "a fetch beyond the budget of bytes");
}

void guard_starts(struct seen_queue *queue, bool is_mark)
{
    struct guard_server *guard = &queue->server->guard;
    check(queue, queue->queue != NULL, "a request of what is not there");
    queue->guard.was_proven = queue->guard.is_proven;
    queue->guard.was_probe = guard->must_probe;
    guard->in_flight++;
    guard->unproven_in_flight += !queue->guard.was_proven;
    check(queue, queue->exchange == NULL, "two requests at once");
    check(queue, queue->process->loop_ms >= queue->guard.not_before_ms,
          "a request too soon");
    check_server(queue);
    check_login(queue);
    if (world_of(queue)->is_fleet) {
        guard_fleet_starts(queue, is_mark);
    }
    if (is_mark) {
        guard_posts(queue);
    } else {
        check_fetch(queue);
    }
    if (queue->process->is_open) {
        guard_takes_turn(queue, is_mark);
    }
}

static void server_fails(struct guard_server *guard, struct seen_queue *queue)
{
    uint64_t now_ms = queue->process->loop_ms;
    guard->failing++;
    if (guard->failing == queue->server->remote->breaker_failures ||
        queue->guard.was_probe) {
        guard->must_probe = true;
        guard->closed_until_ms = now_ms + SERVER_DOWN_MS / 2;
        world_count(world_of(queue), queue->guard.was_probe
                                         ? SITUATION_PROBE_FAILED
                                         : SITUATION_BREAKER_OPENED);
    }
}

static void server_lives(struct guard_server *guard, struct seen_queue *queue)
{
    bool is_silent = queue->process->loop_ms < guard->silent_until_ms;
    guard->times_down = 0;
    if (guard->must_probe && !is_silent) {
        world_count(world_of(queue), SITUATION_SERVER_CAME_BACK);
        guard->must_probe = false;
    }
    guard->failing = 0;
    guard->closed_until_ms = 0;
}

static void note_server(struct seen_queue *queue, int error)
{
    struct guard_server *guard = &queue->server->guard;
    struct guard_site *site = guard_site_of(queue->server);
    uint64_t now_ms = queue->process->loop_ms;
    switch (error) {
    case HAPLO_ENOMEM:
    case HAPLO_ECANCELED:
        return;
    case HAPLO_ETHROTTLED:
        site->refused = LOGINS_AT_RISK_MAX;
        site->refused_ms = now_ms;
        for_each_alias(queue->server, fall_silent, &now_ms);
        return;
    case HAPLO_ERESOLVE:
    case HAPLO_ECONNECT:
    case HAPLO_ETLS:
    case HAPLO_ETIMEDOUT:
    case HAPLO_ERESET:
    case HAPLO_ESERVER:
    case HAPLO_EPROTOCOL:
    case HAPLO_ELIMITED:
        server_fails(guard, queue);
        return;
    case HAPLO_EREFUSED:
        queue->guard.is_proven = false;
        site->refused = guard_refused(queue->server, now_ms) + 1;
        site->refused_ms = now_ms;
        if (site->refused == queue->server->remote->failed_logins_max) {
            world_count(world_of(queue), SITUATION_LOGINS_HELD);
        }
        break;
    case HAPLO_ECACHED:
    case HAPLO_ECONTENT:
    case HAPLO_EREDIRECT:
    case HAPLO_ENOTFOUND:
    case HAPLO_ESTATUS:
        break;
    default:
        queue->guard.is_proven = true;
        if (now_ms >= guard->silent_until_ms) {
            site->refused = 0; /* no response from before the throttle */
        }
        break;
    }
    server_lives(guard, queue);
}

static void release(struct seen_queue *queue)
{
    struct guard_server *guard = &queue->server->guard;
    guard->in_flight--;
    guard->unproven_in_flight -= !queue->guard.was_proven;
}

static uint64_t least_backoff_ms(const struct seen_queue *queue)
{
    uint64_t base_ms = queue->remote->policy.backoff_ms;
    uint64_t max_ms = queue->remote->policy.backoff_max_ms;
    return base_ms / 8 < max_ms ? base_ms / 8 : max_ms;
}

static uint64_t wait_after_failure(struct seen_queue *queue,
                                   const struct meaning *meaning)
{
    bool was_mark = queue->guard.state != HAPLO_QUEUE_FETCHING;
    uint64_t wait_ms = least_backoff_ms(queue);
    if (meaning->error == HAPLO_EREFUSED && !was_mark) {
        return queue->remote->policy.refused_ms * 9 / 10;
    }
    if (meaning->error == HAPLO_EREFUSED && !queue->guard.has_asked) {
        queue->guard.has_asked = true;
        return 0;
    }
    if (was_mark && QUEUE_MARK_RETRY_MS / 8 < wait_ms) {
        wait_ms = QUEUE_MARK_RETRY_MS / 8;
    }
    if (meaning->delay_ms > wait_ms) {
        world_count(world_of(queue), SITUATION_RETRY_AFTER);
        wait_ms = meaning->delay_ms < QUEUE_RETRY_AFTER_MAX_MS
                      ? meaning->delay_ms
                      : QUEUE_RETRY_AFTER_MAX_MS;
    }
    return wait_ms;
}

/* The shortest wait after that response. */
static uint64_t wait_after(struct seen_queue *queue,
                           const struct meaning *meaning)
{
    uint64_t rest_ms = queue->remote->policy.interval_ms * 9 / 10;
    switch (meaning->kind) {
    case MEANING_EMPTY:
        return rest_ms;
    case MEANING_BATCH:
        return 0;
    case MEANING_MARKED:
        if (!guard_is_progress(queue, meaning)) {
            return least_backoff_ms(queue);
        }
        return meaning->unread_count == 0 ? rest_ms : 0;
    case MEANING_FAILURE:
        break;
    }
    return wait_after_failure(queue, meaning);
}

void guard_ended(struct seen_queue *queue, const struct meaning *meaning)
{
    struct guard_queue *guard = &queue->guard;
    struct meaning held_back = meaning_of_failure(HAPLO_ENOPROGRESS);
    release(queue);
    note_server(queue, meaning->error);
    if (guard_holds_back(queue, meaning)) {
        world_count(world_of(queue), SITUATION_HELD_BACK);
        meaning = &held_back;
    }
    guard->has_new_key = false;
    guard->has_meaning = true;
    guard->meaning = *meaning;
    guard->error = meaning->error;
    guard->not_before_ms = queue->process->loop_ms + wait_after(queue, meaning);
    guard->delay_ms = meaning->delay_ms;
    guard->has_drained = meaning->kind == MEANING_EMPTY;
    if (meaning->kind == MEANING_EMPTY) {
        guard->has_asked = false;
        guard->failures = 0;
    }
    if (meaning->kind == MEANING_BATCH) {
        guard->interval_ms = queue->remote->policy.interval_ms;
        guard_fetched(queue);
    }
    if (queue->has_new_key) {
        queue->has_new_key = false;
        world_count(world_of(queue), SITUATION_NEW_KEY_IN_FLIGHT);
        guard_commanded(queue, GUARD_NEW_KEY);
    }
}

void guard_cancelled(struct seen_queue *queue)
{
    release(queue);
    queue->has_new_key = false;
}

void guard_commanded(struct seen_queue *queue, enum guard_command command)
{
    queue->guard.not_before_ms = 0;
    queue->guard.has_stirred = false;
    switch (command) {
    case GUARD_NEW_KEY:
        queue->guard.has_new_key = true;
        queue->guard.is_proven = false;
        break;
    case GUARD_PAUSE:
        queue->guard.is_paused = true;
        break;
    case GUARD_RESUME:
        queue->guard.is_paused = false;
        break;
    case GUARD_POLL_NOW:
        break;
    }
}

void guard_obeyed(const struct seen_queue *queue, enum guard_command command)
{
    enum haplo_queue_state state = queue->guard.state;
    bool waits = state == HAPLO_QUEUE_REFUSED;
    bool is_paused = state == HAPLO_QUEUE_PAUSED;
    if (queue->guard.has_stirred && command != GUARD_PAUSE) {
        return; /* what followed from it may have failed */
    }
    switch (command) {
    case GUARD_NEW_KEY:
        check(queue, !waits, "REFUSED with a new key");
        break;
    case GUARD_POLL_NOW:
        waits = waits || state == HAPLO_QUEUE_IDLE ||
                state == HAPLO_QUEUE_BACKOFF || state == HAPLO_QUEUE_BLOCKED;
        check(queue, !waits, "not polled now");
        break;
    case GUARD_PAUSE:
        check(queue, is_paused || state >= HAPLO_QUEUE_LAST_DELIVERING,
              "not paused");
        break;
    case GUARD_RESUME:
        check(queue, !is_paused && state < HAPLO_QUEUE_LAST_DELIVERING,
              "not resumed");
        break;
    }
}
