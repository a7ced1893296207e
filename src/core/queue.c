#include "core/queue.h"

#include <assert.h>

#define BIT(state) (1u << HAPLO_QUEUE_##state)

/* The transition table: from each state, the states that may follow. */
static const uint32_t edges[] = {
    [HAPLO_QUEUE_IDLE] = BIT(READY) | BIT(PAUSED),
    [HAPLO_QUEUE_READY] = BIT(FETCHING) | BIT(PAUSED),
    [HAPLO_QUEUE_FETCHING] =
        BIT(DELIVERING) | BIT(IDLE) | BIT(BACKOFF) | BIT(REFUSED) | BIT(PAUSED),
    [HAPLO_QUEUE_DELIVERING] = BIT(MARK_READY) | BIT(DELIVER_WAIT) |
                               BIT(BLOCKED) | BIT(LAST_DELIVERING) |
                               BIT(READY) | BIT(BACKOFF),
    [HAPLO_QUEUE_DELIVER_WAIT] = BIT(DELIVERING) | BIT(PAUSED),
    [HAPLO_QUEUE_MARK_READY] =
        BIT(MARKING) | BIT(BACKOFF) | BIT(LAST_MARK_READY),
    [HAPLO_QUEUE_MARKING] = BIT(IDLE) | BIT(READY) | BIT(MARK_WAIT) |
                            BIT(BACKOFF) | BIT(REFUSED) | BIT(LAST_MARKING),
    [HAPLO_QUEUE_MARK_WAIT] = BIT(MARK_READY) | BIT(LAST_MARK_WAIT),
    [HAPLO_QUEUE_BACKOFF] = BIT(READY) | BIT(PAUSED),
    [HAPLO_QUEUE_REFUSED] = BIT(READY) | BIT(PAUSED),
    [HAPLO_QUEUE_BLOCKED] = BIT(READY) | BIT(PAUSED),
    [HAPLO_QUEUE_PAUSED] = BIT(READY),
    [HAPLO_QUEUE_LAST_DELIVERING] =
        BIT(LAST_MARK_READY) | BIT(PAUSED) | BIT(DELIVERING),
    [HAPLO_QUEUE_LAST_MARK_READY] =
        BIT(LAST_MARKING) | BIT(PAUSED) | BIT(MARK_READY),
    [HAPLO_QUEUE_LAST_MARKING] =
        BIT(PAUSED) | BIT(LAST_MARK_WAIT) | BIT(MARKING),
    [HAPLO_QUEUE_LAST_MARK_WAIT] =
        BIT(LAST_MARK_READY) | BIT(PAUSED) | BIT(MARK_WAIT),
};

bool queue_may_follow(enum haplo_queue_state from, enum haplo_queue_state to)
{
    return (edges[from] & (1u << to)) != 0;
}

/* The only place that writes the state. due_ms is absolute; error is the
 * failure that causes the change, or 0. */
static void queue_change(struct queue *queue, enum haplo_queue_state to,
                         uint64_t due_ms, int error,
                         const struct step_context *context)
{
    enum haplo_queue_state from = queue->state;
    assert(queue_may_follow(from, to));
    queue->state = to;
    queue->due_ms = due_ms;
    if (context->trace_cb != NULL) {
        context->trace_cb(context->data, queue, from, error);
    }
}

static void queue_enter(struct queue *queue, enum haplo_queue_state to,
                        uint64_t due_ms, const struct step_context *context)
{
    queue_change(queue, to, due_ms, 0, context);
}

static void queue_enter_now(struct queue *queue, enum haplo_queue_state to,
                            const struct step_context *context)
{
    queue_enter(queue, to, HEAP_NEVER, context);
}

/* Enters a state because of queue->error. */
static void queue_enter_failed(struct queue *queue, enum haplo_queue_state to,
                               uint64_t due_ms,
                               const struct step_context *context)
{
    queue_change(queue, to, due_ms, queue->error, context);
}

/* The end of a wait that begins now. However long an application asks for, it
 * never becomes HEAP_NEVER. */
