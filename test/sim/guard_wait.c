/*
 * guard_wait.c - the guard's part that sees to waits as they begin: none is
 * longer than it may be, and those of an empty queue are as they should be.
 */
#include "guard.h"
#include "process.h"
#include "world.h"

static void check(const struct poll_queue *queue, bool holds, const char *what)
{
    if (!holds) {
        world_violation(queue->process->world, "%s: %s", queue->remote->name,
                        what);
    }
}

static uint64_t longer_ms(uint64_t a_ms, uint64_t b_ms)
{
    return a_ms > b_ms ? a_ms : b_ms;
}

/* base_ms, doubled with each failure after the first, up to max_ms. */
static uint64_t ceiling_ms(uint64_t base_ms, uint64_t max_ms, unsigned failures)
{
    while (failures-- > 1 && base_ms < max_ms) {
        base_ms *= 2;
    }
    return base_ms < max_ms ? base_ms : max_ms;
}

/* Half as long again each time that nothing was found. */
static void check_rest(struct poll_queue *queue, uint64_t wait_ms)
{
    const struct queue_policy *policy = queue->core.policy;
    uint64_t interval_ms = queue->guard.interval_ms;
    uint64_t max_ms = longer_ms(policy->interval_ms, policy->interval_max_ms);
    check(queue,
          wait_ms >= interval_ms * 9 / 10 &&
              wait_ms <= interval_ms * 11 / 10 + 1,
          "rests for another time than its interval");
    if (queue->guard.has_drained) {
        interval_ms += interval_ms / 2;
        queue->guard.interval_ms = interval_ms < max_ms ? interval_ms : max_ms;
    }
}

static void check_backoff(const struct poll_queue *queue, uint64_t wait_ms)
{
    const struct queue_policy *policy = queue->core.policy;
    uint64_t asked_ms = queue->guard.delay_ms < QUEUE_RETRY_AFTER_MAX_MS
                            ? queue->guard.delay_ms
                            : QUEUE_RETRY_AFTER_MAX_MS;
    uint64_t most_ms = ceiling_ms(policy->backoff_ms, policy->backoff_max_ms,
                                  queue->guard.failures);
    check(queue, wait_ms <= longer_ms(most_ms, asked_ms), "backs off too long");
}

void guard_begins(struct poll_queue *queue)
{
    queue->guard.interval_ms = queue->core.policy->interval_ms;
    queue->guard.is_proven = queue->core.key_proven;
}

void guard_changed(struct poll_queue *queue, int error)
{
    enum haplo_queue_state state = queue->core.state;
    uint64_t wait_ms = queue->core.due_ms - queue->process->world->now_ms;
    queue->guard.passed_by = 0;
    queue->guard.seen_proven = queue->core.key_proven;
    if (error != 0 && error != HAPLO_EDELIVERY &&
        state != HAPLO_QUEUE_MARK_WAIT && state != HAPLO_QUEUE_LAST_MARK_WAIT) {
        queue->guard.failures++;
        check(queue, queue->core.failures == queue->guard.failures,
              "has another count of failures");
    }
    if (state == HAPLO_QUEUE_IDLE) {
        check_rest(queue, wait_ms);
    } else if (state == HAPLO_QUEUE_BACKOFF) {
        check_backoff(queue, wait_ms);
    }
}

void guard_server_changed(struct poll_server *server)
{
    struct world *world = server->process->world;
    uint64_t wait_ms = server->core.due_ms - world->now_ms;
    uint64_t most_ms;
    if (server->core.state != HAPLO_SERVER_DOWN) {
        return;
    }
    most_ms = ceiling_ms(SERVER_DOWN_MS, SERVER_DOWN_MAX_MS,
                         ++server->guard.times_down);
    if (wait_ms < most_ms / 2 || wait_ms > most_ms) {
        world_violation(world, "%s: is left alone for %llu ms",
                        server->remote->name, (unsigned long long)wait_ms);
    }
}

void guard_stepped(const struct poll_queue *queue,
                   const struct queue_event *event)
{
    int error = queue->core.error;
    switch (event->kind) {
    case QUEUE_EVENT_FAILED:
        check(queue, error == event->error, "has another error");
        break;
    case QUEUE_EVENT_RETRY:
        check(queue, error == HAPLO_EDELIVERY || error == HAPLO_EREJECTED,
              "does not tell of a failed delivery");
        break;
    case QUEUE_EVENT_REJECTED:
        check(queue, error == HAPLO_EREJECTED, "does not tell of a rejection");
        break;
    default:
        break;
    }
}
