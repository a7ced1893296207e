/*
 * An outlet that several hosts share, in virtual time: what moves from host to
 * host keeps its order, and loses nothing. What a dispatch does with lanes that
 * are withdrawn is test_dispatch_withdraw.c's.
 */
#include "share_scene.h"

/* Hosts find what others have stored within this time, and more. */
#define LONG_MS 30000

static void start_two(void)
{
    start(0);
    start(1);
    run(1000);
}

/* Each host forwards the queues of its slots, and no others. */
static void test_each_forwards_its_own_slots(void **state)
{
    (void)state;
    start_two();
    gain(0, slot_of('a'));
    gain(1, slot_of('b'));
    store(0, "ab");
    store(1, "ab");
    run(LONG_MS);
    expect_all();
    assert_int_equal(stats(0).delivered_count, 2);
    assert_int_equal(stats(1).delivered_count, 2);
    assert_true(stats(0).is_caught_up);
}

/* A planned move in the middle of a backlog: nothing is lost, nothing is sent
 * twice, and the order holds. */
static void test_a_planned_move_repeats_nothing(void **state)
{
    unsigned slot = slot_of('a');
    (void)state;
    start_two();
    gain(0, slot);
    for (unsigned i = 0; i < 100; i++) {
        store(0, "a");
    }
    scene.latency_ms = 20;
    run(305);
    assert_in_range(scene.begun[0], 5, 20);
    drain(0, slot);
    assert_int_equal(scene.hosts[0].drained[slot], 0);
    run(1000);
    assert_int_equal(scene.hosts[0].drained[slot], 1);
    assert_int_equal(scene.hosts[0].parcel_count, 0);
    gain(1, slot);
    run(LONG_MS);
    expect_all();
    assert_int_equal(scene.hosts[0].drained[slot], 1);
    assert_int_equal(stats(0).delivered_count + stats(1).delivered_count, 100);
}

/* The slot is handed over only when what is in flight has ended and is
 * saved. */
static void test_a_slot_is_not_drained_before_all_is_saved(void **state)
{
    unsigned slot = slot_of('a');
    (void)state;
    start_two();
    gain(0, slot);
    scene.is_stuck = true;
    store(0, "aa");
    run(50);
    drain(0, slot);
    run(10000);
    assert_int_equal(scene.hosts[0].drained[slot], 0);
    scene.save_fails = "down";
    scene.is_stuck = false;
    on_answer(scene.hosts[0].parcels[0]);
    run(20000);
    assert_int_equal(scene.hosts[0].drained[slot], 0);
    scene.save_fails = NULL;
    run(20000);
    assert_int_equal(scene.hosts[0].drained[slot], 1);
    assert_int_equal(scene.position_of[0], 1);
}

/* A slot of which nothing is here is drained at once, even if the forwarder has
 * not yet loaded its progress. */
static void test_an_idle_slot_is_drained_at_once(void **state)
{
    (void)state;
    start(0);
    drain(0, 5);
    run(1);
    assert_int_equal(scene.hosts[0].drained[5], 1);
    run(1000);
    drain(0, 6);
    run(1);
    assert_int_equal(scene.hosts[0].drained[6], 1);
    assert_int_equal(scene.hosts[0].drained[5], 1);
}

/* Whoever gets a slot back, or loses it, or ends, is not asked for it any
 * more. */
static void test_a_drain_may_be_overtaken(void **state)
{
    unsigned slot = slot_of('a');
    (void)state;
    start_two();
    gain(0, slot);
    scene.is_stuck = true;
    store(0, "a");
    run(50);
    drain(0, slot);
    run(50);
    gain(0, slot);
    scene.is_stuck = false;
    on_answer(scene.hosts[0].parcels[0]);
    run(LONG_MS);
    expect_all();
    drain(0, slot);
    lose(0, slot);
    run(LONG_MS);
    gain(0, slot);
    drain(0, slot);
    stop(0);
    assert_int_equal(scene.hosts[0].drained[slot], 0);
}

/* A host that was stopped for too long: another one has its slot. Its last
 * parcel may come twice; it begins no other, and no position moves back. */
static void test_after_a_loss_repeats_may_come(void **state)
{
    unsigned slot = slot_of('a');
    (void)state;
    scene.may_repeat = true;
    start_two();
    gain(0, slot);
    scene.is_stuck = true;
    store(0, "aaaa");
    run(50);
    assert_int_equal(scene.begun[0], 1);
    scene.is_stuck = false;
    gain(1, slot);
    run(LONG_MS);
    expect_all();
    assert_int_equal(scene.delivered[1], 1);
    lose(0, slot);
    on_answer(scene.hosts[0].parcels[0]); /* its result comes late */
    run(LONG_MS);
    expect_all();
    assert_int_equal(scene.delivered[1], 2);
    assert_int_equal(scene.begun[0], 1);
    assert_int_equal(scene.position_of[0], 4);
}

