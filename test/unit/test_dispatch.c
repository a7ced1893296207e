/* What an outlet's dispatch decides: golden traces in virtual time. See
 * dispatch_scene.h for the signs; test_dispatch_random.c has stories that
 * nobody has thought of. */
#include "dispatch_scene.h"

/* The usual case: lanes side by side, each in order; a save for many. */
static void test_lanes_take_turns_in_order(void **state)
{
    struct scene *scene = scene_new("aaabb");
    (void)state;
    scene->policy.in_flight_max = 1;
    scene_run(scene, 1000);
    scene_expect(scene, "[   0] > a1\n"
                        "[   1] + a1\n"
                        "[   1] > b4\n"
                        "[   2] + b4\n"
                        "[   2] save 1 +0 -0\n"
                        "[   2] > a2\n"
                        "[   3] + a2\n"
                        "[   3] > b5\n"
                        "[   4] + b5\n"
                        "[   4] > a3\n"
                        "[   5] + a3\n"
                        "[ 103] save 5 +0 -0\n");
    scene_expect_all(scene);
    scene_free(scene);
}

/* An outlet says how much it can take at once. */
static void test_never_more_in_flight_than_the_outlet_takes(void **state)
{
    struct scene *scene = scene_new("abcdefgh");
    (void)state;
    scene->policy.in_flight_max = 3;
    scene_run(scene, 0);
    assert_int_equal(scene->flight_count, 3);
    scene_run(scene, 1000);
    scene_expect_all(scene);
    scene_free(scene);
}

/* A message is repeated only if the process dies between sending and saving;
 * what was saved, or not even sent, is not. */
static void test_a_crash_repeats_what_was_sent_and_not_saved(void **state)
{
    struct scene *scene = scene_new("aaa");
    (void)state;
    scene->policy.in_flight_max = 1;
    scene_run(scene, 2);
    scene_crash(scene, true);
    scene_run(scene, 1000);
    scene_expect(scene, "[   0] > a1\n"
                        "[   1] + a1\n"
                        "[   1] > a2\n"
                        "[   2] + a2\n"
                        "[   2] save 1 +0 -0\n"
                        "[   2] > a3\n"
                        "[   2] > a2\n"
                        "[   3] + a2\n"
                        "[   3] > a3\n"
                        "[   4] + a3\n"
                        "[   4] save 2 +0 -0\n"
                        "[ 105] save 3 +0 -0\n");
    assert_int_equal(scene->repeat_count, 1);
    scene_expect_all(scene);
    scene_free(scene);
}

/* A poison message holds its lane, and nothing else; nor does it make the
 * cursor stand still. */
static void test_a_refused_message_blocks_its_lane_alone(void **state)
{
    struct scene *scene = scene_new("abaab");
    (void)state;
    scene->answer_of[1] = 'x';
    scene_run(scene, 1000);
    scene_expect(scene, "[   0] > a1\n"
                        "[   0] > b2\n"
                        "[   1] x a1\n"
                        "[   1] a: BLOCKED\n"
                        "[   1] + b2\n"
                        "[   1] > b5\n"
                        "[   2] + b5\n"
                        "[   2] save 4 +3 -0\n"
                        "[ 103] save 5 +0 -0\n");
    assert_int_equal(scene->dispatch.blocked_count, 1);
    scene_add(scene, "ab");
    scene_run(scene, 2000);
    scene_expect(scene, "[1000] > b7\n"
                        "[1001] + b7\n"
                        "[1001] save 6 +1 -0\n"
                        "[1102] save 7 +0 -0\n");
    assert_false(dispatch_is_caught_up(&scene->dispatch));
    scene->answer_of[1] = '+';
    assert_int_equal(dispatch_release(&scene->dispatch, scene_lane(scene, 'a'),
                                      DISPATCH_RETRY, "", scene->now_ms),
                     0);
    scene_run(scene, 3000);
    scene_expect(scene, "[2000] a: RECALLING\n"
                        "[2000] > a1\n"
                        "[2001] + a1\n"
                        "[2001] > a3\n"
                        "[2002] + a3\n"
                        "[2002] save 7 +0 -1\n"
                        "[2002] > a4\n"
                        "[2003] + a4\n"
                        "[2003] > a6\n"
                        "[2004] + a6\n"
                        "[2103] save 7 +0 -3\n");
    scene_expect_all(scene);
    scene_free(scene);
}

