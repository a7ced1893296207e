/*
 * A forwarder between an inbox and an outlet, in virtual time: what it reads,
 * how it cuts parcels, what it stores, how it begins, ends and recovers. What
 * it decides is test_dispatch.c's.
 */
#include "forwarder_scene.h"

/* A batch is a parcel; progress is stored after it was sent. */
static void test_batches_become_parcels(void **state)
{
    (void)state;
    store('a', 3);
    store('b', 2);
    store('a', 1);
    start();
    run(1000);
    expect("[   3] > a1*3\n"
           "[   3] > b4*2\n"
           "[   4] > a6*1\n"
           "[   5] save 3 +0 -0\n"
           "[ 106] save 6 +0 -0\n"
           "[ 106] out: at rest\n");
    expect_all();
    store('b', 1);
    run(1000);
    expect("[1001] > b7*1\n"
           "[1003] save 7 +0 -0\n"
           "[1003] out: at rest\n");
    expect_all();
    assert_int_equal(stats().delivered_count, 7);
}

/* What was stored already need not be sent. */
static void test_it_begins_behind_the_stored_cursor(void **state)
{
    (void)state;
    store('a', 5);
    start();
    run(1000);
    stop(0);
    store('a', 2);
    start();
    run(1000);
    assert_int_equal(scene.repeat_count, 0);
    expect("[   3] > a1*5\n"
           "[   5] save 5 +0 -0\n"
           "[   5] out: at rest\n"
           "[1004] > a6*2\n"
           "[1006] save 7 +0 -0\n"
           "[1006] out: at rest\n");
    expect_all();
}

/* A repeat must be cut the same, wherever reads begin and end. */
static void test_a_huge_batch_is_cut_at_fixed_places(void **state)
{
    (void)state;
    store('b', 7);
    store('a', 3500);
    store('b', 1);
    start();
    run(1000);
    expect("[   3] > b1*7\n"
           "[   3] > a8*1000\n"
           "[   4] > b3508*1\n"
           "[   4] > a1008*1000\n"
           "[   5] save 7 +0 -0\n"
           "[   5] > a2008*1000\n"
           "[   6] > a3008*500\n"
           "[ 106] save 3508 +0 -0\n"
           "[ 106] out: at rest\n");
    expect_all();
}

/* Where a read ends depends on memory, so it must not show in parcels. */
static void test_the_edges_of_pages_cut_nothing(void **state)
{
    (void)state;
    scene.inbox.body_size = 10000;
    scene.options.read_ahead_bytes_max = 200000; /* a page has 5 */
    for (int i = 0; i < 40; i++) {
        store((char)('a' + i % 3), 4);
    }
    start();
    run(1000);
    assert_int_equal(strlen(scene.trace) > 0, 1);
    for (const char *at = strstr(scene.trace, "> "); at != NULL;
         at = strstr(at + 1, "> ")) {
        assert_int_equal(strtoul(strchr(at, '*') + 1, NULL, 10), 4);
    }
    assert_true(scene.inbox.bytes_out_max <= 200000);
    expect_all();
}

/* A parcel that is larger than the memory for reading ahead comes alone. */
static void test_a_parcel_larger_than_the_memory_is_delivered(void **state)
{
    (void)state;
    scene.inbox.body_size = 100000;
    scene.options.read_ahead_bytes_max = 200000;
    store('a', 9);
    store('b', 1);
    start();
    run(1000);
    expect("[   8] > a1*9\n"
           "[   8] > b10*1\n"
           "[  10] save 9 +0 -0\n"
           "[ 111] save 10 +0 -0\n"
           "[ 111] out: at rest\n");
    expect_all();
}

/* The others are passed over, and so does the cursor. */
static void test_only_queues_that_are_wanted_are_forwarded(void **state)
{
    static const char *const queues[] = {"s/a", "other/*", "s/[c-d]"};
    (void)state;
    scene.options.queues = queues;
    scene.options.queue_count = 3;
    store_each("abcdeb");
    start();
    run(1000);
    expect("[   3] > a1*1\n"
           "[   3] > c3*1\n"
           "[   3] > d4*1\n"
           "[   5] save 2 +0 -0\n"
           "[ 106] save 6 +0 -0\n"
           "[ 106] out: at rest\n");
    assert_int_equal(stats().filtered_count, 3);
    assert_true(stats().is_caught_up);
    assert_int_equal(scene.inbox.outlet.cursor, 6);
    assert_true(forwarder_pattern_matches("live-*/*", "live-1", "q"));
    assert_false(forwarder_pattern_matches("*", "live-1", "q"));
}

