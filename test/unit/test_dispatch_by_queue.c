/* What an outlet's dispatch decides if the inbox is in order per queue only:
 * golden traces in virtual time. See dispatch_scene.h for the signs. */
#include "dispatch_scene.h"

/* The usual case: a position per lane, saved after what it passes. */
static void test_each_lane_has_its_own_position(void **state)
{
    struct scene *scene = scene_new_by_queue("abab");
    (void)state;
    scene->policy.in_flight_max = 1;
    scene_run(scene, 1000);
    scene_expect(scene, "[   0] > a1\n"
                        "[   1] + a1\n"
                        "[   1] > b2\n"
                        "[   2] + b2\n"
                        "[   2] save a2\n" /* 2 is of b: a has nothing else */
                        "[   2] > a3\n"
                        "[   3] + a3\n"
                        "[   3] > b4\n"
                        "[   4] + b4\n"
                        "[ 103] save b4 a3\n");
    scene_expect_all(scene);
    assert_int_equal(scene->dispatch.lanes.count, 0);
    scene_free(scene);
}

/* The reason for all this: a transaction that drew lower arrivals commits after
 * one that drew higher ones. */
static void test_lower_arrivals_that_appear_later_are_not_missed(void **state)
{
    struct scene *scene = scene_new_by_queue("");
    (void)state;
    memcpy(scene->lane_of + 1, "aab", 3);
    scene->last = 3;
    scene_tell(scene, 'b'); /* 1 and 2 are not visible yet */
    scene_run(scene, 500);
    scene_tell(scene, 'a');
    scene_run(scene, 1000);
    scene_expect(scene, "[   0] > b3\n"
                        "[   1] + b3\n"
                        "[   2] save b3\n"
                        "[ 500] > a1\n"
                        "[ 501] + a1\n"
                        "[ 501] > a2\n"
                        "[ 502] + a2\n"
                        "[ 502] save a1\n"
                        "[ 603] save a2\n");
    scene_expect_all(scene);
    scene_free(scene);
}

/* A lane that waits holds back no other position, and no memory: it is read
 * again when it is due. */
static void test_a_waiting_lane_holds_back_nothing(void **state)
{
    struct scene *scene = scene_new_by_queue("abb");
    (void)state;
    scene->answer_of[1] = 'r';
    scene_run(scene, 400);
    scene_expect(scene, "[   0] > a1\n"
                        "[   0] > b2\n"
                        "[   1] r a1\n"
                        "[   1] a: WAITING\n"
                        "[   1] + b2\n"
                        "[   1] > b3\n"
                        "[   2] + b3\n"
                        "[   2] save b2\n"
                        "[ 103] save b3\n");
    assert_int_equal(scene->span_count, 0);
    scene->answer_of[1] = '+';
    scene_run(scene, 5000);
    scene_expect_all(scene);
    scene_free(scene);
}

/* What is blocked stays after the position, so the next process tries it
 * again; an operator who skips it moves the position. */
static void test_a_blocked_message_stays_after_the_position(void **state)
{
    struct scene *scene = scene_new_by_queue("aaa");
    (void)state;
    scene->answer_of[2] = 'x';
    scene_run(scene, 1000);
    assert_int_equal(scene->position_of[0], 1);
    scene_crash(scene, false);
    scene_run(scene, 2000);
    scene_expect(scene, "[   0] > a1\n"
                        "[   1] + a1\n"
                        "[   1] > a2\n"
                        "[   2] x a2\n"
                        "[   2] a: BLOCKED\n"
                        "[   2] save a1\n"
                        "[1000] > a2\n"
                        "[1001] x a2\n"
                        "[1001] a: BLOCKED\n");
    scene->fate[2] = FATE_PASSED;
    assert_int_equal(dispatch_release(&scene->dispatch, scene_lane(scene, 'a'),
                                      DISPATCH_SKIP, "", scene->now_ms),
                     0);
    scene_run(scene, 3000);
    scene_expect(scene, "[2000] a: RECALLING\n"
                        "[2000] > a3\n"
                        "[2001] + a3\n"
                        "[2001] save a2\n"
                        "[2102] save a3\n");
    scene_expect_all(scene);
    scene_free(scene);
}

/* A message in doubt keeps the position before it, until it is a dead letter in
 * the same save. */
static void test_a_doubt_holds_the_position_until_it_is_a_dead_letter(
    void **state)
{
    struct scene *scene = scene_new_by_queue("aab");
    (void)state;
    scene->policy.has_dead_letters = true;
    scene->answer_of[2] = 'x';
    scene->latency_ms[1] = 300;
    scene_run(scene, 200);
    assert_int_equal(scene->position_of[0], 1);
    scene_add(scene, "a");
    scene_run(scene, 5000);
    scene_expect(scene, "[   0] > a1\n"
                        "[   0] > b3\n"
                        "[   1] + a1\n"
                        "[   1] > a2\n"
                        "[   2] x a2\n"
                        "[   2] a: WAITING\n"
                        "[   2] save a1\n"
                        "[ 300] + b3\n"
                        "[ 301] save b3\n"
                        "[ 948] > a2\n"
                        "[ 949] x a2\n"
                        "[ 949] > a4\n"
                        "[ 950] + a4\n"
                        "[ 950] D a2\n"
                        "[ 951] save a4\n");
    scene_expect_all(scene);
    scene_free(scene);
}