/* While the outlet has a message, nobody knows yet whether there is anything to
 * decide: the operator must be told to ask again, not that nothing is held. */
static void test_a_message_in_flight_cannot_be_released(void **state)
{
    struct scene *scene = scene_new("a");
    (void)state;
    scene->answer_of[1] = 'r';
    scene->latency_ms[0] = 50;
    scene_run(scene, 10);
    assert_int_equal(scene_lane(scene, 'a')->state, LANE_DELIVERING);
    assert_int_equal(dispatch_release(&scene->dispatch, scene_lane(scene, 'a'),
                                      DISPATCH_SKIP, "no", scene->now_ms),
                     HAPLO_EBUSY);
    scene_run(scene, 60);
    assert_int_equal(scene->fate[1], FATE_NONE);
    assert_int_equal(dispatch_release(&scene->dispatch, scene_lane(scene, 'a'),
                                      DISPATCH_SKIP, "no", scene->now_ms),
                     0);
    scene->fate[1] = FATE_PASSED;
    scene_run(scene, 1000);
    scene_expect_all(scene);
    scene_free(scene);
}

/* An operator may give up the message that blocks. */
static void test_a_blocked_lane_is_released(void **state)
{
    static const enum dispatch_release ways[] = {DISPATCH_SKIP, DISPATCH_BURY};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct scene *scene = scene_new("aba");
        scene->answer_of[1] = 'x';
        scene_run(scene, 1000);
        scene->fate[1] = ways[i] == DISPATCH_SKIP ? FATE_PASSED : FATE_NONE;
        assert_int_equal(dispatch_release(&scene->dispatch,
                                          scene_lane(scene, 'b'), ways[i], "no",
                                          scene->now_ms),
                         HAPLO_ENOTFOUND);
        dispatch_lane_drop_idle(&scene->dispatch, scene_lane(scene, 'b'));
        assert_int_equal(dispatch_release(&scene->dispatch,
                                          scene_lane(scene, 'a'), ways[i], "no",
                                          scene->now_ms),
                         0);
        scene_run(scene, 2000);
        assert_int_equal(scene->fate[1],
                         ways[i] == DISPATCH_SKIP ? FATE_PASSED : FATE_BURIED);
        assert_int_equal(scene->fate[3], FATE_DELIVERED);
        scene_expect_all(scene);
        scene_free(scene);
    }
}

/* "Not now" for one lane: it backs off, the others go on, and so does the
 * cursor. */
static void test_a_lane_that_waits_is_deferred_and_catches_up(void **state)
{
    struct scene *scene = scene_new("aba");
    (void)state;
    scene->answer_of[1] = 'r';
    scene_run(scene, 600);
    scene->answer_of[1] = '+';
    scene_run(scene, 20000);
    scene_expect(scene, "[   0] > a1\n"
                        "[   0] > b2\n"
                        "[   1] r a1\n"
                        "[   1] a: WAITING\n"
                        "[   1] + b2\n"
                        "[   2] save 3 +2 -0\n"
                        "[ 947] > a1\n"
                        "[ 948] + a1\n"
                        "[ 948] > a3\n"
                        "[ 949] + a3\n"
                        "[ 949] save 3 +0 -1\n"
                        "[1050] save 3 +0 -1\n");
    scene_expect_all(scene);
    scene_free(scene);
}

/* A slow lane is not at fault, but what the others have done must be saved. */
static void test_a_slow_lane_is_deferred_after_a_while(void **state)
{
    struct scene *scene = scene_new("abbb");
    (void)state;
    scene->latency_ms[0] = 5000;
    scene_run(scene, 20000);
    scene_expect(scene, "[   0] > a1\n"
                        "[   0] > b2\n"
                        "[   1] + b2\n"
                        "[   1] > b3\n"
                        "[   2] + b3\n"
                        "[   2] > b4\n"
                        "[   3] + b4\n"
                        "[1002] save 4 +1 -0\n"
                        "[5000] + a1\n"
                        "[5001] save 4 +0 -1\n");
    scene_expect_all(scene);
    scene_free(scene);
}

