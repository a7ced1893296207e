/* A queue whose batch is with the application; pauses, and poll-now. */
#include "queue_machine.h"

/* Deliveries */

/* While a database is down the batch is kept; the server is not asked again
 * for it. */
static void retried_delivery_gets_the_same_batch_again(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    go_delivering(&m);
    trace_clear(&m.trace);
    assert_int_equal(say_retry(&m, 2500), QUEUE_ACTION_NONE);
    assert_int_equal(wait_ms(&m), 2500);
    assert_int_equal(wait_over(&m), QUEUE_ACTION_DELIVER);
    say(&m, QUEUE_EVENT_ACCEPTED);
    assert_trace(&m, "[   0] a/q: DELIVERING -> DELIVER_WAIT EDELIVERY\n"
                     "[2500] a/q: DELIVER_WAIT -> DELIVERING 16\n"
                     "[2500] a/q: DELIVERING -> MARK_READY 16\n");
}

/* Without a time of its own, the application waits as the queue does. */
static void retried_delivery_without_a_delay_backs_off(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    go_delivering(&m);
    for (unsigned attempt = 1; attempt <= 12; attempt++) {
        assert_int_equal(say_retry(&m, 0), QUEUE_ACTION_NONE);
        assert_in_range(wait_ms(&m), 125,
                        backoff_ceiling_ms(1000, 300000, attempt));
        assert_int_equal(wait_over(&m), QUEUE_ACTION_DELIVER);
    }
}

/* "Never again" said as a time must not wrap to "at once". */
static void endless_delay_of_a_delivery_stays_a_wait(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    m.now_ms = 5000;
    go_delivering(&m);
    say_retry(&m, UINT64_MAX);
    assert_state(&m, HAPLO_QUEUE_DELIVER_WAIT);
    assert_true(m.queue.due_ms > m.now_ms + 1000 * (uint64_t)MINUTE_MS);
    assert_true(m.queue.due_ms != HEAP_NEVER);
}

/* A rejected batch is not marked, and nothing happens until somebody polls. */
static void rejected_batch_blocks_until_somebody_polls(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    go_delivering(&m);
    assert_int_equal(say_rejected(&m), QUEUE_ACTION_DROP);
    assert_state(&m, HAPLO_QUEUE_BLOCKED);
    assert_int_equal(wait_ms(&m), HEAP_NEVER);
    say(&m, QUEUE_EVENT_POLL_NOW);
    assert_state(&m, HAPLO_QUEUE_READY);
}

static enum queue_action say_dropped(struct machine *m)
{
    return step(m, (struct queue_event){.kind = QUEUE_EVENT_DROPPED,
                                        .error = HAPLO_EDELIVERY});
}

/* Who can neither store a batch nor keep it gets it again, but not at once: it
 * would be fetched in vain all the time. */
static void dropped_batch_is_fetched_again_after_the_back_off(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    go_delivering(&m);
    assert_int_equal(say_dropped(&m), QUEUE_ACTION_DROP);
    assert_state(&m, HAPLO_QUEUE_BACKOFF);
    assert_int_equal(m.queue.error, HAPLO_EDELIVERY);
    assert_true(wait_ms(&m) > 0);
    go(&m, HAPLO_QUEUE_LAST_DELIVERING);
    assert_int_equal(say_dropped(&m), QUEUE_ACTION_DROP);
    assert_state(&m, HAPLO_QUEUE_PAUSED);
}

/* Another process has stored this queue, say. What it stored may be marked by
 * now, so the batch is useless, but a new fetch can be evaluated against it. */
static void stale_batch_is_dropped_and_fetched_again_at_once(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    go_delivering(&m);
    trace_clear(&m.trace);
    assert_int_equal(say(&m, QUEUE_EVENT_STALE), QUEUE_ACTION_DROP);
    assert_int_equal(wait_ms(&m), HEAP_NEVER);
    assert_trace(&m, "[   0] a/q: DELIVERING -> READY ESTALE\n");
}

/* Two processes on one queue do this to each other for as long as both run:
 * that must not become a storm of fetches. */
static void batches_that_are_stale_again_and_again_back_off(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    go_delivering(&m);
    say(&m, QUEUE_EVENT_STALE);
    for (unsigned failures = 2; failures <= 12; failures++) {
        go_delivering(&m);
        assert_int_equal(say(&m, QUEUE_EVENT_STALE), QUEUE_ACTION_DROP);
        assert_state(&m, HAPLO_QUEUE_BACKOFF);
        assert_in_range(wait_ms(&m), 125,
                        backoff_ceiling_ms(1000, 300000, failures));
    }
    go_marking(&m);
    say_marked(&m, 16, 5);
    go_delivering(&m);
    say(&m, QUEUE_EVENT_STALE);
    assert_state(&m, HAPLO_QUEUE_READY);
}

