/* What becomes of lanes that another process forwards from now on: golden
 * traces in virtual time. See dispatch_scene.h for the signs. */
#include "dispatch_scene.h"

static const char *withdrawn; /* names of lanes */

static bool stays(void *data, const struct lane *lane)
{
    (void)data;
    return strchr(withdrawn, lane->queue[0]) == NULL;
}

static void withdraw(struct scene *scene, const char *lanes)
{
    withdrawn = lanes;
    dispatch_withdraw(&scene->dispatch, stays, scene->now_ms);
}

static struct scene *shared_scene(const char *lanes)
{
    struct scene *scene = scene_new_by_queue(lanes);
    scene->is_shared = true;
    return scene;
}

/* The other process has forwarded the lane up to there, and stored that. */
static void other_forwards(struct scene *scene, char lane, uint64_t to)
{
    for (uint64_t i = 1; i <= to; i++) {
        if (scene->lane_of[i] == lane && scene->fate[i] == FATE_NONE) {
            scene->fate[i] = FATE_PASSED;
        }
    }
    if (scene->position_of[lane - 'a'] < to) {
        scene->position_of[lane - 'a'] = to;
    }
}

static bool is_leaving(const struct scene *scene)
{
    return !TAILQ_EMPTY(&scene->dispatch.leaving);
}

/* A planned move: the last parcel finishes and is saved, so that the other
 * process repeats nothing; other lanes go on. */
static void test_what_is_in_flight_ends_and_is_saved(void **state)
{
    struct scene *scene = shared_scene("aaab");
    (void)state;
    scene->latency_ms[0] = 50;
    scene_run(scene, 10);
    withdraw(scene, "a");
    assert_int_equal(scene->span_count, 1);
    assert_true(is_leaving(scene));
    scene_run(scene, 50);
    assert_true(is_leaving(scene)); /* delivered, and not saved */
    scene_run(scene, 1000);
    assert_false(is_leaving(scene));
    scene_expect(scene, "[   0] > a1\n"
                        "[   0] > b4\n"
                        "[   1] + b4\n"
                        "[   2] save b4\n"
                        "[  50] + a1\n"
                        "[ 103] save a1\n");
    assert_int_equal(scene->dispatch.lanes.count, 0);
    assert_int_equal(scene->span_count, 0);
    scene_free(scene);
}

/* A parcel that fails after that is not retried here: the other process may
 * have sent it already. */
static void test_what_is_not_delivered_is_not_sent_again(void **state)
{
    static const char answers[] = "rxb";
    (void)state;
    for (const char *answer = answers; *answer != '\0'; answer++) {
        struct scene *scene = shared_scene("aab");
        scene->answer_of[1] = *answer;
        scene->latency_ms[0] = 10;
        scene_run(scene, 5);
        withdraw(scene, "a");
        scene_run(scene, 100000);
        assert_int_equal(scene->position_of[0], 0);
        assert_int_equal(scene->position_of[1], 3);
        assert_false(is_leaving(scene));
        assert_int_equal(scene->dispatch.lanes.count, 0);
        assert_int_equal(scene->span_count, 0);
        assert_int_equal(scene->dispatch.waiting_count, 0);
        assert_int_equal(scene->dispatch.blocked_count, 0);
        assert_null(strstr(scene->trace, "a: "));
        scene_free(scene);
    }
}

/* Of a parcel of which a part was delivered, this part counts. */
static void test_a_part_that_was_delivered_counts(void **state)
{
    struct scene *scene = scene_new("");
    (void)state;
    dispatch_free(&scene->dispatch);
    scene->is_by_queue = true;
    scene->is_shared = true;
    scene->span_max = 3;
    scene_begin(scene);
    scene_add(scene, "aaa");
    scene->answer_of[3] = 'r';
    scene_run(scene, 0);
    withdraw(scene, "a");
    scene_run(scene, 100000);
    assert_int_equal(scene->position_of[0], 2);
    assert_int_equal(scene->dispatch.lanes.count, 0);
    scene_free(scene);
}

/* Lanes that wait or are blocked are the other process's to show, and no timer
 * is left of them. */