/* Whatever the destination does, everything waits, and one message probes. */
static void test_a_broken_destination_is_probed_by_one_message(void **state)
{
    struct scene *scene = scene_new("abc");
    (void)state;
    scene->answer_of_all = 'b';
    scene_run(scene, 4000);
    scene->answer_of_all = 0;
    scene_run(scene, 30000);
    scene_expect(scene, "[   0] > a1\n"
                        "[   0] > b2\n"
                        "[   0] > c3\n"
                        "[   1] b a1\n"
                        "[   1] BROKEN\n"
                        "[   1] b b2\n"
                        "[   1] b c3\n"
                        "[ 947] > a1\n"
                        "[ 948] b a1\n"
                        "[ 948] BROKEN\n"
                        "[1080] > b2\n"
                        "[1081] b b2\n"
                        "[1081] BROKEN\n"
                        "[3348] > c3\n"
                        "[3349] b c3\n"
                        "[3349] BROKEN\n"
                        "[10829] > a1\n"
                        "[10830] + a1\n"
                        "[10830] UP\n"
                        "[10830] > b2\n"
                        "[10830] > c3\n"
                        "[10831] + b2\n"
                        "[10831] + c3\n"
                        "[10831] save 1 +0 -0\n"
                        "[10932] save 3 +0 -0\n");
    scene_expect_all(scene);
    scene_free(scene);
}

/* "Retry-After" is honoured, for a lane and for the destination. */
static void test_the_wait_that_is_asked_for_is_kept(void **state)
{
    struct scene *scene = scene_new("ab");
    (void)state;
    scene->answer_of[1] = 'r';
    scene->delay_ms = 7000;
    scene_run(scene, 7000);
    assert_int_equal(scene->dispatch.waiting_count, 1);
    scene->answer_of[1] = 'b';
    scene_run(scene, 7002);
    assert_int_equal(scene->dispatch.breaker.state, BREAKER_BROKEN);
    scene->answer_of[1] = '+';
    scene_run(scene, 14500);
    scene_expect(scene, "[   0] > a1\n"
                        "[   0] > b2\n"
                        "[   1] r a1\n"
                        "[   1] a: WAITING\n"
                        "[   1] + b2\n"
                        "[   2] save 2 +1 -0\n"
                        "[7001] > a1\n"
                        "[7002] b a1\n"
                        "[7002] BROKEN\n"
                        "[14002] > a1\n"
                        "[14003] + a1\n"
                        "[14003] UP\n"
                        "[14004] save 2 +0 -1\n");
    scene_expect_all(scene);
    scene_free(scene);
}

/* Many failures in a row, of whatever lanes: none of them is to blame. */
static void test_failures_in_a_row_are_a_broken_destination(void **state)
{
    struct scene *scene = scene_new("abcdef");
    (void)state;
    scene->answer_of_all = 'r';
    scene_run(scene, 500);
    scene_expect(scene, "[   0] > a1\n"
                        "[   0] > b2\n"
                        "[   0] > c3\n"
                        "[   0] > d4\n"
                        "[   1] r a1\n"
                        "[   1] a: WAITING\n"
                        "[   1] r b2\n"
                        "[   1] b: WAITING\n"
                        "[   1] r c3\n"
                        "[   1] c: WAITING\n"
                        "[   1] r d4\n"
                        "[   1] d: WAITING\n"
                        "[   1] > e5\n"
                        "[   1] > f6\n"
                        "[   2] r e5\n"
                        "[   2] BROKEN\n"
                        "[   2] r f6\n");
    assert_int_equal(scene->cursor, 0);
    scene->answer_of_all = 0;
    scene_run(scene, 10000);
    scene_expect_all(scene);
    scene_free(scene);
}

/* Down for an hour: nothing is deferred or lost, and all is in order. */
static void test_an_outlet_that_is_down_for_an_hour_catches_up(void **state)
{
    struct scene *scene = scene_new("abab");
    (void)state;
    scene->answer_of_all = 'r';
    for (int i = 0; i < 60; i++) {
        scene_run(scene, scene->now_ms + 60000);
        scene_add(scene, "abcab");
    }
    assert_true(scene->cursor < 4);
    scene->answer_of_all = 0;
    scene_run(scene, scene->now_ms + 301000);
    assert_int_equal(scene->repeat_count, 0);
    scene_expect_all(scene);
    scene_free(scene);
}

/* Dead letters */

static struct scene *scene_with_dead_letters(const char *lanes)
{
    struct scene *scene = scene_new(lanes);
    scene->policy.has_dead_letters = true;
    return scene;
}

