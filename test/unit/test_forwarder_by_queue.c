/*
 * A forwarder on an inbox that is in order per queue only, in virtual time: how
 * it learns what was stored, by whomever, and reads many lanes at once. What it
 * decides is test_dispatch_by_queue.c's.
 */
#include "forwarder_scene.h"

/* Longer than FORWARDER_ASK_MS. */
#define ASK_MS 5100

static int setup_by_queue(void **state)
{
    (void)setup(state);
    scene.inbox.outlet.is_by_queue = true;
    return 0;
}

/* What this process stores is read at once, without asking for lanes again; the
 * lanes share a read. */
static void test_lanes_with_news_share_a_read(void **state)
{
    (void)state;
    start();
    run(1000);
    store('a', 2);
    store('b', 1);
    store('c', 1);
    scene.inbox.read_count = 0;
    run(1000);
    expect("[   2] out: at rest\n"
           "[1001] > a1*2\n"
           "[1001] > b3*1\n"
           "[1001] > c4*1\n"
           "[1003] save 1 positions\n"
           "[1104] save 2 positions\n"
           "[1104] out: at rest\n");
    assert_int_equal(scene.inbox.read_count, 1);
    assert_int_equal(scene.inbox.ask_count, 1);
    expect_all();
}

/* The next process continues after the stored positions. */
static void test_it_begins_behind_the_stored_positions(void **state)
{
    (void)state;
    store('a', 3);
    store('b', 3);
    start();
    run(1000);
    stop(0);
    store('a', 1);
    start();
    run(1000);
    assert_int_equal(scene.repeat_count, 0);
    assert_int_equal(stats().delivered_count, 1);
    expect_all();
}

/* What another process has stored is found without being told. */
static void test_it_finds_what_others_have_stored(void **state)
{
    (void)state;
    start();
    run(100);
    store_secretly('a', 2);
    run(ASK_MS);
    expect_all();
}

/* After a commit of unknown outcome, or a notification, it asks at once. */
static void test_it_asks_when_it_is_not_known_what_was_stored(void **state)
{
    (void)state;
    start();
    run(1000);
    store_secretly('b', 2);
    forwarder_wake(scene.forwarder, NULL, 0, 0);
    assert_false(stats().is_caught_up);
    run(50);
    expect_all();
}

/* The answer to the first question may be older than what was told meanwhile,
 * which cannot be noted yet. */
static void test_nothing_told_during_the_start_is_missed(void **state)
{
    (void)state;
    scene.inbox.lanes_fail = "locked";
    start();
    run(500);
    store('a', 1);
    scene.inbox.is_hidden[1] = true; /* from the next answer, but one */
    scene.inbox.lanes_fail = NULL;
    run(1500);
    scene.inbox.is_hidden[1] = false;
    run(200);
    assert_int_equal(scene.inbox.ask_count, 3);
    run(ASK_MS);
    expect_all();
}

/* A lower arrival that becomes visible after a higher one of another queue has
 * been saved is not missed. */
static void test_what_becomes_visible_late_is_sent(void **state)
{
    (void)state;
    start();
    run(1000);
    store_secretly('a', 3);
    memset(scene.inbox.is_hidden + 1, true, 3);
    store('b', 3);
    run(30000);
    assert_int_equal(stats().delivered_count, 3);
    memset(scene.inbox.is_hidden + 1, false, 3);
    run(ASK_MS);
    expect_all();
}

/* An inbox that takes long to answer is asked less often. */
static void test_slow_answers_are_asked_for_less_often(void **state)
{
    (void)state;
    start();
    run(60000);
    assert_in_range(scene.inbox.ask_count, 11, 13);
    forwarder_wake(scene.forwarder, NULL, 0, 0);
    for (unsigned i = 0; i < 100; i++) { /* notified all the time */
        forwarder_wake(scene.forwarder, NULL, 0, 0);
        run(1);
    }
    assert_in_range(scene.inbox.ask_count, 12, 20);
}

/* An answer that came while the process was suspended says nothing of how long
 * the next one takes. */
static void test_it_asks_again_soon_after_a_long_pause(void **state)
{
    (void)state;
    scene.inbox.lanes_late_ms = 600000;
    start();
    run(600100);
    scene.inbox.lanes_late_ms = 0;
    store_secretly('a', 1);
    run(61000);
    expect_all();
}

