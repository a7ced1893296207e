/*
 * Which messages become dead letters, in virtual time: those that are refused
 * because of their data, and never one that a broken destination refuses.
 */
#include "forwarder_scene.h"

#define HOUR_MS 3600000

static int setup_dead_letters(void **state)
{
    int result = setup(state);

    scene.options.on_refused = FORWARDER_DEAD_LETTER;
    scene.is_quiet = true;
    return result;
}

static unsigned letter_count(void)
{
    unsigned count = 0;

    for (uint64_t i = 1; i <= scene.inbox.last; i++) {
        count += scene.inbox.is_buried[i];
    }
    return count;
}

static void store_lanes(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        store((char)('a' + i % LANES_MAX), 1);
    }
}

/* For an hour, everything is answered like this. Then all must arrive, and none
 * may be a dead letter. */
static void expect_hour_without_letters(char answer)
{
    store_lanes(80);
    start();
    run(1000);
    scene.answer_of_all = answer;
    for (int minute = 0; minute < 60; minute++) {
        store_lanes(16);
        run(60000);
    }
    assert_int_equal(letter_count(), 0);
    scene.answer_of_all = 0;
    run(HOUR_MS);
    assert_int_equal(letter_count(), 0);
    expect_all();
}

static void test_an_hour_of_outage_makes_no_dead_letters(void **state)
{
    (void)state;
    expect_hour_without_letters('b');
}

static void test_an_hour_of_not_now_makes_no_dead_letters(void **state)
{
    (void)state;
    expect_hour_without_letters('r');
}

/* A deployment that answers 400 to everything. */
static void test_an_hour_of_refusals_makes_no_dead_letters(void **state)
{
    (void)state;
    expect_hour_without_letters('x');
}

/* The same where only one queue has anything to send. */
static void test_an_hour_of_refusals_of_one_queue_makes_none(void **state)
{
    (void)state;
    store('a', 30);
    start();
    run(1000);
    scene.answer_of_all = 'x';
    store('a', 30);
    run(HOUR_MS);
    assert_int_equal(letter_count(), 0);
    scene.answer_of_all = 0;
    run(HOUR_MS);
    assert_int_equal(letter_count(), 0);
    expect_all();
}

/* Its neighbours in the batch are delivered, in order. It is sent again once
 * another queue's message was accepted, which proves that it is the cause. */
static void test_one_poison_message_of_10000_is_one_dead_letter(void **state)
{
    (void)state;
    scene.may_repeat = true; /* a batch is split where it was refused */
    for (int i = 0; i < 100; i++) {
        store((char)('a' + i % LANES_MAX), 100);
    }
    scene.answer_of[4321] = 'x';
    start();
    run(HOUR_MS);
    assert_int_equal(letter_count(), 1);
    assert_true(scene.inbox.is_buried[4321]);
    assert_int_equal(scene.inbox.attempts_of[4321], 2);
    assert_int_equal(scene.repeat_count, 0);
    for (uint64_t i = 1; i <= 10000; i++) {
        assert_true((scene.fate[i] == FATE_DELIVERED) == (i != 4321));
    }
    assert_true(stats().is_caught_up);
}

/* A message that the destination could not take at first, and then refused:
 * all of its attempts are counted. */
static void test_attempts_are_counted(void **state)
{
    (void)state;
    scene.options.backoff_ms = 1000;
    scene.options.backoff_max_ms = 1000;
    store_each("ab");
    scene.answer_of[1] = 'r';
    start();
    run(10);
    assert_int_equal(stats().waiting_lane_count, 1);
    scene.answer_of[1] = 'x';
    store_each("a");
    run(HOUR_MS);
    assert_true(scene.inbox.is_buried[1]);
    assert_int_equal(scene.inbox.attempts_of[1], 2);
}

/* What an operator gives up was tried as often as it was. */
static void test_an_operator_buries_a_message(void **state)
{
    (void)state;
    scene.options.on_refused = FORWARDER_BLOCK;
    store_each("aab");
    scene.answer_of[1] = 'x';
    start();
    run(1000);
    assert_int_equal(stats().blocked_lane_count, 1);
    assert_int_equal(forwarder_release_lane(scene.forwarder, "s", "a",
                                            FORWARDER_TO_DEAD_LETTERS),
                     0);
    run(1000);
    assert_int_equal(letter_count(), 1);
    assert_int_equal(scene.inbox.attempts_of[1], 1);
    assert_int_equal(scene.fate[2], FATE_DELIVERED);
}

#define LETTER_TEST(name) \
    cmocka_unit_test_setup_teardown(name, setup_dead_letters, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LETTER_TEST(test_an_hour_of_outage_makes_no_dead_letters),
        LETTER_TEST(test_an_hour_of_not_now_makes_no_dead_letters),
        LETTER_TEST(test_an_hour_of_refusals_makes_no_dead_letters),
        LETTER_TEST(test_an_hour_of_refusals_of_one_queue_makes_none),
        LETTER_TEST(test_one_poison_message_of_10000_is_one_dead_letter),
        LETTER_TEST(test_attempts_are_counted),
        LETTER_TEST(test_an_operator_buries_a_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