/* "Down for an hour": nothing is lost, the order holds, the memory too. */
static void test_an_outlet_that_is_down_for_an_hour_catches_up(void **state)
{
    (void)state;
    scene.is_quiet = true;
    scene.options.read_ahead_bytes_max = 65536;
    scene.answer_of_all = 'r';
    start();
    for (int i = 0; i < 3600; i++) {
        store((char)('a' + i % 5), (uint32_t)(1 + i % 4));
        run(1000);
    }
    assert_true(stats().is_broken);
    assert_true(stats().is_at_rest);
    assert_true(stats().wait_ms > 0);
    assert_string_equal(stats().why, "answered r");
    scene.answer_of_all = 0;
    run(301000);
    assert_int_equal(scene.repeat_count, 0);
    assert_true(scene.inbox.bytes_out_max <= 65536);
    expect_all();
}

/* A poison message: its lane alone; an operator is told, and decides. */
static void test_a_poison_message_blocks_its_lane_until_it_is_released(
    void **state)
{
    (void)state;
    scene.answer_of[2] = 'x';
    store('a', 3);
    store('b', 2);
    start();
    run(1000);
    expect("[   3] > a1*3\n"
           "[   3] > b4*2\n"
           "[   4] a: blocked: answered x\n"
           "[   5] save 3 +2 -0\n"
           "[ 106] save 5 +0 -0\n"
           "[ 106] out: at rest\n");
    assert_int_equal(stats().blocked_lane_count, 1);
    assert_true(stats().is_at_rest);
    assert_false(stats().is_caught_up);
    store_each("ab");
    run(1000);
    expect("[1001] > b7*1\n"
           "[1002] save 6 +1 -0\n"
           "[1103] save 7 +0 -0\n"
           "[1103] out: at rest\n");
    assert_int_equal(
        forwarder_release_lane(scene.forwarder, "s", "b", FORWARDER_SKIP),
        HAPLO_ENOTFOUND);
    assert_int_equal(forwarder_release_lane(scene.forwarder, "s", "a",
                                            FORWARDER_TO_DEAD_LETTERS),
                     0);
    run(1000);
    expect("[2001] > a3*1\n"
           "[2001] save 7 +0 -1\n"
           "[2002] > a6*1\n"
           "[2102] save 7 +0 -2\n"
           "[2102] out: at rest\n");
    assert_true(scene.inbox.is_buried[2]);
    assert_int_equal(stats().dead_letter_count, 1);
    assert_true(stats().is_caught_up);
}

/* Nothing of the lane is left that could be accepted and show that all is well
 * again: operators would look at a queue that waits for ever. */
static void test_a_lane_whose_last_message_is_a_dead_letter_works(void **state)
{
    (void)state;
    scene.options.on_refused = FORWARDER_DEAD_LETTER;
    scene.answer_of[1] = 'x';
    store('a', 1);
    start();
    run(100);
    store('b', 1);
    run(1000);
    expect("[   3] > a1*1\n"
           "[   4] a: waiting: answered x\n"
           "[   5] save 1 +1 -0\n"
           "[   5] out: at rest\n"
           "[ 101] > b2*1\n"
           "[ 103] > a1*1\n"
           "[ 104] a: dead letter: answered x\n"
           "[ 104] a: working\n"
           "[ 106] save 2 +0 -1\n"
           "[ 106] out: at rest\n");
}

/* Deferred messages are in the store: the next run begins with them. */
static void test_deferred_messages_are_taken_up_by_the_next_run(void **state)
{
    static const char *const queues[] = {"s/b"};
    (void)state;
    scene.answer_of[1] = 'x';
    store_each("aabab");
    start();
    run(1000);
    stop(0);
    assert_true(scene.inbox.is_deferred[1]);
    scene.trace_size = 0;
    start();
    run(1000);
    expect("[1004] > a1*1\n"
           "[1005] a: blocked: answered x\n"
           "[1005] out: at rest\n");
    stop(0);
    scene.answer_of[1] = '+';
    start();
    run(1000);
    expect_all();
    stop(0);
    /* and a lane that is not wanted any more is given up */
    scene.inbox.is_deferred[4] = true;
    scene.options.queues = queues;
    scene.options.queue_count = 1;
    start();
    run(1000);
    assert_false(scene.inbox.is_deferred[4]);
    assert_true(stats().is_caught_up);
}

