/*
 * The members of messages that have a column of their own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing_allocator.h"
#include "inbox/postgres/pg_columns.h"

enum column { ID, DATETIME, ACTION, REF };

static void add(struct pg_columns *columns, const char *body)
{
    const struct haplo_message message = {.body = {body, strlen(body)}};

    pg_columns_add(columns, &message, HAPLO_FORMAT_JSON);
}

/* The elements of all columns stand for the messages with the same index, and
 * unnest() fills up what is missing at the end alone. */
static void each_text_stands_at_the_index_of_its_message(void **state)
{
    struct pg_columns columns;

    (void)state;
    assert_int_equal(pg_columns_init(&columns), 0);
    add(&columns, "{\"none\":1}");
    add(&columns, "{\"action\":\"change\",\"object\":{\"ref\":\"80q22\"}}");
    add(&columns, "{\"none\":2}");
    add(&columns, "{\"action\":\"delete\"}");
    add(&columns, "{\"none\":3}");
    assert_int_equal(pg_columns_finish(&columns), 0);
    assert_int_equal(columns.texts[ID].count, 0);
    assert_int_equal(columns.texts[ACTION].count, 4);
    assert_int_equal(columns.texts[REF].count, 2);
    assert_true(columns.texts[ACTION].has_null);
    pg_columns_free(&columns);
}

/* A message that comes from another inbox has its body alone. It must be found
 * by the same members as one that was fetched. */
static void a_body_alone_has_the_same_members(void **state)
{
    static const char body[] =
        "{\"id\":7,\"datetime\":\"2026-11-28T20:49:16Z\"}";
    const struct haplo_slice slice = {body, sizeof(body) - 1};
    struct pg_columns columns;
    size_t offset = 0;

    (void)state;
    assert_int_equal(pg_columns_init(&columns), 0);
    pg_columns_add_body(&columns, slice, HAPLO_FORMAT_JSON);
    pg_columns_add_body(&columns, slice, HAPLO_FORMAT_RAW);
    assert_int_equal(pg_columns_finish(&columns), 0);
    assert_int_equal(columns.count, 2);
    assert_int_equal(columns.texts[ID].count, 1);
    assert_memory_equal(pg_array_next(&columns.texts[ID], &offset).data, "7",
                        1);
    offset = 0;
    assert_memory_equal(pg_array_next(&columns.texts[DATETIME], &offset).data,
                        "2026-11-28T20:49:16Z", 20);
    pg_columns_free(&columns);
}

/* A member that could not be read is not NULL: it must never be stored as if
 * the message had none. */
static void memory_that_runs_out_is_not_a_missing_member(void **state)
{
    static char body[32768];
    struct pg_columns columns;
    size_t failed_count = 0;
    size_t fails = 0;
    int error = HAPLO_ENOMEM;

    (void)state;
    memset(body, 'x', sizeof(body) - 1);
    memcpy(body, "{\"action\":\"\\n", 13);
    memcpy(body + sizeof(body) - 3, "\"}", 2);
    while (error != 0) {
        allocator_reset(0);
        assert_int_equal(pg_columns_init(&columns), 0);
        allocator_reset(++fails);
        add(&columns, body);
        error = pg_columns_finish(&columns);
        assert_true(error == HAPLO_ENOMEM || columns.texts[ACTION].count == 1);
        failed_count += error != 0 ? 1 : 0;
        pg_columns_clear(&columns);
        allocator_reset(0);
        add(&columns, body); /* once there is memory again */
        assert_int_equal(pg_columns_finish(&columns), 0);
        assert_int_equal(columns.texts[ACTION].count, 1);
        pg_columns_free(&columns);
        assert_int_equal(allocator_held, 0);
    }
    assert_true(failed_count > 0);
}

static int install(void **state)
{
    (void)state;
    allocator_install();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_text_stands_at_the_index_of_its_message),
        cmocka_unit_test(a_body_alone_has_the_same_members),
        cmocka_unit_test(memory_that_runs_out_is_not_a_missing_member),
    };

    return cmocka_run_group_tests(tests, install, NULL);
}
