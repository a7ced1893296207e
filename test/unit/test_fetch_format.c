#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/fetch_format.h"
#include "failing_allocator.h"

static void assert_refused(const struct haplo_queue_options *options,
                           const char *word)
{
    struct fetch_format format;
    struct reason why = {""};
    assert_int_equal(fetch_format_init(&format, options, &why), HAPLO_EINVAL);
    assert_non_null(strstr(why.text, word));
    assert_int_equal(allocator_held, 0);
}

/* Most queues say nothing about their format. */
static void the_default_is_haplos_own_shape(void **state)
{
    (void)state;
    struct haplo_queue_options options = {0};
    struct fetch_format format;
    assert_int_equal(fetch_format_init(&format, &options, NULL), 0);
    assert_true(format.is_default_shape);
    assert_string_equal(json_pointer_text(&format.token), "/token");
    assert_string_equal(json_pointer_text(&format.messages), "/messages");
    assert_null(format.content_type);
    fetch_format_free(&format);
    assert_int_equal(allocator_held, 0);
}

/* A formatter's JSON has no version, as far as we know. */
static void a_pointer_makes_it_another_shape(void **state)
{
    (void)state;
    struct haplo_queue_options options = {.token_pointer = "/ack"};
    struct fetch_format format;
    assert_int_equal(fetch_format_init(&format, &options, NULL), 0);
    assert_false(format.is_default_shape);
    assert_string_equal(json_pointer_text(&format.token), "/ack");
    assert_string_equal(json_pointer_text(&format.messages), "/messages");
    fetch_format_free(&format);
}

/* A queue that can never be marked would deliver the same forever. */
static void raw_without_a_pattern_is_refused(void **state)
{
    (void)state;
    struct haplo_queue_options options = {.format = HAPLO_FORMAT_RAW};
    assert_refused(&options, "could be marked");
}

/* What is mistyped must be refused when it is configured. */
static void malformed_options_are_refused(void **state)
{
    (void)state;
    struct haplo_queue_options raw = {.format = HAPLO_FORMAT_RAW,
                                      .token_pattern = "token=(.*"};
    assert_refused(&raw, "token=(.*");
    raw.token_pattern = "x*";
    assert_refused(&raw, "matches anything");
    raw.token_pattern = "token=(.*)";
    raw.token_pointer = "/token";
    assert_refused(&raw, "token_pointer");
    struct haplo_queue_options json = {.token_pointer = "token"};
    assert_refused(&json, "\"token\"");
    json.token_pointer = NULL;
    json.messages_pointer = "/a~";
    assert_refused(&json, "\"/a~\"");
    json.messages_pointer = NULL;
    json.token_pattern = "x";
    assert_refused(&json, "token_pattern");
    json.token_pattern = NULL;
    json.content_type = "json";
    assert_refused(&json, "content_type");
    json.content_type = NULL;
    json.format = (enum haplo_format)7;
    assert_refused(&json, "format");
}

/* Options belong to the caller, who may free them at once. */
static void the_options_are_copied(void **state)
{
    (void)state;
    char pointer[] = "/a/b";
    char type[] = "text/x-json";
    struct haplo_queue_options options = {.messages_pointer = pointer,
                                          .content_type = type};
    struct fetch_format format;
    assert_int_equal(fetch_format_init(&format, &options, NULL), 0);
    memset(pointer, 'x', sizeof pointer - 1);
    memset(type, 'x', sizeof type - 1);
    assert_string_equal(json_pointer_text(&format.messages), "/a/b");
    assert_memory_equal(format.messages.segments[1].name, "b", 1);
    assert_string_equal(format.content_type, "text/x-json");
    fetch_format_free(&format);
}

/* Half a format must not be left behind. */
static void any_failing_allocation_is_survived(void **state)
{
    (void)state;
    struct haplo_queue_options options = {.content_type = "text/json"};
    struct fetch_format format;
    size_t fails = 0;
    int error;
    do {
        allocator_reset(++fails);
        error = fetch_format_init(&format, &options, NULL);
        if (error == 0) {
            fetch_format_free(&format);
        } else {
            assert_int_equal(error, HAPLO_ENOMEM);
        }
        assert_int_equal(allocator_held, 0);
    } while (error != 0);
    assert_int_equal(fails, 5);
    allocator_reset(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_is_haplos_own_shape),
        cmocka_unit_test(a_pointer_makes_it_another_shape),
        cmocka_unit_test(raw_without_a_pattern_is_refused),
        cmocka_unit_test(malformed_options_are_refused),
        cmocka_unit_test(the_options_are_copied),
        cmocka_unit_test(any_failing_allocation_is_survived),
    };
    allocator_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