/* What is not there */

static void test_an_outlet_that_cannot_be_opened_is_tried_again(void **state)
{
    (void)state;
    scene.outlet_fails = "no such folder";
    store_each("a");
    start();
    run(1500);
    assert_true(stats().is_broken);
    assert_string_equal(stats().why, "no such folder");
    scene.outlet_fails = NULL;
    run(10000);
    expect("[   2] out: broken: no such folder\n"
           "[   3] out: at rest\n"
           "[ 900] out: broken: no such folder\n"
           "[1106] out: broken: no such folder\n"
           "[1516] > a1*1\n"
           "[1517] out: working\n"
           "[1518] save 1 +0 -0\n"
           "[1518] out: at rest\n");
    expect_all();
}

/* An operator must learn of it, and be able to read the rest of the log. */
static void test_a_warning_is_told_once_until_it_passes(void **state)
{
    (void)state;
    scene.warning = "the key is old";
    start();
    store_each("aba");
    run(100);
    store_each("a");
    run(100);
    scene.warning = NULL;
    store_each("b");
    run(100);
    scene.warning = "the key is old";
    store_each("a");
    run(100);
    expect("[   3] > a1*1\n"
           "[   3] > b2*1\n"
           "[   4] out: warning: the key is old\n"
           "[   4] > a3*1\n"
           "[   5] save 1 +0 -0\n"
           "[ 101] > a4*1\n"
           "[ 106] save 4 +0 -0\n"
           "[ 106] out: at rest\n"
           "[ 201] > b5*1\n"
           "[ 207] save 5 +0 -0\n"
           "[ 207] out: at rest\n"
           "[ 301] > a6*1\n"
           "[ 302] out: warning: the key is old\n"
           "[ 308] save 6 +0 -0\n"
           "[ 308] out: at rest\n");
    expect_all();
}

/* Whichever call fails, nothing is lost or repeated. The waits begin with that
 * of the outlet, so that a short failure costs little. */
static void test_an_inbox_that_does_not_answer_is_asked_again(void **state)
{
    (void)state;
    scene.inbox.open_fails = "locked";
    store_each("ab");
    start();
    run(1000);
    assert_string_equal(stats().why, "locked");
    scene.inbox.open_fails = NULL;
    scene.inbox.lanes_fail = "locked";
    run(6000);
    scene.inbox.lanes_fail = NULL;
    scene.inbox.read_fails = "damaged";
    run(6000);
    assert_string_equal(stats().why, "damaged");
    scene.inbox.read_fails = NULL;
    scene.inbox.save_fails = "disk full";
    run(6000);
    assert_int_equal(scene.inbox.outlet.cursor, 0);
    assert_int_equal(scene.fate[2], FATE_DELIVERED);
    scene.inbox.save_fails = NULL;
    run(6000);
    assert_int_equal(scene.repeat_count, 0);
    expect("[   1] out: waiting: locked\n"
           "[7005] out: working\n"
           "[7006] out: waiting: damaged\n"
           "[14009] out: working\n"
           "[14009] > a1*1\n"
           "[14009] > b2*1\n"
           "[14011] out: waiting: disk full\n"
           "[19012] save 1 +0 -0\n"
           "[19012] out: working\n"
           "[19113] save 2 +0 -0\n"
           "[19113] out: at rest\n");
    expect_all();
}

/* Who waits for an outlet must learn that this may take for ever. */
static void test_an_inbox_that_stays_down_is_told_once_more(void **state)
{
    (void)state;
    scene.inbox.read_fails = "damaged";
    store_each("a");
    start();
    run(6000);
    assert_false(stats().is_inbox_down);
    run(60000);
    assert_true(stats().is_inbox_down);
    assert_false(stats().is_at_rest);
    expect("[   3] out: waiting: damaged\n"
           "[7006] out: waiting: damaged\n");
    scene.inbox.read_fails = NULL;
    run(6000);
    assert_false(stats().is_inbox_down);
    expect("[67018] out: working\n"
           "[67018] > a1*1\n"
           "[67020] save 1 +0 -0\n"
           "[67020] out: at rest\n");
    expect_all();
}

/* A full disk can be read: an outlet that cannot save is not well because of
 * that, however much it reads. */
