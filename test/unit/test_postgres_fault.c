/*
 * What an error of PostgreSQL means for a group: a mistake here would lose the
 * difference between "not now", "never" and "who knows".
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "inbox/postgres/pg_connect.h"
#include "inbox/postgres/pg_fault.h"

/* Splitting a group because of these would make a busy or broken server work
 * many times for nothing. */
static void outages_concern_the_whole_group(void **state)
{
    static const char *const states[] = {
        "08006", "25006", "28P01", "3F000", "40001", "40P01", "42501", "42P01",
        "53100", "53300", "55P03", "57014", "57P01", "57P03", "58030"};

    (void)state;
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        assert_int_equal(pg_fault(states[i]), INBOX_OUTAGE);
    }
}

/* A single message may be the cause of these: the others must not wait for
 * it. */
static void what_may_be_one_message_is_split(void **state)
{
    static const char *const states[] = {"22021", "22P02", "22P05", "23505",
                                         "23514", "54000", "53200", "P0001",
                                         "XX000", "44000", ""};

    (void)state;
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        assert_int_equal(pg_fault(states[i]), INBOX_PART);
    }
}

/* The commit may have happened before the error. Only what is checked before
 * it is known to have prevented it. */
static void an_error_of_commit_is_doubt_unless_it_was_rejected(void **state)
{
    static const char *const unknown[] = {"",      "08006", "57014", "57P01",
                                          "57P02", "53100", "58030", "XX000",
                                          "01000", "55000"};

    (void)state;
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        assert_int_equal(pg_fault_of_commit(unknown[i]), INBOX_DOUBT);
    }
    assert_int_equal(pg_fault_of_commit("23503"), INBOX_PART);
    assert_int_equal(pg_fault_of_commit("P0001"), INBOX_PART);
    assert_int_equal(pg_fault_of_commit("40001"), INBOX_OUTAGE);
}

/* Without what is derived from it, such a message can be stored. */
static void values_that_are_derived_can_be_left_out(void **state)
{
    (void)state;
    assert_true(pg_fault_is_of_value("22P02"));
    assert_true(pg_fault_is_of_value("22P05"));
    assert_true(pg_fault_is_of_value("22003"));
    assert_true(pg_fault_is_of_value("54000"));
    assert_true(pg_fault_is_of_value("54001"));
    assert_false(pg_fault_is_of_value("22012")); /* rows have disappeared */
    assert_false(pg_fault_is_of_value("23505"));
    assert_false(pg_fault_is_of_value("55P03"));
}

/* After a failover, the old server stays connected, and read-only. */
static void another_server_is_looked_for(void **state)
{
    (void)state;
    assert_true(pg_fault_is_of_server("25006"));
    assert_true(pg_fault_is_of_server("57P01"));
    assert_false(pg_fault_is_of_server("57014"));
    assert_false(pg_fault_is_of_server("23505"));
}

/* Operators are told what to do where that is known. */
static void advice_says_what_to_do(void **state)
{
    char text[PG_FAULT_ADVICE_SIZE];

    (void)state;
    assert_non_null(strstr(pg_fault_advice("42501", "live", text), "--writer"));
    assert_non_null(strstr(pg_fault_advice("42P01", "live", text),
                           "run `haplo-poll migrate live`"));
    assert_non_null(strstr(pg_fault_advice("22012", "live", text), "triggers"));
    assert_non_null(strstr(pg_fault_advice("53100", "live", text), "disk"));
    assert_string_equal(pg_fault_advice("23505", "live", text), "");
    assert_string_equal(pg_fault_advice("", "live", text), "");
}

/* A log line is one line, and shows where libpq's lines end. */
static void a_message_of_libpq_becomes_one_line(void **state)
{
    struct reason why;

    (void)state;
    pg_message(&why, "server at \"h\", port 1 failed: Connection refused\n"
                     "\tIs the server running on that host?\n");
    assert_string_equal(why.text, "server at \"h\", port 1 failed: Connection "
                                  "refused; Is the server running on that "
                                  "host?");
    pg_message(&why, "ERROR:  no  \n\n DETAIL:  more\n\n");
    assert_string_equal(why.text, "ERROR: no; DETAIL: more");
    pg_message(&why, "\n");
    assert_string_equal(why.text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outages_concern_the_whole_group),
        cmocka_unit_test(what_may_be_one_message_is_split),
        cmocka_unit_test(an_error_of_commit_is_doubt_unless_it_was_rejected),
        cmocka_unit_test(values_that_are_derived_can_be_left_out),
        cmocka_unit_test(another_server_is_looked_for),
        cmocka_unit_test(advice_says_what_to_do),
        cmocka_unit_test(a_message_of_libpq_becomes_one_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
