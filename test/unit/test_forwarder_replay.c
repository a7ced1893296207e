/*
 * A forwarder that sends messages again, in virtual time: what it sends and
 * when, what it stores, how it ends and recovers. What the results of the
 * outlet mean is test_replay_pass.c's.
 */
#include "forwarder_scene.h"

/* Forwards everything, and forgets the trace. */
static void forward(const char *lanes)
{
    store_each(lanes);
    start();
    run(1000);
    expect_all();
    scene.trace_size = 0;
}

static void expect_replayed(uint64_t first, uint64_t last)
{
    for (uint64_t i = 1; i <= scene.inbox.last; i++) {
        if (scene.replayed[i] != (i >= first && i <= last)) {
            fail_msg("%" PRIu64 " was sent again %u times\n%s", i,
                     scene.replayed[i], scene.trace);
        }
    }
}

/* The range that was asked for is sent again, flagged, in the same parcels. */
static void test_a_replay_sends_its_range_again(void **state)
{
    struct inbox_replay *row;

    (void)state;
    store('a', 3);
    store('b', 2);
    store('a', 4);
    start();
    run(1000);
    scene.trace_size = 0;
    row = replay_add(3, 9);
    run(1000);
    expect("[1001] out: replay: replay 1 starts; delivered: 0, refused: 0\n"
           "[1002] > b4*2 again\n"
           "[1003] > a6*4 again\n"
           "[1005] out: replay: replay 1 is done; delivered: 6, refused: 0\n"
           "[1006] out: at rest\n");
    expect_replayed(4, 9);
    assert_int_equal(row->state, INBOX_REPLAY_DONE);
    assert_int_equal(row->cursor, 9);
    assert_int_equal(row->delivered_count, 6);
}

/* Operators ask when an outlet last worked, not only with new messages. */
static void test_a_replay_tells_when_the_outlet_last_worked(void **state)
{
    (void)state;
    store('a', 3);
    start();
    assert_int_equal(stats().delivered_at_ms, 0);
    run(1000);
    assert_true(stats().delivered_at_ms > 0);
    stop(0);
    start();
    run(1000);
    assert_int_equal(stats().delivered_at_ms, 0);
    replay_add(0, 3);
    run(1000);
    assert_true(stats().delivered_at_ms > 0);
}

/* Receivers that deduplicate would drop what they know, so it can have new
 * identities; and an operator can ask for one queue. */
static void test_a_replay_takes_what_its_row_says(void **state)
{
    struct inbox_replay *row;

    (void)state;
    forward("abab");
    row = replay_add(0, 4);
    row->has_new_ids = true;
    (void)snprintf(row->queue, sizeof(row->queue), "s/b");
    run(1000);
    assert_non_null(strstr(scene.trace, "> b2*1 again new\n"));
    assert_non_null(strstr(scene.trace, "> b4*1 again new\n"));
    assert_null(strstr(scene.trace, "> a"));
    assert_int_equal(row->state, INBOX_REPLAY_DONE);
    assert_int_equal(row->cursor, 4);
}

/* What was received at another time is not taken, to the millisecond. */
static void test_a_replay_takes_its_time_exactly(void **state)
{
    struct inbox_replay *row;

    (void)state;
    forward("ab");
    row = replay_add(0, 2);
    row->until_ms = 1795898956000; /* when all were received */
    run(1000);
    expect_replayed(0, 0);
    row = replay_add(0, 2);
    row->since_ms = 1795898956000;
    row->until_ms = 1795898956001;
    run(1000);
    expect_replayed(1, 2);
}

/* Messages that nobody has seen yet matter more: a replay gets every
 * seventeenth place at worst, however much there is to forward. */
static void test_live_messages_go_first(void **state)
{
    unsigned live_count = 0;
    unsigned again_count = 0;
    const char *line;

    (void)state;
    scene.options.in_flight_max = 1;
    forward("abababababababababababab");
    for (int i = 0; i < 200; i++) {
        store((char)('c' + i % 4), 1);
    }
    replay_add(0, 10);
    run(5000);
    expect_replayed(1, 10);
    for (line = strstr(scene.trace, "> "); line != NULL;
         line = strstr(line + 1, "> ")) {
        bool is_again = strstr(line, "again") != NULL &&
                        strstr(line, "again") < strchr(line, '\n');

        live_count += !is_again;
        again_count += is_again;
        if (live_count < 200 && is_again) {
            assert_true(live_count >= 16 * (again_count - 1));
        }
    }
    assert_int_equal(live_count, 200);
    assert_int_equal(again_count, 10);
}

