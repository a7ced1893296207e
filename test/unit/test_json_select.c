#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/json_reader.h"
#include "core/json_select.h"
#include "failing_allocator.h"

static struct json_select *select_new(const char *const *pointers, size_t count)
{
    struct json_select *select;
    struct reason why = {""};
    assert_int_equal(json_select_new(&select, pointers, count, NULL, &why), 0);
    return select;
}

#define SELECT(...)                                \
    select_new((const char *const[]){__VA_ARGS__}, \
               sizeof((const char *[]){__VA_ARGS__}) / sizeof(const char *))

static void run(struct json_select *select, const char *text)
{
    assert_int_equal(json_select_run(select, text, strlen(text)), 0);
}

static void assert_value(const struct json_select *select, size_t index,
                         enum json_kind kind, const char *text)
{
    const struct json_value *value = json_select_value(select, index);
    assert_int_equal(value->kind, kind);
    assert_int_equal(value->size, strlen(text));
    assert_memory_equal(value->text, text, strlen(text));
}

/* Receivers depend on the exact text of a number or a map; only strings are
 * decoded. */
static void each_kind_of_value_is_found(void **state)
{
    (void)state;
    struct json_select *select =
        SELECT("/null", "/true", "/false", "/number", "/string", "/map",
               "/array", "/missing", "/string/x", "/array/1", "/array/3");
    run(select, " { \"null\" : null , \"true\":true,\"false\": false,\n"
                "\"number\" : -1.50E+3 ,\"string\":\"a \\\"b\\\"\","
                "\"map\": { \"a\" : [ ] } ,\"array\":[1, \"two\" ,{}] }");
    assert_value(select, 0, JSON_NULL, "null");
    assert_value(select, 1, JSON_BOOLEAN, "true");
    assert_value(select, 2, JSON_BOOLEAN, "false");
    assert_value(select, 3, JSON_NUMBER, "-1.50E+3");
    assert_value(select, 4, JSON_STRING, "a \"b\"");
    assert_value(select, 5, JSON_MAP, "{ \"a\" : [ ] }");
    assert_value(select, 6, JSON_ARRAY, "[1, \"two\" ,{}]");
    assert_value(select, 7, JSON_MISSING, "");
    assert_value(select, 8, JSON_MISSING, "");
    assert_value(select, 9, JSON_STRING, "two");
    assert_value(select, 10, JSON_MISSING, "");
    json_select_free(select);
}

/* Columns often share the beginnings of their paths, and one may be part of
 * another. */
static void pointers_may_overlap(void **state)
{
    (void)state;
    struct json_select *select =
        SELECT("/a/b/0", "/a", "/a/b/1/c", "/a/b", "/a/b/0", "");
    run(select, "{\"a\":{\"b\":[true,{\"c\":\"d\"}]}}");
    assert_value(select, 0, JSON_BOOLEAN, "true");
    assert_value(select, 1, JSON_MAP, "{\"b\":[true,{\"c\":\"d\"}]}");
    assert_value(select, 2, JSON_STRING, "d");
    assert_value(select, 3, JSON_ARRAY, "[true,{\"c\":\"d\"}]");
    assert_value(select, 4, JSON_BOOLEAN, "true");
    assert_value(select, 5, JSON_MAP, "{\"a\":{\"b\":[true,{\"c\":\"d\"}]}}");
    json_select_free(select);
}

/* A name like an attribute code contains '/' and '~'; the digits of an index
 * are a key in a map. */
static void escapes_and_indexes_follow_the_rfc(void **state)
{
    (void)state;
    struct json_select *select =
        SELECT("/a~1b/m~0n", "/~01", "/", "/x/0", "/y/0", "/y/00", "/y/-");
    run(select, "{\"a/b\":{\"m~n\":1},\"~1\":2,\"\":3,\"x\":{\"0\":4},"
                "\"y\":[5,6]}");
    assert_value(select, 0, JSON_NUMBER, "1");
    assert_value(select, 1, JSON_NUMBER, "2");
    assert_value(select, 2, JSON_NUMBER, "3");
    assert_value(select, 3, JSON_NUMBER, "4");
    assert_value(select, 4, JSON_NUMBER, "5");
    assert_value(select, 5, JSON_MISSING, "");
    assert_value(select, 6, JSON_MISSING, "");
    json_select_free(select);
}