static uint64_t after_ms(const struct step_context *context, uint64_t wait_ms)
{
    uint64_t longest_ms = HEAP_NEVER - 1 - context->now_ms;
    return context->now_ms + (wait_ms < longest_ms ? wait_ms : longest_ms);
}

static uint64_t longer_ms(uint64_t a_ms, uint64_t b_ms)
{
    return a_ms > b_ms ? a_ms : b_ms;
}

static void queue_back_off(struct queue *queue, uint64_t least_ms,
                           const struct step_context *context)
{
    uint64_t wait_ms =
        backoff_ms(context->random, queue->policy->backoff_ms,
                   queue->policy->backoff_max_ms, queue->failures);
    queue_enter_failed(queue, HAPLO_QUEUE_BACKOFF,
                       after_ms(context, longer_ms(wait_ms, least_ms)),
                       context);
}

/* The key does not work. Waits long, because a server locks out an address
 * after too many failed logins. */
static void queue_refuse(struct queue *queue,
                         const struct step_context *context)
{
    uint64_t wait_ms = jitter_ms(context->random, queue->policy->refused_ms);
    queue_enter_failed(queue, HAPLO_QUEUE_REFUSED, after_ms(context, wait_ms),
                       context);
}

/* Nothing to fetch: waits for the interval, which grows by half each time the
 * queue is found empty. */
static void queue_rest(struct queue *queue, const struct step_context *context)
{
    queue_enter(
        queue, HAPLO_QUEUE_IDLE,
        after_ms(context, jitter_ms(context->random, queue->interval_now_ms)),
        context);
}

static void queue_forget_failures(struct queue *queue)
{
    queue->failures = 0;
    queue->error = 0;
}

/* How long the server asks us to wait (Retry-After), capped. */
static uint64_t least_wait_ms(const struct queue_event *event)
{
    return event->delay_ms < QUEUE_RETRY_AFTER_MAX_MS
               ? event->delay_ms
               : QUEUE_RETRY_AFTER_MAX_MS;
}

static void queue_stretch_interval(struct queue *queue)
{
    uint64_t max_ms =
        longer_ms(queue->policy->interval_max_ms, queue->policy->interval_ms);
    uint64_t longer = (uint64_t)queue->interval_now_ms * 3 / 2;
    queue->interval_now_ms = (uint32_t)(longer < max_ms ? longer : max_ms);
}

/* Saturates at the maximum. */
static void count_up(uint16_t *count)
{
    *count = (uint16_t)(*count + (*count < UINT16_MAX));
}

/* Event handlers */

static enum queue_action on_due(struct queue *queue,
                                const struct step_context *context)
{
    switch (queue->state) {
    case HAPLO_QUEUE_IDLE:
    case HAPLO_QUEUE_BACKOFF:
    case HAPLO_QUEUE_REFUSED:
        queue_enter_now(queue, HAPLO_QUEUE_READY, context);
        return QUEUE_ACTION_NONE;
    case HAPLO_QUEUE_DELIVER_WAIT:
        count_up(&queue->deliver_attempts);
        queue_enter_now(queue, HAPLO_QUEUE_DELIVERING, context);
        return QUEUE_ACTION_DELIVER;
    case HAPLO_QUEUE_MARK_WAIT:
    case HAPLO_QUEUE_LAST_MARK_WAIT:
        /* It now waits for its turn, for as long as the token may be posted. */
        queue_enter(queue,
                    queue->state == HAPLO_QUEUE_MARK_WAIT
                        ? HAPLO_QUEUE_MARK_READY
                        : HAPLO_QUEUE_LAST_MARK_READY,
                    queue->first_mark_ms + QUEUE_MARK_AGE_MAX_MS, context);
        return QUEUE_ACTION_NONE;
    case HAPLO_QUEUE_MARK_READY:
        count_up(&queue->failures);
        queue_back_off(queue, 0, context);
        return QUEUE_ACTION_DROP;
    case HAPLO_QUEUE_LAST_MARK_READY:
        count_up(&queue->failures);
        queue_enter_failed(queue, HAPLO_QUEUE_PAUSED, HEAP_NEVER, context);
        return QUEUE_ACTION_DROP;
    default:
        return QUEUE_ACTION_NONE;
    }
}

