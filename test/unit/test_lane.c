/* The parts of an outlet's dispatch, alone: lanes, the breaker, the window, and
 * what is to be saved. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/breaker.h"
#include "core/lane.h"
#include "core/lane_table.h"
#include "core/progress.h"
#include "core/window.h"

/* Lanes */

/* The table in lane.c and the diagram in lane.h say the same. */
static void test_the_edges_of_the_diagram(void **state)
{
    static const char *const edges[] = {
        "IDLE-READY",           "IDLE-RECALLING",     "READY-DELIVERING",
        "READY-RECALLING",      "READY-IDLE",         "DELIVERING-IDLE",
        "DELIVERING-READY",     "DELIVERING-WAITING", "DELIVERING-BLOCKED",
        "DELIVERING-RECALLING", "WAITING-READY",      "WAITING-RECALLING",
        "WAITING-IDLE",         "BLOCKED-RECALLING",  "BLOCKED-IDLE",
        "RECALLING-READY",      "RECALLING-IDLE",     "RECALLING-WAITING"};
    size_t count = 0;
    (void)state;
    for (int from = LANE_IDLE; from <= LANE_RECALLING; from++) {
        for (int to = LANE_IDLE; to <= LANE_RECALLING; to++) {
            char edge[64];
            bool is_drawn = false;
            (void)snprintf(edge, sizeof(edge), "%s-%s",
                           lane_state_name((enum lane_state)from),
                           lane_state_name((enum lane_state)to));
            for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
                is_drawn |= strcmp(edge, edges[i]) == 0;
            }
            assert_int_equal(
                lane_may_follow((enum lane_state)from, (enum lane_state)to),
                is_drawn);
            count += is_drawn ? 1 : 0;
        }
    }
    assert_int_equal(count, sizeof(edges) / sizeof(edges[0]));
}

/* Later messages line up behind what is deferred. */
static void test_a_lane_with_a_backlog_defers(void **state)
{
    struct lane lane;
    (void)state;
    lane_init(&lane, 1, "a", "q");
    assert_int_equal(lane_rest_state(&lane), LANE_IDLE);
    assert_false(lane_defers(&lane));
    lane.known_to = 4;
    lane.backlog_last = 9;
    assert_true(lane_defers(&lane));
    assert_int_equal(lane_rest_state(&lane), LANE_RECALLING);
    lane.known_to = 9;
    assert_false(lane_defers(&lane));
    assert_true(lane_doubt(&lane, 3, "why"));
    assert_int_equal(lane_head(&lane), 3);
    assert_int_equal(lane_rest_state(&lane), LANE_WAITING);
    lane_free_doubts(&lane);
}

/* Lanes come and go with their messages; a million queues are possible. */
static void test_lanes_are_found_by_their_queues(void **state)
{
    enum { COUNT = 1000 };
    static struct lane lanes[COUNT];
    struct lane_table table = {.slots = NULL};
    (void)state;
    assert_null(lane_table_find(&table, 1));
    for (uint64_t i = 0; i < COUNT; i++) {
        lane_init(&lanes[i], 1 + 7 * i, "a", i == 5 ? "five" : "q");
        assert_int_equal(lane_table_add(&table, &lanes[i]), 0);
    }
    assert_ptr_equal(lane_table_find_name(&table, "a", "five"), &lanes[5]);
    assert_null(lane_table_find_name(&table, "five", "a"));
    for (uint64_t i = 0; i < COUNT; i++) {
        assert_ptr_equal(lane_table_find(&table, 1 + 7 * i), &lanes[i]);
        lane_table_remove(&table, &lanes[i]);
        assert_null(lane_table_find(&table, 1 + 7 * i));
    }
    assert_null(lane_table_any(&table));
    lane_table_free(&table);
}

/* The breaker */

static const struct breaker_policy policy = {.backoff_ms = 1000,
                                             .backoff_max_ms = 8000,
                                             .failures_max = 3,
                                             .refusals_max = 3};

