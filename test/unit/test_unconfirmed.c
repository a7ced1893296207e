/*
 * How it is known where the unconfirmed messages of a queue are. A mistake
 * there would take new messages for repeats, or look for repeats where they are
 * not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "inbox/unconfirmed.h"

/* A mark confirms the messages of its batch; an empty fetch, all. */
static void a_confirmed_mark_reduces_the_count(void **state)
{
    struct unconfirmed messages = {.count = 5, .first = 7};

    (void)state;
    unconfirmed_confirm(&messages, 2);
    assert_int_equal(messages.count, 3);
    assert_int_equal(messages.first, 7);
    unconfirmed_confirm(&messages, 3);
    assert_int_equal(messages.count, 0);
    assert_int_equal(messages.first, 0);
    messages = (struct unconfirmed){.count = 5, .first = 7};
    unconfirmed_confirm(&messages, 0);
    assert_int_equal(messages.count, 0);
    assert_int_equal(messages.first, 0);
}

/* A count that is too low would turn repeats into new messages: it is given up
 * until an empty fetch has confirmed everything. */
static void a_count_that_cannot_be_is_unknown(void **state)
{
    struct unconfirmed messages = {.count = 1, .first = 7};

    (void)state;
    unconfirmed_confirm(&messages, 2);
    assert_int_equal(messages.count, UNCONFIRMED_UNKNOWN);
    unconfirmed_confirm(&messages, 1);
    assert_int_equal(messages.count, UNCONFIRMED_UNKNOWN);
    unconfirmed_store(&messages, 10, 3, 0);
    assert_int_equal(messages.count, UNCONFIRMED_UNKNOWN);
    unconfirmed_confirm(&messages, 0);
    assert_int_equal(messages.count, 0);
}

/* The first unconfirmed message is where the search for repeats ends. Messages
 * that are stored again were counted before. */
static void a_stored_batch_raises_the_count(void **state)
{
    struct unconfirmed messages = {.count = 0};

    (void)state;
    unconfirmed_store(&messages, 10, 4, 0);
    assert_int_equal(messages.count, 4);
    assert_int_equal(messages.first, 10);
    unconfirmed_store(&messages, 20, 3, 1);
    assert_int_equal(messages.count, 6);
    assert_int_equal(messages.first, 10);
    unconfirmed_store(&messages, 0, 0, 0); /* nothing but repeats */
    assert_int_equal(messages.count, 6);
    assert_int_equal(messages.first, 10);
}

/* Unconfirmed messages of a queue that has moved are in the other inbox. */
static void a_moved_queue_makes_the_count_unknown(void **state)
{
    struct unconfirmed messages = {.count = 3, .first = 7};

    (void)state;
    unconfirmed_lose(&messages);
    assert_int_equal(messages.count, UNCONFIRMED_UNKNOWN);
    assert_int_equal(messages.first, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_confirmed_mark_reduces_the_count),
        cmocka_unit_test(a_count_that_cannot_be_is_unknown),
        cmocka_unit_test(a_stored_batch_raises_the_count),
        cmocka_unit_test(a_moved_queue_makes_the_count_unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
