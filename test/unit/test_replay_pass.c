/*
 * What the results of an outlet mean for a replay, in virtual time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/heap.h"
#include "core/replay_pass.h"

#define DAY_MS UINT64_C(86400000)

static const struct breaker_policy policy = {
    .backoff_ms = 1000,
    .backoff_max_ms = 60000,
    .failures_max = 5,
    .refusals_max = 4,
};

static struct replay_pass pass;
static uint64_t now_ms;
static uint64_t number; /* of the last refusal */

static int setup(void **state)
{
    (void)state;
    now_ms = 1000;
    number = 0;
    replay_pass_init(&pass, &policy, 0, 20, false, 7);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    replay_pass_free(&pass);
    return 0;
}

static void deliver(uint64_t first, uint32_t count)
{
    assert_true(replay_pass_may_send(&pass));
    replay_pass_delivered(&pass, 1, first, count, now_ms);
}

static void refuse(uint64_t arrival)
{
    assert_true(replay_pass_may_send(&pass));
    replay_pass_refused(&pass, 1, arrival, "no", ++number, now_ms);
}

/* Its wait ends. */
static void wait_over(void)
{
    assert_false(replay_pass_may_send(&pass));
    assert_true(replay_pass_due_ms(&pass) != HEAP_NEVER);
    now_ms = replay_pass_due_ms(&pass);
    replay_pass_due(&pass, now_ms);
    assert_true(replay_pass_may_send(&pass));
}

/* Each part of the range is accounted for, wanted or not. */
static void test_it_ends_at_its_end(void **state)
{
    (void)state;
    deliver(1, 5);
    replay_pass_skip(&pass, 9, now_ms);
    assert_int_equal(replay_pass_cursor(&pass), 9);
    assert_false(replay_pass_is_over(&pass));
    deliver(10, 11);
    assert_true(replay_pass_is_over(&pass));
    assert_int_equal(pass.delivered_count, 16);
    assert_int_equal(pass.done.settled.message_count, 16);
}

/* "Not now" waits, longer each time, and sends the same message again. */
static void test_a_failure_is_tried_again_after_a_wait(void **state)
{
    uint64_t first_wait_ms;

    (void)state;
    deliver(1, 2);
    replay_pass_retry(&pass, 3, 0, ++number, now_ms);
    first_wait_ms = replay_pass_due_ms(&pass) - now_ms;
    assert_in_range(first_wait_ms, 1, 1000);
    assert_int_equal(pass.next, 2);
    wait_over();
    replay_pass_retry(&pass, 3, 30000, ++number, now_ms);
    assert_true(replay_pass_due_ms(&pass) - now_ms >= 30000);
    wait_over();
    deliver(3, 18);
    assert_true(replay_pass_is_over(&pass));
    assert_int_equal(pass.refused_count, 0);
}

/* Only a message that is accepted later shows that the data was the cause. */
static void test_a_refusal_is_for_good_once_a_later_one_is_accepted(
    void **state)
{
    (void)state;
    deliver(1, 2);
    refuse(3);
    assert_int_equal(pass.next, 3);
    assert_int_equal(pass.refused_count, 0);
    assert_int_equal(replay_pass_cursor(&pass), 2); /* after a crash: again */
    deliver(4, 1);
    assert_int_equal(pass.refused_count, 1);
    assert_int_equal(replay_pass_cursor(&pass), 4);
    assert_int_equal(pass.done.dead_letter_count, 1);
    assert_int_equal(pass.done.dead_letters[0].arrival, 3);
    assert_int_equal(pass.done.dead_letters[0].tries, 1);
    assert_string_equal(pass.done.dead_letters[0].why, "no");
}

/* A deployment that refuses everything: it returns to the first one, and when
 * that is over, nothing has been lost. */
static void test_refusals_in_a_row_are_a_broken_destination(void **state)
{
    (void)state;
    deliver(1, 2);
    for (int round = 0; round < 30; round++) {
        for (uint64_t arrival = 3; arrival <= 6; arrival++) {
            refuse(arrival);
        }
        assert_int_equal(pass.next, 2);
        assert_int_equal(replay_pass_cursor(&pass), 2);
        wait_over();
    }
    assert_int_equal(pass.refused_count, 0);
    deliver(3, 18);
    assert_true(replay_pass_is_over(&pass));
    assert_int_equal(pass.done.dead_letter_count, 0);
}

/* The last message of all has none after it: what the outlet accepts
 * otherwise shows the same. */
