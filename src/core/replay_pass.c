#include "core/replay_pass.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "core/heap.h"

void replay_pass_init(struct replay_pass *pass,
                      const struct breaker_policy *policy, uint64_t cursor,
                      uint64_t last, bool is_of_letters, uint64_t seed)
{
    *pass = (struct replay_pass){
        .policy = *policy,
        .random.state = seed,
        .next = cursor,
        .last = last,
        .has_no_doubts = is_of_letters,
    };
    pass->policy.failures_max = 1;
    breaker_init(&pass->breaker, &pass->policy);
    STAILQ_INIT(&pass->doubts);
    progress_init(&pass->done);
}

static void doubt_remove(struct replay_pass *pass, struct replay_doubt *doubt)
{
    STAILQ_REMOVE(&pass->doubts, doubt, replay_doubt, link);
    alloc_free(doubt);
    if (STAILQ_EMPTY(&pass->doubts)) {
        pass->doubt_since_ms = 0;
    }
}

void replay_pass_free(struct replay_pass *pass)
{
    while (!STAILQ_EMPTY(&pass->doubts)) {
        doubt_remove(pass, STAILQ_FIRST(&pass->doubts));
    }
    progress_free(&pass->done);
}

bool replay_pass_may_send(const struct replay_pass *pass)
{
    return !pass->is_lost && breaker_admits(&pass->breaker, 0);
}

bool replay_pass_is_over(const struct replay_pass *pass)
{
    return pass->next >= pass->last && STAILQ_EMPTY(&pass->doubts);
}

uint64_t replay_pass_cursor(const struct replay_pass *pass)
{
    const struct replay_doubt *first = STAILQ_FIRST(&pass->doubts);
    return first == NULL || first->arrival > pass->next ? pass->next
                                                        : first->arrival - 1;
}

static void tell_breaker(struct replay_pass *pass, struct breaker_event event,
                         uint64_t now_ms)
{
    (void)breaker_step(&pass->breaker, &event, now_ms, &pass->random);
}

/* Sends this message again, or the first one in doubt if that is earlier. */
static void go_back(struct replay_pass *pass, uint64_t arrival)
{
    const struct replay_doubt *first = STAILQ_FIRST(&pass->doubts);
    if (first != NULL && first->arrival < arrival) {
        arrival = first->arrival;
    }
    pass->next = arrival - 1;
}

/* At the end, those in doubt are tried again after a wait. */
static void note_end(struct replay_pass *pass, uint64_t now_ms)
{
    if (pass->next >= pass->last && !STAILQ_EMPTY(&pass->doubts)) {
        go_back(pass, pass->last);
        tell_breaker(pass, (struct breaker_event){.kind = BREAKER_EVENT_FAILED},
                     now_ms);
    }
}

void replay_pass_skip(struct replay_pass *pass, uint64_t to, uint64_t now_ms)
{
    assert(to >= pass->next);
    pass->next = to;
    note_end(pass, now_ms);
}

/* Refused for good. */
static void bury(struct replay_pass *pass, uint64_t queue_id, uint64_t arrival,
                 const char *why, unsigned tries)
{
    if (!progress_bury(&pass->done, queue_id, arrival, why, tries)) {
        pass->is_lost = true;
    }
    pass->refused_count++;
}

void replay_pass_delivered(struct replay_pass *pass, uint64_t queue_id,
                           uint64_t first, uint32_t count, uint64_t now_ms)
{
    uint64_t last = first + count - 1;
    struct replay_doubt *doubt;
    assert(first > pass->next);
    while ((doubt = STAILQ_FIRST(&pass->doubts)) != NULL &&
           doubt->arrival <= last) {
        if (doubt->arrival < first) {
            bury(pass, doubt->queue_id, doubt->arrival, doubt->why,
                 doubt->tries);
        }
        doubt_remove(pass, doubt);
    }
    if (!progress_settle(&pass->done, queue_id, first, count)) {
        pass->is_lost = true;
    }
    pass->delivered_count += count;
    pass->next = last;
    tell_breaker(pass, (struct breaker_event){.kind = BREAKER_EVENT_ACCEPTED},
                 now_ms);
    note_end(pass, now_ms);
}

static struct replay_doubt *doubt_find(struct replay_pass *pass,
                                       uint64_t arrival)
{
    struct replay_doubt *doubt;
    STAILQ_FOREACH (doubt, &pass->doubts, link) {
        if (doubt->arrival == arrival) {
            return doubt;
        }
    }
    return NULL;
}

