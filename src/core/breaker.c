#include "core/breaker.h"

#include <assert.h>

#include "core/heap.h"

void breaker_init(struct breaker *breaker, const struct breaker_policy *policy)
{
    *breaker = (struct breaker){
        .policy = policy,
        .state = BREAKER_UP,
        .due_ms = HEAP_NEVER,
        .run = 1,
    };
}

bool breaker_admits(const struct breaker *breaker, unsigned in_flight)
{
    return breaker->state == BREAKER_UP ||
           (breaker->state == BREAKER_PROBING && in_flight == 0);
}

/* Outcomes of parcels still in flight do not extend the wait. */
static enum breaker_action breaker_open(struct breaker *breaker,
                                        uint64_t least_ms, uint64_t now_ms,
                                        struct random *random)
{
    bool was_open = breaker->state == BREAKER_BROKEN;
    if (!was_open) {
        breaker->state = BREAKER_BROKEN;
        breaker->times_broken++;
        breaker->due_ms =
            now_ms + backoff_ms(random, breaker->policy->backoff_ms,
                                breaker->policy->backoff_max_ms,
                                breaker->times_broken);
    }
    if (breaker->due_ms < now_ms + least_ms) {
        breaker->due_ms = now_ms + least_ms;
    }
    return was_open ? BREAKER_ACTION_NONE : BREAKER_ACTION_OPENED;
}

static enum breaker_action breaker_close(struct breaker *breaker)
{
    bool was_up = breaker->state == BREAKER_UP;
    breaker->state = BREAKER_UP;
    breaker->is_refused = false;
    breaker->due_ms = HEAP_NEVER;
    return was_up ? BREAKER_ACTION_NONE : BREAKER_ACTION_CLOSED;
}

static enum breaker_action on_accepted(struct breaker *breaker)
{
    breaker->run++;
    breaker->failures = 0;
    breaker->refusals = 0;
    breaker->times_broken = 0;
    return breaker_close(breaker);
}

static enum breaker_action on_failed(struct breaker *breaker,
                                     const struct breaker_event *event,
                                     uint64_t now_ms, struct random *random)
{
    breaker->failures++;
    if (breaker->state == BREAKER_UP &&
        breaker->failures < breaker->policy->failures_max) {
        return BREAKER_ACTION_NONE;
    }
    return breaker_open(breaker, event->delay_ms, now_ms, random);
}

/* A refusal shows that the destination can be reached. */
static enum breaker_action on_refused(struct breaker *breaker,
                                      const struct breaker_event *event,
                                      uint64_t now_ms, struct random *random)
{
    breaker->refusals += event->is_repeat ? 0 : 1;
    if (breaker->refusals >= breaker->policy->refusals_max) {
        breaker->is_refused = true;
        return breaker_open(breaker, 0, now_ms, random);
    }
    if (breaker->state == BREAKER_PROBING && !breaker->is_refused) {
        breaker->failures = 0;
        return breaker_close(breaker);
    }
    return BREAKER_ACTION_NONE;
}

static void on_due(struct breaker *breaker, uint64_t now_ms)
{
    if (breaker->state != BREAKER_BROKEN || now_ms < breaker->due_ms) {
        return;
    }
    breaker->state = BREAKER_PROBING;
    breaker->due_ms = HEAP_NEVER;
    if (breaker->is_refused) {
        breaker->run++;
        breaker->refusals = 0;
    }
}

enum breaker_action breaker_step(struct breaker *breaker,
                                 const struct breaker_event *event,
                                 uint64_t now_ms, struct random *random)
{
    switch (event->kind) {
    case BREAKER_EVENT_ACCEPTED:
        return on_accepted(breaker);
    case BREAKER_EVENT_FAILED:
        return on_failed(breaker, event, now_ms, random);
    case BREAKER_EVENT_REFUSED:
        return on_refused(breaker, event, now_ms, random);
    case BREAKER_EVENT_BROKEN:
        return breaker_open(breaker, event->delay_ms, now_ms, random);
    case BREAKER_EVENT_DUE:
        on_due(breaker, now_ms);
        return BREAKER_ACTION_NONE;
    }
    assert(!"unknown kind of event");
    return BREAKER_ACTION_NONE;
}