static void test_reading_does_not_end_what_saving_suffers_from(void **state)
{
    (void)state;
    scene.inbox.save_fails = "disk full";
    store_each("a");
    start();
    run(1000);
    store_each("a");
    run(60000);
    assert_int_equal(scene.fate[2], FATE_DELIVERED);
    assert_true(stats().is_inbox_down);
    expect("[   3] > a1*1\n"
           "[   5] out: waiting: disk full\n"
           "[1006] > a2*1\n"
           "[15008] out: waiting: disk full\n");
    scene.inbox.save_fails = NULL;
    run(6000);
    assert_false(stats().is_inbox_down);
    expect("[65018] save 1 +0 -0\n"
           "[65018] out: working\n"
           "[65119] save 2 +0 -0\n"
           "[65119] out: at rest\n");
    expect_all();
}

/* The end */

/* What is in flight ends, and is stored: so nothing is repeated. */
static void test_closing_waits_for_what_is_in_flight(void **state)
{
    (void)state;
    scene.latency_ms = 500;
    store_each("abab");
    start();
    run(100);
    assert_int_equal(scene.parcel_count, 2);
    stop(1000);
    assert_int_equal(scene.inbox.outlet.cursor, 2);
    start();
    run(2000);
    assert_int_equal(scene.repeat_count, 0);
    expect_all();
}

/* A lane that is in the way of what others have done does not cost a repeat. */
static void test_closing_stores_what_is_done_out_of_order(void **state)
{
    (void)state;
    scene.options.in_flight_max = 1;
    scene.latency_ms = 10;
    store_each("aaaaab");
    start();
    run(25);
    assert_int_equal(scene.fate[6], FATE_DELIVERED);
    stop(0);
    scene.latency_ms = 1;
    start();
    run(1000);
    assert_true(scene.repeat_count <= 1); /* the parcel that was cut off */
    expect_all();
}

/* A destination that hangs must not keep the program from ending. */
static void test_closing_does_not_wait_longer_than_it_may(void **state)
{
    (void)state;
    store_each("a");
    start();
    scene.is_stuck = true;
    run(100);
    forwarder_close(scene.forwarder, 60000, on_closed, &scene);
    run(5000);
    assert_false(scene.is_closed);
    stop(1000);
    assert_true(virtual_loop.now_ms <= 6200);
    assert_int_equal(scene.inbox.outlet.cursor, 0);
}

/* A forwarder may be closed at any moment of its life. */
static void test_closing_at_any_moment(void **state)
{
    (void)state;
    store_each("abcabc");
    scene.latency_ms = 3;
    scene.may_repeat = true;
    for (uint64_t i = 0; i < 30; i++) {
        start();
        run(i);
        stop(i % 3);
    }
    expect_all();
}

/* Nor may an inbox that fails. */
static void test_closing_when_the_inbox_does_not_answer_well(void **state)
{
    (void)state;
    scene.inbox.save_fails = "disk full";
    store_each("ab");
    start();
    run(10);
    stop(10000);
    assert_int_equal(scene.inbox.outlet.cursor, 0);
    scene.inbox.save_fails = NULL;
    scene.inbox.open_fails = "locked";
    start();
    run(10);
    stop(10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
        T(test_batches_become_parcels),
        T(test_it_begins_behind_the_stored_cursor),
        T(test_a_huge_batch_is_cut_at_fixed_places),
        T(test_the_edges_of_pages_cut_nothing),
        T(test_a_parcel_larger_than_the_memory_is_delivered),
        T(test_only_queues_that_are_wanted_are_forwarded),
        T(test_an_outlet_that_is_down_for_an_hour_catches_up),
        T(test_a_poison_message_blocks_its_lane_until_it_is_released),
        T(test_a_lane_whose_last_message_is_a_dead_letter_works),
        T(test_deferred_messages_are_taken_up_by_the_next_run),
        T(test_an_outlet_that_cannot_be_opened_is_tried_again),
        T(test_a_warning_is_told_once_until_it_passes),
        T(test_an_inbox_that_does_not_answer_is_asked_again),
        T(test_an_inbox_that_stays_down_is_told_once_more),
        T(test_reading_does_not_end_what_saving_suffers_from),
        T(test_closing_waits_for_what_is_in_flight),
        T(test_closing_stores_what_is_done_out_of_order),
        T(test_closing_does_not_wait_longer_than_it_may),
        T(test_closing_at_any_moment),
        T(test_closing_when_the_inbox_does_not_answer_well),
    };
    return cmocka_run_group_tests_name("forwarder", tests, NULL, NULL);
}
