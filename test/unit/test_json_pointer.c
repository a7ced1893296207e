#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/json_pointer.h"
#include "failing_allocator.h"

static void assert_segment(const struct json_pointer *pointer, size_t at,
                           const char *name, size_t index)
{
    assert_true(at < pointer->count);
    assert_int_equal(pointer->segments[at].size, strlen(name));
    assert_memory_equal(pointer->segments[at].name, name, strlen(name));
    assert_int_equal(pointer->segments[at].index, index);
}

/* The words of RFC 6901: "~1" is '/', "~0" is '~', "~01" is "~1", and an empty
 * name is a name. */
static void a_pointer_is_unescaped(void **state)
{
    (void)state;
    struct json_pointer pointer;
    assert_int_equal(json_pointer_init(&pointer, "/a~1b/m~0n/~01//7", NULL), 0);
    assert_int_equal(pointer.count, 5);
    assert_segment(&pointer, 0, "a/b", SIZE_MAX);
    assert_segment(&pointer, 1, "m~n", SIZE_MAX);
    assert_segment(&pointer, 2, "~1", SIZE_MAX);
    assert_segment(&pointer, 3, "", SIZE_MAX);
    assert_segment(&pointer, 4, "7", 7);
    assert_string_equal(json_pointer_text(&pointer), "/a~1b/m~0n/~01//7");
    json_pointer_free(&pointer);
}

/* Only what RFC 6901 calls an index may pick an element of an array. */
static void an_index_has_no_sign_and_no_leading_zero(void **state)
{
    (void)state;
    struct json_pointer pointer;
    assert_int_equal(json_pointer_init(&pointer,
                                       "/0/10/01/-/+1/1e1/99999999999999999999",
                                       NULL),
                     0);
    assert_segment(&pointer, 0, "0", 0);
    assert_segment(&pointer, 1, "10", 10);
    assert_segment(&pointer, 2, "01", SIZE_MAX);
    assert_segment(&pointer, 3, "-", SIZE_MAX);
    assert_segment(&pointer, 4, "+1", SIZE_MAX);
    assert_segment(&pointer, 5, "1e1", SIZE_MAX);
    assert_segment(&pointer, 6, "99999999999999999999", SIZE_MAX);
    json_pointer_free(&pointer);
}

/* A mistyped pointer must be refused when it is configured, with the reason,
 * not searched for in vain. */
static void a_malformed_pointer_is_refused(void **state)
{
    (void)state;
    static const char *const malformed[] = {
        "token", " /token", "/a~",
        "/a~2",  "/~/b",    "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17"};
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        struct json_pointer pointer;
        struct reason why = {""};
        assert_int_equal(json_pointer_init(&pointer, malformed[i], &why),
                         HAPLO_EINVAL);
        assert_non_null(strstr(why.text, malformed[i]));
        assert_null(pointer.text);
    }
    assert_int_equal(allocator_held, 0);
}

/* The library must survive this as any other allocation. */
static void a_failing_allocator_is_reported(void **state)
{
    (void)state;
    struct json_pointer pointer;
    struct reason why = {""};
    allocator_reset(1);
    assert_int_equal(json_pointer_init(&pointer, "/token", &why), HAPLO_ENOMEM);
    allocator_reset(0);
    assert_int_equal(allocator_held, 0);
}

/* The empty pointer names the whole document. */
static void an_empty_pointer_names_the_root(void **state)
{
    (void)state;
    struct json_pointer pointer;
    struct json_cursor cursor;
    assert_int_equal(json_pointer_init(&pointer, "", NULL), 0);
    json_cursor_init(&cursor, &pointer);
    assert_true(json_cursor_value(&cursor, 0, JSON_ARRAY));
    assert_false(json_cursor_value(&cursor, 1, JSON_STRING));
    json_pointer_free(&pointer);
}

/* {"x":{"a":0},"a":[9,{"a":1,"b":2},3],"b":4} with /a/1/b: a key of the same
 * name elsewhere, or another element, must not be taken for it. */
