/*
 * Which numbers new messages get. One that an outlet has passed already would
 * never be forwarded; refusing one that is fine stops the inbox for a while.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "inbox/postgres/pg_array.h"
#include "inbox/postgres/pg_arrivals.h"

/* A result as the server sends it: an array of the numbers first to last. */
static PGresult *drawn(int64_t first, int64_t last)
{
    PGresAttDesc column = {
        .name = (char[]){"array_agg"}, .format = 1, .typid = 1016};
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    struct pg_array array;

    pg_array_init(&array, PG_INT8);
    for (int64_t number = first; number <= last; number++) {
        pg_array_number(&array, number);
    }
    assert_int_equal(pg_array_finish(&array), 0);
    assert_non_null(result);
    assert_int_equal(PQsetResultAttrs(result, 1, &column), 1);
    assert_int_equal(PQsetvalue(result, 0, 0, array.bytes, (int)array.size), 1);
    pg_array_free(&array);
    return result;
}

static void take(struct pg_arrivals *arrivals, int64_t first, int64_t last)
{
    PGresult *result = drawn(first, last);

    assert_true(pg_arrivals_drawn(arrivals, result));
    PQclear(result);
}

static struct pg_arrivals *arrivals_new(void)
{
    struct pg_arrivals *arrivals = calloc(1, sizeof(*arrivals));

    assert_non_null(arrivals);
    assert_int_equal(pg_arrivals_init(arrivals, "haplo"), 0);
    return arrivals;
}

static void arrivals_end(struct pg_arrivals *arrivals)
{
    pg_arrivals_free(arrivals);
    free(arrivals);
}

/* After a failover, the sequence may begin again with numbers that outlets
 * have passed. */
static void numbers_that_were_seen_are_not_used_again(void **state)
{
    struct pg_arrivals *arrivals = arrivals_new();
    struct pg_statement statement;

    (void)state;
    pg_arrivals_note(arrivals, 12);
    pg_arrivals_draw(arrivals, 2, &statement);
    take(arrivals, 10, 14);
    assert_int_equal(pg_arrivals_next(arrivals), 13);
    assert_int_equal(pg_arrivals_next(arrivals), 14);
    assert_int_equal(pg_arrivals_next(arrivals), 0); /* still behind */
    arrivals_end(arrivals);
}

/* Another process may draw later numbers, and an outlet read them, before the
 * response to the own draw is looked at: the sequence is not behind. */
static void what_is_seen_during_a_draw_does_not_spoil_it(void **state)
{
    struct pg_arrivals *arrivals = arrivals_new();
    struct pg_statement statement;

    (void)state;
    pg_arrivals_draw(arrivals, 2, &statement);
    pg_arrivals_note(arrivals, 7);
    take(arrivals, 5, 6);
    assert_int_equal(pg_arrivals_next(arrivals), 5);
    assert_int_equal(pg_arrivals_next(arrivals), 6);
    pg_arrivals_clear(arrivals);
    pg_arrivals_draw(arrivals, 1, &statement); /* but it counts for the next */
    take(arrivals, 6, 8);
    assert_int_equal(pg_arrivals_next(arrivals), 8);
    arrivals_end(arrivals);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_that_were_seen_are_not_used_again),
        cmocka_unit_test(what_is_seen_during_a_draw_does_not_spoil_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