static void test_live_messages_prove_a_refusal(void **state)
{
    (void)state;
    deliver(1, 19);
    refuse(20);
    assert_false(replay_pass_is_over(&pass));
    assert_int_equal(pass.next, 19);
    wait_over();
    refuse(20);
    assert_int_equal(pass.refused_count, 0);
    replay_pass_proven(&pass, number);
    wait_over();
    refuse(20);
    assert_true(replay_pass_is_over(&pass));
    assert_int_equal(pass.refused_count, 1);
    assert_int_equal(pass.done.dead_letters[0].tries, 3);
}

/* They were with the outlet before the refusal, and it may have broken since.
 */
static void test_live_messages_sent_before_a_refusal_prove_nothing(void **state)
{
    (void)state;
    deliver(1, 19);
    refuse(20);
    replay_pass_proven(&pass, number - 1);
    wait_over();
    refuse(20);
    replay_pass_proven(&pass, number - 1);
    wait_over();
    refuse(20);
    assert_int_equal(pass.refused_count, 0);
}

/* The outlet works, then breaks: what it refuses now may be good. */
static void test_a_proof_ends_when_too_many_are_refused(void **state)
{
    (void)state;
    refuse(1);
    replay_pass_proven(&pass, number);
    refuse(2);
    refuse(3);
    refuse(4); /* too many */
    wait_over();
    refuse(1);
    assert_int_equal(pass.refused_count, 0);
    deliver(2, 19);
    assert_int_equal(pass.refused_count, 1);
}

/* Likewise if it says that it is broken. */
static void test_a_proof_ends_when_the_destination_breaks(void **state)
{
    (void)state;
    deliver(1, 18);
    refuse(19);
    replay_pass_proven(&pass, number);
    replay_pass_retry(&pass, 20, 0, ++number, now_ms);
    wait_over();
    refuse(20);
    wait_over();
    refuse(19);
    assert_int_equal(pass.refused_count, 0);
}

/* If there are no live messages, a replay must end all the same. */
static void test_a_replay_never_waits_for_ever(void **state)
{
    unsigned rounds = 0;

    (void)state;
    deliver(1, 19);
    refuse(20);
    while (!replay_pass_is_over(&pass)) {
        assert_true(++rounds < 10000);
        wait_over();
        refuse(20);
    }
    assert_true(now_ms >= DAY_MS);
    assert_int_equal(pass.refused_count, 1);
}

/* It was proven to be bad when it became a dead letter. */
static void test_dead_letters_need_no_proof(void **state)
{
    (void)state;
    replay_pass_free(&pass);
    replay_pass_init(&pass, &policy, 0, 20, true, 7);
    for (uint64_t arrival = 1; arrival <= 20; arrival++) {
        refuse(arrival);
    }
    assert_true(replay_pass_is_over(&pass));
    assert_int_equal(pass.refused_count, 20);
    assert_int_equal(pass.done.dead_letter_count, 20);
}

/* What was in doubt and is then accepted is none any longer. */
static void test_a_doubt_ends_when_the_message_is_accepted(void **state)
{
    (void)state;
    refuse(1);
    refuse(2);
    refuse(3);
    refuse(4); /* too many */
    wait_over();
    refuse(1);
    deliver(2, 1);
    assert_int_equal(pass.refused_count, 1); /* the first */
    deliver(3, 18);
    assert_true(replay_pass_is_over(&pass));
    assert_int_equal(pass.refused_count, 1);
    assert_int_equal(pass.delivered_count, 19);
    assert_int_equal(pass.done.dead_letters[0].arrival, 1);
    assert_int_equal(pass.done.dead_letters[0].tries, 2);
}

#define PASS_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PASS_TEST(test_it_ends_at_its_end),
        PASS_TEST(test_a_failure_is_tried_again_after_a_wait),
        PASS_TEST(test_a_refusal_is_for_good_once_a_later_one_is_accepted),
        PASS_TEST(test_refusals_in_a_row_are_a_broken_destination),
        PASS_TEST(test_live_messages_prove_a_refusal),
        PASS_TEST(test_live_messages_sent_before_a_refusal_prove_nothing),
        PASS_TEST(test_a_proof_ends_when_too_many_are_refused),
        PASS_TEST(test_a_proof_ends_when_the_destination_breaks),
        PASS_TEST(test_a_replay_never_waits_for_ever),
        PASS_TEST(test_dead_letters_need_no_proof),
        PASS_TEST(test_a_doubt_ends_when_the_message_is_accepted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