static enum queue_action on_started(struct queue *queue,
                                    const struct step_context *context)
{
    if (queue->state == HAPLO_QUEUE_READY) {
        queue_enter_now(queue, HAPLO_QUEUE_FETCHING, context);
        return QUEUE_ACTION_NONE;
    }
    assert(queue->state == HAPLO_QUEUE_MARK_READY ||
           queue->state == HAPLO_QUEUE_LAST_MARK_READY);
    if (queue->mark_attempts == 0) {
        queue->first_mark_ms = context->now_ms;
    }
    count_up(&queue->mark_attempts);
    queue_enter_now(queue,
                    queue->state == HAPLO_QUEUE_MARK_READY
                        ? HAPLO_QUEUE_MARKING
                        : HAPLO_QUEUE_LAST_MARKING,
                    context);
    return QUEUE_ACTION_NONE;
}

static enum queue_action on_fetched(struct queue *queue,
                                    const struct queue_event *event,
                                    const struct step_context *context)
{
    assert(queue->state == HAPLO_QUEUE_FETCHING);
    assert(event->count > 0);
    queue->batch_count = (uint32_t)event->count;
    queue->mark_attempts = 0;
    queue->deliver_attempts = 1;
    queue->interval_now_ms = (uint32_t)queue->policy->interval_ms;
    queue_enter_now(queue, HAPLO_QUEUE_DELIVERING, context);
    return QUEUE_ACTION_DELIVER;
}

static enum queue_action on_empty(struct queue *queue,
                                  const struct step_context *context)
{
    assert(queue->state == HAPLO_QUEUE_FETCHING);
    bool confirms = delivery_state_count(&queue->delivery, NULL) > 0;
    queue->unread_count = 0;
    queue->batch_count = 0;
    queue_forget_failures(queue);
    queue_rest(queue, context);
    queue_stretch_interval(queue);
    return confirms ? QUEUE_ACTION_CONFIRM : QUEUE_ACTION_DROP;
}

static enum queue_action on_fetch_failed(struct queue *queue,
                                         const struct queue_event *event,
                                         const struct step_context *context)
{
    count_up(&queue->failures);
    queue->error = event->error;
    if (event->error == HAPLO_EREFUSED) {
        queue_refuse(queue, context);
    } else {
        queue_back_off(queue, least_wait_ms(event), context);
    }
    return QUEUE_ACTION_DROP;
}

/* True if posting the same token again is safe, and may succeed. */
static bool queue_may_repeat_mark(const struct queue *queue,
                                  const struct queue_event *event,
                                  uint64_t retry_at_ms)
{
    return haplo_error_is_transient(event->error) &&
           queue->mark_attempts < queue->policy->mark_attempts_max &&
           retry_at_ms < queue->first_mark_ms + QUEUE_MARK_AGE_MAX_MS;
}

static enum queue_action on_mark_failed(struct queue *queue,
                                        const struct queue_event *event,
                                        const struct step_context *context)
{
    uint64_t retry_ms =
        longer_ms(backoff_ms(context->random, QUEUE_MARK_RETRY_MS,
                             QUEUE_MARK_RETRY_MAX_MS, queue->mark_attempts),
                  least_wait_ms(event));
    uint64_t retry_at_ms = context->now_ms + retry_ms;
    bool is_last = queue->state == HAPLO_QUEUE_LAST_MARKING;
    bool is_first_failure = queue->failures == 0;
    queue->error = event->error;
    if (queue_may_repeat_mark(queue, event, retry_at_ms)) {
        queue_enter_failed(
            queue, is_last ? HAPLO_QUEUE_LAST_MARK_WAIT : HAPLO_QUEUE_MARK_WAIT,
            retry_at_ms, context);
        return QUEUE_ACTION_NONE;
    }
    count_up(&queue->failures);
    if (is_last) {
        queue_enter_failed(queue, HAPLO_QUEUE_PAUSED, HEAP_NEVER, context);
    } else if (event->error == HAPLO_EREFUSED && is_first_failure) {
        /* A refused POST does not give the reason, so fetch once to learn it.
         */
        queue_enter_failed(queue, HAPLO_QUEUE_READY, HEAP_NEVER, context);
    } else if (event->error == HAPLO_EREFUSED) {
        /* That fetch gave no reason, perhaps because a cache answered it. */
        queue_refuse(queue, context);
    } else {
        queue_back_off(queue, least_wait_ms(event), context);
    }
    return QUEUE_ACTION_DROP;
}

