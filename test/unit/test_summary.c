/*
 * The daily line, the backlog that keeps growing, and lengths of time: in
 * words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/log/span_text.h"
#include "daemon/log/summary.h"
#include "daemon/log/trend.h"

#define DAY_MS UINT64_C(86400000)

/* The line is read every morning: what is well must be short. */
static void test_a_good_day_is_a_short_line(void **state)
{
    const struct summary before = {.stored_count = 100};
    struct summary now = {
        .now_ms = DAY_MS,
        .stored_count = 12445,
        .repeat_count = 3,
        .server_count = 2,
        .server_up_count = 2,
        .generation = 1,
    };
    char text[SUMMARY_TEXT_SIZE];
    (void)state;
    now.queue_counts[OBSERVER_QUEUE_WORKING] = 500;
    assert_string_equal(
        summary_text(&now, &before, text),
        "in the last 24 h: 12345 messages stored, 3 repeats, 0 failures; "
        "queues: 500, all work; servers: 2; configuration 1; up for 24 h");
}

/* What is not well must be in it, with numbers. */
static void test_a_bad_day_says_what_is_wrong(void **state)
{
    const struct summary before = {.now_ms = 9 * DAY_MS, .failure_count = 5};
    struct summary now = {
        .now_ms = 10 * DAY_MS,
        .started_ms = DAY_MS,
        .resend_count = 7,
        .failure_count = 1005,
        .delivered_count = 40,
        .dead_letter_count = 2,
        .unread_count = 99,
        .server_count = 3,
        .server_up_count = 2,
        .outlet_count = 2,
        .outlet_working_count = 1,
        .generation = 4,
    };
    char text[SUMMARY_TEXT_SIZE];
    (void)state;
    now.queue_counts[OBSERVER_QUEUE_WORKING] = 497;
    now.queue_counts[OBSERVER_QUEUE_FAILING] = 2;
    now.queue_counts[OBSERVER_QUEUE_REFUSED] = 1;
    assert_string_equal(
        summary_text(&now, &before, text),
        "in the last 24 h: 0 messages stored, 0 repeats, 7 sent again, 40 "
        "forwarded, 2 dead letters, 1000 failures; queues: 500: 497 working, "
        "2 failing, 1 refused; servers: 3, 1 not up; outlets: 2, 1 not "
        "working; unread on the servers: 99; configuration 4; up for 9 d");
}

/* A backlog that grows for hours is told, one that comes and goes is not. */
static void test_a_backlog_that_keeps_growing_is_told(void **state)
{
    struct trend trend = {0};
    unsigned told = 0;
    (void)state;
    (void)trend_add(&trend, 10);
    trend = (struct trend){.lowest = 10, .newest = 10};
    for (unsigned hour = 1; hour <= 5; hour++) {
        assert_false(trend_add(&trend, 10 + hour * 1000));
    }
    assert_true(trend_add(&trend, 6010));
    assert_int_equal(trend.lowest, 10);
    for (unsigned hour = 7; hour <= 6 + 7 * 24; hour++) {
        told += trend_add(&trend, 10 + hour * 1000);
    }
    assert_int_equal(told, 7);
    assert_false(trend_add(&trend, 5));
    for (unsigned hour = 0; hour < 100; hour++) {
        assert_false(trend_add(&trend, hour % 5 == 0 ? 100 : 5000 + hour));
    }
}

/* A small number that grows is no backlog. */
static void test_a_small_backlog_is_none(void **state)
{
    struct trend trend = {0};
    (void)state;
    for (unsigned hour = 1; hour <= 100; hour++) {
        assert_false(trend_add(&trend, hour));
    }
}

/* As much as somebody wants to know. */
static void test_lengths_of_time_are_short(void **state)
{
    static const struct {
        uint64_t ms;
        const char *text;
    } cases[] = {
        {0, "0.0 s"},         {300, "0.3 s"},     {9999, "10.0 s"},
        {12000, "12 s"},      {60000, "1 min"},   {200000, "3 min 20 s"},
        {1200000, "20 min"},  {3600000, "1 h"},   {7500000, "2 h 5 min"},
        {86400000, "24 h"},   {172800000, "2 d"}, {187200000, "2 d 4 h"},
        {3456000000, "40 d"},
    };
    char text[SPAN_TEXT_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_string_equal(span_text(cases[i].ms, text), cases[i].text);
    }
}

/* Somebody who looks at the service wants numbers, and no more words than
 * there is trouble. */
static void test_the_status_of_the_service_is_short(void **state)
{
    struct summary now = {
        .server_count = 2,
        .server_up_count = 2,
        .outlet_count = 3,
        .outlet_working_count = 3,
    };
    char text[SUMMARY_TEXT_SIZE];
    (void)state;
    now.queue_counts[OBSERVER_QUEUE_STARTING] = 1;
    assert_string_equal(summary_now_text(&now, text), "polling 1 queue");
    now.queue_counts[OBSERVER_QUEUE_WORKING] = 196;
    now.queue_counts[OBSERVER_QUEUE_FAILING] = 3;
    assert_string_equal(summary_now_text(&now, text),
                        "polling 200 queues; 3 failing");
    now.queue_counts[OBSERVER_QUEUE_PAUSED] = 2;
    now.queue_counts[OBSERVER_QUEUE_HELD] = 5;
    now.server_up_count = 1;
    now.outlet_working_count = 1;
    assert_string_equal(summary_now_text(&now, text),
                        "polling 200 queues; 3 failing, 2 paused, 5 held; 1 "
                        "server not up; 2 outlets not working");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_good_day_is_a_short_line),
        cmocka_unit_test(test_a_bad_day_says_what_is_wrong),
        cmocka_unit_test(test_the_status_of_the_service_is_short),
        cmocka_unit_test(test_a_backlog_that_keeps_growing_is_told),
        cmocka_unit_test(test_a_small_backlog_is_none),
        cmocka_unit_test(test_lengths_of_time_are_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