/* Its queue has one parcel with the outlet, whichever: receivers rely on it. */
static void test_a_queue_has_one_parcel_with_the_outlet(void **state)
{
    (void)state;
    forward("aaaa");
    scene.latency_ms = 50;
    replay_add(0, 4);
    run(10);
    store_each("ab");
    run(30);
    /* Of a, the replay's is in flight; b does not wait for it. */
    assert_int_equal(scene.parcel_count, 2);
    run(1000);
    expect_replayed(1, 4);
    expect_all();
}

/* A crash repeats a second's worth, and loses nothing. */
static void test_a_replay_goes_on_after_a_crash(void **state)
{
    struct inbox_replay *row;

    (void)state;
    scene.options.in_flight_max = 1;
    scene.latency_ms = 300;
    forward("");
    store_each("abcdefghab");
    run(10000);
    row = replay_add(0, 10);
    run(2000);
    assert_int_equal(row->state, INBOX_REPLAY_RUNNING);
    assert_in_range(row->cursor, 2, 9);
    /* Only what is stored already remains. */
    scene.inbox.task_fails = "crashed";
    stop(0);
    scene.inbox.task_fails = NULL;
    start();
    run(20000);
    assert_int_equal(row->state, INBOX_REPLAY_DONE);
    for (uint64_t i = 1; i <= 10; i++) {
        assert_in_range(scene.replayed[i], 1, 2);
    }
}

/* A regular end stores how far it has got, so that nothing is repeated. */
static void test_a_replay_goes_on_after_a_restart(void **state)
{
    struct inbox_replay *row;

    (void)state;
    scene.options.in_flight_max = 1;
    scene.latency_ms = 300;
    forward("");
    store_each("abcdefgh");
    run(10000);
    row = replay_add(0, 8);
    run(1000);
    stop(1000);
    assert_in_range(row->cursor, 1, 7);
    assert_int_equal(row->delivered_count, row->cursor);
    start();
    run(20000);
    assert_int_equal(row->state, INBOX_REPLAY_DONE);
    expect_replayed(1, 8);
}

/* An operator stops it; what is in flight is finished, and counted. */
static void test_a_stopped_replay_sends_nothing_more(void **state)
{
    struct inbox_replay *row;
    uint64_t sent;

    (void)state;
    scene.options.in_flight_max = 1;
    scene.latency_ms = 300;
    forward("");
    store_each("abcdefgh");
    run(10000);
    row = replay_add(0, 8);
    run(1000);
    row->state = INBOX_REPLAY_STOPPED;
    forwarder_replay(scene.forwarder);
    run(20000);
    sent = row->cursor;
    assert_in_range(sent, 2, 6);
    assert_int_equal(row->delivered_count, sent);
    expect_replayed(1, sent);
    assert_true(stats().is_caught_up);
}

/* Dead letters that are delivered are none any longer; those refused again
 * stay, and count the attempt. Queues that work are not held up. */
static void test_dead_letters_are_sent_again(void **state)
{
    struct inbox_replay *row;

    (void)state;
    forward("ababab");
    for (uint64_t i = 1; i <= 6; i++) {
        scene.inbox.is_buried[i] = i != 3;
    }
    scene.answer_of[2] = 'x';
    scene.answer_of[5] = 'x';
    row = replay_add(0, 6);
    row->is_of_letters = true;
    run(1000);
    assert_int_equal(row->state, INBOX_REPLAY_DONE);
    assert_int_equal(row->delivered_count, 3);
    assert_int_equal(row->refused_count, 2);
    for (uint64_t i = 1; i <= 6; i++) {
        assert_int_equal(scene.inbox.is_buried[i], i == 2 || i == 5);
        assert_int_equal(scene.inbox.attempts_of[i], i == 2 || i == 5);
        assert_int_equal(scene.replayed[i], i != 2 && i != 3 && i != 5);
    }
    assert_int_equal(stats().blocked_lane_count, 0);
}

/* A message that is refused in a replay blocks nothing, even where refused
 * messages block their queue: it is recorded as a dead letter. */
