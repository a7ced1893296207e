/*
 * Lines that wait for stderr: their order, the bound, and the number of those
 * that found no room.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/log/log_queue.h"

#define LINE_SIZE 100

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct log_queue));
    return *state == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static void add(struct log_queue *queue, unsigned number)
{
    char line[LINE_SIZE + 1];
    (void)snprintf(line, sizeof line, "%0*u", LINE_SIZE, number);
    log_queue_add(queue, line, LINE_SIZE);
}

/* Adds lines until one is dropped; returns the number of the next one. */
static unsigned fill(struct log_queue *queue, unsigned number)
{
    while (queue->dropped_count == 0) {
        add(queue, number++);
    }
    return number;
}

static void expect(struct log_queue *queue, uint64_t dropped, unsigned number)
{
    struct log_queue_line line;
    char text[LINE_SIZE + 1];
    (void)snprintf(text, sizeof text, "%0*u", LINE_SIZE, number);
    assert_true(log_queue_take(queue, &line));
    assert_int_equal(line.dropped_count, dropped);
    assert_int_equal(line.size, LINE_SIZE);
    assert_memory_equal(line.text, text, LINE_SIZE);
}

static void expect_empty(struct log_queue *queue)
{
    struct log_queue_line line;
    assert_false(log_queue_take(queue, &line));
}

/* A log is read from top to bottom; the ring must not show where it wraps. */
static void test_lines_come_out_in_order(void **state)
{
    struct log_queue *queue = *state;
    unsigned next = 0;
    expect_empty(queue);
    for (unsigned i = 0; i < 3 * LOG_QUEUE_SIZE / LINE_SIZE; i++) {
        add(queue, i);
        if (i % 3 != 0) { /* so that it fills slowly */
            expect(queue, 0, next++);
        }
        if (i % 1000 == 999) {
            while (next <= i) {
                expect(queue, 0, next++);
            }
        }
    }
}

/* Operators must see how much is missing, and where. */
static void test_what_finds_no_room_is_counted_where_it_is_missing(void **state)
{
    struct log_queue *queue = *state;
    unsigned next = fill(queue, 0);
    unsigned last = next - 2; /* the newest that found room */
    unsigned taken = 0;
    add(queue, next++);
    expect(queue, 0, taken++);
    add(queue, next++); /* would fit, but there shall be few gaps */
    while (LOG_QUEUE_SIZE - queue->size < LOG_QUEUE_SIZE / 4) {
        expect(queue, 0, taken++);
    }
    add(queue, next);
    while (taken <= last) {
        expect(queue, 0, taken++);
    }
    expect(queue, 3, next);
    expect_empty(queue);
}

/* If nothing is logged after that, the count is reported all the same. */
static void test_the_count_comes_out_after_the_last_line(void **state)
{
    struct log_queue *queue = *state;
    struct log_queue_line line;
    unsigned next = fill(queue, 0);
    add(queue, next);
    for (unsigned i = 0; i < next - 1; i++) {
        expect(queue, 0, i);
    }
    assert_true(log_queue_take(queue, &line));
    assert_int_equal(line.dropped_count, 2);
    assert_int_equal(line.size, 0);
    expect_empty(queue);
}

/* The longest line fits as well as any other. */
static void test_a_line_of_the_greatest_length(void **state)
{
    struct log_queue *queue = *state;
    struct log_queue_line line;
    char text[LOG_LINE_SIZE_MAX];
    memset(text, 'x', sizeof text);
    log_queue_add(queue, text, sizeof text);
    assert_true(log_queue_take(queue, &line));
    assert_int_equal(line.size, sizeof text);
    assert_memory_equal(line.text, text, sizeof text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
        T(test_lines_come_out_in_order),
        T(test_what_finds_no_room_is_counted_where_it_is_missing),
        T(test_the_count_comes_out_after_the_last_line),
        T(test_a_line_of_the_greatest_length),
    };
    return cmocka_run_group_tests_name("log_queue", tests, NULL, NULL);
}
