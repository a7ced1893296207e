/*
 * A forwarder without memory: it starts again from what is stored. Nothing is
 * lost, nothing crashes; some messages are repeated.
 */
#include "core/route.h"
#include "failing_allocator.h"
#include "forwarder_scene.h"

/* Delivers, refuses, defers, recalls, makes dead letters; every allocation of
 * which fails once. */
static size_t story(size_t fails, bool is_by_queue)
{
    void *state = NULL;
    size_t calls;

    (void)setup(&state);
    scene.inbox.outlet.is_by_queue = is_by_queue;
    scene.is_quiet = true;
    scene.may_repeat = true;
    scene.options.on_refused = FORWARDER_DEAD_LETTER;
    scene.answer_of[2] = 'x';
    scene.answer_of[4] = 'r';
    store_each("abcab");
    allocator_reset(fails);
    start();
    run(1000);
    store_each("abcdabcd");
    run(1000);
    scene.answer_of[4] = '+';
    run(300000);
    store_each("abcd");
    run(300000);
    calls = allocator_calls;
    allocator_reset(0);
    assert_int_equal(scene.fate[2], FATE_NONE);
    assert_true(scene.inbox.is_buried[2]);
    scene.fate[2] = FATE_DELIVERED;
    expect_all();
    (void)teardown(&state);
    assert_int_equal(allocator_held, 0);
    return calls;
}

static void tell_stories(bool is_by_queue)
{
    size_t calls;

    allocator_install();
    calls = story(0, is_by_queue);
    for (size_t fails = 1; fails <= calls; fails++) {
        (void)story(fails, is_by_queue);
    }
    assert_true(calls >= 15);
}

static void test_each_allocation_may_fail(void **state)
{
    (void)state;
    tell_stories(false);
}

/* The same for an inbox that is in order per queue only. */
static void test_each_allocation_by_queue_may_fail(void **state)
{
    (void)state;
    tell_stories(true);
}

/* With rules, each message may need memory to be judged. */
static size_t story_with_rules(size_t fails)
{
    static const char values[] = "nlyylnnnlynl";
    const char *const patterns[] = {"*y"};
    const struct route_test test = {"/k", patterns, 1};
    const struct route_alternative alternative = {&test, 1};
    const struct route_rules rules = {&alternative, 1};
    void *state = NULL;
    size_t calls;

    (void)setup(&state);
    scene.is_quiet = true;
    scene.may_repeat = true;
    scene.options.when = &rules;
    start();
    allocator_reset(fails);
    store_values(values);
    run(1000);
    store_values(values);
    run(300000);
    calls = allocator_calls;
    allocator_reset(0);
    expect_all();
    assert_int_equal(stats().delivered_count, 14);
    (void)teardown(&state);
    assert_int_equal(allocator_held, 0);
    return calls;
}

static void test_no_memory_to_judge_a_message_is_no_judgement(void **state)
{
    size_t calls;

    (void)state;
    allocator_install();
    calls = story_with_rules(0);
    for (size_t fails = 1; fails <= calls; fails++) {
        (void)story_with_rules(fails);
    }
    assert_true(calls >= 15);
}

/* A replay with messages that are accepted, refused and accepted later. */
static size_t story_with_replay(size_t fails)
{
    void *state = NULL;
    struct inbox_replay *row;
    size_t calls;

    (void)setup(&state);
    scene.is_quiet = true;
    scene.may_repeat = true;
    store_each("abcab");
    start();
    run(1000);
    scene.answer_of[2] = 'x';
    scene.answer_of[4] = 'r';
    row = replay_add(0, 5);
    allocator_reset(fails);
    run(1000);
    scene.answer_of[4] = '+';
    run(300000);
    calls = allocator_calls;
    allocator_reset(0);
    assert_int_equal(row->state, INBOX_REPLAY_DONE);
    for (uint64_t i = 1; i <= 5; i++) {
        assert_int_equal(scene.inbox.is_buried[i], i == 2);
        assert_true(i == 2 || scene.replayed[i] > 0);
    }
    (void)teardown(&state);
    assert_int_equal(allocator_held, 0);
    return calls;
}

static void test_each_allocation_of_a_replay_may_fail(void **state)
{
    size_t calls;

    (void)state;
    allocator_install();
    calls = story_with_replay(0);
    for (size_t fails = 1; fails <= calls; fails++) {
        (void)story_with_replay(fails);
    }
    assert_true(calls >= 5);
}

/* Without memory, what has been delivered cannot be recorded: receivers must
 * not get it over and over. */
static void test_a_replay_without_memory_waits(void **state)
{
    struct inbox_replay *row;

    allocator_install();
    (void)setup(state);
    scene.is_quiet = true;
    store_each("a");
    start();
    run(1000);
    row = replay_add(0, 1);
    for (int i = 0; i < 4000; i++) {
        allocator_reset(1); /* the next one fails */
        run(1);
    }
    allocator_reset(0);
    assert_int_equal(scene.replayed[1], 1);
    run(10000);
    assert_int_equal(scene.replayed[1], 2);
    assert_int_equal(row->state, INBOX_REPLAY_DONE);
    (void)teardown(state);
    assert_int_equal(allocator_held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_allocation_may_fail),
        cmocka_unit_test(test_each_allocation_by_queue_may_fail),
        cmocka_unit_test(test_no_memory_to_judge_a_message_is_no_judgement),
        cmocka_unit_test(test_each_allocation_of_a_replay_may_fail),
        cmocka_unit_test(test_a_replay_without_memory_waits),
    };
    return cmocka_run_group_tests_name("forwarder_memory", tests, NULL, NULL);
}