struct machine {
    struct breaker breaker;
    struct random random;
    uint64_t now_ms;
};

static enum breaker_action say(struct machine *m, enum breaker_event_kind kind)
{
    const struct breaker_event event = {.kind = kind};
    return breaker_step(&m->breaker, &event, m->now_ms, &m->random);
}

static void start(struct machine *m)
{
    *m = (struct machine){.random.state = 1, .now_ms = 100};
    breaker_init(&m->breaker, &policy);
}

static void wait_over(struct machine *m)
{
    assert_int_equal(m->breaker.state, BREAKER_BROKEN);
    assert_true(m->breaker.due_ms > m->now_ms);
    assert_int_equal(say(m, BREAKER_EVENT_DUE), BREAKER_ACTION_NONE);
    assert_int_equal(m->breaker.state, BREAKER_BROKEN);
    m->now_ms = m->breaker.due_ms;
    assert_int_equal(say(m, BREAKER_EVENT_DUE), BREAKER_ACTION_NONE);
    assert_int_equal(m->breaker.state, BREAKER_PROBING);
}

/* A few failures are a hiccup; many in a row concern every lane. */
static void test_it_opens_after_failures_in_a_row(void **state)
{
    struct machine m;
    (void)state;
    start(&m);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(say(&m, BREAKER_EVENT_FAILED), BREAKER_ACTION_NONE);
        assert_int_equal(say(&m, BREAKER_EVENT_FAILED), BREAKER_ACTION_NONE);
        assert_int_equal(say(&m, BREAKER_EVENT_ACCEPTED), BREAKER_ACTION_NONE);
    }
    (void)say(&m, BREAKER_EVENT_FAILED);
    (void)say(&m, BREAKER_EVENT_FAILED);
    assert_true(breaker_admits(&m.breaker, 7));
    assert_int_equal(say(&m, BREAKER_EVENT_FAILED), BREAKER_ACTION_OPENED);
    assert_false(breaker_admits(&m.breaker, 0));
    assert_int_equal(say(&m, BREAKER_EVENT_FAILED), BREAKER_ACTION_NONE);
    wait_over(&m);
    assert_true(breaker_admits(&m.breaker, 0));
    assert_false(breaker_admits(&m.breaker, 1));
    assert_int_equal(say(&m, BREAKER_EVENT_FAILED), BREAKER_ACTION_OPENED);
    wait_over(&m);
    assert_int_equal(say(&m, BREAKER_EVENT_ACCEPTED), BREAKER_ACTION_CLOSED);
}

/* What answers is there, even if it does not like this message. */
static void test_a_refused_probe_closes_what_failures_have_opened(void **state)
{
    struct machine m;
    (void)state;
    start(&m);
    assert_int_equal(say(&m, BREAKER_EVENT_BROKEN), BREAKER_ACTION_OPENED);
    wait_over(&m);
    assert_int_equal(say(&m, BREAKER_EVENT_REFUSED), BREAKER_ACTION_CLOSED);
}

/* And what refuses everything is not closed by one more refusal. */
static void test_refusals_in_a_row_open_it_until_one_is_accepted(void **state)
{
    struct machine m;
    (void)state;
    start(&m);
    (void)say(&m, BREAKER_EVENT_REFUSED);
    (void)say(&m, BREAKER_EVENT_REFUSED);
    assert_int_equal(say(&m, BREAKER_EVENT_REFUSED), BREAKER_ACTION_OPENED);
    for (int i = 0; i < 3; i++) {
        wait_over(&m);
        assert_int_equal(say(&m, BREAKER_EVENT_REFUSED), BREAKER_ACTION_NONE);
        assert_int_equal(say(&m, BREAKER_EVENT_REFUSED), BREAKER_ACTION_NONE);
        assert_int_equal(m.breaker.state, BREAKER_PROBING);
        assert_int_equal(say(&m, BREAKER_EVENT_REFUSED), BREAKER_ACTION_OPENED);
    }
    assert_int_equal(say(&m, BREAKER_EVENT_ACCEPTED), BREAKER_ACTION_CLOSED);
}

