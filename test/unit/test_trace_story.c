/* What a receipt says about an outlet: the truth, and where it is not known,
 * all that may be true. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/commands/trace_story.h"

static void expect(const struct trace_outlet *outlet,
                   enum trace_outcome outcome, const char *text)
{
    char found[TRACE_TEXT_SIZE];
    assert_int_equal(trace_outcome_of(outlet), outcome);
    assert_string_equal(trace_outcome_text(outlet, found), text);
}

static void test_passed_means_delivered_if_it_was_wanted(void **state)
{
    const struct inbox_trace_outlet row = {.is_passed = true};
    struct trace_outlet outlet = {
        .row = &row, .name = "out", .is_configured = true, .is_wanted = true};
    (void)state;
    expect(&outlet, TRACE_DELIVERED,
           "delivered, or skipped by an operator; when is not recorded");
    outlet.is_late = true;
    expect(&outlet, TRACE_DELIVERED,
           "delivered, or skipped by an operator, or older than the outlet; "
           "when is not recorded");
    outlet.is_wanted = false;
    expect(&outlet, TRACE_FILTERED,
           "not forwarded: its queues or rules, as they are now, do not take "
           "it");
    outlet.is_configured = false;
    expect(&outlet, TRACE_PASSED,
           "passed: delivered, filtered out or skipped; the outlet is not "
           "configured any more");
}

static void test_what_was_not_reached_waits(void **state)
{
    struct inbox_trace_outlet row = {.ahead_count = 1};
    struct trace_outlet outlet = {
        .row = &row, .name = "out", .is_configured = true, .is_wanted = true};
    (void)state;
    expect(&outlet, TRACE_PENDING, "not delivered yet: 1 message before it");
    outlet.is_wanted = false;
    expect(&outlet, TRACE_FILTERED,
           "will not be forwarded: its queues or rules, as they are now, do "
           "not take it");
    outlet.is_configured = false;
    expect(&outlet, TRACE_PENDING,
           "not delivered; the outlet is not configured any more");
    outlet = (struct trace_outlet){
        .name = "new", .is_configured = true, .is_wanted = true};
    expect(&outlet, TRACE_PENDING,
           "not delivered: the outlet has not forwarded anything yet");
}

/* Who asks about one of these wants to know whom to ask next. */
static void test_a_lane_that_is_held_up_is_explained_elsewhere(void **state)
{
    struct inbox_trace_outlet row = {.is_deferred = true};
    const struct trace_outlet outlet = {
        .row = &row, .name = "out", .is_configured = true, .is_wanted = true};
    (void)state;
    expect(&outlet, TRACE_HELD_UP,
           "not delivered: it is the first message of its queue there, and "
           "holds it up; `haplo-poll explain out` says why");
    row.ahead_count = 2;
    expect(&outlet, TRACE_HELD_UP,
           "not delivered: its queue is held up there, 2 messages before it; "
           "`haplo-poll explain out` says why");
}

/* Whatever the rules are now, and whether or not the outlet is still there. */
static void test_a_dead_letter_is_one(void **state)
{
    const struct inbox_trace_outlet row = {.is_passed = true,
                                           .refused_at_ms = 1,
                                           .attempts = 3,
                                           .why = "HTTP 422"};
    struct trace_outlet outlet = {.row = &row, .name = "out"};
    (void)state;
    expect(&outlet, TRACE_DEAD_LETTER,
           "a dead letter, refused after 3 attempts: HTTP 422");
    outlet.is_configured = true;
    expect(&outlet, TRACE_DEAD_LETTER,
           "a dead letter, refused after 3 attempts: HTTP 422");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passed_means_delivered_if_it_was_wanted),
        cmocka_unit_test(test_what_was_not_reached_waits),
        cmocka_unit_test(test_a_lane_that_is_held_up_is_explained_elsewhere),
        cmocka_unit_test(test_a_dead_letter_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