/* Nothing is sent again because the inbox reports a lane that is done: it may
 * have been asked before the position was saved. */
static void test_a_late_report_repeats_nothing(void **state)
{
    struct scene *scene = scene_new_by_queue("aa");
    (void)state;
    scene->saves_fail = true;
    scene_run(scene, 50);
    scene_tell(scene, 'a'); /* the position is not saved */
    scene_run(scene, 100);
    scene->saves_fail = false;
    scene_run(scene, 10000);
    assert_int_equal(scene->dispatch.lanes.count, 0);
    scene_tell(scene, 'a'); /* the lane is not in memory */
    scene_run(scene, 20000);
    scene_expect(scene, "[   0] > a1\n"
                        "[   1] + a1\n"
                        "[   1] > a2\n"
                        "[   2] + a2\n"
                        "[5003] save a1\n"
                        "[5104] save a2\n"
                        "[10001] save a2\n");
    assert_int_equal(scene->repeat_count, 0);
    scene_expect_all(scene);
    scene_free(scene);
}

/* Queues that the outlet does not want cost no reading. */
static void test_lanes_that_are_not_wanted_are_passed_unread(void **state)
{
    struct scene *scene = scene_new_by_queue("");
    (void)state;
    memcpy(scene->lane_of + 1, "ab", 2);
    scene->last = 2;
    scene->fate[1] = FATE_PASSED;
    dispatch_pass(&scene->dispatch, scene_lane(scene, 'a'), 1);
    scene_tell(scene, 'b');
    scene_run(scene, 1000);
    scene_expect(scene, "[   0] > b2\n"
                        "[   1] + b2\n"
                        "[   1] save a1\n"
                        "[ 102] save b2\n");
    assert_int_equal(scene->read_count, 1);
    scene_expect_all(scene);
    scene_free(scene);
}

/* A destination that is down keeps no more in memory than it may, and goes on
 * where it stopped. */
static void test_a_broken_destination_keeps_little_in_memory(void **state)
{
    struct scene *scene = scene_new_by_queue("");
    (void)state;
    scene->is_quiet = true;
    scene->policy.bytes_max = 20; /* spans */
    scene->read_max = 10;
    scene->answer_of_all = 'b';
    for (int i = 0; i < 100; i++) {
        scene_add(scene, "abcdefabcdefaaaaaaaa");
        scene_run(scene, scene->now_ms + 100);
        scene->trace_size = 0;
    }
    assert_true(scene->span_count_max <= 20);
    scene->answer_of_all = 0;
    scene_run(scene, scene->now_ms + 1000000);
    assert_true(scene->span_count_max <= 20);
    assert_int_equal(scene->repeat_count, 0);
    scene_expect_all(scene);
    scene_free(scene);
}

/* Messages that were stored after the report are read with the others; if they
 * are refused, they are read again. */
static void test_what_was_read_beyond_the_report_is_not_lost(void **state)
{
    struct scene *scene = scene_new_by_queue("");
    (void)state;
    memcpy(scene->lane_of + 1, "aa", 2);
    scene->last = 1;
    scene_tell(scene, 'a');
    scene->last = 2;
    scene->answer_of[2] = 'r';
    scene_run(scene, 500);
    scene->answer_of[2] = '+';
    scene_run(scene, 10000);
    scene_expect_all(scene);
    scene_free(scene);
}

/* The same if the read ends between these messages: nobody need tell of the
 * rest. */
static void test_the_rest_beyond_the_report_is_read(void **state)
{
    struct scene *scene = scene_new_by_queue("");
    (void)state;
    memcpy(scene->lane_of + 1, "aaaa", 4);
    scene->read_max = 2;
    scene->last = 1;
    scene_tell(scene, 'a');
    scene->last = 4;
    scene_run(scene, 500);
    scene_expect_all(scene);
    scene_free(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_lane_has_its_own_position),
        cmocka_unit_test(test_lower_arrivals_that_appear_later_are_not_missed),
        cmocka_unit_test(test_a_waiting_lane_holds_back_nothing),
        cmocka_unit_test(test_a_blocked_message_stays_after_the_position),
        cmocka_unit_test(
            test_a_doubt_holds_the_position_until_it_is_a_dead_letter),
        cmocka_unit_test(test_a_late_report_repeats_nothing),
        cmocka_unit_test(test_lanes_that_are_not_wanted_are_passed_unread),
        cmocka_unit_test(test_a_broken_destination_keeps_little_in_memory),
        cmocka_unit_test(test_what_was_read_beyond_the_report_is_not_lost),
        cmocka_unit_test(test_the_rest_beyond_the_report_is_read),
    };
    return cmocka_run_group_tests_name("dispatch by queue", tests, NULL, NULL);
}
