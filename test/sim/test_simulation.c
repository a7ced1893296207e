/*
 * test_simulation.c - a short run of the simulation, and checks that it can be
 * relied on: the same seed gives the same world. HAPLO_SIM_SEEDS sets the
 * number of seeds, for slow machines.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "totals.h"
#include "world.h"

#define SEEDS 500
#define TRACED_SEEDS 25

static struct world world;
static struct totals totals;

static uint64_t seed_count(void)
{
    const char *text = getenv("HAPLO_SIM_SEEDS");
    return text != NULL ? strtoull(text, NULL, 10) : SEEDS;
}

/* Nothing is lost or stored twice, and no limit is exceeded. */
static void worlds_keep_what_is_promised(void **state)
{
    (void)state;
    totals_init(&totals);
    for (uint64_t seed = 1; seed <= seed_count(); seed++) {
        if (!world_run(&world, seed, &totals, NULL)) {
            fail_msg("seed %llu: %s; see it with make sim SEED=%llu TRACE=1",
                     (unsigned long long)seed, world.violation,
                     (unsigned long long)seed);
        }
    }
    totals_print(&totals, stderr);
}

/* Otherwise, the test above could lose coverage unnoticed. */
static void worlds_have_all_kinds_of_trouble(void **state)
{
    (void)state;
    assert_int_equal(totals.seeds, seed_count());
    assert_true(totals_check(&totals, true, stderr));
}

/* Free the text. */
static char *trace_of(uint64_t seed)
{
    struct totals own;
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    assert_non_null(file);
    totals_init(&own);
    assert_true(world_run(&world, seed, &own, file));
    assert_int_equal(fclose(file), 0);
    assert_true(size > 1000);
    return text;
}

/* Otherwise, a violation could not be reproduced. */
static void seed_has_the_same_trace_every_time(void **state)
{
    (void)state;
    char *first[TRACED_SEEDS];
    for (uint64_t i = 0; i < TRACED_SEEDS; i++) {
        first[i] = trace_of(i + 1);
    }
    for (uint64_t i = TRACED_SEEDS; i-- > 0;) {
        char *again = trace_of(i + 1);
        assert_string_equal(first[i], again);
        free(first[i]);
        free(again);
    }
}

/* Setting the machine's clock changes the recorded times and nothing else. */
static void jumps_of_the_wall_clock_change_nothing(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= TRACED_SEEDS; seed++) {
        char *jumping = trace_of(seed);
        world.has_steady_wall_clock = true;
        char *steady = trace_of(seed);
        world.has_steady_wall_clock = false;
        assert_string_equal(jumping, steady);
        free(jumping);
        free(steady);
    }
}

#define HOUR_MS 3600000
#define SCENE_SEEDS 8 /* for both kinds of inbox */
#define SOON_MS 30000 /* an interval, a turn, a commit */

static bool is_by_queue; /* the inbox of the scenes */

/* Nothing fails: users post, and two outlets have all queues. */
static void fair_weather(struct world *in)
{
    struct plan *plan = &in->plan;
    uint64_t post_ms = 2000;
    *plan = (struct plan){
        .chaos_ms = HOUR_MS + HOUR_MS / 2,
        .gap_ms[CHAOS_POST] = post_ms,
        .latency_ms_max = 20,
        .write_ms_max = 20,
        .post_count_max = 3,
        .in_flight_max = 256,
        .held_bytes_max = PLAN_HELD_BYTES_ALL,
    };
    in->store_count = 1;
    in->stores[0].is_by_queue = is_by_queue;
    in->destination_count = 2;
    for (unsigned i = 0; i < in->queue_count; i++) {
        in->queues[i].store = 0;
        in->queues[i].client_key = in->queues[i].key;
        in->queues[i].policy.interval_ms = 5000;
        in->queues[i].policy.interval_max_ms = 0;
    }
    for (unsigned i = 0; i < in->destination_count; i++) {
        in->destinations[i] = (struct destination){
            .world = in,
            .index = i,
            .name = {'o', (char)('1' + i), '\0'},
            .store = &in->stores[0],
            .in_flight_max = 2,
            .read_ahead_bytes_max = (size_t)1 << 20,
            .backoff_max_ms = 60000,
            .breaker_failures = 3,
            .breaker_refusals = 10,
        };
    }
}

static void breaks(struct world *in, void *subject, uint64_t stamp)
{
    struct destination *destination = subject;
    (void)in;
    (void)stamp;
    destination->malady = MALADY_BROKEN;
}

static void is_mended(struct world *in, void *subject, uint64_t stamp)
{
    (void)in;
    (void)stamp;
    destination_heal(subject);
}

static void outlet_down_for_an_hour(struct world *in)
{
    fair_weather(in);
    world_at(in, HOUR_MS / 4, breaks, &in->destinations[0], 0);
    world_at(in, HOUR_MS / 4 + HOUR_MS, is_mended, &in->destinations[0], 0);
}

static void first_message_is_poison(struct world *in)
{
    fair_weather(in);
    remote_post(in, &in->queues[0], 1);
    in->queues[0].first->content->poison = 1;
}

static void run_scene(world_scene scene, uint64_t seed)
{
    struct totals own;
    totals_init(&own);
    world.scene = scene;
    is_by_queue = seed % 2 == 0;
    bool holds = world_run(&world, seed, &own, NULL);
    world.scene = NULL;
    if (!holds) {
        fail_msg("seed %llu: %s", (unsigned long long)seed, world.violation);
    }
}

/* An outlet must never keep messages on a server, or make another outlet
 * wait. */
static void dead_outlet_delays_nothing_else(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SCENE_SEEDS; seed++) {
        run_scene(outlet_down_for_an_hour, seed);
        assert_true(world.pace.mark_ms < SOON_MS);
        for (unsigned i = 0; i < world.queue_count; i++) {
            assert_true(world.pace.reach_ms[0][i] > HOUR_MS / 2);
            assert_true(world.pace.reach_ms[1][i] < SOON_MS);
        }
    }
}

/* A message that its outlet never accepts blocks only its own lane. */
static void poison_message_holds_its_lane_alone(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SCENE_SEEDS; seed++) {
        run_scene(first_message_is_poison, seed);
        assert_true(world.pace.mark_ms < SOON_MS);
        assert_true(world.pace.reach_ms[0][0] > HOUR_MS / 2);
        for (unsigned i = 1; i < world.queue_count; i++) {
            assert_true(world.pace.reach_ms[0][i] < SOON_MS);
        }
    }
}

static int free_world(void **state)
{
    (void)state;
    world_free(&world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(worlds_keep_what_is_promised),
        cmocka_unit_test(worlds_have_all_kinds_of_trouble),
        cmocka_unit_test(seed_has_the_same_trace_every_time),
        cmocka_unit_test(jumps_of_the_wall_clock_change_nothing),
        cmocka_unit_test(dead_outlet_delays_nothing_else),
        cmocka_unit_test(poison_message_holds_its_lane_alone),
    };
    return cmocka_run_group_tests_name("simulation", tests, NULL, free_world);
}