/* The message behind it shows that it is the message. */
static void test_a_dead_letter_if_the_next_one_is_accepted(void **state)
{
    struct scene *scene = scene_with_dead_letters("aaa");
    (void)state;
    scene->answer_of[2] = 'x';
    scene_run(scene, 1000);
    scene_expect(scene, "[   0] > a1\n"
                        "[   1] + a1\n"
                        "[   1] > a2\n"
                        "[   2] x a2\n"
                        "[   2] save 1 +0 -0\n"
                        "[   2] > a3\n"
                        "[   3] + a3\n"
                        "[   3] D a2\n"
                        "[ 103] save 3 +1 -1\n");
    scene_expect_all(scene);
    scene_free(scene);
}

/* With nothing behind it, it waits for another lane, and is then tried once
 * more: only what is refused before and after is a dead letter. */
static void test_a_dead_letter_if_another_lane_is_accepted(void **state)
{
    struct scene *scene = scene_with_dead_letters("a");
    (void)state;
    scene->answer_of[1] = 'x';
    scene_run(scene, 500);
    scene_expect(scene, "[   0] > a1\n"
                        "[   1] x a1\n"
                        "[   1] a: WAITING\n"
                        "[   2] save 1 +1 -0\n");
    assert_int_equal(scene->dispatch.waiting_count, 1);
    scene_add(scene, "b");
    scene_run(scene, 1000);
    scene_expect(scene, "[ 500] > b2\n"
                        "[ 501] + b2\n"
                        "[ 501] > a1\n"
                        "[ 502] x a1\n"
                        "[ 502] D a1\n"
                        "[ 502] save 2 +0 -0\n"
                        "[ 603] save 2 +0 -1\n");
    scene_expect_all(scene);
    scene_free(scene);
}

/* A destination that refuses everything is broken: no dead letters, and later
 * all in order. */
static void test_no_dead_letters_of_a_destination_that_refuses_all(void **state)
{
    struct scene *scene = scene_with_dead_letters("aaaaab");
    (void)state;
    scene->answer_of_all = 'x';
    scene_run(scene, 2500);
    scene_expect(scene, "[   0] > a1\n"
                        "[   0] > b6\n"
                        "[   1] x a1\n"
                        "[   1] x b6\n"
                        "[   1] b: WAITING\n"
                        "[   1] > a2\n"
                        "[   2] x a2\n"
                        "[   2] BROKEN\n"
                        "[   2] save 1 +1 -0\n"
                        "[ 103] save 6 +5 -0\n"
                        "[ 434] > a1\n"
                        "[ 435] x a1\n"
                        "[ 435] > b6\n"
                        "[ 436] x b6\n"
                        "[ 436] b: WAITING\n"
                        "[ 436] > a2\n"
                        "[ 437] x a2\n"
                        "[ 437] BROKEN\n"
                        "[1129] > b6\n"
                        "[1130] x b6\n"
                        "[1130] b: WAITING\n"
                        "[1130] > a1\n"
                        "[1131] x a1\n"
                        "[1131] > a2\n"
                        "[1132] x a2\n"
                        "[1132] BROKEN\n");
    scene->answer_of_all = 0;
    scene_run(scene, 20000);
    for (uint64_t i = 1; i <= 6; i++) {
        assert_int_equal(scene->fate[i], FATE_DELIVERED);
    }
    scene_expect_all(scene);
    scene_free(scene);
}

/* A destination that begins to refuse everything still accepts what it got
 * before. That says nothing about what it has refused meanwhile. */
static void test_what_was_sent_before_a_refusal_proves_nothing(void **state)
{
    struct scene *scene = scene_with_dead_letters("ab");
    (void)state;
    scene->answer_of[1] = 'x';
    scene->latency_ms[1] = 10;
    scene_run(scene, 300);
    scene_expect(scene, "[   0] > a1\n"
                        "[   0] > b2\n"
                        "[   1] x a1\n"
                        "[   1] a: WAITING\n"
                        "[   2] save 1 +1 -0\n"
                        "[  10] + b2\n"
                        "[ 103] save 2 +0 -0\n");
    assert_int_equal(scene->fate[1], FATE_NONE);
    scene_add(scene, "b");
    scene_run(scene, 1000);
    assert_int_equal(scene->fate[1], FATE_BURIED);
    scene_free(scene);
}