/* While the inbox does not answer, it waits, and then goes on. */
static void test_asking_fails_and_is_tried_again(void **state)
{
    (void)state;
    start();
    run(1000);
    scene.inbox.lanes_fail = "the connection is lost";
    store_secretly('a', 1);
    forwarder_wake(scene.forwarder, NULL, 0, 0);
    run(20000);
    assert_true(scene.inbox.ask_count < 12);
    assert_false(stats().is_caught_up);
    scene.inbox.lanes_fail = NULL;
    run(6000);
    expect_all();
}

/* Queues that the outlet does not want are passed without reading them. */
static void test_unwanted_queues_are_passed_unread(void **state)
{
    static const char *const queues[] = {"s/b"};
    (void)state;
    scene.options.queues = queues;
    scene.options.queue_count = 1;
    store('a', 5);
    start();
    run(1000);
    assert_int_equal(scene.inbox.read_count, 0);
    assert_int_equal(scene.inbox.position_of[0], 5);
    store('a', 2);
    store('b', 1);
    run(1000);
    assert_int_equal(scene.inbox.read_count, 1);
    assert_int_equal(scene.inbox.position_of[0], 7);
    assert_int_equal(stats().filtered_count, 2);
    assert_int_equal(stats().delivered_count, 1);
    assert_true(stats().is_caught_up);
}

/* A parcel that is larger than a read does not stop the others, and is read in
 * the end. */
static void test_a_parcel_larger_than_a_read_gets_through(void **state)
{
    (void)state;
    scene.inbox.body_size = 1000;
    scene.options.read_ahead_bytes_max = 100000;
    store('a', 2);
    store('b', 150);
    store('c', 2);
    for (unsigned i = 0; i < 20; i++) {
        store('d', 20);
        store('b', 90);
    }
    start();
    run(60000);
    assert_int_equal(stats().delivered_count, scene.inbox.last);
    expect_all();
}

/* A lane with a long backlog does not keep the others waiting. */
static void test_a_long_backlog_does_not_delay_others(void **state)
{
    (void)state;
    scene.is_quiet = true;
    for (unsigned i = 0; i < 15; i++) {
        store('a', 1000);
    }
    start();
    run(10);
    store('b', 1);
    run(20);
    assert_int_equal(scene.fate[scene.inbox.last], FATE_DELIVERED);
    run(60000);
    expect_all();
}

/* A destination that is down for an hour: what it has in memory stays within
 * the limit, whatever arrives; afterwards it catches up, and nothing is
 * repeated. */
static void test_an_hour_of_outage_costs_no_memory_and_no_repeats(void **state)
{
    (void)state;
    scene.is_quiet = true;
    scene.options.read_ahead_bytes_max = 20000;
    start();
    scene.answer_of_all = 'b';
    for (unsigned i = 0; i < 720; i++) {
        store((char)('a' + i % LANES_MAX), 1 + i % 16);
        run(5000);
    }
    assert_true(scene.inbox.bytes_out_max <= 20000);
    assert_int_equal(stats().delivered_count, 0);
    scene.answer_of_all = 0;
    run(600000);
    assert_true(scene.inbox.bytes_out_max <= 20000);
    assert_int_equal(scene.repeat_count, 0);
    expect_all();
}

#define BY_QUEUE(test) \
    cmocka_unit_test_setup_teardown(test, setup_by_queue, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BY_QUEUE(test_lanes_with_news_share_a_read),
        BY_QUEUE(test_it_begins_behind_the_stored_positions),
        BY_QUEUE(test_it_finds_what_others_have_stored),
        BY_QUEUE(test_it_asks_when_it_is_not_known_what_was_stored),
        BY_QUEUE(test_nothing_told_during_the_start_is_missed),
        BY_QUEUE(test_what_becomes_visible_late_is_sent),
        BY_QUEUE(test_slow_answers_are_asked_for_less_often),
        BY_QUEUE(test_it_asks_again_soon_after_a_long_pause),
        BY_QUEUE(test_asking_fails_and_is_tried_again),
        BY_QUEUE(test_unwanted_queues_are_passed_unread),
        BY_QUEUE(test_a_parcel_larger_than_a_read_gets_through),
        BY_QUEUE(test_a_long_backlog_does_not_delay_others),
        BY_QUEUE(test_an_hour_of_outage_costs_no_memory_and_no_repeats),
    };
    return cmocka_run_group_tests_name("forwarder by queue", tests, NULL, NULL);
}
