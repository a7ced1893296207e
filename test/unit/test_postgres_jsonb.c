/*
 * What PostgreSQL's jsonb and text can hold: a message that they cannot hold
 * would make the whole group fail. Each case was tried with a server; for
 * numbers and depth there is a margin.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "inbox/postgres/pg_jsonb.h"

static const char *const held[] = {
    "{}",
    " [ ] ",
    "\t{\"a\" : 1 , \"b\":[1,2,{}]}\r\n",
    "[{\"a\":{\"b\":[[],[[]]]}},null,true,false]",
    "7",
    "-0",
    "0.5",
    "1e+300",
    "-12.50E-10",
    "123456789012345678901234567890",
    "\"text\"",
    "\"\"",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    "\"\\u0001 \\u00e4 \\uFFFF\"",
    "\"\\ud83d\\ude00\"",
    "\"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf\"",
    "{\"\":{\"\":\"\"}}",
};

static const char *const refused[] = {
    "",
    " ",
    "{",
    "[",
    "[1,]",
    "[,1]",
    "{,}",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{1:2}",
    "[1 2]",
    "[1]]",
    "{}{}",
    "[}",
    "{]",
    "[{]}",
    "1 2",
    "tru",
    "nul",
    "True",
    "nullx",
    "'a'",
    "[1,2",
    "{\"a\":1",
    /* numbers */
    "01",
    "-",
    "-01",
    "1.",
    ".5",
    "1e",
    "1e+",
    "+1",
    "1e200000",
    "1e-200000",
    "1e99999999999999999999999999",
    "NaN",
    /* strings */
    "\"",
    "\"abc",
    "\"\\",
    "\"\\x\"",
    "\"\\u12\"",
    "\"\\u12g4\"",
    "\"a\nb\"",
    "\"a\tb\"",
    "\"\\u",
    "\"\\ud83d\\ude0",
    /* characters that PostgreSQL's text cannot hold */
    "\"\\u0000\"",
    "{\"\\u0000\":1}",
    "\"\\ud800\"",
    "\"\\udc00\"",
    "\"\\ud800\\ud800\"",
    "\"\\ud800x\"",
    "\"\\ud800\\n\"",
    "\"\\ud800\\u0041\"",
    /* bytes that are not UTF-8 */
    "\"\xff\"",
    "\"\xc3\"",
    "\"\xc0\x80\"",
    "\"\xe0\x80\x80\"",
    "\"\xed\xa0\x80\"",
    "\"\xf4\x90\x80\x80\"",
    "\"\xf0\x80\x80\x80\"",
    "\"\xe2\x82\"",
};

static struct haplo_slice slice_of(const char *text)
{
    return (struct haplo_slice){text, strlen(text)};
}

/* A copy with nothing after it, so that reading too far is noticed. */
static bool can_hold(const char *text)
{
    size_t size = strlen(text);
    char *copy = malloc(size + 1);
    bool is_held;

    assert_non_null(copy);
    memcpy(copy, text, size);
    is_held = pg_jsonb_can_hold((struct haplo_slice){copy, size});
    free(copy);
    return is_held;
}

/* What is left out without need could not be queried. */
static void what_jsonb_holds_is_recognised(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(held) / sizeof(held[0]); i++) {
        if (!can_hold(held[i])) {
            fail_msg("refused: %s", held[i]);
        }
    }
}

/* One of these would make the statement for the whole group fail. */
static void what_jsonb_refuses_is_recognised(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        if (can_hold(refused[i])) {
            fail_msg("held: %s", refused[i]);
        }
    }
}

/* A message that is cut anywhere is no JSON, and is not read past its end. */
static void no_prefix_of_a_document_is_held(void **state)
{
    const char *text = "{\"a\":[1.5e3,\"\\ud83d\\ude00\xc3\xa4\",true,null]}";
    size_t size = strlen(text);
    char *copy;

    (void)state;
    assert_true(can_hold(text));
    for (size_t i = 0; i < size; i++) {
        copy = malloc(i + 1);
        assert_non_null(copy);
        memcpy(copy, text, i);
        assert_false(pg_jsonb_can_hold((struct haplo_slice){copy, i}));
        free(copy);
    }
}

/* The server reads nested values recursively, with a limited stack. */
static void values_nested_too_deeply_are_refused(void **state)
{
    char text[4001];

    (void)state;
    for (size_t depth = 999; depth <= 1001; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        assert_int_equal(
            pg_jsonb_can_hold((struct haplo_slice){text, 2 * depth}),
            depth <= 1000);
    }
}

/* The digits after the point and a negative exponent add up. */
static void the_digits_of_a_number_are_limited(void **state)
{
    char text[9000];

    (void)state;
    assert_true(can_hold("1e8000"));
    assert_true(can_hold("1e-8000"));
    assert_false(can_hold("1e8001"));
    assert_false(can_hold("1e-8001"));
    for (size_t count = 8000; count <= 8001; count++) {
        memset(text, '1', count);
        (void)snprintf(text + count, sizeof(text) - count, "%s", ".5e-8000");
        assert_int_equal(can_hold(text), count == 8000);
        memcpy(text, "0.", 2);
        memset(text + 2, '1', count);
        (void)snprintf(text + 2 + count, sizeof(text) - count, "%s", "e-8000");
        assert_int_equal(can_hold(text), count == 8000);
    }
}

/* Maps and arrays are told apart at every depth. */
static void mixed_nesting_is_followed(void **state)
{
    (void)state;
    assert_true(can_hold("[{\"a\":[{\"b\":[{\"c\":[[{}]]}]}]},{\"d\":{}}]"));
    assert_false(can_hold("[{\"a\":[{\"b\":[{\"c\":[[{}]}]}]}]},{\"d\":{}}]"));
    assert_false(can_hold("[{\"a\":[1,\"b\":2]}]"));
    assert_false(can_hold("{\"a\":1,2}"));
}

/* Columns are of type text. */
static void text_must_be_utf8_without_nul(void **state)
{
    (void)state;
    assert_true(pg_text_can_hold((struct haplo_slice){NULL, 0}));
    assert_true(pg_text_can_hold(slice_of("a \xc3\xa4 \xf0\x9f\x98\x80\n")));
    assert_false(pg_text_can_hold((struct haplo_slice){"a\0b", 3}));
    assert_false(pg_text_can_hold(slice_of("\xed\xa0\x80")));
    assert_false(pg_text_can_hold(slice_of("a\xc3")));
    assert_false(pg_text_can_hold(slice_of("\x80")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_jsonb_holds_is_recognised),
        cmocka_unit_test(what_jsonb_refuses_is_recognised),
        cmocka_unit_test(no_prefix_of_a_document_is_held),
        cmocka_unit_test(values_nested_too_deeply_are_refused),
        cmocka_unit_test(the_digits_of_a_number_are_limited),
        cmocka_unit_test(mixed_nesting_is_followed),
        cmocka_unit_test(text_must_be_utf8_without_nul),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