/* What was proven once may be refused later because everything is. */
static void test_a_proof_ends_when_the_destination_breaks(void **state)
{
    struct scene *scene = scene_with_dead_letters("aabbbbbbbbbbbbbbbbbbbbbb");
    (void)state;
    scene->answer_of[1] = 'x';
    scene->latency_ms[0] = 5;
    scene_run(scene, 8); /* a1 is proven, a2 is on its way */
    assert_true(scene->fate[6] == FATE_DELIVERED);
    scene->answer_of_all = 'x';
    scene_run(scene, 5000);
    assert_int_equal(scene->fate[1], FATE_NONE);
    scene->answer_of[1] = '+';
    scene->answer_of_all = 0;
    scene_run(scene, 20000);
    for (uint64_t i = 1; i <= scene->last; i++) {
        assert_int_equal(scene->fate[i], FATE_DELIVERED);
    }
    scene_expect_all(scene);
    scene_free(scene);
}

/* The first message that probes may be a bad one: others are tried. */
static void test_a_bad_message_does_not_keep_a_destination_broken(void **state)
{
    struct scene *scene = scene_with_dead_letters("aaaaa");
    (void)state;
    scene->answer_of_all = 'x';
    scene_run(scene, 500);
    scene->answer_of_all = 0;
    scene->answer_of[1] = 'x';
    scene_run(scene, 20000);
    assert_int_equal(scene->fate[1], FATE_BURIED);
    scene_expect_all(scene);
    scene_free(scene);
}

/* With "block", lanes that were blocked by a broken destination go on by
 * themselves. */
static void test_lanes_blocked_by_a_broken_destination_go_on(void **state)
{
    struct scene *scene = scene_new("abcd");
    (void)state;
    scene->answer_of_all = 'x';
    scene_run(scene, 500);
    assert_int_equal(scene->dispatch.blocked_count, 0);
    assert_int_equal(scene->dispatch.breaker.state, BREAKER_BROKEN);
    scene->answer_of_all = 0;
    scene_run(scene, 20000);
    scene_expect_all(scene);
    scene_free(scene);
}

/* Limits */

/* Memory has a limit, and a lane that waits does not take it from others. */
static void test_a_lane_that_waits_does_not_fill_the_memory(void **state)
{
    struct scene *scene = scene_new("aaaaaaaaaaaaaaaaaaaaaaaaab");
    (void)state;
    scene->read_max = 4;
    scene->policy.bytes_max = 8;
    scene->answer_of[1] = 'r';
    scene_run(scene, 300);
    assert_int_equal(scene->fate[26], FATE_DELIVERED);
    assert_true(scene->span_count_max <= 8);
    assert_int_equal(scene->span_count, 0);
    scene->answer_of[1] = '+';
    scene_run(scene, 60000);
    assert_true(scene->span_count_max <= 8);
    scene_expect_all(scene);
    scene_free(scene);
}

/* The store is not there: what is done stays to be saved, and is saved. */
static void test_a_save_that_fails_is_made_again(void **state)
{
    struct scene *scene = scene_new("ab");
    (void)state;
    scene->saves_fail = true;
    scene_run(scene, 12000);
    assert_int_equal(scene->cursor, 0);
    scene->saves_fail = false;
    scene_run(scene, 20000);
    scene_expect_all(scene);
    scene_free(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test(test)
        T(test_lanes_take_turns_in_order),
        T(test_never_more_in_flight_than_the_outlet_takes),
        T(test_a_crash_repeats_what_was_sent_and_not_saved),
        T(test_a_refused_message_blocks_its_lane_alone),
        T(test_a_message_in_flight_cannot_be_released),
        T(test_a_blocked_lane_is_released),
        T(test_a_lane_that_waits_is_deferred_and_catches_up),
        T(test_a_slow_lane_is_deferred_after_a_while),
        T(test_a_broken_destination_is_probed_by_one_message),
        T(test_the_wait_that_is_asked_for_is_kept),
        T(test_failures_in_a_row_are_a_broken_destination),
        T(test_an_outlet_that_is_down_for_an_hour_catches_up),
        T(test_a_dead_letter_if_the_next_one_is_accepted),
        T(test_a_dead_letter_if_another_lane_is_accepted),
        T(test_no_dead_letters_of_a_destination_that_refuses_all),
        T(test_what_was_sent_before_a_refusal_proves_nothing),
        T(test_a_proof_ends_when_the_destination_breaks),
        T(test_a_bad_message_does_not_keep_a_destination_broken),
        T(test_lanes_blocked_by_a_broken_destination_go_on),
        T(test_a_lane_that_waits_does_not_fill_the_memory),
        T(test_a_save_that_fails_is_made_again),
    };
    return cmocka_run_group_tests_name("dispatch", tests, NULL, NULL);
}
