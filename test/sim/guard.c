#include "guard.h"

#include "guard_token.h"
#include "guard_turns.h"
#include "process.h"
#include "world.h"

static struct world *world_of(const struct poll_queue *queue)
{
    return queue->process->world;
}

static void check(const struct poll_queue *queue, bool holds, const char *what)
{
    if (!holds) {
        world_violation(world_of(queue), "%s: %s", queue->remote->name, what);
    }
}

static bool is_mark(const struct poll_queue *queue)
{
    return queue->core.state != HAPLO_QUEUE_FETCHING;
}

/* -- Starts --------------------------------------------------------------- */

static void check_server(const struct poll_queue *queue)
{
    const struct poll_server *server = queue->server;
    const struct guard_server *guard = &server->guard;
    uint64_t now_ms = world_of(queue)->now_ms;
    check(queue, guard->in_flight <= server->core.policy.in_flight_max,
          "more requests than its server has slots");
    check(queue,
          server->core.state == HAPLO_SERVER_UP ||
              server->core.state == HAPLO_SERVER_PROBING,
          "a request to a server that is DOWN or SILENT");
    check(queue, now_ms >= guard->closed_until_ms,
          "a request to a server that is failing");
    check(queue, now_ms >= guard->silent_until_ms,
          "a request to a server that asked for silence");
    check(queue, !guard->must_probe || guard->in_flight == 1,
          "more than one probe");
}

unsigned guard_refused(const struct poll_server *server, uint64_t now_ms)
{
    const struct guard_server *guard = &server->guard;
    bool is_spent = guard->refused >= server->core.policy.failed_logins_max;
    bool is_over = now_ms >= guard->refused_ms + SERVER_SILENCE_MS;
    return is_spent && is_over ? 0 : guard->refused;
}

static void check_login(const struct poll_queue *queue)
{
    const struct guard_server *guard = &queue->server->guard;
    unsigned budget = queue->server->core.policy.failed_logins_max;
    unsigned refused = guard_refused(queue->server, world_of(queue)->now_ms);
    if (queue->guard.was_proven) {
        check(queue, refused < 2 * budget,
              "a proven key is tried though the budget is spent");
        return;
    }
    check(queue, guard->unproven_in_flight == 1,
          "two unproven keys are tried at once");
    check(queue, refused < budget,
          "an unproven key is tried though the budget is spent");
}

static void check_fetch(const struct poll_queue *queue)
{
    const struct process *process = queue->process;
    check(queue, !queue->guard.is_outstanding,
          "a fetch while a token is outstanding");
    check(queue, queue->batch == NULL, "a fetch while a batch is at hand");
    check(queue, !queue->guard.is_paused, "a fetch while paused");
    check(queue, process->phase == PROCESS_RUNNING, "a fetch while stopping");
    check(queue,
          process->scheduler.held_bytes < process->scheduler.held_bytes_max,
          "a fetch beyond the budget of bytes");
}

void guard_starts(struct poll_queue *queue)
{
    struct guard_server *guard = &queue->server->guard;
    check(queue, queue->core.key_proven == queue->guard.is_proven,
          "a key that is taken for what it is not");
    queue->guard.was_proven = queue->guard.is_proven;
    queue->guard.was_probe = guard->must_probe;
    guard->in_flight++;
    guard->unproven_in_flight += !queue->guard.was_proven;
    check(queue, queue->request == NULL, "two requests at once");
    check(queue, world_of(queue)->now_ms >= queue->guard.not_before_ms,
          "a request too soon");
    check_server(queue);
    check_login(queue);
    if (is_mark(queue)) {
        guard_posts(queue);
    } else {
        check_fetch(queue);
    }
    guard_takes_turn(queue, is_mark(queue));
}

/* -- Ends ----------------------------------------------------------------- */

static void server_fails(struct guard_server *guard, struct poll_queue *queue)
{
    uint64_t now_ms = world_of(queue)->now_ms;
    guard->failing++;
    if (guard->failing == queue->server->core.policy.breaker_failures ||
        queue->guard.was_probe) {
        guard->must_probe = true;
        guard->closed_until_ms = now_ms + SERVER_DOWN_MS / 2;
        world_count(world_of(queue), queue->guard.was_probe
                                         ? SITUATION_PROBE_FAILED
                                         : SITUATION_BREAKER_OPENED);
    }
}

static void server_lives(struct guard_server *guard, struct poll_queue *queue)
{
    guard->times_down = 0;
    if (guard->must_probe) {
        world_count(world_of(queue), SITUATION_SERVER_CAME_BACK);
    }
    guard->failing = 0;
    guard->must_probe = false;
    guard->closed_until_ms = 0;
}

