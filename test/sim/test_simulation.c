/* The simulation in its short form, and that it can be relied on: the same
 * seed is the same world. HAPLO_SIM_SEEDS: how many, where it is slow. */
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

/* Nothing lost, nothing stored twice, no rule of good manners broken. */
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

/* Else the test above would show less and less. */
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

/* A violation could not be looked into otherwise. */
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

/* Somebody sets the machine's clock: the messages say so, and that is all. */
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
    };
    return cmocka_run_group_tests_name("simulation", tests, NULL, free_world);
}