/* One message that is refused again and again is one bad message. */
static void test_the_same_message_refused_again_does_not_count(void **state)
{
    const struct breaker_event again = {.kind = BREAKER_EVENT_REFUSED,
                                        .is_repeat = true};
    struct machine m;
    (void)state;
    start(&m);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(breaker_step(&m.breaker, &again, 0, &m.random),
                         BREAKER_ACTION_NONE);
    }
    assert_int_equal(m.breaker.state, BREAKER_UP);
}

/* The window */

static void test_the_cursor_stops_before_what_is_not_done(void **state)
{
    struct window window;
    struct span a = {.first = 11, .count = 5};
    struct span b = {.first = 16, .count = 5};
    (void)state;
    window_init(&window, 9);
    assert_int_equal(window_cursor(&window), 9);
    window_add(&window, &a);
    assert_int_equal(window_cursor(&window), 10);
    window_add(&window, &b);
    window.read_to = 30;
    window_remove(&window, &b);
    window_done(&window, 20);
    window_note(&window, 77);
    assert_ptr_equal(window_holder(&window), &a);
    assert_int_equal(window.held_since_ms, 77);
    a.first += 3;
    assert_int_equal(window_cursor(&window), 13);
    window_remove(&window, &a);
    window_note(&window, 99);
    assert_null(window_holder(&window));
    assert_int_equal(window.held_since_ms, HEAP_NEVER);
    assert_int_equal(window_cursor(&window), 30);
}

/* Progress */

/* Nothing behind the cursor may be stored: it would be read again. */
static void test_only_what_the_cursor_has_passed_is_saved(void **state)
{
    struct progress pending;
    struct progress saving;
    (void)state;
    progress_init(&pending);
    progress_init(&saving);
    assert_true(progress_defer(&pending, 1, 5, 2));
    assert_true(progress_defer(&pending, 1, 7, 1));
    assert_true(progress_defer(&pending, 2, 12, 1));
    assert_true(progress_settle(&pending, 2, 12, 1));
    assert_true(progress_settle(&pending, 3, 2, 1));
    assert_true(progress_bury(&pending, 2, 12, "why", 1));
    assert_true(progress_bury(&pending, 3, 3, "why not", 2));
    assert_true(progress_move(&pending, &saving, 10));
    assert_int_equal(saving.cursor, 10);
    assert_int_equal(saving.deferred.count, 1);
    assert_int_equal(saving.deferred.items[0].count, 3);
    assert_int_equal(saving.settled.count, 1);
    assert_int_equal(saving.dead_letter_count, 1);
    assert_string_equal(saving.dead_letters[0].why, "why not");
    assert_int_equal(pending.lowest, 12);
    assert_int_equal(pending.deferred.message_count, 1);
    progress_clear(&saving);
    assert_true(progress_move(&pending, &saving, 12));
    assert_int_equal(pending.lowest, UINT64_MAX);
    assert_int_equal(saving.lowest, 12);
    progress_free(&pending);
    progress_free(&saving);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test(test)
        T(test_the_edges_of_the_diagram),
        T(test_a_lane_with_a_backlog_defers),
        T(test_lanes_are_found_by_their_queues),
        T(test_it_opens_after_failures_in_a_row),
        T(test_a_refused_probe_closes_what_failures_have_opened),
        T(test_refusals_in_a_row_open_it_until_one_is_accepted),
        T(test_the_same_message_refused_again_does_not_count),
        T(test_the_cursor_stops_before_what_is_not_done),
        T(test_only_what_the_cursor_has_passed_is_saved),
    };
    return cmocka_run_group_tests_name("lane", tests, NULL, NULL);
}
