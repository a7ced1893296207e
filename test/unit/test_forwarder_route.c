/*
 * An outlet that does not want all messages of a queue: how parcels are cut,
 * and what is stored about the messages between. Only those with "y" at /k are
 * wanted.
 */
#include "core/route.h"
#include "forwarder_scene.h"

static const struct route_rules only_y = {
    &(const struct route_alternative){
        &(const struct route_test){"/k", (const char *const[]){"y"}, 1}, 1},
    1};

static int setup_route(void **state)
{
    int result = setup(state);

    scene.options.when = &only_y;
    return result;
}

/* Most messages of the global queue concern nobody: they must cost no parcels,
 * and those that are wanted should still travel together. */
static void what_is_wanted_of_a_batch_is_a_parcel(void **state)
{
    (void)state;
    store_values("nynyyn");
    store_values("nn");
    store_values("yy");
    store_values("nnny");
    start();
    run(1000);
    expect("[   3] > a2*3\n"
           "[   4] > a9*2\n"
           "[   4] save 1 +0 -0\n"
           "[   5] > a14*1\n"
           "[ 105] save 14 +0 -0\n"
           "[ 105] out: at rest\n");
    expect_all();
    assert_int_equal(stats().delivered_count, 6);
    assert_int_equal(stats().filtered_count, 8);
}

/* Where nothing is wanted, the cursor moves all the same. */
static void the_cursor_passes_what_is_not_wanted(void **state)
{
    (void)state;
    store_values("nnnn");
    start();
    run(1000);
    expect("[   4] save 4 +0 -0\n"
           "[   4] out: at rest\n");
    expect_all();
    assert_int_equal(stats().filtered_count, 4);
}

/* A huge batch is cut where it would be without rules, so that a repeat has the
 * same messages whatever page they were read with. */
static void a_huge_batch_is_cut_at_the_same_places(void **state)
{
    char values[3501];
    (void)state;
    for (int i = 0; i < 3500; i++) {
        values[i] = i % 2 == 0 ? 'n' : 'y';
    }
    values[3500] = '\0';
    store_values(values);
    start();
    run(1000);
    expect("[   3] > a2*500\n"
           "[   4] > a1002*500\n"
           "[   4] save 1 +0 -0\n"
           "[   5] > a2002*500\n"
           "[   6] > a3002*250\n"
           "[ 105] save 3500 +0 -0\n"
           "[ 105] out: at rest\n");
    expect_all();
}

/* After "not now", the rest is sent again, beginning with the very message. */
static void a_retry_begins_with_the_message_that_failed(void **state)
{
    (void)state;
    scene.answer_of[5] = 'r';
    scene.options.backoff_ms = 100;
    store_values("ynnnyny");
    start();
    run(20);
    expect("[   3] > a1*3\n"
           "[   4] a: waiting: answered r\n"
           "[   5] save 4 +0 -0\n"
           "[   5] out: at rest\n");
    scene.answer_of[5] = '+';
    run(2000);
    assert_non_null(strstr(scene.trace, "> a5*2\n"));
    assert_int_equal(scene.repeat_count, 0);
    expect_all();
}

/* A dead letter must be the message that was refused, not a neighbour that
 * nobody sent; and a neighbour is no proof that the outlet accepts others. */
static void a_refused_message_becomes_the_dead_letter(void **state)
{
    (void)state;
    scene.options.on_refused = FORWARDER_DEAD_LETTER;
    scene.answer_of[3] = 'x';
    scene.answer_of[5] = 'x';
    store_values("ynynynny");
    start();
    run(5000);
    assert_true(scene.inbox.is_buried[3]);
    assert_true(scene.inbox.is_buried[5]);
    for (uint64_t i = 1; i <= 8; i++) {
        assert_false(scene.inbox.is_buried[i] && i != 3 && i != 5);
        assert_false(scene.inbox.is_deferred[i]);
    }
    assert_int_equal(scene.fate[8], FATE_DELIVERED);
    assert_int_equal(stats().dead_letter_count, 2);
    assert_int_equal(stats().delivered_count, 2);
    assert_int_equal(stats().filtered_count, 4);
    assert_true(stats().is_caught_up);
}

/* Not even if the only messages that follow it are unwanted ones. */
static void unwanted_messages_are_no_proof(void **state)
{
    (void)state;
    scene.options.on_refused = FORWARDER_DEAD_LETTER;
    scene.answer_of_all = 'x';
    store_values("ynnynnnn");
    start();
    run(5000);
    assert_int_equal(stats().dead_letter_count, 0);
    assert_false(scene.inbox.is_buried[1]);
    assert_false(scene.inbox.is_buried[4]);
}

