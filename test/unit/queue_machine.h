/*
 * queue_machine.h - the state machine of one queue, alone, with a clock that
 * the test moves; for golden traces in virtual time. Every wait's length is
 * checked where it begins.
 */
#ifndef TEST_QUEUE_MACHINE_H
#define TEST_QUEUE_MACHINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "state_scene.h"
#include "trace.h"

#define STATES (HAPLO_QUEUE_LAST_MARK_WAIT + 1)
#define SECOND_MS 1000
#define MINUTE_MS 60000

/* One queue, its clock and what it did. */
struct machine {
    struct queue queue;
    struct random random;
    uint64_t now_ms;
    struct trace trace;
    unsigned edges_seen[STATES][STATES];
};

static const struct queue_policy default_policy = {
    .interval_ms = MINUTE_MS,
    .interval_max_ms = 0,
    .backoff_ms = SECOND_MS,
    .backoff_max_ms = 5 * MINUTE_MS,
    .refused_ms = 15 * MINUTE_MS,
    .mark_attempts_max = 4,
};

static inline void on_change(void *data, const struct queue *queue,
                             enum haplo_queue_state from, int error)
{
    struct machine *m = data;
    m->edges_seen[from][queue->state]++;
    trace_queue(&m->trace, m->now_ms, "a/q", queue, from, error);
}

static inline void start_with(struct machine *m,
                              const struct queue_policy *policy)
{
    memset(m, 0, sizeof *m);
    m->random.state = 1;
    queue_init(&m->queue, policy, NULL, 0);
}

static inline void start(struct machine *m)
{
    start_with(m, &default_policy);
}

static inline enum queue_action step(struct machine *m,
                                     struct queue_event event)
{
    const struct step_context context = {m->now_ms, &m->random, on_change, m};
    return queue_step(&m->queue, &event, &context);
}

static inline enum queue_action say(struct machine *m,
                                    enum queue_event_kind kind)
{
    return step(m, (struct queue_event){.kind = kind});
}

static inline enum queue_action say_fetched(struct machine *m, uint64_t count)
{
    return step(
        m, (struct queue_event){.kind = QUEUE_EVENT_FETCHED, .count = count});
}

static inline enum queue_action say_failed(struct machine *m, int error,
                                           uint64_t delay_ms)
{
    return step(m, (struct queue_event){.kind = QUEUE_EVENT_FAILED,
                                        .error = error,
                                        .delay_ms = delay_ms});
}

static inline enum queue_action say_retry(struct machine *m, uint64_t delay_ms)
{
    return step(m, (struct queue_event){.kind = QUEUE_EVENT_RETRY,
                                        .delay_ms = delay_ms});
}

static inline enum queue_action say_rejected(struct machine *m)
{
    return step(m, (struct queue_event){.kind = QUEUE_EVENT_REJECTED,
                                        .error = HAPLO_EREJECTED});
}

static inline enum queue_action say_marked(struct machine *m, uint64_t count,
                                           int64_t unread_count)
{
    return step(m, (struct queue_event){.kind = QUEUE_EVENT_MARKED,
                                        .count = count,
                                        .unread_count = unread_count});
}

/* The wait that has just begun; HEAP_NEVER if there is none. */
static inline uint64_t wait_ms(const struct machine *m)
{
    return m->queue.due_ms == HEAP_NEVER ? HEAP_NEVER
                                         : m->queue.due_ms - m->now_ms;
}

/* Lets the wait pass. */
static inline enum queue_action wait_over(struct machine *m)
{
    assert_true(m->queue.due_ms != HEAP_NEVER);
    m->now_ms = m->queue.due_ms;
    return say(m, QUEUE_EVENT_DUE);
}

static inline void assert_state(const struct machine *m,
                                enum haplo_queue_state state)
{
    assert_string_equal(haplo_queue_state_name(m->queue.state),
                        haplo_queue_state_name(state));
}

static inline void assert_trace(struct machine *m, const char *expected)
{
    assert_string_equal(m->trace.text, expected);
    trace_clear(&m->trace);
}

/* From a fresh queue to each state, by the shortest way */

static inline void go_fetching(struct machine *m)
{
    if (m->queue.state != HAPLO_QUEUE_READY) {
        wait_over(m);
    }
    say(m, QUEUE_EVENT_STARTED);
    assert_state(m, HAPLO_QUEUE_FETCHING);
}

static inline void go_delivering(struct machine *m)
{
    go_fetching(m);
    assert_int_equal(say_fetched(m, 16), QUEUE_ACTION_DELIVER);
}

static inline void go_mark_ready(struct machine *m)
{
    go_delivering(m);
    assert_int_equal(say(m, QUEUE_EVENT_ACCEPTED), QUEUE_ACTION_NONE);
}

static inline void go_marking(struct machine *m)
{
    go_mark_ready(m);
    say(m, QUEUE_EVENT_STARTED);
    assert_state(m, HAPLO_QUEUE_MARKING);
}

static inline void go_mark_wait(struct machine *m)
{
    go_marking(m);
    assert_int_equal(say_failed(m, HAPLO_ERESET, 0), QUEUE_ACTION_NONE);
    assert_state(m, HAPLO_QUEUE_MARK_WAIT);
}

static inline void go(struct machine *m, enum haplo_queue_state state)
{
    start(m);
    switch (state) {
    case HAPLO_QUEUE_IDLE:
        break;
    case HAPLO_QUEUE_READY:
        wait_over(m);
        break;
    case HAPLO_QUEUE_FETCHING:
        go_fetching(m);
        break;
    case HAPLO_QUEUE_DELIVERING:
    case HAPLO_QUEUE_LAST_DELIVERING:
        go_delivering(m);
        break;
    case HAPLO_QUEUE_DELIVER_WAIT:
        go_delivering(m);
        say_retry(m, 500);
        break;
    case HAPLO_QUEUE_MARK_READY:
    case HAPLO_QUEUE_LAST_MARK_READY:
        go_mark_ready(m);
        break;
    case HAPLO_QUEUE_MARKING:
    case HAPLO_QUEUE_LAST_MARKING:
        go_marking(m);
        break;
    case HAPLO_QUEUE_MARK_WAIT:
    case HAPLO_QUEUE_LAST_MARK_WAIT:
        go_mark_wait(m);
        break;
    case HAPLO_QUEUE_BACKOFF:
        go_fetching(m);
        say_failed(m, HAPLO_ECONNECT, 0);
        break;
    case HAPLO_QUEUE_REFUSED:
        go_fetching(m);
        say_failed(m, HAPLO_EREFUSED, 0);
        break;
    case HAPLO_QUEUE_BLOCKED:
        go_delivering(m);
        say_rejected(m);
        break;
    case HAPLO_QUEUE_PAUSED:
        break;
    }
    if (state >= HAPLO_QUEUE_PAUSED) {
        say(m, QUEUE_EVENT_PAUSE);
    }
    assert_state(m, state);
    trace_clear(&m->trace);
}

/* A message is stored and not known to be confirmed; until
 * delivery_state_free(). */
static inline void know_a_message(struct machine *m)
{
    struct batch *batch = fetched(&m->queue.delivery, "A");
    assert_int_equal(delivery_state_adopt(&m->queue.delivery, state_of(batch)),
                     0);
    batch_free(batch);
}

#endif