static void note_server(struct poll_queue *queue, int error)
{
    struct guard_server *guard = &queue->server->guard;
    uint64_t now_ms = world_of(queue)->now_ms;
    switch (error) {
    case HAPLO_ENOMEM:
    case HAPLO_ECANCELED:
        return;
    case HAPLO_ETHROTTLED:
        guard->must_probe = true;
        guard->silent_until_ms = now_ms + SERVER_SILENCE_MS;
        return;
    case HAPLO_ERESOLVE:
    case HAPLO_ECONNECT:
    case HAPLO_ETLS:
    case HAPLO_ETIMEDOUT:
    case HAPLO_ERESET:
    case HAPLO_ESERVER:
    case HAPLO_EPROTOCOL:
        server_fails(guard, queue);
        return;
    case HAPLO_EREFUSED:
        queue->guard.is_proven = false;
        guard->refused = guard_refused(queue->server, now_ms) + 1;
        guard->refused_ms = now_ms;
        if (guard->refused == queue->server->core.policy.failed_logins_max) {
            world_count(world_of(queue), SITUATION_LOGINS_HELD);
        }
        break;
    case HAPLO_ECONTENT:
    case HAPLO_EREDIRECT:
    case HAPLO_ENOTFOUND:
    case HAPLO_ESTATUS:
        break;
    default:
        queue->guard.is_proven = true;
        guard->refused = 0;
        break;
    }
    server_lives(guard, queue);
}

static void release(struct poll_queue *queue)
{
    struct guard_server *guard = &queue->server->guard;
    guard->in_flight--;
    guard->unproven_in_flight -= !queue->guard.was_proven;
}

static uint64_t least_backoff_ms(const struct poll_queue *queue)
{
    uint64_t base_ms = queue->core.policy->backoff_ms;
    uint64_t max_ms = queue->core.policy->backoff_max_ms;
    return base_ms / 8 < max_ms ? base_ms / 8 : max_ms;
}

/* The least wait after that answer. */
static uint64_t wait_after(struct poll_queue *queue,
                           const struct queue_event *event)
{
    bool was_mark = is_mark(queue);
    uint64_t wait_ms = least_backoff_ms(queue);
    uint64_t rest_ms = queue->core.policy->interval_ms * 9 / 10;
    switch (event->kind) {
    case QUEUE_EVENT_EMPTY:
        return rest_ms;
    case QUEUE_EVENT_FETCHED:
        return 0;
    case QUEUE_EVENT_MARKED:
        if (event->count == 0 && event->unread_count != 0 &&
            queue->token->posts == 1 && !event->is_repeated) {
            return wait_ms;
        }
        return event->unread_count == 0 ? rest_ms : 0;
    default:
        break;
    }
    if (event->error == HAPLO_EREFUSED && !was_mark) {
        return queue->core.policy->refused_ms * 9 / 10;
    }
    if (event->error == HAPLO_EREFUSED && !queue->guard.has_asked) {
        queue->guard.has_asked = true;
        return 0;
    }
    if (was_mark && QUEUE_MARK_RETRY_MS / 8 < wait_ms) {
        wait_ms = QUEUE_MARK_RETRY_MS / 8;
    }
    if (event->delay_ms > wait_ms) {
        world_count(world_of(queue), SITUATION_RETRY_AFTER);
        wait_ms = event->delay_ms < QUEUE_RETRY_AFTER_MAX_MS
                      ? event->delay_ms
                      : QUEUE_RETRY_AFTER_MAX_MS;
    }
    return wait_ms;
}

void guard_ended(struct poll_queue *queue, int error,
                 const struct queue_event *event)
{
    release(queue);
    queue->guard.error = error;
    note_server(queue, error);
    queue->guard.not_before_ms =
        world_of(queue)->now_ms + wait_after(queue, event);
    queue->guard.delay_ms = event->delay_ms;
    queue->guard.has_drained = event->kind == QUEUE_EVENT_EMPTY;
    if (event->kind == QUEUE_EVENT_EMPTY) {
        queue->guard.has_asked = false;
        queue->guard.failures = 0;
    }
    if (event->kind == QUEUE_EVENT_FETCHED) {
        queue->guard.interval_ms = queue->core.policy->interval_ms;
    }
}

void guard_cancelled(struct poll_queue *queue)
{
    release(queue);
}

/* -- Commands ------------------------------------------------------------- */

void guard_commanded(struct poll_queue *queue, enum queue_event_kind kind)
{
    queue->guard.not_before_ms = 0;
    if (kind == QUEUE_EVENT_NEW_KEY) {
        queue->guard.is_proven = false;
    }
    if (kind == QUEUE_EVENT_PAUSE) {
        queue->guard.is_paused = true;
    } else if (kind == QUEUE_EVENT_RESUME) {
        queue->guard.is_paused = false;
    }
}

void guard_obeyed(const struct poll_queue *queue, enum queue_event_kind kind)
{
    enum haplo_queue_state state = queue->core.state;
    bool waits = state == HAPLO_QUEUE_REFUSED;
    bool is_paused = state == HAPLO_QUEUE_PAUSED;
    switch (kind) {
    case QUEUE_EVENT_NEW_KEY:
        check(queue, !waits, "REFUSED with a new key");
        break;
    case QUEUE_EVENT_POLL_NOW:
        waits = waits || state == HAPLO_QUEUE_IDLE ||
                state == HAPLO_QUEUE_BACKOFF || state == HAPLO_QUEUE_BLOCKED;
        check(queue, !waits, "not polled now");
        break;
    case QUEUE_EVENT_PAUSE:
        check(queue, is_paused || state >= HAPLO_QUEUE_LAST_DELIVERING,
              "not paused");
        break;
    case QUEUE_EVENT_RESUME:
        check(queue, !is_paused && state < HAPLO_QUEUE_LAST_DELIVERING,
              "not resumed");
        break;
    default:
        break;
    }
}
