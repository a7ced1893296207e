/*
 * guard_wait.c - the guard's checks of waits, made as they begin: no wait is
 * longer than allowed, and the interval of an empty queue is correct.
 */
#include "core/queue.h"
#include "core/server.h"
#include "guard.h"
#include "process.h"
#include "world.h"

static void check(const struct seen_queue *queue, bool holds, const char *what)
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

/* base_ms, doubled for each failure after the first, at most max_ms. */
static uint64_t ceiling_ms(uint64_t base_ms, uint64_t max_ms, unsigned failures)
{
    while (failures-- > 1 && base_ms < max_ms) {
        base_ms *= 2;
    }
    return base_ms < max_ms ? base_ms : max_ms;
}

/* Grows by half each time that nothing was found. */
static void check_rest(struct seen_queue *queue, uint64_t wait_ms)
{
    const struct remote_policy *policy = &queue->remote->policy;
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

static void check_backoff(const struct seen_queue *queue, uint64_t wait_ms)
{
    const struct remote_policy *policy = &queue->remote->policy;
    uint64_t asked_ms = queue->guard.delay_ms < QUEUE_RETRY_AFTER_MAX_MS
                            ? queue->guard.delay_ms
                            : QUEUE_RETRY_AFTER_MAX_MS;
    uint64_t most_ms = ceiling_ms(policy->backoff_ms, policy->backoff_max_ms,
                                  queue->guard.failures);
    check(queue, wait_ms <= longer_ms(most_ms, asked_ms), "backs off too long");
}

/* Checks that the process counts its failures as the guard does. */
static void check_failures(const struct seen_queue *queue)
{
    struct haplo_queue_stats stats = {.struct_size = sizeof stats};
    haplo_queue_get_stats(queue->queue, &stats);
    check(queue, stats.failures == queue->guard.failures,
          "has another count of failures");
}

void guard_waits(struct seen_queue *queue, int error)
{
    enum haplo_queue_state state = queue->guard.state;
    uint64_t wait_ms = queue->guard.due_ms - queue->process->loop_ms;
    queue->guard.passed_by = 0;
    queue->guard.seen_proven = queue->guard.is_proven;
    bool is_kept = error == HAPLO_EDELIVERY && state != HAPLO_QUEUE_BACKOFF &&
                   queue->token->outcome != OUTCOME_NONE;
    if (error != 0 && !is_kept && state != HAPLO_QUEUE_MARK_WAIT &&
        state != HAPLO_QUEUE_LAST_MARK_WAIT) {
        queue->guard.failures++;
        check_failures(queue);
    }
    if (state == HAPLO_QUEUE_IDLE) {
        check_rest(queue, wait_ms);
    } else if (state == HAPLO_QUEUE_BACKOFF) {
        check_backoff(queue, wait_ms);
    }
}

void guard_server_waits(struct seen_server *server)
{
    struct world *world = server->process->world;
    uint64_t wait_ms = server->guard.due_ms - server->process->loop_ms;
    uint64_t most_ms;
    if (server->guard.state != HAPLO_SERVER_DOWN) {
        return;
    }
    most_ms = ceiling_ms(SERVER_DOWN_MS, SERVER_DOWN_MAX_MS,
                         ++server->guard.times_down);
    if (wait_ms < most_ms / 2 || wait_ms > most_ms) {
        world_violation(world, "%s: is left alone for %llu ms",
                        server->remote->name, (unsigned long long)wait_ms);
    }
}