static void test_held_lanes_are_forgotten_at_once(void **state)
{
    struct scene *scene = shared_scene("aabbcc");
    (void)state;
    scene->answer_of[1] = 'r';
    scene->answer_of[3] = 'x';
    scene_run(scene, 100);
    assert_int_equal(scene->dispatch.waiting_count, 1);
    assert_int_equal(scene->dispatch.blocked_count, 1);
    withdraw(scene, "ab");
    assert_int_equal(scene->dispatch.waiting_count, 0);
    assert_int_equal(scene->dispatch.blocked_count, 0);
    assert_false(is_leaving(scene));
    scene_run(scene, 100000);
    assert_true(dispatch_is_caught_up(&scene->dispatch));
    assert_int_equal(dispatch_due_ms(&scene->dispatch), HEAP_NEVER);
    scene_free(scene);
}

/* A message in doubt becomes a dead letter with the delivery of a later one,
 * or else stays after the position. */
static void test_a_doubt_is_decided_by_what_is_in_flight(void **state)
{
    (void)state;
    for (int is_delivered = 0; is_delivered < 2; is_delivered++) {
        struct scene *scene = shared_scene("aaaa");
        scene->policy.has_dead_letters = true;
        scene->answer_of[2] = 'x';
        scene->answer_of[3] = is_delivered ? '+' : 'x';
        scene_run(scene, 2); /* 3 is in flight */
        withdraw(scene, "a");
        scene_run(scene, 100000);
        assert_int_equal(scene->position_of[0], is_delivered ? 3 : 1);
        assert_int_equal(scene->fate[2],
                         is_delivered ? FATE_BURIED : FATE_NONE);
        assert_int_equal(scene->dispatch.lanes.count, 0);
        scene_free(scene);
    }
}

/* A doubt without anything in flight is dropped: the position stays. */
static void test_a_doubt_alone_is_dropped(void **state)
{
    struct scene *scene = shared_scene("ab");
    (void)state;
    scene->policy.has_dead_letters = true;
    scene->answer_of[1] = 'x';
    scene->latency_ms[1] = 50;
    scene_run(scene, 10);
    withdraw(scene, "a");
    scene_run(scene, 100000);
    assert_int_equal(scene->position_of[0], 0);
    assert_int_equal(scene->fate[1], FATE_NONE);
    assert_int_equal(scene->dispatch.lanes.count, 0);
    scene_free(scene);
}

/* The result of a read that was under way is not used. */
static void test_a_read_that_is_under_way_is_not_used(void **state)
{
    static const enum dispatch_recall outcomes[] = {
        DISPATCH_RECALL_ALL, DISPATCH_RECALL_MORE, DISPATCH_RECALL_NOTHING};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct scene *scene = shared_scene("aa");
        struct dispatch_read read;
        assert_true(dispatch_read_next(&scene->dispatch, 0, 1, &read, 0));
        withdraw(scene, "a");
        assert_true(is_leaving(scene));
        if (outcomes[i] != DISPATCH_RECALL_NOTHING) {
            scene_add_span(scene, 1, 1, true);
        }
        dispatch_recall_done(&scene->dispatch, read.lane, outcomes[i], 0);
        assert_false(is_leaving(scene));
        assert_int_equal(scene->span_count, 0);
        assert_int_equal(scene->dispatch.lanes.count, 0);
        scene_run(scene, 1000);
        scene_expect(scene, "");
        scene_free(scene);
    }
}

/* While it is being read, another lane proves that the outlet accepts messages:
 * the doubts of the lane that is leaving are no longer this process's. */
static void test_a_doubt_is_not_tried_again_after_a_proof(void **state)
{
    struct scene *scene = shared_scene("");
    struct dispatch_read read;
    (void)state;
    scene->policy.has_dead_letters = true;
    scene->read_max = 1;
    scene->policy.in_flight_max = 1;
    scene->answer_of[1] = 'x';
    scene_add(scene, "aab");
    scene_run(scene, 0);
    scene->now_ms = 1;
    assert_true(scene_land(scene)); /* 1 is in doubt */
    assert_true(dispatch_read_next(&scene->dispatch, 1, 1, &read, 1));
    assert_string_equal(read.lane->queue, "a");
    withdraw(scene, "a");
    scene_deliver(scene, dispatch_next(&scene->dispatch));
    scene->now_ms = 50;
    assert_true(scene_land(scene)); /* 3 is accepted */
    assert_true(is_leaving(scene));
    scene_add_span(scene, 2, 1, true);
    dispatch_recall_done(&scene->dispatch, read.lane, DISPATCH_RECALL_MORE, 50);
    assert_false(is_leaving(scene));
    scene_run(scene, 100000);
    assert_int_equal(scene->position_of[0], 0);
    assert_int_equal(scene->position_of[1], 3);
    assert_int_equal(scene->dispatch.lanes.count, 0);
    scene_free(scene);
}

