/*
 * The past of rates, backlog and lag, minute by minute: what a plot shows, and
 * what it must not invent.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/observe/timeline.h"

#define MINUTE_MS ((uint64_t)TIMELINE_MINUTE_MS)
#define START_MS (UINT64_C(28333333) * MINUTE_MS) /* a full minute */

static struct timeline timeline;

static int set_up(void **state)
{
    (void)state;
    timeline = (struct timeline){0};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    timeline_free(&timeline);
    return 0;
}

/* Shortly after so many minutes have ended. */
static void note(uint64_t minutes, const struct timeline_state *state)
{
    timeline_note(&timeline, START_MS + minutes * MINUTE_MS + 20, state);
}

static void note_received(uint64_t minutes, uint64_t received_count)
{
    note(minutes, &(struct timeline_state){.received_count = received_count});
}

static const struct timeline_sample *newest(void)
{
    return timeline_sample(&timeline, timeline.count - 1);
}

/* Before the first minute has ended there is nothing, and no time to show. */
static void nothing_is_known_at_first(void **state)
{
    (void)state;
    assert_int_equal(timeline.count, 0);
    assert_true(timeline_end_ms(&timeline) == 0);
}

/* Counters become what was new in each minute; the rest is as it was. */
static void a_minute_has_what_is_new_in_it(void **state)
{
    (void)state;
    note(1, &(struct timeline_state){.received_count = 100,
                                     .forwarded_count = 60,
                                     .backlog_count = 40,
                                     .lag_ms = 2500,
                                     .trouble_count = 3});
    note(2, &(struct timeline_state){.received_count = 130,
                                     .forwarded_count = 130});
    assert_int_equal(timeline.count, 2);
    assert_true(timeline_end_ms(&timeline) == START_MS + 2 * MINUTE_MS);
    const struct timeline_sample *first = timeline_sample(&timeline, 0);
    assert_int_equal(first->received, 100);
    assert_int_equal(first->forwarded, 60);
    assert_int_equal(first->backlog, 40);
    assert_int_equal(first->lag_s, 2);
    assert_int_equal(first->trouble, 3);
    assert_int_equal(newest()->received, 30);
    assert_int_equal(newest()->forwarded, 70);
    assert_int_equal(newest()->backlog, 0);
}

/* Memory is bounded: the oldest minute makes room. */
static void only_the_last_hours_are_kept(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= 2 * TIMELINE_MINUTES + 5; i++) {
        note_received(i, i * i);
    }
    assert_int_equal(timeline.count, TIMELINE_MINUTES);
    for (size_t i = 0; i < timeline.count; i++) {
        uint64_t minute = TIMELINE_MINUTES + 6 + i;
        assert_int_equal(timeline_sample(&timeline, i)->received,
                         minute * minute - (minute - 1) * (minute - 1));
    }
}

/* A laptop was closed: that nothing came meanwhile would be a lie. */
static void minutes_without_a_note_are_unknown(void **state)
{
    (void)state;
    note_received(1, 10);
    note_received(4, 40);
    assert_int_equal(timeline.count, 4);
    assert_true(timeline_sample(&timeline, 0)->is_known);
    assert_false(timeline_sample(&timeline, 1)->is_known);
    assert_false(timeline_sample(&timeline, 2)->is_known);
    assert_int_equal(newest()->received, 30);
}

/* A timer that fires early, or a clock that is set back a little. */
static void a_minute_is_noted_once(void **state)
{
    (void)state;
    note_received(1, 10);
    timeline_note(&timeline, START_MS + 2 * MINUTE_MS - 1,
                  &(struct timeline_state){.received_count = 99});
    assert_int_equal(timeline.count, 1);
    assert_int_equal(newest()->received, 10);
    note_received(2, 100);
    assert_int_equal(newest()->received, 90);
}

/* The outlet was restarted, or a server was removed: no spike. */
static void a_counter_that_was_reset_makes_no_spike(void **state)
{
    (void)state;
    note_received(1, 1000000);
    note_received(2, 7);
    assert_int_equal(newest()->received, 0);
    note_received(3, 12);
    assert_int_equal(newest()->received, 5);
}

/* Then no minute before has a place on the same axis. */
static void a_clock_that_jumps_starts_again(void **state)
{
    (void)state;
    note_received(100, 10);
    note_received(101, 20);
    note_received(3, 50);
    assert_int_equal(timeline.count, 1);
    assert_true(timeline_end_ms(&timeline) == START_MS + 3 * MINUTE_MS);
    assert_int_equal(newest()->received, 30);
    note_received(3 + TIMELINE_MINUTES, 60);
    assert_int_equal(timeline.count, 1);
    note_received(2 + 2 * TIMELINE_MINUTES, 70);
    assert_int_equal(timeline.count, TIMELINE_MINUTES);
}

/* Outlets with a backlog of years are told from others all the same. */
static void numbers_that_do_not_fit_saturate(void **state)
{
    (void)state;
    note(1, &(struct timeline_state){.backlog_count = UINT64_MAX,
                                     .lag_ms = UINT64_MAX});
    assert_int_equal(newest()->backlog, UINT32_MAX);
    assert_int_equal(newest()->lag_s, UINT32_MAX);
}

#define TIMELINE_TEST(test) \
    cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TIMELINE_TEST(nothing_is_known_at_first),
        TIMELINE_TEST(a_minute_has_what_is_new_in_it),
        TIMELINE_TEST(only_the_last_hours_are_kept),
        TIMELINE_TEST(minutes_without_a_note_are_unknown),
        TIMELINE_TEST(a_minute_is_noted_once),
        TIMELINE_TEST(a_counter_that_was_reset_makes_no_spike),
        TIMELINE_TEST(a_clock_that_jumps_starts_again),
        TIMELINE_TEST(numbers_that_do_not_fit_saturate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
