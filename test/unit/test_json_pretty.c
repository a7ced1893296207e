/* A message as a person reads it: the same values, and nothing that a terminal
 * would obey. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/text/json_pretty.h"

static void expect(const char *value, bool is_json, const char *text)
{
    char *printed = NULL;
    size_t size;
    FILE *out = open_memstream(&printed, &size);
    struct haplo_slice slice = {value, strlen(value)};
    assert_non_null(out);
    if (is_json) {
        json_pretty_print(out, slice);
    } else {
        json_pretty_print_raw(out, slice);
    }
    assert_int_equal(fclose(out), 0);
    assert_string_equal(printed, text);
    free(printed);
}

static void test_values_are_indented(void **state)
{
    (void)state;
    expect("{\"a\":[1,-2.50e3,true,null],\"b\":{\"c\":\"d\"}}", true,
           "{\n"
           "  \"a\": [\n"
           "    1,\n"
           "    -2.50e3,\n"
           "    true,\n"
           "    null\n"
           "  ],\n"
           "  \"b\": {\n"
           "    \"c\": \"d\"\n"
           "  }\n"
           "}\n");
}

/* The white space of the server gives way, that of the texts stays. */
static void test_white_space_is_replaced(void **state)
{
    (void)state;
    expect(" {\r\n\t\"a\" :  \"x  y\" , \"b\" : [ ] , \"c\" : { }\n}\n", true,
           "{\n  \"a\": \"x  y\",\n  \"b\": [],\n  \"c\": {}\n}\n");
}

/* What looks like structure inside of a text is none. */
static void test_texts_are_left_alone(void **state)
{
    (void)state;
    expect("[\"{[,:\\\"]}\\\\\",\"\xc3\xa9\"]", true,
           "[\n  \"{[,:\\\"]}\\\\\",\n  \"\xc3\xa9\"\n]\n");
}

/* A title must not clear the screen of whoever looks at it. */
static void test_what_a_terminal_obeys_is_escaped(void **state)
{
    (void)state;
    expect("\"\x7f \xc2\x9b\"", true, "\"\\u007f \\u009b\"\n");
    expect("a\x1b[2J\tb\nc\xc2\x9b"
           "d",
           false, "a?[2J\tb\nc?d\n");
}

static void test_values_without_structure(void **state)
{
    (void)state;
    expect("17", true, "17\n");
    expect("", true, "\n");
    expect("", false, "\n");
    expect("line\n", false, "line\n");
}

/* It may be anything: no recursion, and no endless indentation. */
static void test_a_deep_value_is_printed(void **state)
{
    enum { DEPTH = 5000 };
    char *value = malloc(2 * DEPTH + 1);
    char *printed = NULL;
    size_t size;
    FILE *out = open_memstream(&printed, &size);
    (void)state;
    memset(value, '[', DEPTH);
    memset(value + DEPTH, ']', DEPTH);
    json_pretty_print(out, (struct haplo_slice){value, 2 * DEPTH});
    assert_int_equal(fclose(out), 0);
    assert_true(size < (size_t)2 * DEPTH * 2100);
    assert_true(size > (size_t)2 * DEPTH);
    free(printed);
    free(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_indented),
        cmocka_unit_test(test_white_space_is_replaced),
        cmocka_unit_test(test_texts_are_left_alone),
        cmocka_unit_test(test_what_a_terminal_obeys_is_escaped),
        cmocka_unit_test(test_values_without_structure),
        cmocka_unit_test(test_a_deep_value_is_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