/* An application that can neither store a batch nor keep it lets it go: it is
 * fetched again, but not at once, as the reason is there still. */
static void dropped_batch_is_fetched_again_after_a_wait(void **state)
{
    (void)state;
    const struct queue_event dropped = {.kind = QUEUE_EVENT_DROPPED,
                                        .error = HAPLO_EDELIVERY};
    struct machine m;
    start(&m);
    go_delivering(&m);
    trace_clear(&m.trace);
    assert_int_equal(step(&m, dropped), QUEUE_ACTION_DROP);
    assert_trace(&m, "[   0] a/q: DELIVERING -> BACKOFF EDELIVERY\n");
    assert_in_range(wait_ms(&m), 125, 1000);
    go(&m, HAPLO_QUEUE_LAST_DELIVERING);
    assert_int_equal(step(&m, dropped), QUEUE_ACTION_DROP);
    assert_state(&m, HAPLO_QUEUE_PAUSED);
}

/* Pauses */

/* A pause fetches nothing more, but finishes a batch that somebody has: half
 * a batch would be delivered twice. */
static void pause_in_every_state_lets_go_or_finishes_the_batch(void **state)
{
    (void)state;
    static const struct {
        enum haplo_queue_state from, to;
        enum queue_action action;
    } cases[] = {
        {HAPLO_QUEUE_IDLE, HAPLO_QUEUE_PAUSED, QUEUE_ACTION_NONE},
        {HAPLO_QUEUE_READY, HAPLO_QUEUE_PAUSED, QUEUE_ACTION_NONE},
        {HAPLO_QUEUE_FETCHING, HAPLO_QUEUE_PAUSED, QUEUE_ACTION_CANCEL},
        {HAPLO_QUEUE_DELIVERING, HAPLO_QUEUE_LAST_DELIVERING,
         QUEUE_ACTION_NONE},
        {HAPLO_QUEUE_DELIVER_WAIT, HAPLO_QUEUE_PAUSED, QUEUE_ACTION_DROP},
        {HAPLO_QUEUE_MARK_READY, HAPLO_QUEUE_LAST_MARK_READY,
         QUEUE_ACTION_NONE},
        {HAPLO_QUEUE_MARKING, HAPLO_QUEUE_LAST_MARKING, QUEUE_ACTION_NONE},
        {HAPLO_QUEUE_MARK_WAIT, HAPLO_QUEUE_LAST_MARK_WAIT, QUEUE_ACTION_NONE},
        {HAPLO_QUEUE_BACKOFF, HAPLO_QUEUE_PAUSED, QUEUE_ACTION_NONE},
        {HAPLO_QUEUE_REFUSED, HAPLO_QUEUE_PAUSED, QUEUE_ACTION_NONE},
        {HAPLO_QUEUE_BLOCKED, HAPLO_QUEUE_PAUSED, QUEUE_ACTION_NONE},
    };
    struct machine m;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        go(&m, cases[i].from);
        assert_int_equal(say(&m, QUEUE_EVENT_PAUSE), cases[i].action);
        assert_state(&m, cases[i].to);
        /* A second pause changes nothing. */
        trace_clear(&m.trace);
        assert_int_equal(say(&m, QUEUE_EVENT_PAUSE), QUEUE_ACTION_NONE);
        assert_trace(&m, "");
    }
}

/* A resume takes up the batch where the pause has left it, waits included. */
static void resume_goes_on_where_the_pause_was(void **state)
{
    (void)state;
    static const struct {
        enum haplo_queue_state from, to;
    } cases[] = {
        {HAPLO_QUEUE_PAUSED, HAPLO_QUEUE_READY},
        {HAPLO_QUEUE_LAST_DELIVERING, HAPLO_QUEUE_DELIVERING},
        {HAPLO_QUEUE_LAST_MARK_READY, HAPLO_QUEUE_MARK_READY},
        {HAPLO_QUEUE_LAST_MARKING, HAPLO_QUEUE_MARKING},
        {HAPLO_QUEUE_LAST_MARK_WAIT, HAPLO_QUEUE_MARK_WAIT},
    };
    struct machine m;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        go(&m, cases[i].from);
        uint64_t due_ms = m.queue.due_ms;
        assert_int_equal(say(&m, QUEUE_EVENT_RESUME), QUEUE_ACTION_NONE);
        assert_state(&m, cases[i].to);
        if (cases[i].from != HAPLO_QUEUE_PAUSED) {
            assert_int_equal(m.queue.due_ms, due_ms);
        }
        trace_clear(&m.trace);
        assert_int_equal(say(&m, QUEUE_EVENT_RESUME), QUEUE_ACTION_NONE);
        assert_trace(&m, "");
    }
}