/* A lane that is blocked is deferred as a range, and read back. */
static void a_blocked_lane_continues_behind_its_message(void **state)
{
    (void)state;
    scene.answer_of[3] = 'x';
    store_values("ynynnyn");
    store_values("nyn");
    start();
    run(1000);
    assert_int_equal(stats().blocked_lane_count, 1);
    assert_int_equal(scene.inbox.outlet.cursor, 10);
    stop(0);
    start();
    run(1000);
    assert_int_equal(stats().blocked_lane_count, 1);
    assert_int_equal(
        forwarder_release_lane(scene.forwarder, "s", "a", FORWARDER_SKIP), 0);
    run(1000);
    assert_int_equal(scene.repeat_count, 0);
    assert_int_equal(scene.fate[6], FATE_DELIVERED);
    assert_int_equal(scene.fate[9], FATE_DELIVERED);
    for (uint64_t i = 1; i <= 10; i++) {
        assert_false(scene.inbox.is_deferred[i]);
    }
    assert_true(stats().is_caught_up);
}

/* New rules apply from then on, also to what waits. */
static void deferred_messages_are_judged_by_the_new_rules(void **state)
{
    const struct route_rules only_z = {
        &(const struct route_alternative){
            &(const struct route_test){"/k", (const char *const[]){"z"}, 1}, 1},
        1};
    (void)state;
    scene.answer_of[1] = 'x';
    store_values("ynyy");
    start();
    run(1000);
    stop(0);
    assert_true(scene.inbox.is_deferred[4]);
    scene.options.when = &only_z;
    start();
    run(1000);
    for (uint64_t i = 1; i <= 4; i++) {
        assert_false(scene.inbox.is_deferred[i]);
    }
    assert_true(stats().is_caught_up);
    assert_int_equal(stats().delivered_count, 0);
    stop(0); /* before the rules are gone */
}

static uint64_t declined[16];
static size_t declined_count;

static void on_declined(struct forwarder *forwarder,
                        const struct inbox_message *message, void *data)
{
    assert_ptr_equal(forwarder, scene.forwarder);
    assert_ptr_equal(data, &scene);
    assert_int_equal(forwarder_accepts(forwarder, message), 0);
    declined[declined_count++] = message->arrival;
}

/* Whoever counts unrouted messages must hear of each one, also of those in
 * another format, which rules never match. */
static void each_message_that_is_not_wanted_is_told(void **state)
{
    (void)state;
    declined_count = 0;
    store_values("ynyrn");
    start();
    forwarder_on_declined(scene.forwarder, on_declined);
    run(1000);
    assert_int_equal(declined_count, 3);
    assert_int_equal(declined[0], 2);
    assert_int_equal(declined[1], 4);
    assert_int_equal(declined[2], 5);
    expect_all();
}

/* Any mixture, interrupted at any time: in order, nothing lost, nothing
 * unwanted, whole parcels. fake_deliver() looks at each parcel. */
static void mixtures_arrive_whole_and_in_order(void **state)
{
    uint32_t seed = 1;
    (void)state;
    scene.is_quiet = true;
    scene.may_repeat = true;
    scene.options.backoff_ms = 10;
    scene.options.backoff_max_ms = 50;
    for (int round = 0; round < 60; round++) {
        char values[30] = "";
        uint64_t first = scene.inbox.last + 1;

        for (int i = 0; i < 29; i++) {
            seed = seed * 1103515245 + 12345;
            values[i] = "ynny"[seed >> 20 & 3];
            scene.answer_of[first + (uint64_t)i] =
                (seed >> 24 & 7) == 0 ? 'r' : '+';
        }
        store_values(values);
        start();
        run(seed >> 16 & 63);
        memset(scene.answer_of, '+', sizeof(scene.answer_of));
        run(seed >> 10 & 15);
        stop(0);
        memset(scene.newest, 0, sizeof(scene.newest));
    }
    start();
    run(2000);
    expect_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_wanted_of_a_batch_is_a_parcel,
                                        setup_route, teardown),
        cmocka_unit_test_setup_teardown(the_cursor_passes_what_is_not_wanted,
                                        setup_route, teardown),
        cmocka_unit_test_setup_teardown(a_huge_batch_is_cut_at_the_same_places,
                                        setup_route, teardown),
        cmocka_unit_test_setup_teardown(
            a_retry_begins_with_the_message_that_failed, setup_route, teardown),
        cmocka_unit_test_setup_teardown(
            a_refused_message_becomes_the_dead_letter, setup_route, teardown),
        cmocka_unit_test_setup_teardown(unwanted_messages_are_no_proof,
                                        setup_route, teardown),
        cmocka_unit_test_setup_teardown(
            a_blocked_lane_continues_behind_its_message, setup_route, teardown),
        cmocka_unit_test_setup_teardown(
            deferred_messages_are_judged_by_the_new_rules, setup_route,
            teardown),
        cmocka_unit_test_setup_teardown(each_message_that_is_not_wanted_is_told,
                                        setup_route, teardown),
        cmocka_unit_test_setup_teardown(mixtures_arrive_whole_and_in_order,
                                        setup_route, teardown),
    };

    return cmocka_run_group_tests_name("forwarder_route", tests, NULL, NULL);
}
