/*
 * guard_token.c - the guard's checks of tokens: when one is posted, how often,
 * and when it may be given up.
 */
#include "app_config.h"
#include "core/queue.h"
#include "guard.h"
#include "process.h"
#include "world.h"

static struct world *world_of(const struct seen_queue *queue)
{
    return queue->process->world;
}

static void check(const struct seen_queue *queue, bool holds, const char *what)
{
    if (!holds) {
        guard_violation(queue, what);
    }
}

void guard_posts(const struct seen_queue *queue)
{
    struct token *token = queue->token;
    uint64_t now_ms = queue->process->loop_ms;
    check(queue,
          !queue->process->is_open ||
              queue->guard.state == HAPLO_QUEUE_MARKING ||
              queue->guard.state == HAPLO_QUEUE_LAST_MARKING,
          "a mark, and it is not MARKING");
    check(queue, queue->guard.is_outstanding, "a mark of a token given up");
    check(queue, token != NULL, "a mark of nothing");
    check(queue, token->is_stored, "a mark before its batch is durable");
    check(queue,
          token->posts == 0 || haplo_error_is_transient(queue->guard.error),
          "a token is posted again after a failure that stays");
    check(queue, token->posts < queue->remote->policy.mark_attempts_max,
          "a token is posted too often");
    if (token->posts++ == 0) {
        token->first_post_ms = now_ms;
    }
    check(queue, now_ms <= token->first_post_ms + QUEUE_MARK_AGE_MAX_MS,
          "an old token is posted");
}

void guard_fetched(struct seen_queue *queue)
{
    check(queue, !queue->guard.is_outstanding, "two tokens");
    queue->guard.is_outstanding = true;
}

void guard_gives_up(struct seen_queue *queue)
{
    enum haplo_queue_state state = queue->guard.state;
    check(queue,
          world_of(queue)->is_fleet ||
              queue->process->loop_ms >=
                  queue->removing_ms + APP_DRAIN_TIMEOUT_MS,
          "a token is given up before its deadline");
    if (state > HAPLO_QUEUE_LAST_DELIVERING) {
        queue->guard.is_given_up = true;
        world_count(world_of(queue), SITUATION_GIVEN_UP_BY_RELOAD);
    } else if (state == HAPLO_QUEUE_LAST_DELIVERING) {
        queue->guard.is_not_to_mark = world_of(queue)->is_fleet;
    }
}

/* A first mark that marked nothing while messages are unread is no progress. */
bool guard_is_progress(const struct seen_queue *queue,
                       const struct meaning *meaning)
{
    return meaning->kind == MEANING_MARKED &&
           (queue->token->posts > 1 || meaning->is_repeated ||
            meaning->marked_count > 0 || meaning->unread_count == 0);
}

static bool marked_nothing_new(const struct seen_queue *queue,
                               const struct meaning *meaning)
{
    const struct token *token = queue->token;
    return token->was_new && token->posts == 1 && !meaning->is_repeated &&
           meaning->marked_count == 0 && meaning->unread_count == 0;
}

bool guard_holds_back(struct seen_queue *queue, const struct meaning *meaning)
{
    struct guard_queue *guard = &queue->guard;
    uint64_t hold_ms = queue->remote->policy.backoff_max_ms;
    if (meaning->kind == MEANING_MARKED) {
        guard->replayed =
            marked_nothing_new(queue, meaning) ? queue->token->number : 0;
        guard->replayed_ms = queue->token->first_post_ms;
        return false;
    }
    if (meaning->kind == MEANING_FAILURE) {
        return false;
    }
    if (meaning->kind == MEANING_BATCH && guard->replayed != 0 &&
        queue->token->number == guard->replayed &&
        queue->process->loop_ms < guard->replayed_ms + hold_ms) {
        return true;
    }
    guard->replayed = 0;
    return false;
}

/* True if that error justifies giving up a token after a failed mark. */
static bool may_give_up(const struct seen_queue *queue)
{
    const struct token *token = queue->token;
    const struct meaning *meaning = &queue->guard.meaning;
    uint64_t latest_ms =
        queue->process->loop_ms + meaning->delay_ms + QUEUE_MARK_RETRY_MAX_MS;
    if (meaning->kind == MEANING_MARKED) {
        return !guard_is_progress(queue, meaning);
    }
    return !haplo_error_is_transient(meaning->error) ||
           token->posts >= queue->remote->policy.mark_attempts_max ||
           latest_ms >= token->first_post_ms + QUEUE_MARK_AGE_MAX_MS;
}