static enum queue_action on_failed(struct queue *queue,
                                   const struct queue_event *event,
                                   const struct step_context *context)
{
    assert(queue_is_in_flight(queue));
    return queue->state == HAPLO_QUEUE_FETCHING
               ? on_fetch_failed(queue, event, context)
               : on_mark_failed(queue, event, context);
}

static enum queue_action on_accepted(struct queue *queue,
                                     const struct step_context *context)
{
    assert(queue->state == HAPLO_QUEUE_DELIVERING ||
           queue->state == HAPLO_QUEUE_LAST_DELIVERING);
    queue_enter_now(queue,
                    queue->state == HAPLO_QUEUE_DELIVERING
                        ? HAPLO_QUEUE_MARK_READY
                        : HAPLO_QUEUE_LAST_MARK_READY,
                    context);
    return QUEUE_ACTION_NONE;
}

/* Fetches again at once, but only the first time: it may not help. */
static enum queue_action on_stale(struct queue *queue,
                                  const struct step_context *context)
{
    bool is_first = queue->error != HAPLO_ESTALE;
    queue->error = HAPLO_ESTALE;
    count_up(&queue->failures);
    if (queue->state == HAPLO_QUEUE_LAST_DELIVERING) {
        queue_enter_failed(queue, HAPLO_QUEUE_PAUSED, HEAP_NEVER, context);
    } else if (is_first) {
        queue_enter_failed(queue, HAPLO_QUEUE_READY, HEAP_NEVER, context);
    } else {
        queue_back_off(queue, 0, context);
    }
    return QUEUE_ACTION_DROP;
}

static enum queue_action on_dropped(struct queue *queue,
                                    const struct queue_event *event,
                                    const struct step_context *context)
{
    queue->error = event->error;
    count_up(&queue->failures);
    if (queue->state == HAPLO_QUEUE_LAST_DELIVERING) {
        queue_enter_failed(queue, HAPLO_QUEUE_PAUSED, HEAP_NEVER, context);
    } else {
        queue_back_off(queue, 0, context);
    }
    return QUEUE_ACTION_DROP;
}

static enum queue_action on_rejected(struct queue *queue,
                                     const struct queue_event *event,
                                     const struct step_context *context)
{
    queue->error = event->error;
    count_up(&queue->failures);
    queue_enter_failed(queue,
                       queue->state == HAPLO_QUEUE_DELIVERING
                           ? HAPLO_QUEUE_BLOCKED
                           : HAPLO_QUEUE_PAUSED,
                       HEAP_NEVER, context);
    return QUEUE_ACTION_DROP;
}

static enum queue_action on_retry(struct queue *queue,
                                  const struct queue_event *event,
                                  const struct step_context *context)
{
    queue->error = HAPLO_EDELIVERY;
    if (queue->state == HAPLO_QUEUE_LAST_DELIVERING) {
        queue_enter_failed(queue, HAPLO_QUEUE_PAUSED, HEAP_NEVER, context);
        return QUEUE_ACTION_DROP;
    }
    uint64_t wait_ms =
        event->delay_ms != 0
            ? event->delay_ms
            : backoff_ms(context->random, queue->policy->backoff_ms,
                         queue->policy->backoff_max_ms,
                         queue->deliver_attempts);
    queue_enter_failed(queue, HAPLO_QUEUE_DELIVER_WAIT,
                       after_ms(context, wait_ms), context);
    return QUEUE_ACTION_NONE;
}

/* True if a first mark marked nothing although messages are unread: the same
 * batch would arrive again and again. A repeated mark may count 0. */
static bool mark_had_no_effect(const struct queue *queue,
                               const struct queue_event *event)
{
    return queue->mark_attempts == 1 && !event->is_repeated &&
           event->count == 0 && event->unread_count != 0;
}