/* It comes back before its parcel has ended. The other process has forwarded
 * this parcel and more: nothing known from before is used. */
static void test_a_lane_that_comes_back_is_read_from_its_stored_position(
    void **state)
{
    static const char answers[] = "+rxb";
    (void)state;
    for (const char *answer = answers; *answer != '\0'; answer++) {
        struct scene *scene = shared_scene("aaaa");
        scene->may_repeat[1] = true;
        scene->answer_of[1] = *answer;
        scene->latency_ms[0] = 20;
        scene_run(scene, 10);
        withdraw(scene, "a");
        other_forwards(scene, 'a', 3);
        scene_tell(scene, 'a');
        scene_run(scene, 100000);
        assert_null(strstr(scene->trace, "> a2"));
        assert_null(strstr(scene->trace, "> a3"));
        assert_non_null(strstr(scene->trace, "+ a4"));
        assert_int_equal(scene->position_of[0], 4);
        assert_int_equal(scene->dispatch.lanes.count, 0);
        assert_false(is_leaving(scene));
        scene_free(scene);
    }
}

/* The same while it is being read. */
static void test_a_lane_that_comes_back_is_read_again(void **state)
{
    struct scene *scene = shared_scene("aaaa");
    struct dispatch_read read;
    (void)state;
    assert_true(dispatch_read_next(&scene->dispatch, 0, 1, &read, 0));
    withdraw(scene, "a");
    other_forwards(scene, 'a', 2);
    scene_tell(scene, 'a');
    scene_add_span(scene, 1, 1, true);
    dispatch_recall_done(&scene->dispatch, read.lane, DISPATCH_RECALL_MORE, 0);
    scene_run(scene, 1000);
    scene_expect(scene, "[   0] > a3\n"
                        "[   1] + a3\n"
                        "[   1] > a4\n"
                        "[   2] + a4\n"
                        "[   2] save a3\n"
                        "[ 103] save a4\n");
    scene_free(scene);
}

/* And while its position is being saved, once more withdrawn. */
static void test_a_lane_may_go_and_come_while_it_is_saved(void **state)
{
    struct scene *scene = shared_scene("aa");
    (void)state;
    scene->saves_fail = true;
    scene_run(scene, 10);
    withdraw(scene, "a");
    assert_true(is_leaving(scene));
    scene_add(scene, "a");
    withdraw(scene, "a");
    assert_true(is_leaving(scene));
    scene->saves_fail = false;
    scene_run(scene, 100000);
    assert_int_equal(scene->position_of[0], 2);
    assert_int_equal(scene->dispatch.lanes.count, 0);
    assert_false(is_leaving(scene));
    scene_free(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_in_flight_ends_and_is_saved),
        cmocka_unit_test(test_what_is_not_delivered_is_not_sent_again),
        cmocka_unit_test(test_a_part_that_was_delivered_counts),
        cmocka_unit_test(test_held_lanes_are_forgotten_at_once),
        cmocka_unit_test(test_a_doubt_is_decided_by_what_is_in_flight),
        cmocka_unit_test(test_a_doubt_alone_is_dropped),
        cmocka_unit_test(test_a_read_that_is_under_way_is_not_used),
        cmocka_unit_test(test_a_doubt_is_not_tried_again_after_a_proof),
        cmocka_unit_test(
            test_a_lane_that_comes_back_is_read_from_its_stored_position),
        cmocka_unit_test(test_a_lane_that_comes_back_is_read_again),
        cmocka_unit_test(test_a_lane_may_go_and_come_while_it_is_saved),
    };
    return cmocka_run_group_tests_name("dispatch: withdraw", tests, NULL, NULL);
}
