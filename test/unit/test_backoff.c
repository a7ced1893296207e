/* Waits and their jitter: many queues must not act in step, and none may wait
 * too little or too long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/backoff.h"

#define DRAWS 2000

/* The jitter of a run is repeated from its seed, as randomised tests are. */
static void same_seed_gives_same_numbers(void **state)
{
    (void)state;
    struct random a = {42};
    struct random b = {42};
    struct random c = {43};
    unsigned differing = 0;
    for (int i = 0; i < 100; i++) {
        uint64_t of_a = random_below(&a, UINT64_MAX);
        assert_int_equal(of_a, random_below(&b, UINT64_MAX));
        differing += of_a != random_below(&c, UINT64_MAX);
    }
    assert_int_equal(differing, 100);
}

/* A bound that is off by one would make a wait longer than its maximum. */
static void numbers_stay_below_their_bound_and_fill_it(void **state)
{
    (void)state;
    struct random random = {7};
    unsigned seen[10] = {0};
    for (int i = 0; i < DRAWS; i++) {
        uint64_t number = random_below(&random, 10);
        assert_true(number < 10);
        seen[number]++;
    }
    for (int i = 0; i < 10; i++) {
        assert_in_range(seen[i], DRAWS / 20, DRAWS / 5);
    }
    assert_int_equal(random_below(&random, 1), 0);
    assert_int_equal(random_below(&random, 0), 0);
}

/* The wait doubles, so that a server in trouble is left alone, but never
 * passes the maximum that the operator has set. */
static void ceiling_doubles_up_to_its_maximum(void **state)
{
    (void)state;
    assert_int_equal(backoff_ceiling_ms(1000, 60000, 0), 1000);
    assert_int_equal(backoff_ceiling_ms(1000, 60000, 1), 1000);
    assert_int_equal(backoff_ceiling_ms(1000, 60000, 2), 2000);
    assert_int_equal(backoff_ceiling_ms(1000, 60000, 6), 32000);
    assert_int_equal(backoff_ceiling_ms(1000, 60000, 7), 60000);
    assert_int_equal(backoff_ceiling_ms(1000, 60000, UINT32_MAX), 60000);
}

/* Settings at the edge of what can be said must not wrap to a short wait. */
static void ceiling_of_extreme_settings_does_not_wrap(void **state)
{
    (void)state;
    assert_int_equal(backoff_ceiling_ms(5000, 1000, 1), 1000);
    assert_int_equal(backoff_ceiling_ms(1, UINT64_MAX, 64), UINT64_C(1) << 63);
    assert_int_equal(backoff_ceiling_ms(3, UINT64_MAX, 64), UINT64_MAX);
    assert_int_equal(backoff_ceiling_ms(3, UINT64_MAX, 1000), UINT64_MAX);
    assert_int_equal(backoff_ceiling_ms(0, 1000, UINT32_MAX), 0);
}

/* Full jitter spreads queues that failed together; the floor keeps a failure
 * from being answered at once. */
static void wait_is_between_an_eighth_of_the_base_and_its_ceiling(void **state)
{
    (void)state;
    struct random random = {1};
    for (unsigned failures = 1; failures <= 12; failures++) {
        uint64_t ceiling_ms = backoff_ceiling_ms(1000, 60000, failures);
        uint64_t least_ms = UINT64_MAX;
        uint64_t most_ms = 0;
        for (int i = 0; i < DRAWS; i++) {
            uint64_t wait_ms = backoff_ms(&random, 1000, 60000, failures);
            assert_in_range(wait_ms, 125, ceiling_ms);
            least_ms = wait_ms < least_ms ? wait_ms : least_ms;
            most_ms = wait_ms > most_ms ? wait_ms : most_ms;
        }
        assert_true(least_ms < 125 + ceiling_ms / 20);
        assert_true(most_ms > ceiling_ms - ceiling_ms / 20);
    }
}

/* A base above the maximum is a slip of configuration, not a crash. */
static void wait_of_a_base_above_the_maximum_is_at_most_that(void **state)
{
    (void)state;
    struct random random = {1};
    for (int i = 0; i < DRAWS; i++) {
        assert_in_range(backoff_ms(&random, 8000, 500, 3), 500, 500);
        assert_in_range(backoff_ms(&random, 2400, 500, 3), 300, 500);
    }
    assert_int_equal(backoff_ms(&random, 0, 0, 5), 0);
}

/* Queues of one interval drift apart, yet keep their interval on average. */
static void jitter_is_a_tenth_each_way(void **state)
{
    (void)state;
    struct random random = {3};
    uint64_t sum_ms = 0;
    for (int i = 0; i < DRAWS; i++) {
        uint64_t wait_ms = jitter_ms(&random, 60000);
        assert_in_range(wait_ms, 54000, 66000);
        sum_ms += wait_ms;
    }
    assert_in_range(sum_ms / DRAWS, 59500, 60500);
    assert_int_equal(jitter_ms(&random, 0), 0);
    assert_int_equal(jitter_ms(&random, 1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_seed_gives_same_numbers),
        cmocka_unit_test(numbers_stay_below_their_bound_and_fill_it),
        cmocka_unit_test(ceiling_doubles_up_to_its_maximum),
        cmocka_unit_test(ceiling_of_extreme_settings_does_not_wrap),
        cmocka_unit_test(wait_is_between_an_eighth_of_the_base_and_its_ceiling),
        cmocka_unit_test(wait_of_a_base_above_the_maximum_is_at_most_that),
        cmocka_unit_test(jitter_is_a_tenth_each_way),
    };
    return cmocka_run_group_tests_name("backoff", tests, NULL, NULL);
}