static enum queue_action on_marked(struct queue *queue,
                                   const struct queue_event *event,
                                   const struct step_context *context)
{
    bool is_last = queue->state == HAPLO_QUEUE_LAST_MARKING;
    assert(is_last || queue->state == HAPLO_QUEUE_MARKING);
    queue->unread_count = event->unread_count < INT32_MAX
                              ? (int32_t)event->unread_count
                              : INT32_MAX;
    if (mark_had_no_effect(queue, event)) {
        count_up(&queue->failures);
        queue->error = HAPLO_ENOPROGRESS;
        if (is_last) {
            queue_enter_failed(queue, HAPLO_QUEUE_PAUSED, HEAP_NEVER, context);
        } else {
            queue_back_off(queue, 0, context);
        }
        return QUEUE_ACTION_DROP;
    }
    queue_forget_failures(queue);
    if (is_last) {
        queue_enter_now(queue, HAPLO_QUEUE_PAUSED, context);
    } else if (event->unread_count == 0) {
        queue_rest(queue, context);
    } else {
        queue_enter_now(queue, HAPLO_QUEUE_READY, context);
    }
    return QUEUE_ACTION_CONFIRM;
}

static enum queue_action on_pause(struct queue *queue,
                                  const struct step_context *context)
{
    switch (queue->state) {
    case HAPLO_QUEUE_DELIVERING:
        queue_enter_now(queue, HAPLO_QUEUE_LAST_DELIVERING, context);
        return QUEUE_ACTION_NONE;
    case HAPLO_QUEUE_MARK_READY:
        queue_enter(queue, HAPLO_QUEUE_LAST_MARK_READY, queue->due_ms, context);
        return QUEUE_ACTION_NONE;
    case HAPLO_QUEUE_MARKING:
        queue_enter_now(queue, HAPLO_QUEUE_LAST_MARKING, context);
        return QUEUE_ACTION_NONE;
    case HAPLO_QUEUE_MARK_WAIT:
        queue_enter(queue, HAPLO_QUEUE_LAST_MARK_WAIT, queue->due_ms, context);
        return QUEUE_ACTION_NONE;
    case HAPLO_QUEUE_DELIVER_WAIT:
        queue_enter_now(queue, HAPLO_QUEUE_PAUSED, context);
        return QUEUE_ACTION_DROP;
    case HAPLO_QUEUE_FETCHING:
        queue_enter_now(queue, HAPLO_QUEUE_PAUSED, context);
        return QUEUE_ACTION_CANCEL;
    case HAPLO_QUEUE_IDLE:
    case HAPLO_QUEUE_READY:
    case HAPLO_QUEUE_BACKOFF:
    case HAPLO_QUEUE_REFUSED:
    case HAPLO_QUEUE_BLOCKED:
        queue_enter_now(queue, HAPLO_QUEUE_PAUSED, context);
        return QUEUE_ACTION_NONE;
    default:
        return QUEUE_ACTION_NONE;
    }
}

static enum queue_action on_resume(struct queue *queue,
                                   const struct step_context *context)
{
    switch (queue->state) {
    case HAPLO_QUEUE_PAUSED:
        queue_enter_now(queue, HAPLO_QUEUE_READY, context);
        break;
    case HAPLO_QUEUE_LAST_DELIVERING:
        queue_enter_now(queue, HAPLO_QUEUE_DELIVERING, context);
        break;
    case HAPLO_QUEUE_LAST_MARK_READY:
        queue_enter(queue, HAPLO_QUEUE_MARK_READY, queue->due_ms, context);
        break;
    case HAPLO_QUEUE_LAST_MARKING:
        queue_enter_now(queue, HAPLO_QUEUE_MARKING, context);
        break;
    case HAPLO_QUEUE_LAST_MARK_WAIT:
        queue_enter(queue, HAPLO_QUEUE_MARK_WAIT, queue->due_ms, context);
        break;
    default:
        break;
    }
    return QUEUE_ACTION_NONE;
}