static void test_a_refused_message_holds_up_nothing(void **state)
{
    struct inbox_replay *row;

    (void)state;
    forward("aaaaaa");
    scene.answer_of[3] = 'x';
    row = replay_add(0, 6);
    store_each("a");
    run(3000);
    expect_all();
    assert_int_equal(row->state, INBOX_REPLAY_DONE);
    assert_int_equal(row->refused_count, 1);
    assert_true(scene.inbox.is_buried[3]);
    assert_int_equal(stats().blocked_lane_count, 0);
    for (uint64_t i = 1; i <= 6; i++) {
        assert_int_equal(scene.replayed[i], i != 3);
    }
}

/* A destination that begins to refuse everything still accepts what it got
 * before. That says nothing about what it has refused in the meantime. */
static void test_what_was_sent_before_a_refusal_proves_nothing(void **state)
{
    struct inbox_replay *row;

    (void)state;
    forward("ab");
    scene.latency_ms = 5000;
    store_each("b");
    run(100); /* it is with the outlet */
    scene.latency_ms = LATENCY_MS;
    scene.answer_of[1] = 'x';
    row = replay_add(0, 1);
    run(600000);
    assert_int_equal(scene.fate[3], FATE_DELIVERED);
    assert_int_equal(row->refused_count, 0);
    assert_int_equal(row->state, INBOX_REPLAY_RUNNING);
    store_each("b");
    run(600000);
    assert_int_equal(row->refused_count, 1);
    assert_int_equal(row->state, INBOX_REPLAY_DONE);
    assert_true(scene.inbox.is_buried[1]);
}

/* What was proven once may be refused later because everything is. */
static void test_a_proof_ends_when_the_destination_breaks(void **state)
{
    struct inbox_replay *row;

    (void)state;
    forward("ab");
    scene.answer_of[1] = 'x';
    row = replay_add(0, 1);
    run(20);
    assert_true(scene.was_refused[1]);
    store_each("b");
    run(20); /* 1 is proven, and waits */
    assert_int_equal(scene.fate[3], FATE_DELIVERED);
    scene.answer_of_all = 'b';
    store_each("b");
    run(20);
    scene.answer_of_all = 'x';
    run(600000);
    assert_int_equal(row->refused_count, 0);
    scene.answer_of_all = 0;
    scene.answer_of[1] = '+';
    run(600000);
    assert_int_equal(row->state, INBOX_REPLAY_DONE);
    assert_int_equal(row->delivered_count, 1);
    assert_false(scene.inbox.is_buried[1]);
}

/* A refusal shows that the destination can be reached, whoever gets it. If
 * there is nothing else to probe with, a bad message of a replay must not keep
 * new messages waiting. */
static void test_a_refused_probe_ends_an_outage(void **state)
{
    (void)state;
    forward("ab");
    scene.answer_of_all = 'b';
    store_each("b");
    run(20);
    assert_true(stats().is_broken);
    assert_int_equal(forwarder_release_lane(scene.forwarder, "s", "b",
                                            FORWARDER_TO_DEAD_LETTERS),
                     0);
    scene.answer_of_all = 0;
    scene.answer_of[1] = 'x';
    replay_add(0, 1);
    run(5000);
    assert_true(scene.was_refused[1]);
    assert_false(stats().is_broken);
    store_each("b");
    run(20);
    assert_int_equal(scene.fate[4], FATE_DELIVERED);
}

/* While the destination is broken, the replay waits, and loses nothing. */
static void test_a_replay_waits_for_a_broken_destination(void **state)
{
    struct inbox_replay *row;

    (void)state;
    forward("abcd");
    scene.answer_of_all = 'b';
    row = replay_add(0, 4);
    run(3600000);
    assert_int_equal(row->state, INBOX_REPLAY_RUNNING);
    assert_int_equal(row->cursor, 0);
    assert_string_equal(row->why.text, "answered b");
    assert_true(stats().is_at_rest);
    assert_false(stats().is_caught_up);
    scene.answer_of_all = 0;
    run(600000);
    assert_int_equal(row->state, INBOX_REPLAY_DONE);
    assert_string_equal(row->why.text, "");
    expect_replayed(1, 4);
}

/* An hour of a deployment that refuses everything makes no dead letters. */
static void test_an_hour_of_refusals_makes_no_dead_letters(void **state)
{
    struct inbox_replay *row;

    (void)state;
    scene.is_quiet = true;
    forward("abcdefghabcdefghabcdefgh");
    scene.answer_of_all = 'x';
    row = replay_add(0, 24);
    run(3600000);
    assert_int_equal(row->refused_count, 0);
    scene.answer_of_all = 0;
    run(600000);
    assert_int_equal(row->state, INBOX_REPLAY_DONE);
    for (uint64_t i = 1; i <= 24; i++) {
        assert_false(scene.inbox.is_buried[i]);
    }
    expect_replayed(1, 24);
}