/* The outstanding batch is delivered and marked before the queue pauses. */
static void pausing_finishes_the_batch_and_fetches_no_other(void **state)
{
    (void)state;
    struct machine m;
    go(&m, HAPLO_QUEUE_DELIVERING);
    say(&m, QUEUE_EVENT_PAUSE);
    say(&m, QUEUE_EVENT_ACCEPTED);
    say(&m, QUEUE_EVENT_STARTED);
    assert_int_equal(say_marked(&m, 16, 100), QUEUE_ACTION_CONFIRM);
    assert_trace(&m, "[   0] a/q: DELIVERING -> LAST_DELIVERING 16\n"
                     "[   0] a/q: LAST_DELIVERING -> LAST_MARK_READY 16\n"
                     "[   0] a/q: LAST_MARK_READY -> LAST_MARKING 16\n"
                     "[   0] a/q: LAST_MARKING -> PAUSED\n");
}

/* A pause does not keep an unwilling application waiting for its batch. */
static void pausing_drops_a_batch_that_is_not_accepted(void **state)
{
    (void)state;
    struct machine m;
    go(&m, HAPLO_QUEUE_LAST_DELIVERING);
    assert_int_equal(say_retry(&m, 100), QUEUE_ACTION_DROP);
    assert_trace(&m, "[   0] a/q: LAST_DELIVERING -> PAUSED EDELIVERY\n");
    go(&m, HAPLO_QUEUE_LAST_DELIVERING);
    assert_int_equal(say_rejected(&m), QUEUE_ACTION_DROP);
    assert_trace(&m, "[   0] a/q: LAST_DELIVERING -> PAUSED EREJECTED\n");
    go(&m, HAPLO_QUEUE_LAST_DELIVERING);
    assert_int_equal(say(&m, QUEUE_EVENT_STALE), QUEUE_ACTION_DROP);
    assert_trace(&m, "[   0] a/q: LAST_DELIVERING -> PAUSED ESTALE\n");
}

/* A lost mark is repeated while pausing, too, as often and as long. */
static void pausing_repeats_a_lost_mark_within_the_same_bounds(void **state)
{
    (void)state;
    struct machine m;
    go(&m, HAPLO_QUEUE_LAST_MARKING);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(say_failed(&m, HAPLO_ERESET, 0), QUEUE_ACTION_NONE);
        assert_state(&m, HAPLO_QUEUE_LAST_MARK_WAIT);
        wait_over(&m);
        assert_state(&m, HAPLO_QUEUE_LAST_MARK_READY);
        assert_int_equal(m.queue.due_ms, QUEUE_MARK_AGE_MAX_MS);
        say(&m, QUEUE_EVENT_STARTED);
        assert_state(&m, HAPLO_QUEUE_LAST_MARKING);
    }
    assert_int_equal(say_failed(&m, HAPLO_ERESET, 0), QUEUE_ACTION_DROP);
    assert_state(&m, HAPLO_QUEUE_PAUSED);

    go(&m, HAPLO_QUEUE_LAST_MARK_WAIT);
    wait_over(&m);
    assert_int_equal(wait_over(&m), QUEUE_ACTION_DROP);
    assert_state(&m, HAPLO_QUEUE_PAUSED);
    assert_int_equal(m.now_ms, QUEUE_MARK_AGE_MAX_MS);
}

/* Neither a refusal nor a mark without effect keeps a queue from pausing. */
static void pausing_ends_when_the_mark_cannot_be_done(void **state)
{
    (void)state;
    struct machine m;
    go(&m, HAPLO_QUEUE_LAST_MARKING);
    assert_int_equal(say_failed(&m, HAPLO_EREFUSED, 0), QUEUE_ACTION_DROP);
    assert_trace(&m, "[   0] a/q: LAST_MARKING -> PAUSED EREFUSED\n");
    go(&m, HAPLO_QUEUE_LAST_MARKING);
    assert_int_equal(say_marked(&m, 0, 16), QUEUE_ACTION_DROP);
    assert_trace(&m, "[   0] a/q: LAST_MARKING -> PAUSED ENOPROGRESS\n");
}

