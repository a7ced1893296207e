/*
 * The rows of queues as a group changes them: which queues are locked, and how
 * it is known where unconfirmed messages are. A mistake there would take new
 * messages for repeats, or look for repeats where they are not.
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

/* A mark confirms the messages of its batch; an empty fetch, all. */
static void a_confirmed_mark_reduces_the_count(void **state)
{
    struct pg_row row = {.unconfirmed = 5, .unconfirmed_from = 7};

    (void)state;
    pg_row_confirm(&row, 2, new_state);
    assert_int_equal(row.unconfirmed, 3);
    assert_int_equal(row.unconfirmed_from, 7);
    assert_true(row.is_changed);
    assert_ptr_equal(row.state.data, new_state.data);
    pg_row_confirm(&row, 3, new_state);
    assert_int_equal(row.unconfirmed, 0);
    assert_int_equal(row.unconfirmed_from, 0);
    row = (struct pg_row){.unconfirmed = 5, .unconfirmed_from = 7};
    pg_row_confirm(&row, 0, new_state);
    assert_int_equal(row.unconfirmed, 0);
    assert_int_equal(row.unconfirmed_from, 0);
}

/* A count that is too low would turn repeats into new messages: it is given up
 * until an empty fetch has confirmed everything. */
static void a_count_that_cannot_be_is_unknown(void **state)
{
    struct pg_row row = {.unconfirmed = 1, .unconfirmed_from = 7};

    (void)state;
    pg_row_confirm(&row, 2, new_state);
    assert_int_equal(row.unconfirmed, PG_ROW_UNKNOWN);
    pg_row_confirm(&row, 1, new_state);
    assert_int_equal(row.unconfirmed, PG_ROW_UNKNOWN);
    pg_row_store(&row, 10, 12, 3, 0, new_state);
    assert_int_equal(row.unconfirmed, PG_ROW_UNKNOWN);
    pg_row_confirm(&row, 0, new_state);
    assert_int_equal(row.unconfirmed, 0);
}

/* The first unconfirmed message is where the search for repeats ends. Messages
 * that are stored again were counted before. */
static void a_stored_batch_raises_the_count(void **state)
{
    struct pg_row row = {.unconfirmed = 0};

    (void)state;
    pg_row_store(&row, 10, 15, 4, 0, new_state);
    assert_int_equal(row.unconfirmed, 4);
    assert_int_equal(row.unconfirmed_from, 10);
    assert_int_equal(row.newest_batch, 10);
    assert_int_equal(row.last_arrival, 15);
    pg_row_store(&row, 20, 22, 3, 1, new_state);
    assert_int_equal(row.unconfirmed, 6);
    assert_int_equal(row.unconfirmed_from, 10);
    assert_int_equal(row.newest_batch, 20);
    pg_row_store(&row, 0, 0, 0, 0, new_state); /* nothing but repeats */
    assert_int_equal(row.unconfirmed, 6);
    assert_int_equal(row.newest_batch, 20);
    assert_int_equal(row.last_arrival, 22);
}

/* Unconfirmed messages of a queue that has moved are in the other inbox. */
static void a_replaced_state_makes_the_count_unknown(void **state)
{
    struct pg_row row = {.unconfirmed = 3, .unconfirmed_from = 7};

    (void)state;
    pg_row_replace(&row, new_state);
    assert_int_equal(row.unconfirmed, PG_ROW_UNKNOWN);
    assert_int_equal(row.unconfirmed_from, 0);
    assert_true(row.is_changed);
}

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
    pg_row_store(pg_rows_of(&rows, &queue), 1, 1, 1, 0, new_state);
    assert_int_equal(pg_rows_write(&rows, &statement, &count), 0);
    assert_int_equal(count, 1);
    assert_int_equal(rows.states.count, 1);
    assert_int_equal(statement.count, 7);
    pg_rows_free(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_confirmed_mark_reduces_the_count),
        cmocka_unit_test(a_count_that_cannot_be_is_unknown),
        cmocka_unit_test(a_stored_batch_raises_the_count),
        cmocka_unit_test(a_replaced_state_makes_the_count_unknown),
        cmocka_unit_test(each_queue_of_a_group_is_locked_once),
        cmocka_unit_test(only_changed_rows_are_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