/* A key of the same name elsewhere must not be taken for the selected one. */
static void only_the_whole_path_counts(void **state)
{
    (void)state;
    struct json_select *select = SELECT("/object/type/code");
    run(select, "{\"code\":1,\"type\":{\"code\":2},\"x\":{\"object\":{\"type\":"
                "{\"code\":3}}},\"object\":{\"code\":4,\"old\":{\"type\":"
                "{\"code\":5}},\"type\":[{\"code\":6}]}}");
    assert_value(select, 0, JSON_MISSING, "");
    run(select, "{\"o\":[{\"code\":1}],\"object\":{\"a\":{\"code\":2},"
                "\"type\":{\"n\":[[],{}],\"code\":\"7\"}}}");
    assert_value(select, 0, JSON_STRING, "7");
    json_select_free(select);
}

/* yajl would decode this key to "a?b", which another pointer may select. */
static void a_key_with_half_a_character_matches_nothing(void **state)
{
    (void)state;
    struct json_select *select = SELECT("/a?b", "/ab");
    run(select, "{\"a\\ud83dxb\":1,\"a\\u0062\":2}");
    assert_value(select, 0, JSON_MISSING, "");
    assert_value(select, 1, JSON_NUMBER, "2");
    json_select_free(select);
}

/* As documented, so that the same message always takes the same route. */
static void the_first_of_duplicate_keys_counts(void **state)
{
    (void)state;
    struct json_select *select = SELECT("/a", "/b/c", "/z");
    run(select, "{\"a\":1,\"a\":2,\"b\":{\"c\":3},\"b\":{\"c\":4}}");
    assert_value(select, 0, JSON_NUMBER, "1");
    assert_value(select, 1, JSON_NUMBER, "3");
    run(select, "{\"b\":{},\"b\":{\"c\":4},\"a\":{},\"a\":2}");
    assert_value(select, 0, JSON_MAP, "{}");
    assert_value(select, 1, JSON_MISSING, "");
    json_select_free(select);
}

/* The action of a message stands before a large object: the object need not be
 * read to route the message. The broken rest shows that it was not. */
static void reading_stops_when_nothing_is_left_to_find(void **state)
{
    (void)state;
    struct json_select *select = SELECT("/action", "/object/ref");
    run(select, "{\"action\":\"a\",\"object\":{\"ref\":\"80q22\",!!!");
    assert_value(select, 1, JSON_STRING, "80q22");
    run(select, "{\"action\":\"a\",\"object\":{},!!!");
    assert_value(select, 0, JSON_STRING, "a");
    assert_value(select, 1, JSON_MISSING, "");
    run(select, "{\"object\":null,\"action\":\"a\"!!!");
    assert_value(select, 0, JSON_STRING, "a");
    json_select_free(select);
}

/* Strings come from people: every escape that JSON has must come out as the
 * character it stands for, NUL included, and half a surrogate pair must be
 * noticeable. */
static void strings_are_decoded(void **state)
{
    (void)state;
    struct json_select *select = SELECT("/0", "/1", "/2", "/3", "/4");
    run(select,
        "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\",\"\\u00e9\\u20AC\\ud83d\\uDE00\","
        "\"a\\u0000b\",\"\\ud83dx\\ude00\\ud83d\\ud83d\\ude00\",\"\"]");
    assert_value(select, 0, JSON_STRING, "\"\\/\b\f\n\r\t");
    assert_value(select, 1, JSON_STRING, "\u00e9\u20ac\U0001F600");
    assert_int_equal(json_select_value(select, 2)->size, 3);
    assert_memory_equal(json_select_value(select, 2)->text, "a\0b", 3);
    assert_false(json_select_value(select, 2)->is_replaced);
    assert_value(select, 3, JSON_STRING, "\uFFFDx\uFFFD\uFFFD\U0001F600");
    assert_true(json_select_value(select, 3)->is_replaced);
    assert_value(select, 4, JSON_STRING, "");
    json_select_free(select);
}

/* Messages in other formats than JSON come along: they have no values, and
 * those of the previous message must not stay. */
static void what_is_not_json_has_no_values(void **state)
{
    (void)state;
    static const char *const broken[] = {"", "<xml/>", "{\"a\":1", "{a:1}",
                                         "{\"b\":\"\xff\"}"};
    struct json_select *select = SELECT("/a", "/b/c");
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        run(select, "{\"a\":\"1\",\"b\":{\"c\":2}}");
        assert_int_equal(json_select_run(select, broken[i], strlen(broken[i])),
                         HAPLO_EDOCUMENT);
        assert_value(select, 0, JSON_MISSING, "");
        assert_value(select, 1, JSON_MISSING, "");
    }
    json_select_free(select);
}

/* Nesting is bounded, or a hostile message could exhaust the stack or the
 * memory of any reader behind us. */
