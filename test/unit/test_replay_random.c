/*
 * Replays next to live traffic in virtual time, with anything that can happen
 * in between: bad messages, outages, errors of the inbox, restarts, operators.
 * Nothing is lost, live messages keep their order, and each replay ends with
 * all of its range sent or recorded. A failing seed is printed; give it as an
 * argument to run it alone.
 */
#include "forwarder_scene.h"

#include "core/backoff.h"

#define SEED_COUNT 200
#define STEP_COUNT 120
/* All replays, one after the other, each with a doubt of a day. */
#define LONG_MS (REPLAYS_MAX * UINT64_C(200000000))

static uint64_t seed;
static struct random dice;
static uint64_t begun_at[REPLAYS_MAX]; /* cursors of the replays at first */

static uint64_t roll(uint64_t bound)
{
    return random_below(&dice, bound);
}

static void store_some(void)
{
    uint32_t count = (uint32_t)(1 + roll(4));

    if (scene.inbox.last + count > 2000) {
        return;
    }
    store((char)('a' + roll(4)), count);
    if (roll(8) == 0) {
        scene.answer_of[scene.inbox.last] = 'x';
    }
}

/* An operator asks for what has been passed, or stops a replay. */
static void operate(void)
{
    struct inbox *inbox = &scene.inbox;

    if (inbox->replay_count < REPLAYS_MAX && inbox->outlet.cursor > 0) {
        uint64_t cursor = roll(inbox->outlet.cursor);
        struct inbox_replay *row = replay_add(cursor, inbox->outlet.cursor);

        begun_at[row->id - 1] = cursor;
        row->is_of_letters = roll(3) == 0;
    } else if (inbox->replay_count > 0 && roll(4) == 0) {
        struct inbox_replay *row = &inbox->replays[roll(inbox->replay_count)];

        if (row->state == INBOX_REPLAY_RUNNING) {
            row->state = INBOX_REPLAY_STOPPED;
            forwarder_replay(scene.forwarder);
        }
    }
}

static void fail_something(void)
{
    struct inbox *inbox = &scene.inbox;

    switch (roll(5)) {
    case 0:
        scene.answer_of_all = scene.answer_of_all == 0 ? "bxr"[roll(3)] : 0;
        break;
    case 1:
        inbox->task_fails = inbox->task_fails == NULL ? "task" : NULL;
        break;
    case 2:
        inbox->read_fails = inbox->read_fails == NULL ? "read" : NULL;
        break;
    case 3:
        inbox->save_fails = inbox->save_fails == NULL ? "save" : NULL;
        break;
    default:
        stop(roll(2) * 100);
        start();
        break;
    }
}

static void all_works(void)
{
    scene.answer_of_all = 0;
    scene.inbox.task_fails = NULL;
    scene.inbox.read_fails = NULL;
    scene.inbox.save_fails = NULL;
    scene.latency_ms = LATENCY_MS;
}

static void check_live(void)
{
    for (uint64_t i = 1; i <= scene.inbox.last; i++) {
        bool is_done = scene.fate[i] == FATE_DELIVERED ||
                       scene.inbox.is_buried[i] || scene.replayed[i] > 0;

        if (!is_done || (scene.inbox.is_buried[i] && !scene.was_refused[i])) {
            fail_msg("seed %" PRIu64 ": message %" PRIu64 " is lost, or a "
                     "dead letter that was never refused",
                     seed, i);
        }
    }
}

/* A replay of messages has sent all of them, but for bad ones, and those that
 * were deferred at that time. */
static void check_replay(const struct inbox_replay *row)
{
    if (row->state == INBOX_REPLAY_RUNNING) {
        fail_msg("seed %" PRIu64 ": replay %" PRIu64 " has not ended: %s", seed,
                 row->id, row->why.text);
    }
    if (row->state == INBOX_REPLAY_STOPPED || row->is_of_letters) {
        return;
    }
    for (uint64_t i = begun_at[row->id - 1] + 1; i <= row->last; i++) {
        bool is_sent = (scene.replayed_by[i] & 1u << row->id) != 0;

        if (!is_sent && !scene.was_refused[i] && !scene.inbox.was_deferred[i]) {
            fail_msg("seed %" PRIu64 ": replay %" PRIu64 " has not sent "
                     "%" PRIu64,
                     seed, row->id, i);
        }
    }
}

static void run_seed(void)
{
    void *state = NULL;

    (void)setup(&state);
    dice.state = seed * 7919;
    scene.is_quiet = true;
    scene.may_repeat = true;
    scene.options.on_refused = FORWARDER_DEAD_LETTER;
    scene.type.in_flight_max = (unsigned)(1 + roll(4));
    scene.latency_ms = 1 + roll(30);
    start();
    for (int step = 0; step < STEP_COUNT; step++) {
        uint64_t what = roll(20);

        if (what < 12) {
            store_some();
        } else if (what < 15) {
            operate();
        } else if (what < 17) {
            fail_something();
        }
        run(roll(3) == 0 ? 1 + roll(20000) : roll(50));
    }
    all_works();
    store_each("abcd"); /* accepted: what is in doubt can be proven */
    run(LONG_MS);
    assert_int_equal(scene.inbox.last > 4, 1);
    check_live();
    for (size_t i = 0; i < scene.inbox.replay_count; i++) {
        check_replay(&scene.inbox.replays[i]);
    }
    (void)teardown(&state); /* what the scene has seen stays */
}

static uint64_t only_seed; /* 0: all */

/* What has happened over all seeds: without it, nothing was shown. */
static struct {
    unsigned done;      /* replays */
    unsigned stopped;   /* replays */
    unsigned delivered; /* messages, by replays */
    unsigned buried;    /* messages */
} totals;

static void count_all(void)
{
    for (size_t i = 0; i < scene.inbox.replay_count; i++) {
        totals.done += scene.inbox.replays[i].state == INBOX_REPLAY_DONE;
        totals.stopped += scene.inbox.replays[i].state == INBOX_REPLAY_STOPPED;
    }
    for (uint64_t i = 1; i <= scene.inbox.last; i++) {
        totals.delivered += scene.replayed[i];
        totals.buried += scene.inbox.is_buried[i];
    }
}

static void test_replays_next_to_anything_that_can_happen(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= (only_seed != 0 ? 1 : SEED_COUNT); i++) {
        seed = only_seed != 0 ? only_seed : i;
        run_seed();
        count_all();
    }
    printf("replays done: %u, stopped: %u; messages sent again: %u, dead "
           "letters: %u\n",
           totals.done, totals.stopped, totals.delivered, totals.buried);
    assert_true(only_seed != 0 ||
                (totals.done > SEED_COUNT && totals.stopped > 10 &&
                 totals.delivered > SEED_COUNT && totals.buried > SEED_COUNT));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replays_next_to_anything_that_can_happen),
    };

    only_seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