static void a_cursor_meets_only_the_named_value(void **state)
{
    (void)state;
    struct json_pointer pointer;
    struct json_cursor cursor;
    assert_int_equal(json_pointer_init(&pointer, "/a/1/b", NULL), 0);
    json_cursor_init(&cursor, &pointer);
    assert_false(json_cursor_value(&cursor, 0, JSON_MAP));
    json_cursor_key(&cursor, 1, "x", 1);
    assert_false(json_cursor_value(&cursor, 1, JSON_MAP));
    json_cursor_key(&cursor, 2, "a", 1);
    assert_false(json_cursor_value(&cursor, 2, JSON_NUMBER));
    json_cursor_close(&cursor, 1);
    json_cursor_key(&cursor, 1, "a", 1);
    assert_false(json_cursor_value(&cursor, 1, JSON_ARRAY));
    assert_false(json_cursor_value(&cursor, 2, JSON_NUMBER));
    assert_false(json_cursor_value(&cursor, 2, JSON_MAP));
    json_cursor_key(&cursor, 3, "a", 1);
    assert_false(json_cursor_value(&cursor, 3, JSON_NUMBER));
    json_cursor_key(&cursor, 3, "b", 1);
    assert_true(json_cursor_value(&cursor, 3, JSON_NUMBER));
    json_cursor_close(&cursor, 2);
    assert_false(json_cursor_value(&cursor, 2, JSON_NUMBER));
    json_cursor_close(&cursor, 1);
    json_cursor_key(&cursor, 1, "b", 1);
    assert_false(json_cursor_value(&cursor, 1, JSON_NUMBER));
    json_cursor_close(&cursor, 0);
    json_pointer_free(&pointer);
}

/* {"a":{},"c":{"b":1}} with /a/b: what was open on the way is closed again. */
static void a_way_that_has_ended_leads_nowhere(void **state)
{
    (void)state;
    struct json_pointer pointer;
    struct json_cursor cursor;
    assert_int_equal(json_pointer_init(&pointer, "/a/b", NULL), 0);
    json_cursor_init(&cursor, &pointer);
    assert_false(json_cursor_value(&cursor, 0, JSON_MAP));
    json_cursor_key(&cursor, 1, "a", 1);
    assert_false(json_cursor_value(&cursor, 1, JSON_MAP));
    json_cursor_close(&cursor, 1);
    json_cursor_key(&cursor, 1, "c", 1);
    assert_false(json_cursor_value(&cursor, 1, JSON_MAP));
    json_cursor_key(&cursor, 2, "b", 1);
    assert_false(json_cursor_value(&cursor, 2, JSON_NUMBER));
    json_pointer_free(&pointer);
}

/* A member of a map may be called "0"; a data array becomes such a map. */
static void a_number_may_be_the_name_of_a_member(void **state)
{
    (void)state;
    struct json_pointer pointer;
    struct json_cursor cursor;
    assert_int_equal(json_pointer_init(&pointer, "/0", NULL), 0);
    json_cursor_init(&cursor, &pointer);
    assert_false(json_cursor_value(&cursor, 0, JSON_MAP));
    json_cursor_key(&cursor, 1, "1", 1);
    assert_false(json_cursor_value(&cursor, 1, JSON_STRING));
    json_cursor_key(&cursor, 1, "0", 1);
    assert_true(json_cursor_value(&cursor, 1, JSON_STRING));
    json_pointer_free(&pointer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pointer_is_unescaped),
        cmocka_unit_test(an_index_has_no_sign_and_no_leading_zero),
        cmocka_unit_test(a_malformed_pointer_is_refused),
        cmocka_unit_test(a_failing_allocator_is_reported),
        cmocka_unit_test(an_empty_pointer_names_the_root),
        cmocka_unit_test(a_cursor_meets_only_the_named_value),
        cmocka_unit_test(a_way_that_has_ended_leads_nowhere),
        cmocka_unit_test(a_number_may_be_the_name_of_a_member),
    };
    allocator_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
