/* The table that finds objects by name: one name overlooked, and two queues
 * would fetch the same messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/name_table.h"
#include "core/backoff.h"
#include "failing_allocator.h"
#include "haplopoll.h"

#define NAMES 500
#define OPERATIONS 20000

static char names[NAMES][16];
static struct name_table table;

static const char *name_of(const void *object)
{
    return object;
}

static int set_up(void **state)
{
    (void)state;
    table = (struct name_table){.name_of = name_of};
    allocator_reset(0);
    for (int i = 0; i < NAMES; i++) {
        snprintf(names[i], sizeof names[i], "q%d", i);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    name_table_free(&table);
    assert_int_equal(allocator_held, 0);
    return 0;
}

static void an_empty_table_has_no_name(void **state)
{
    (void)state;
    size_t cursor = 0;
    assert_null(name_table_find(&table, "q1"));
    assert_null(name_table_next(&table, &cursor));
}

static void names_are_told_apart_by_their_characters(void **state)
{
    (void)state;
    char copy[] = "q1";
    assert_int_equal(name_table_add(&table, names[1]), 0);
    assert_non_null(name_table_find(&table, copy));
    assert_null(name_table_find(&table, "q"));
    assert_null(name_table_find(&table, "q10"));
    assert_null(name_table_find(&table, "Q1"));
}

/* Walks through all of the table, against an array of what must be in it. */
static void check_walk(const bool *is_in)
{
    bool is_seen[NAMES] = {false};
    size_t cursor = 0;
    size_t count = 0;
    const char *name;
    while ((name = name_table_next(&table, &cursor)) != NULL) {
        long i = strtol(name + 1, NULL, 10);
        assert_ptr_equal(name, names[i]);
        assert_true(is_in[i]);
        assert_false(is_seen[i]);
        is_seen[i] = true;
        count++;
    }
    assert_int_equal(table.count, count);
    for (int i = 0; i < NAMES; i++) {
        assert_int_equal(is_seen[i], is_in[i]);
        assert_int_equal(name_table_find(&table, names[i]) != NULL, is_in[i]);
    }
}

static void a_table_agrees_with_an_array_whatever_is_done(void **state)
{
    (void)state;
    bool is_in[NAMES] = {false};
    struct random random = {.state = 4};
    for (int i = 0; i < OPERATIONS; i++) {
        /* By turns it becomes nearly empty and nearly full. */
        uint64_t bound = i / 1000 % 2 == 0 ? NAMES : 12;
        uint64_t n = random_below(&random, bound);
        if (is_in[n]) {
            name_table_remove(&table, names[n]);
        } else {
            assert_int_equal(name_table_add(&table, names[n]), 0);
        }
        is_in[n] = !is_in[n];
        assert_int_equal(name_table_find(&table, names[n]) != NULL, is_in[n]);
        if (i % 100 == 0) {
            check_walk(is_in);
        }
    }
    check_walk(is_in);
}

static void without_memory_a_table_stays_as_it_was(void **state)
{
    (void)state;
    bool is_in[NAMES] = {false};
    int failures = 0;
    for (int i = 0; i < NAMES; i++) {
        allocator_reset(1);
        int error = name_table_add(&table, names[i]);
        if (error != 0) {
            assert_int_equal(error, HAPLO_ENOMEM);
            failures++;
            check_walk(is_in);
            assert_int_equal(name_table_add(&table, names[i]), 0);
        }
        is_in[i] = true;
    }
    assert_in_range(failures, 2, 20);
    check_walk(is_in);
}

/* Who knows how many there will be cannot fail in the middle of them. */
static void reserved_room_needs_no_memory(void **state)
{
    (void)state;
    assert_int_equal(name_table_reserve(&table, NAMES), 0);
    for (int i = 0; i < NAMES; i++) {
        allocator_reset(1);
        assert_int_equal(name_table_add(&table, names[i]), 0);
    }
    allocator_reset(0);
    assert_int_equal(name_table_reserve(&table, NAMES / 2), 0);
    assert_ptr_equal(name_table_find(&table, "q7"), names[7]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(an_empty_table_has_no_name),
        TEST(names_are_told_apart_by_their_characters),
        TEST(a_table_agrees_with_an_array_whatever_is_done),
        TEST(without_memory_a_table_stays_as_it_was),
        TEST(reserved_room_needs_no_memory),
    };
    allocator_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