/* Keeps the order of arrival: none before it is tried after it. */
static struct replay_doubt *doubt_add(struct replay_pass *pass,
                                      uint64_t queue_id, uint64_t arrival,
                                      const char *why, uint64_t number)
{
    size_t size = strlen(why) + 1;
    struct replay_doubt *doubt = alloc_bytes(sizeof *doubt + size);
    struct replay_doubt *before = NULL;
    struct replay_doubt *other;
    if (doubt == NULL) {
        pass->is_lost = true;
        return NULL;
    }
    doubt->queue_id = queue_id;
    doubt->arrival = arrival;
    doubt->number = number;
    doubt->tries = pass->tried_arrival == arrival ? pass->tries : 0;
    memcpy(doubt->why, why, size);
    STAILQ_FOREACH (other, &pass->doubts, link) {
        before = other->arrival < arrival ? other : before;
    }
    if (before == NULL) {
        STAILQ_INSERT_HEAD(&pass->doubts, doubt, link);
    } else {
        STAILQ_INSERT_AFTER(&pass->doubts, before, doubt, link);
    }
    return doubt;
}

/* True if this message was already refused in this run. */
static bool note_refusal(struct replay_pass *pass, uint64_t arrival)
{
    bool is_same_run = pass->refused_run == pass->breaker.run;
    bool is_repeat = is_same_run && arrival <= pass->refused_to;
    pass->refused_run = pass->breaker.run;
    pass->refused_to = is_repeat ? pass->refused_to : arrival;
    return is_repeat;
}

/* The destination failed: what it accepted before says nothing about what it
 * refuses from now on. */
static void proofs_end(struct replay_pass *pass, uint64_t number)
{
    struct replay_doubt *doubt;
    STAILQ_FOREACH (doubt, &pass->doubts, link) {
        doubt->number = number;
    }
}

/* True if it was refused before, and the destination has been fine since; or
 * after a day. */
static bool is_for_good(const struct replay_pass *pass,
                        const struct replay_doubt *doubt, uint64_t now_ms)
{
    return doubt->number <= pass->proven_to ||
           now_ms - pass->doubt_since_ms >= REPLAY_PASS_DOUBT_MS;
}

void replay_pass_refused(struct replay_pass *pass, uint64_t queue_id,
                         uint64_t arrival, const char *why, uint64_t number,
                         uint64_t now_ms)
{
    assert(arrival > pass->next);
    if (pass->has_no_doubts) {
        bury(pass, queue_id, arrival, why, 1);
        pass->next = arrival;
        return;
    }
    struct replay_doubt *doubt = doubt_find(pass, arrival);
    bool is_repeat = note_refusal(pass, arrival);
    if (doubt == NULL) {
        doubt = doubt_add(pass, queue_id, arrival, why, number);
    }
    if (doubt == NULL) {
        return;
    }
    doubt->tries++;
    if (pass->doubt_since_ms == 0) {
        pass->doubt_since_ms = now_ms;
    }
    tell_breaker(pass,
                 (struct breaker_event){.kind = BREAKER_EVENT_REFUSED,
                                        .is_repeat = is_repeat},
                 now_ms);
    if (pass->breaker.state == BREAKER_BROKEN) {
        proofs_end(pass, number);
        go_back(pass, arrival);
        return;
    }
    if (is_for_good(pass, doubt, now_ms)) {
        bury(pass, queue_id, arrival, why, doubt->tries);
        doubt_remove(pass, doubt);
    } else {
        doubt->number = number;
    }
    pass->next = arrival;
    note_end(pass, now_ms);
}

void replay_pass_retry(struct replay_pass *pass, uint64_t arrival,
                       uint64_t delay_ms, uint64_t number, uint64_t now_ms)
{
    assert(arrival > pass->next);
    proofs_end(pass, number);
    if (pass->tried_arrival != arrival) {
        pass->tried_arrival = arrival;
        pass->tries = 0;
    }
    pass->tries++;
    tell_breaker(pass,
                 (struct breaker_event){.kind = BREAKER_EVENT_FAILED,
                                        .delay_ms = delay_ms},
                 now_ms);
}

void replay_pass_proven(struct replay_pass *pass, uint64_t number)
{
    pass->proven_to = number;
}

uint64_t replay_pass_due_ms(const struct replay_pass *pass)
{
    return pass->breaker.due_ms;
}

void replay_pass_due(struct replay_pass *pass, uint64_t now_ms)
{
    tell_breaker(pass, (struct breaker_event){.kind = BREAKER_EVENT_DUE},
                 now_ms);
}