/* A slot that is lost and gained again before the loop runs: another host may
 * have had it in between, so the stored position counts. */
static void test_a_slot_that_comes_back_is_read_from_the_database(void **state)
{
    unsigned slot = slot_of('a');
    (void)state;
    start_two();
    gain(0, slot);
    scene.hosts[0].may_not_begin = true;
    store(0, "aaa");
    run(500); /* they are in its memory */
    scene.delivered[1] = 1;
    scene.delivered[2] = 1;
    scene.newest[0] = 2;
    scene.position_of[0] = 2;
    lose(0, slot);
    gain(0, slot);
    scene.hosts[0].may_not_begin = false;
    run(LONG_MS);
    expect_all();
    assert_int_equal(stats(0).delivered_count, 1);
}

/* A host that is not sure that it is still a member begins nothing; it goes on
 * by itself. */
static void test_nothing_begins_while_it_may_not(void **state)
{
    (void)state;
    start_two();
    gain(0, slot_of('a'));
    gain(0, slot_of('b'));
    scene.hosts[0].may_not_begin = true;
    store(0, "abab");
    run(LONG_MS);
    assert_int_equal(scene.begun[0], 0);
    assert_false(stats(0).is_at_rest);
    scene.hosts[0].may_not_begin = false;
    run(1000);
    expect_all();
}

/* A queue that is blocked is shown by the host that has it: the other one
 * finds it blocked again, and an operator releases it there. */
static void test_a_blocked_queue_moves_with_its_slot(void **state)
{
    unsigned slot = slot_of('a');
    (void)state;
    start_two();
    scene.answer_of[1] = 'x';
    gain(0, slot);
    store(0, "aa");
    run(1000);
    assert_int_equal(stats(0).blocked_lane_count, 1);
    assert_string_equal(scene.hosts[0].told,
                        "out at rest\na blocked\nout at rest\n");
    drain(0, slot);
    run(1000);
    assert_int_equal(stats(0).blocked_lane_count, 0);
    assert_string_equal(
        scene.hosts[0].told,
        "out at rest\na blocked\nout at rest\na elsewhere\nout at rest\n");
    gain(1, slot);
    run(1000);
    assert_int_equal(stats(1).blocked_lane_count, 1);
    assert_false(forwarder_owns(scene.hosts[0].forwarder, servers[0]));
    assert_int_equal(forwarder_release_lane(scene.hosts[0].forwarder,
                                            servers[0], "a", FORWARDER_RETRY),
                     HAPLO_ENOTFOUND);
    scene.answer_of[1] = '+';
    assert_int_equal(forwarder_release_lane(scene.hosts[1].forwarder,
                                            servers[0], "a", FORWARDER_RETRY),
                     0);
    run(1000);
    expect_all();
}

static void replay_all(void)
{
    scene.replay = (struct inbox_replay){.id = 1,
                                         .outlet = "out",
                                         .until_ms = INBOX_FILTER_NO_END,
                                         .last = scene.last};
}

static void store_and_forward(int host, unsigned count)
{
    gain(host, slot_of('a'));
    for (unsigned i = 0; i < count; i++) {
        store(host, "a");
    }
    run(LONG_MS);
    expect_all();
}

/* A replay is done by the host that has the slot of the outlet's name, wherever
 * it was asked for, and moves with it from the stored cursor: each message is
 * sent once. */
static void test_a_replay_moves_with_the_slot_of_its_outlet(void **state)
{
    unsigned slot = placement_slot("out");
    (void)state;
    start_two();
    gain(0, slot);
    store_and_forward(1, 200);
    replay_all();
    forwarder_replay(scene.hosts[1].forwarder); /* which is not the one */
    scene.latency_ms = 50;
    while (scene.begun[0] < 50) {
        assert_true(run_one(scene.now_ms + LONG_MS));
    }
    drain(0, slot);
    run(1000);
    assert_int_equal(scene.hosts[0].drained[slot], 1);
    assert_true(scene.replay.cursor > 20);
    assert_true(stats(0).is_caught_up);
    gain(1, slot);
    run(LONG_MS);
    assert_int_equal(scene.replay.state, INBOX_REPLAY_DONE);
    for (uint64_t i = 1; i <= scene.last; i++) {
        assert_int_equal(scene.replayed[i], 1);
    }
}

/* If the slot is lost, the next host goes on from what is stored, and the first
 * one stores nothing more. */
static void test_a_lost_replay_stores_nothing_more(void **state)
{
    unsigned slot = placement_slot("out");
    (void)state;
    start_two();
    gain(0, slot);
    store_and_forward(1, 200);
    replay_all();
    forwarder_replay(scene.hosts[0].forwarder);
    scene.latency_ms = 50;
    run(2525);
    uint64_t cursor = scene.replay.cursor;
    assert_true(cursor > 0);
    lose(0, slot);
    run(5000);
    assert_int_equal(scene.replay.cursor, cursor);
    assert_true(stats(0).is_caught_up);
    gain(1, slot);
    run(LONG_MS);
    assert_int_equal(scene.replay.state, INBOX_REPLAY_DONE);
    for (uint64_t i = 1; i <= scene.last; i++) {
        assert_true(scene.replayed[i] > 0);
    }
}