/* What is marked already, or will be by the mark in flight, is not known. */
static enum queue_action on_give_up(struct queue *queue,
                                    const struct step_context *context)
{
    bool is_marking = queue->state == HAPLO_QUEUE_LAST_MARKING;
    if (!is_marking && queue->state != HAPLO_QUEUE_LAST_MARK_READY &&
        queue->state != HAPLO_QUEUE_LAST_MARK_WAIT) {
        return QUEUE_ACTION_NONE;
    }
    queue_enter_now(queue, HAPLO_QUEUE_PAUSED, context);
    return is_marking ? QUEUE_ACTION_CANCEL : QUEUE_ACTION_DROP;
}

static enum queue_action on_poll_now(struct queue *queue,
                                     const struct step_context *context)
{
    switch (queue->state) {
    case HAPLO_QUEUE_IDLE:
    case HAPLO_QUEUE_BACKOFF:
    case HAPLO_QUEUE_REFUSED:
    case HAPLO_QUEUE_BLOCKED:
        queue_enter_now(queue, HAPLO_QUEUE_READY, context);
        break;
    default:
        break;
    }
    return QUEUE_ACTION_NONE;
}

static enum queue_action on_new_key(struct queue *queue,
                                    const struct step_context *context)
{
    queue->key_proven = false;
    if (queue->state == HAPLO_QUEUE_REFUSED) {
        queue_enter_now(queue, HAPLO_QUEUE_READY, context);
    }
    return QUEUE_ACTION_NONE;
}

/* Public */

void queue_init(struct queue *queue, const struct queue_policy *policy,
                struct server *server, uint64_t due_ms)
{
    *queue = (struct queue){
        .policy = policy,
        .server = server,
        .state = HAPLO_QUEUE_IDLE,
        .due_ms = due_ms,
        .interval_now_ms = (uint32_t)policy->interval_ms,
        .unread_count = -1,
    };
}

enum queue_action queue_step(struct queue *queue,
                             const struct queue_event *event,
                             const struct step_context *context)
{
    switch (event->kind) {
    case QUEUE_EVENT_DUE:
        return on_due(queue, context);
    case QUEUE_EVENT_STARTED:
        return on_started(queue, context);
    case QUEUE_EVENT_FETCHED:
        return on_fetched(queue, event, context);
    case QUEUE_EVENT_EMPTY:
        return on_empty(queue, context);
    case QUEUE_EVENT_FAILED:
        return on_failed(queue, event, context);
    case QUEUE_EVENT_ACCEPTED:
        return on_accepted(queue, context);
    case QUEUE_EVENT_RETRY:
        return on_retry(queue, event, context);
    case QUEUE_EVENT_STALE:
        return on_stale(queue, context);
    case QUEUE_EVENT_DROPPED:
        return on_dropped(queue, event, context);
    case QUEUE_EVENT_REJECTED:
        return on_rejected(queue, event, context);
    case QUEUE_EVENT_MARKED:
        return on_marked(queue, event, context);
    case QUEUE_EVENT_PAUSE:
        return on_pause(queue, context);
    case QUEUE_EVENT_RESUME:
        return on_resume(queue, context);
    case QUEUE_EVENT_GIVE_UP:
        return on_give_up(queue, context);
    case QUEUE_EVENT_POLL_NOW:
        return on_poll_now(queue, context);
    case QUEUE_EVENT_NEW_KEY:
        return on_new_key(queue, context);
    }
    assert(!"unknown kind of event");
    return QUEUE_ACTION_NONE;
}

bool queue_is_in_flight(const struct queue *queue)
{
    return queue->state == HAPLO_QUEUE_FETCHING ||
           queue->state == HAPLO_QUEUE_MARKING ||
           queue->state == HAPLO_QUEUE_LAST_MARKING;
}

bool queue_has_batch(const struct queue *queue)
{
    switch (queue->state) {
    case HAPLO_QUEUE_DELIVERING:
    case HAPLO_QUEUE_DELIVER_WAIT:
    case HAPLO_QUEUE_MARK_READY:
    case HAPLO_QUEUE_MARKING:
    case HAPLO_QUEUE_MARK_WAIT:
    case HAPLO_QUEUE_LAST_DELIVERING:
    case HAPLO_QUEUE_LAST_MARK_READY:
    case HAPLO_QUEUE_LAST_MARKING:
    case HAPLO_QUEUE_LAST_MARK_WAIT:
        return true;
    default:
        return false;
    }
}