/* The inbox is locked or its disk is full: it is tried again, and what was
 * sent is not counted twice. */
static void test_a_replay_survives_errors_of_the_inbox(void **state)
{
    struct inbox_replay *row;

    (void)state;
    forward("abcd");
    scene.inbox.task_fails = "disk full";
    row = replay_add(0, 4);
    run(20000);
    assert_int_equal(row->cursor, 0);
    scene.inbox.task_fails = NULL;
    scene.inbox.read_fails = "locked";
    run(20000);
    scene.inbox.read_fails = NULL;
    run(5500);
    scene.inbox.task_fails = "disk full";
    run(20000);
    scene.inbox.task_fails = NULL;
    run(20000);
    assert_int_equal(row->state, INBOX_REPLAY_DONE);
    assert_int_equal(row->delivered_count, 4);
    expect_replayed(1, 4);
}

/* Replays are done one after the other. */
static void test_replays_take_turns(void **state)
{
    (void)state;
    forward("abcd");
    replay_add(0, 2);
    replay_add(2, 4);
    run(5000);
    assert_int_equal(scene.inbox.replays[0].state, INBOX_REPLAY_DONE);
    assert_int_equal(scene.inbox.replays[1].state, INBOX_REPLAY_DONE);
    expect_replayed(1, 4);
}

/* Its messages are read in pages, the next one after the end of the last. */
static void test_a_range_may_be_larger_than_a_page(void **state)
{
    (void)state;
    scene.is_quiet = true;
    for (int i = 0; i < 5000; i++) {
        store((char)('a' + i % 4), 1);
    }
    start();
    run(20000);
    replay_add(10, 4990);
    run(20000);
    assert_int_equal(scene.inbox.replays[0].state, INBOX_REPLAY_DONE);
    expect_replayed(11, 4990);
}

/* Parcels are cut as the first time, wherever pages end. */
static void test_a_huge_batch_is_cut_as_the_first_time(void **state)
{
    (void)state;
    scene.inbox.body_size = 5000; /* 838 in a page */
    store('b', 7);
    store('a', 2500);
    start();
    run(1000);
    scene.trace_size = 0;
    replay_add(0, 2507);
    run(5000);
    assert_non_null(strstr(scene.trace, "> b1*7 again\n"));
    assert_non_null(strstr(scene.trace, "> a8*1000 again\n"));
    assert_non_null(strstr(scene.trace, "> a1008*1000 again\n"));
    assert_non_null(strstr(scene.trace, "> a2008*500 again\n"));
    expect_replayed(1, 2507);
}

#define REPLAY_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        REPLAY_TEST(test_a_replay_sends_its_range_again),
        REPLAY_TEST(test_a_replay_tells_when_the_outlet_last_worked),
        REPLAY_TEST(test_a_replay_takes_what_its_row_says),
        REPLAY_TEST(test_a_replay_takes_its_time_exactly),
        REPLAY_TEST(test_live_messages_go_first),
        REPLAY_TEST(test_a_queue_has_one_parcel_with_the_outlet),
        REPLAY_TEST(test_a_replay_goes_on_after_a_crash),
        REPLAY_TEST(test_a_replay_goes_on_after_a_restart),
        REPLAY_TEST(test_a_stopped_replay_sends_nothing_more),
        REPLAY_TEST(test_dead_letters_are_sent_again),
        REPLAY_TEST(test_a_refused_message_holds_up_nothing),
        REPLAY_TEST(test_what_was_sent_before_a_refusal_proves_nothing),
        REPLAY_TEST(test_a_proof_ends_when_the_destination_breaks),
        REPLAY_TEST(test_a_refused_probe_ends_an_outage),
        REPLAY_TEST(test_a_replay_waits_for_a_broken_destination),
        REPLAY_TEST(test_an_hour_of_refusals_makes_no_dead_letters),
        REPLAY_TEST(test_a_replay_survives_errors_of_the_inbox),
        REPLAY_TEST(test_replays_take_turns),
        REPLAY_TEST(test_a_range_may_be_larger_than_a_page),
        REPLAY_TEST(test_a_huge_batch_is_cut_as_the_first_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
