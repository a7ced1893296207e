#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdint.h>

#include "outlets/rate_limit.h"

/* Calls as often as it is allowed to, once a millisecond, from `from_ms` to
 * `to_ms`. Returns the number of calls. */
static unsigned calls_between(struct rate_limit *limit, uint64_t from_ms,
                              uint64_t to_ms)
{
    unsigned count = 0;

    for (uint64_t now_ms = from_ms; now_ms < to_ms; now_ms++) {
        while (rate_limit_wait_ms(limit, now_ms) == 0) {
            rate_limit_take(limit, now_ms);
            count++;
        }
    }
    return count;
}

/* A caller with enough to do gets what was promised, at any rate: also above
 * one call a millisecond, the resolution of the clock. */
static void a_busy_caller_gets_the_rate(void **state)
{
    static const unsigned rates[] = {1, 3, 10, 50, 999, 1000, 5000, 100000};

    (void)state;
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        struct rate_limit limit;
        unsigned burst = rates[i] / 10 > 1 ? rates[i] / 10 : 1;
        unsigned count;

        rate_limit_init(&limit, rates[i]);
        count = calls_between(&limit, 1000, 11000);
        assert_in_range(count, 10 * rates[i], 10 * rates[i] + burst);
    }
}

/* After a quiet hour, the destination does not get the calls of that hour, nor
 * those of a second. */
static void a_quiet_time_is_not_made_up_for(void **state)
{
    struct rate_limit limit;

    (void)state;
    rate_limit_init(&limit, 100);
    assert_in_range(calls_between(&limit, 1000, 2000), 100, 110);
    assert_int_equal(calls_between(&limit, 3600000, 3600001), 10);
    assert_in_range(calls_between(&limit, 3600001, 3601001), 90, 101);
}

/* At low rates there is no burst at all. */
static void calls_are_spread_evenly(void **state)
{
    struct rate_limit limit;

    (void)state;
    rate_limit_init(&limit, 2);
    assert_int_equal(rate_limit_wait_ms(&limit, 5000), 0);
    rate_limit_take(&limit, 5000);
    assert_int_equal(rate_limit_wait_ms(&limit, 5000), 500);
    assert_int_equal(rate_limit_wait_ms(&limit, 5499), 1);
    assert_int_equal(rate_limit_wait_ms(&limit, 5500), 0);
    rate_limit_take(&limit, 5600); /* late */
    assert_int_equal(rate_limit_wait_ms(&limit, 5600), 500);
}

static void without_a_limit_nothing_waits(void **state)
{
    struct rate_limit limit;

    (void)state;
    rate_limit_init(&limit, 0);
    for (unsigned i = 0; i < 1000; i++) {
        assert_int_equal(rate_limit_wait_ms(&limit, 7), 0);
        rate_limit_take(&limit, 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_busy_caller_gets_the_rate),
        cmocka_unit_test(a_quiet_time_is_not_made_up_for),
        cmocka_unit_test(calls_are_spread_evenly),
        cmocka_unit_test(without_a_limit_nothing_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
