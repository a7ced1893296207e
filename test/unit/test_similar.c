#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/similar.h"

static const char *suggest(const char *wanted, const char *const *names)
{
    struct similar similar;
    similar_begin(&similar, wanted);
    for (; *names != NULL; names++) {
        similar_consider(&similar, *names);
    }
    return similar.best;
}

static const char *const options[] = {
    "interval", "interval_max", "inbox", "url", "api_key_file", "type", NULL};

/* The distances of a textbook: the table must be right for all four edits. */
static void each_kind_of_edit_counts_once(void **state)
{
    static const struct {
        const char *a;
        const char *b;
        size_t distance;
    } rows[] = {
        {"", "", 0},        {"", "abc", 3},
        {"abc", "", 3},     {"abc", "abc", 0},
        {"abc", "abxc", 1}, {"abxc", "abc", 1},
        {"abc", "axc", 1},  {"abc", "acb", 1},
        {"ABC", "abc", 0},  {"kitten", "sitting", 3},
        {"ca", "abc", 3},   {"abcdef", "badcfe", 3},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(similar_distance(rows[i].a, rows[i].b),
                         rows[i].distance);
        assert_int_equal(similar_distance(rows[i].b, rows[i].a),
                         rows[i].distance);
    }
}

/* What people mistype. */
static void the_name_that_was_meant_is_suggested(void **state)
{
    (void)state;
    assert_string_equal(suggest("intervall", options), "interval");
    assert_string_equal(suggest("intreval", options), "interval");
    assert_string_equal(suggest("INTERVAL", options), "interval");
    assert_string_equal(suggest("interval-max", options), "interval_max");
    assert_string_equal(suggest("tpye", options), "type");
    assert_string_equal(suggest("ulr", options), "url");
}

/* Which option somebody means who knows only the beginning of its name. */
static void a_beginning_is_similar_to_the_whole(void **state)
{
    (void)state;
    assert_string_equal(suggest("api_key", options), "api_key_file");
    assert_string_equal(suggest("inte", options), "interval");
}

/* A wrong suggestion sends people on the wrong track. */
static void what_resembles_nothing_is_not_suggested(void **state)
{
    char longest[SIMILAR_SIZE_MAX + 2];
    (void)state;
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    assert_null(suggest("webhook", options));
    assert_null(suggest("", options));
    assert_null(suggest("u", options));
    assert_null(suggest(longest, options));
    assert_null(suggest("interval", (const char *const[]){longest, NULL}));
    longest[SIMILAR_SIZE_MAX] = '\0';
    assert_ptr_equal(suggest(longest, (const char *const[]){longest, NULL}),
                     longest);
}

/* The first of equals, so that a message does not depend on chance. */
static void of_equally_similar_names_the_first_is_suggested(void **state)
{
    static const char *const names[] = {"cat", "car", NULL};
    (void)state;
    assert_string_equal(suggest("cab", names), "cat");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_edit_counts_once),
        cmocka_unit_test(the_name_that_was_meant_is_suggested),
        cmocka_unit_test(a_beginning_is_similar_to_the_whole),
        cmocka_unit_test(what_resembles_nothing_is_not_suggested),
        cmocka_unit_test(of_equally_similar_names_the_first_is_suggested),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