/* A server that is DOWN gives no turns, so without this, a queue that is to be
 * removed could wait for it for ever. What the application has, and what is not
 * pausing, is not affected. */
static void giving_up_ends_the_wait_for_a_mark(void **state)
{
    (void)state;
    static const struct {
        enum haplo_queue_state from;
        enum queue_action action;
    } cases[] = {
        {HAPLO_QUEUE_LAST_MARK_READY, QUEUE_ACTION_DROP},
        {HAPLO_QUEUE_LAST_MARKING, QUEUE_ACTION_CANCEL},
        {HAPLO_QUEUE_LAST_MARK_WAIT, QUEUE_ACTION_DROP},
    };
    struct machine m;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        go(&m, cases[i].from);
        assert_int_equal(say(&m, QUEUE_EVENT_GIVE_UP), cases[i].action);
        assert_state(&m, HAPLO_QUEUE_PAUSED);
        assert_true(m.queue.due_ms == HEAP_NEVER);
    }
    for (int from = 0; from < HAPLO_QUEUE_LAST_MARK_READY; from++) {
        go(&m, (enum haplo_queue_state)from);
        trace_clear(&m.trace);
        assert_int_equal(say(&m, QUEUE_EVENT_GIVE_UP), QUEUE_ACTION_NONE);
        assert_trace(&m, "");
    }
}

/* An operator who looks at a paused queue must not see an old failure that
 * its last mark has made good. */
static void success_of_the_last_mark_forgets_earlier_failures(void **state)
{
    (void)state;
    struct machine m;
    go(&m, HAPLO_QUEUE_BACKOFF);
    go_mark_wait(&m);
    say(&m, QUEUE_EVENT_PAUSE);
    wait_over(&m);
    say(&m, QUEUE_EVENT_STARTED);
    assert_int_equal(m.queue.failures, 1);
    assert_int_equal(say_marked(&m, 16, 0), QUEUE_ACTION_CONFIRM);
    assert_state(&m, HAPLO_QUEUE_PAUSED);
    assert_int_equal(m.queue.failures, 0);
    assert_int_equal(m.queue.error, 0);
}

/* Poll now */

/* Poll-now shortens waits without a batch, and never touches a batch. */
static void poll_now_ends_waits_and_leaves_batches_alone(void **state)
{
    (void)state;
    struct machine m;
    for (unsigned s = 0; s < STATES; s++) {
        go(&m, (enum haplo_queue_state)s);
        uint64_t due_ms = m.queue.due_ms;
        assert_int_equal(say(&m, QUEUE_EVENT_POLL_NOW), QUEUE_ACTION_NONE);
        switch (s) {
        case HAPLO_QUEUE_IDLE:
        case HAPLO_QUEUE_BACKOFF:
        case HAPLO_QUEUE_REFUSED:
        case HAPLO_QUEUE_BLOCKED:
            assert_state(&m, HAPLO_QUEUE_READY);
            assert_int_equal(wait_ms(&m), HEAP_NEVER);
            break;
        default:
            assert_state(&m, (enum haplo_queue_state)s);
            assert_int_equal(m.queue.due_ms, due_ms);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retried_delivery_gets_the_same_batch_again),
        cmocka_unit_test(retried_delivery_without_a_delay_backs_off),
        cmocka_unit_test(endless_delay_of_a_delivery_stays_a_wait),
        cmocka_unit_test(rejected_batch_blocks_until_somebody_polls),
        cmocka_unit_test(dropped_batch_is_fetched_again_after_the_back_off),
        cmocka_unit_test(stale_batch_is_dropped_and_fetched_again_at_once),
        cmocka_unit_test(batches_that_are_stale_again_and_again_back_off),
        cmocka_unit_test(dropped_batch_is_fetched_again_after_a_wait),
        cmocka_unit_test(pause_in_every_state_lets_go_or_finishes_the_batch),
        cmocka_unit_test(resume_goes_on_where_the_pause_was),
        cmocka_unit_test(pausing_finishes_the_batch_and_fetches_no_other),
        cmocka_unit_test(pausing_drops_a_batch_that_is_not_accepted),
        cmocka_unit_test(pausing_repeats_a_lost_mark_within_the_same_bounds),
        cmocka_unit_test(pausing_ends_when_the_mark_cannot_be_done),
        cmocka_unit_test(giving_up_ends_the_wait_for_a_mark),
        cmocka_unit_test(success_of_the_last_mark_forgets_earlier_failures),
        cmocka_unit_test(poll_now_ends_waits_and_leaves_batches_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
