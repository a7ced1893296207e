/*
 * guard_token.c - the guard's part that sees to tokens: when one is posted, how
 * often, and when it may be given up.
 */
#include "guard_token.h"

#include "guard.h"
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

void guard_posts(const struct poll_queue *queue)
{
    struct token *token = queue->token;
    uint64_t now_ms = world_of(queue)->now_ms;
    check(queue, queue->guard.is_outstanding, "a mark of a token given up");
    check(queue, queue->batch != NULL && token != NULL, "a mark of nothing");
    check(queue, token->is_stored, "a mark before its batch is durable");
    for (unsigned i = 0; i < token->count; i++) {
        check(queue, !token->parts[i].message->is_owed,
              "a mark of a message that is not in the sink");
    }
    check(queue,
          token->posts == 0 || haplo_error_is_transient(queue->guard.error),
          "a token is posted again after a failure that stays");
    check(queue, token->posts < queue->core.policy->mark_attempts_max,
          "a token is posted too often");
    if (token->posts++ == 0) {
        token->first_post_ms = now_ms;
    }
    check(queue, now_ms <= token->first_post_ms + QUEUE_MARK_AGE_MAX_MS,
          "an old token is posted");
}

void guard_fetched(struct poll_queue *queue)
{
    check(queue, !queue->guard.is_outstanding, "two tokens");
    queue->guard.is_outstanding = true;
    queue->guard.deliveries = 0;
}

void guard_delivers(struct poll_queue *queue)
{
    unsigned most = queue->core.policy->deliver_attempts_max;
    queue->guard.deliveries++;
    check(queue, most == 0 || queue->guard.deliveries <= most,
          "a batch is delivered too often");
}

/* True if that is reason enough to give a token up after a failed mark. */
static bool may_give_up(const struct poll_queue *queue,
                        const struct queue_event *event)
{
    const struct token *token = queue->token;
    uint64_t latest_ms =
        world_of(queue)->now_ms + event->delay_ms + QUEUE_MARK_RETRY_MAX_MS;
    if (event->kind == QUEUE_EVENT_MARKED) {
        return event->count == 0 && event->unread_count != 0;
    }
    return !haplo_error_is_transient(event->error) ||
           token->posts >= queue->core.policy->mark_attempts_max ||
           latest_ms >= token->first_post_ms + QUEUE_MARK_AGE_MAX_MS;
}

static bool may_drop(const struct poll_queue *queue,
                     enum haplo_queue_state from,
                     const struct queue_event *event)
{
    const struct token *token = queue->token;
    switch (from) {
    case HAPLO_QUEUE_DELIVERING:
        return event->kind == QUEUE_EVENT_REJECTED ||
               (event->kind == QUEUE_EVENT_RETRY &&
                queue->guard.deliveries ==
                    queue->core.policy->deliver_attempts_max);
    case HAPLO_QUEUE_LAST_DELIVERING:
        return event->kind == QUEUE_EVENT_REJECTED ||
               event->kind == QUEUE_EVENT_RETRY;
    case HAPLO_QUEUE_DELIVER_WAIT:
        return event->kind == QUEUE_EVENT_PAUSE;
    case HAPLO_QUEUE_MARKING:
    case HAPLO_QUEUE_LAST_MARKING:
        return may_give_up(queue, event);
    case HAPLO_QUEUE_MARK_READY:
    case HAPLO_QUEUE_LAST_MARK_READY:
        return event->kind == QUEUE_EVENT_DUE && token->posts > 0 &&
               world_of(queue)->now_ms >=
                   token->first_post_ms + QUEUE_MARK_AGE_MAX_MS;
    default:
        return false;
    }
}

void guard_gives_up(struct poll_queue *queue, enum haplo_queue_state from,
                    const struct queue_event *event)
{
    if (!queue->guard.is_outstanding) {
        return;
    }
    check(queue, may_drop(queue, from, event), "a batch is dropped");
    queue->guard.is_outstanding = false;
    if (queue->token->posts == 0) {
        world_count(world_of(queue), SITUATION_BATCH_NOT_STORED);
    } else if (event->kind == QUEUE_EVENT_DUE) {
        world_count(world_of(queue), SITUATION_TOKEN_TOO_OLD);
    } else {
        world_count(world_of(queue), SITUATION_TOKEN_GIVEN_UP);
    }
}

void guard_confirmed(struct poll_queue *queue, enum haplo_queue_state from,
                     const struct queue_event *event, uint64_t epoch)
{
    const struct queue *core = &queue->core;
    bool was_fetch = from == HAPLO_QUEUE_FETCHING;
    bool was_mark =
        from == HAPLO_QUEUE_MARKING || from == HAPLO_QUEUE_LAST_MARKING;
    enum haplo_queue_state to =
        core->unread_count != 0 ? HAPLO_QUEUE_READY : HAPLO_QUEUE_IDLE;
    check(queue,
          (was_fetch && event->kind == QUEUE_EVENT_EMPTY) ||
              (was_mark && event->kind == QUEUE_EVENT_MARKED),
          "confirmed by nothing");
    check(queue, core->epoch > epoch, "confirmed, in the same epoch");
    check(queue, core->batch_count == (was_mark ? queue->token->count : 0),
          "confirmed, with a wrong count");
    check(queue, core->state == HAPLO_QUEUE_PAUSED || core->state == to,
          "confirmed, and not where it belongs");
    queue->guard.is_outstanding = false;
    queue->guard.has_asked = false;
    queue->guard.failures = 0;
}