/* Hosts that do not do replays do not ask for them. */
static void test_only_the_owner_asks_for_replays(void **state)
{
    (void)state;
    start_two();
    gain(0, placement_slot("out"));
    run(100000);
    assert_int_equal(scene.hosts[1].task_count, 0);
    assert_in_range(scene.hosts[0].task_count, 5, 20);
    assert_true(stats(0).is_at_rest);
}

/* Random moves */

struct owner {
    int host;         /* or -1: nobody */
    bool is_draining; /* it waits for the end of that */
};

static void move(struct owner *owner, unsigned slot, bool has_losses)
{
    if (owner->host < 0) {
        owner->host = (int)random_below(HOSTS);
        gain(owner->host, slot);
    } else if (owner->is_draining) {
        if (scene.hosts[owner->host].drained[slot] > 0) {
            owner->is_draining = false;
            owner->host = -1;
        }
    } else if (has_losses && random_below(3) == 0) {
        int loser = owner->host;

        owner->host = (int)random_below(HOSTS);
        if (owner->host != loser && random_below(2) == 0) {
            gain(owner->host, slot); /* the loser notices it later */
            run(random_below(50));
        }
        lose(loser, slot);
        gain(owner->host, slot);
    } else {
        scene.hosts[owner->host].drained[slot] = 0;
        owner->is_draining = true;
        drain(owner->host, slot);
    }
}

static void run_random(uint64_t seed, bool has_losses)
{
    struct owner owners[QUEUES];
    (void)setup(NULL);
    scene.random = seed;
    scene.may_repeat = has_losses;
    scene.latency_ms = 0;
    scene.has_random_answers = seed % 2 == 0;
    scene.options.backoff_ms = 50;
    scene.options.backoff_max_ms = 100;
    scene.options.on_refused = FORWARDER_DEAD_LETTER;
    for (int i = 0; i < QUEUES; i++) {
        owners[i] = (struct owner){.host = -1};
    }
    for (int i = 0; i < HOSTS; i++) {
        start(i);
    }
    for (unsigned i = 0; i < 600; i++) {
        unsigned queue = random_below(QUEUES);

        if (random_below(2) == 0) {
            char name[] = {(char)('a' + random_below(QUEUES)), '\0'};

            store((int)random_below(HOSTS), name);
        } else if (random_below(4) == 0) {
            move(&owners[queue], slot_of((char)('a' + queue)), has_losses);
        } else {
            scene.save_fails = random_below(20) == 0 ? "down" : NULL;
            scene.hosts[random_below(HOSTS)].may_not_begin =
                random_below(4) == 0;
            run(random_below(60));
        }
    }
    scene.has_random_answers = false;
    scene.save_fails = NULL;
    for (int i = 0; i < HOSTS; i++) {
        scene.hosts[i].may_not_begin = false;
    }
    for (unsigned i = 0; i < QUEUES; i++) {
        for (unsigned j = 0;
             j < 20 && (owners[i].host < 0 || owners[i].is_draining); j++) {
            run(1000);
            move(&owners[i], slot_of((char)('a' + i)), false);
        }
        assert_false(owners[i].host < 0 || owners[i].is_draining);
    }
    run(10 * LONG_MS);
    expect_all();
    (void)teardown(NULL);
}

/* However slots move, as planned, all messages arrive once and in order. */
static void test_random_planned_moves(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        run_random(seed, false);
    }
}

/* With slots that are lost, they may arrive more than once, but none is lost,
 * and those that are new come in order. */
static void test_random_losses(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        run_random(seed, true);
    }
}

#define SHARED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SHARED(test_each_forwards_its_own_slots),
        SHARED(test_a_planned_move_repeats_nothing),
        SHARED(test_a_slot_is_not_drained_before_all_is_saved),
        SHARED(test_an_idle_slot_is_drained_at_once),
        SHARED(test_a_drain_may_be_overtaken),
        SHARED(test_after_a_loss_repeats_may_come),
        SHARED(test_a_slot_that_comes_back_is_read_from_the_database),
        SHARED(test_nothing_begins_while_it_may_not),
        SHARED(test_a_blocked_queue_moves_with_its_slot),
        SHARED(test_a_replay_moves_with_the_slot_of_its_outlet),
        SHARED(test_a_lost_replay_stores_nothing_more),
        SHARED(test_only_the_owner_asks_for_replays),
        cmocka_unit_test(test_random_planned_moves),
        cmocka_unit_test(test_random_losses),
    };
    return cmocka_run_group_tests_name("forwarder: share", tests, NULL, NULL);
}