/* Its inbox has no room for the batch, because other batches wait for it. */
static bool is_inbox_behind(const struct seen_queue *queue)
{
    struct world *world = world_of(queue);
    world_count(world, SITUATION_INBOX_BEHIND);
    return world->plan.held_bytes_max < PLAN_HELD_BYTES_ALL;
}

/* The errors that the application may have given for a dropped batch. */
static bool may_reject(const struct seen_queue *queue,
                       const struct haplo_event *event)
{
    const struct token *token = queue->token;
    switch (event->error) {
    case HAPLO_EREJECTED:
        return token->is_poison;
    case HAPLO_ESTALE:
        return token->outcome == OUTCOME_STALE;
    case HAPLO_EDELIVERY:
        if (token->outcome == OUTCOME_NONE ||
            event->to == HAPLO_QUEUE_BACKOFF) {
            return is_inbox_behind(queue);
        }
        return event->from == HAPLO_QUEUE_LAST_DELIVERING &&
               (token->outcome != OUTCOME_FINE ||
                queue->guard.is_not_to_mark) &&
               token->outcome != OUTCOME_STALE;
    default:
        return false;
    }
}

static bool may_drop(const struct seen_queue *queue,
                     enum haplo_queue_state from,
                     const struct haplo_event *event)
{
    const struct token *token = queue->token;
    if (queue->guard.is_given_up) {
        return from > HAPLO_QUEUE_LAST_DELIVERING && event->error == 0;
    }
    switch (from) {
    case HAPLO_QUEUE_DELIVERING:
    case HAPLO_QUEUE_LAST_DELIVERING:
        return may_reject(queue, event);
    case HAPLO_QUEUE_DELIVER_WAIT:
        return event->to == HAPLO_QUEUE_PAUSED;
    case HAPLO_QUEUE_MARKING:
    case HAPLO_QUEUE_LAST_MARKING:
        return may_give_up(queue);
    case HAPLO_QUEUE_MARK_READY:
    case HAPLO_QUEUE_LAST_MARK_READY:
        return token->posts > 0 &&
               queue->process->loop_ms >=
                   token->first_post_ms + QUEUE_MARK_AGE_MAX_MS;
    default:
        return false;
    }
}

static void gives_up(struct seen_queue *queue, enum haplo_queue_state from,
                     const struct haplo_event *event)
{
    check(queue, may_drop(queue, from, event), "a batch is dropped");
    if (event->error == HAPLO_EREJECTED) {
        world_count(world_of(queue), SITUATION_REJECTED);
    }
    if (queue->token->posts == 0) {
        world_count(world_of(queue), SITUATION_BATCH_NOT_STORED);
    } else if (from == HAPLO_QUEUE_MARK_READY ||
               from == HAPLO_QUEUE_LAST_MARK_READY) {
        world_count(world_of(queue), SITUATION_TOKEN_TOO_OLD);
    } else {
        world_count(world_of(queue), SITUATION_TOKEN_GIVEN_UP);
    }
}

static void is_confirmed(struct seen_queue *queue,
                         const struct haplo_event *event)
{
    (void)event;
    queue->guard.has_asked = false;
    queue->guard.failures = 0;
    world_of(queue)->totals->confirmed++;
}

void guard_leaves(struct seen_queue *queue, enum haplo_queue_state from,
                  const struct haplo_event *event)
{
    bool was_mark =
        from == HAPLO_QUEUE_MARKING || from == HAPLO_QUEUE_LAST_MARKING;
    if (guard_has_batch(queue->guard.state)) {
        check(queue,
              (from != HAPLO_QUEUE_DELIVERING &&
               from != HAPLO_QUEUE_LAST_DELIVERING) ||
                  queue->token->is_stored,
              "accepted before it is durable");
        return;
    }
    if (was_mark && guard_is_progress(queue, &queue->guard.meaning)) {
        is_confirmed(queue, event);
    } else {
        gives_up(queue, from, event);
    }
    queue->guard.is_outstanding = false;
}