static void nesting_is_bounded(void **state)
{
    (void)state;
    char text[2 * (JSON_READER_DEPTH_MAX + 1)];
    struct json_select *select = SELECT("/0/0", "/1");
    size_t depth = JSON_READER_DEPTH_MAX;
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    assert_int_equal(json_select_run(select, text, 2 * depth), 0);
    assert_int_equal(json_select_value(select, 0)->size, 2 * (depth - 2));
    depth++;
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    assert_int_equal(json_select_run(select, text, 2 * depth), HAPLO_EDOCUMENT);
    json_select_free(select);
}

/* Of a list of columns, the operator wants to know which one is mistyped, and
 * where. */
static void a_malformed_pointer_is_located(void **state)
{
    (void)state;
    static const char *const pointers[] = {"/a", "/b~0/~c", "d"};
    struct json_select *select;
    struct reason why = {""};
    size_t bad = 9;
    assert_int_equal(json_select_new(&select, pointers, 3, &bad, &why),
                     HAPLO_EINVAL);
    assert_null(select);
    assert_int_equal(bad, 1);
    assert_non_null(strstr(why.text, "/b~0/~c"));
    assert_non_null(strstr(why.text, "character 6"));
    assert_int_equal(json_select_new(&select, pointers + 2, 1, &bad, &why),
                     HAPLO_EINVAL);
    assert_int_equal(bad, 0);
    assert_int_equal(allocator_held, 0);
}

/* Forwarding runs for months: it must not allocate for each message, nor keep
 * the memory that a single huge one needed. */
static void memory_is_reused(void **state)
{
    (void)state;
    size_t size = 4 * JSON_SELECT_KEPT_SIZE;
    char *huge = malloc(size);
    assert_non_null(huge);
    memcpy(huge, "{\"a\":\"", 6);
    for (size_t i = 6; i < size - 2; i += 2) {
        memcpy(huge + i, "\\n", 2);
    }
    memcpy(huge + size - 2, "\"}", 2);
    struct json_select *select = SELECT("/a");
    run(select, "{\"a\":\"\\t12345678\"}");
    allocator_reset(0);
    for (int i = 0; i < 100; i++) {
        run(select, "{\"a\":\"\\t1234567\"}");
    }
    assert_int_equal(allocator_calls, 0);
    size_t held = allocator_held;
    assert_int_equal(json_select_run(select, huge, size), 0);
    assert_int_equal(json_select_value(select, 0)->size, (size - 8) / 2);
    run(select, "{\"a\":\"plain\"}");
    assert_true(allocator_held <= held);
    json_select_free(select);
    free(huge);
    assert_int_equal(allocator_held, 0);
}

/* Whichever allocation fails, it is reported, and a later run works. */
static void any_failing_allocation_is_survived(void **state)
{
    (void)state;
    static const char *const pointers[] = {"/a", "/b"};
    static char text[32768];
    memset(text, 'x', sizeof text);
    memcpy(text, "{\"a\":\"\\n", 8);
    memcpy(text + sizeof text - 2, "\"}", 2);
    size_t fails = 0;
    int error = HAPLO_ENOMEM;
    while (error != 0) {
        struct json_select *select;
        allocator_reset(++fails);
        error = json_select_new(&select, pointers, 2, NULL, NULL);
        if (error == 0) {
            error = json_select_run(select, text, sizeof text);
            if (error != 0) {
                assert_int_equal(json_select_value(select, 0)->kind,
                                 JSON_MISSING);
                assert_int_equal(json_select_run(select, text, sizeof text), 0);
            }
            assert_int_equal(json_select_value(select, 0)->size,
                             sizeof text - 9);
        }
        json_select_free(select);
        assert_true(error == 0 || error == HAPLO_ENOMEM);
        assert_int_equal(allocator_held, 0);
    }
    assert_true(fails > 8);
    allocator_reset(0);
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
        cmocka_unit_test(each_kind_of_value_is_found),
        cmocka_unit_test(pointers_may_overlap),
        cmocka_unit_test(escapes_and_indexes_follow_the_rfc),
        cmocka_unit_test(only_the_whole_path_counts),
        cmocka_unit_test(a_key_with_half_a_character_matches_nothing),
        cmocka_unit_test(the_first_of_duplicate_keys_counts),
        cmocka_unit_test(reading_stops_when_nothing_is_left_to_find),
        cmocka_unit_test(strings_are_decoded),
        cmocka_unit_test(what_is_not_json_has_no_values),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(a_malformed_pointer_is_located),
        cmocka_unit_test(memory_is_reused),
        cmocka_unit_test(any_failing_allocation_is_survived),
    };
    return cmocka_run_group_tests_name("json_select", tests, install, NULL);
}
