/*
 * The rows of queues as a group changes them: which are locked, and which are
 * written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "inbox/postgres/pg_rows.h"

static const struct haplo_slice new_state = {"new", 3};

/* A queue may have a confirmed mark and a batch in one group: its row is locked
 * once, so that the batch is compared with what the mark leaves. */
static void each_queue_of_a_group_is_locked_once(void **state)
{
    struct inbox_queue known = {.server = "s", .name = "known", .id = 3};
    struct inbox_queue added = {.server = "s", .name = "added"};
    struct inbox_confirm confirm = {.queue = &known};
    struct inbox_delivery first = {.queue = &known};
    struct inbox_delivery second = {.queue = &added};
    struct inbox_group group = {.part_count = 3};
    struct pg_rows rows;

    (void)state;
    STAILQ_INIT(&group.deliveries);
    STAILQ_INIT(&group.confirms);
    STAILQ_INIT(&group.replaces);
    STAILQ_INSERT_TAIL(&group.confirms, &confirm, link);
    STAILQ_INSERT_TAIL(&group.deliveries, &first, link);
    STAILQ_INSERT_TAIL(&group.deliveries, &second, link);
    assert_int_equal(pg_rows_init(&rows, "haplo"), 0);
    assert_int_equal(pg_rows_collect(&rows, &group, false), 0);
    assert_int_equal(rows.count, 2);
    assert_ptr_equal(pg_rows_of(&rows, &known)->queue, &known);
    assert_ptr_equal(pg_rows_of(&rows, &added)->queue, &added);
    assert_int_equal(rows.new_queues.count, 1); /* a row is added for it */
    assert_int_equal(pg_rows_collect(&rows, &group, true), 0);
    assert_int_equal(rows.count, 2);
    assert_int_equal(rows.new_queues.count, 2);
    pg_rows_free(&rows);
}

/* What has not changed is not written: it may be nothing. */
static void only_changed_rows_are_written(void **state)
{
    struct inbox_queue queue = {.server = "s", .name = "q", .id = 3};
    struct inbox_delivery delivery = {.queue = &queue};
    struct inbox_group group = {.part_count = 1};
    struct pg_statement statement;
    struct pg_rows rows;
    size_t count;

    (void)state;
    STAILQ_INIT(&group.deliveries);
    STAILQ_INIT(&group.confirms);
    STAILQ_INIT(&group.replaces);
    STAILQ_INSERT_TAIL(&group.deliveries, &delivery, link);
    assert_int_equal(pg_rows_init(&rows, "haplo"), 0);
    assert_int_equal(pg_rows_collect(&rows, &group, false), 0);
    assert_int_equal(pg_rows_write(&rows, &statement, &count), 0);
    assert_int_equal(count, 0);
    pg_row_set(pg_rows_of(&rows, &queue), new_state);
    assert_int_equal(pg_rows_write(&rows, &statement, &count), 0);
    assert_int_equal(count, 1);
    assert_int_equal(rows.states.count, 1);
    assert_int_equal(statement.count, 7);
    pg_rows_free(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_queue_of_a_group_is_locked_once),
        cmocka_unit_test(only_changed_rows_are_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
