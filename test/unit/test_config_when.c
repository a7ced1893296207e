#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "config_fixture.h"
#include "core/route.h"

/* Line 9 is the outlet, line 10 begins with `when`. */
#define WHEN(value)                                               \
    HEAD SERVER QUEUE "outlets: [{name: p, type: post, url: u,\n" \
                      "  when: " value "}]\n"

static const char *value_at(const struct config *config, size_t alternative,
                            size_t test, size_t value)
{
    const struct route_rules *rules = config->outlets[0].forward.when;
    assert_true(alternative < rules->count);
    assert_true(test < rules->alternatives[alternative].count);
    const struct route_test *found =
        &rules->alternatives[alternative].tests[test];
    assert_true(value < found->value_count);
    return found->values[value];
}

/* Alternatives, tests and values arrive as they are nested. */
static void rules_are_read(void **state)
{
    (void)state;
    struct config *config = assert_loaded(
        WHEN("[{/action: \"object:change\", /object/type/code: [a, 'b*', 5]},\n"
             "   {workType: 'x:thesis', state: [submitted], closed: false}]"));
    const struct route_rules *rules = config->outlets[0].forward.when;
    assert_int_equal(rules->count, 2);
    assert_int_equal(rules->alternatives[0].count, 2);
    assert_string_equal(rules->alternatives[0].tests[0].key, "/action");
    assert_int_equal(rules->alternatives[0].tests[0].value_count, 1);
    assert_string_equal(value_at(config, 0, 0, 0), "object:change");
    assert_int_equal(rules->alternatives[0].tests[1].value_count, 3);
    assert_string_equal(value_at(config, 0, 1, 1), "b*");
    assert_string_equal(value_at(config, 0, 1, 2), "5");
    assert_int_equal(rules->alternatives[1].count, 3);
    assert_string_equal(rules->alternatives[1].tests[2].key, "closed");
    assert_string_equal(value_at(config, 1, 2, 0), "false");
    config_free(config);
}

/* Most outlets have one alternative, or none. */
static void one_alternative_needs_no_list(void **state)
{
    (void)state;
    struct config *config = assert_loaded(WHEN("{/a/0: x}"));
    assert_int_equal(config->outlets[0].forward.when->count, 1);
    assert_string_equal(value_at(config, 0, 0, 0), "x");
    config_free(config);
    config = assert_loaded(HEAD SERVER QUEUE
                           "outlets: [{name: p, type: post, url: u}]\n");
    assert_null(config->outlets[0].forward.when);
    config_free(config);
}

/* A rule that cannot be what was meant must not start: messages would pass by
 * unseen. */
static void what_cannot_be_meant_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *expected;
    } cases[] = {
        {WHEN("{}"),
         ":10:9: outlet p: when: alternative 1: it is empty, so that "
         "everything would match: write KEY: VALUE, or remove when\n"},
        {WHEN("[]"),
         ":10:3: outlet p: when: it has no alternative: write {POINTER: "
         "VALUE}, or a list of these, or remove it\n"},
        {WHEN("x"),
         ":10:3: outlet p: when: it has no alternative: write {POINTER: "
         "VALUE}, or a list of these, or remove it\n"},
        {WHEN("[{/a: x}, y, [z]]"),
         ":10:19: outlet p: when: alternative 2: it is a single value: write "
         "{POINTER: VALUE}, such as {/action: \"object:change\"}\n"
         ":10:22: outlet p: when: alternative 3: it is a list: write "
         "{POINTER: VALUE}, such as {/action: \"object:change\"}\n"},
        {WHEN("{worktype: x}"),
         ":10:10: outlet p: when: alternative 1: unknown key \"worktype\": did "
         "you mean \"workType\"?\n"},
        {WHEN("{action: x}"),
         ":10:10: outlet p: when: alternative 1: \"action\" is neither a JSON "
         "pointer, which begins with '/', nor one of workType, state and "
         "closed\n"},
        {WHEN("[{/a: x}, {/b/~x: [y]}]"),
         ":10:20: outlet p: when: alternative 2: \"/b/~x\" is not a JSON "
         "pointer: the '~' at character 4 must be written \"~0\"\n"},
        {WHEN("{/a: []}"),
         ":10:14: outlet p: when: alternative 1: a list of values is empty, so "
         "nothing would match: write one, or remove the key\n"},
        {WHEN("{/a: , /b: ''}"),
         ":10:14: outlet p: when: alternative 1: a value is empty: write null "
         "for one that is missing\n"
         ":10:20: outlet p: when: alternative 1: a value is empty: write null "
         "for one that is missing\n"},
        {WHEN("{/a: [[x]], /b: {c: d}}"),
         ":10:15: outlet p: when: alternative 1: a value is a list within a "
         "list: write one value, or a list of values\n"
         ":10:25: outlet p: when: alternative 1: a value is a mapping: write "
         "one value, or a list of values\n"},
        {WHEN("{/a: x, /a: y}"),
         ":10:17: outlet p: when: alternative 1: /a is already given in line "
         "10: write all its values as one list\n"},
        {WHEN("{/a: 'x\\'}"),
         ":10:14: outlet p: when: alternative 1: in \"x\\\" a backslash is not "
         "followed by '*', '?' or a backslash: write two of them\n"},
        {WHEN("{[/a]: x, /b: y}"),
         ":10:10: outlet p: when: alternative 1: a key is not a plain word: "
         "write KEY: VALUE\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_refused(cases[i].text, cases[i].expected);
    }
}

/* What `check` prints can be compared with what was meant, and pasted. */
static void rules_are_printed_as_they_are_written(void **state)
{
    (void)state;
    struct config *config = assert_loaded(
        WHEN("[{/action: \"object:change\", /b: ['it''s', x]}, {state: s}]"));
    char *text;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    assert_non_null(file);
    config_print(config, file);
    fclose(file);
    assert_non_null(
        strstr(text, "\np: when {/action: 'object:change', /b: ['it''s', x]}\n"
                     "p: or   {state: s}\n\n"));
    free(text);
    config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_are_read),
        cmocka_unit_test(one_alternative_needs_no_list),
        cmocka_unit_test(what_cannot_be_meant_is_refused),
        cmocka_unit_test(rules_are_printed_as_they_are_written),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
