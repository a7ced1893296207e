/*
 * What json_writer.h promises: everything that it writes is valid JSON,
 * whatever the texts contain, and reads back as what was meant.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/text/json_writer.h"

static void expect(struct json_writer *json, const char *text)
{
    assert_false(json->is_failed);
    assert_int_equal(json->size, strlen(text));
    assert_memory_equal(json->data, text, json->size);
    json_writer_free(json);
}

/* Commas and nesting are the writer's work, so that no caller gets them wrong.
 */
static void test_nests_objects_and_arrays(void **state)
{
    struct json_writer json = {0};
    (void)state;
    json_object(&json, NULL);
    json_text(&json, "name", "example");
    json_array(&json, "queues");
    json_text(&json, NULL, "student");
    json_object(&json, NULL);
    json_object_end(&json);
    json_array(&json, NULL);
    json_array_end(&json);
    json_array_end(&json);
    json_bool(&json, "ok", true);
    json_object_end(&json);
    json_end_line(&json);
    json_count(&json, NULL, 7);
    expect(&json, "{\"name\":\"example\",\"queues\":[\"student\",{},[]],"
                  "\"ok\":true}\n7");
}

/* Causes quote what servers sent, and must not break out of their quotes. */
static void test_escapes_texts(void **state)
{
    struct json_writer json = {0};
    (void)state;
    json_text(&json, NULL, "a\"b\\c\nd\x7f\xc3\xa9</script>");
    expect(&json, "\"a\\\"b\\\\c\\nd\\u007f\xc3\xa9</script>\"");
}

/* A message need not be UTF-8, but JSON must be: half characters, overlong
 * ones, surrogates and what is beyond Unicode are replaced byte by byte. */
static void test_replaces_what_is_not_utf8(void **state)
{
    static const char *const broken[] = {
        "\x80", "\xc0\xaf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
        "\xf8", "\xc3",     "\xe2\x82",
    };
    struct json_writer json = {0};
    (void)state;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        char text[64] = "\"x";
        for (size_t byte = 0; byte < strlen(broken[i]); byte++) {
            strcat(text, "\xef\xbf\xbd");
        }
        strcat(text, "\"");
        char whole[16] = "x";
        strcat(whole, broken[i]);
        json_text(&json, NULL, whole);
        expect(&json, text);
    }
}

/* Numbers beyond 2^53 are written whole: counters may get there. */
static void test_writes_numbers_and_times(void **state)
{
    struct json_writer json = {0};
    (void)state;
    json_array(&json, NULL);
    json_count(&json, NULL, 0);
    json_count(&json, NULL, UINT64_MAX);
    json_seconds(&json, NULL, 0);
    json_seconds(&json, NULL, 60000);
    json_seconds(&json, NULL, 1050);
    json_seconds(&json, NULL, 7);
    json_time(&json, NULL, 0);
    json_time(&json, NULL, 1764449356123);
    json_null(&json, NULL);
    json_text(&json, NULL, NULL);
    json_array_end(&json);
    expect(&json, "[0,18446744073709551615,0,60,1.05,0.007,null,"
                  "\"2025-11-29T20:49:16.123Z\",null,null]");
}

/* A large answer is passed on in pieces, and the comma between two values must
 * not be lost between them. */
static void test_goes_on_after_a_piece(void **state)
{
    struct json_writer json = {0};
    (void)state;
    json_array(&json, NULL);
    json_count(&json, NULL, 1);
    json_writer_clear(&json);
    json_count(&json, NULL, 2);
    json_array_end(&json);
    expect(&json, ",2]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nests_objects_and_arrays),
        cmocka_unit_test(test_escapes_texts),
        cmocka_unit_test(test_replaces_what_is_not_utf8),
        cmocka_unit_test(test_writes_numbers_and_times),
        cmocka_unit_test(test_goes_on_after_a_piece),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
