/* A command that a message advises is pasted at night: it must work as it is,
 * and say nothing that is not needed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/command_hint.h"

static void the_defaults_need_no_options(void **state)
{
    char text[COMMAND_HINT_SIZE];
    (void)state;
    command_hint_use(NULL, NULL);
    assert_string_equal(command_hint(text, "status", NULL),
                        "haplo-poll status");
    assert_string_equal(command_hint(text, "outlet skip", "crm", "a/b", NULL),
                        "haplo-poll outlet skip crm a/b");
}

static void what_differs_is_given(void **state)
{
    char text[COMMAND_HINT_SIZE];
    (void)state;
    command_hint_use("/srv/poll.yaml", NULL);
    assert_string_equal(command_hint(text, "check", NULL),
                        "haplo-poll -c /srv/poll.yaml check");
    command_hint_use(NULL, "test");
    assert_string_equal(command_hint(text, "check", NULL),
                        "haplo-poll -e test check");
    command_hint_use("poll.yaml", "live");
    assert_string_equal(command_hint(text, "peek", "a/b", NULL),
                        "haplo-poll -c poll.yaml -e live peek a/b");
}

/* Otherwise the shell would take it for something else, or run it. */
static void words_are_quoted_for_a_shell(void **state)
{
    char text[COMMAND_HINT_SIZE];
    (void)state;
    command_hint_use("/srv/o'neil & sons/$(id).yaml", NULL);
    assert_string_equal(
        command_hint(text, "check", NULL),
        "haplo-poll -c '/srv/o'\\''neil & sons/$(id).yaml' check");
    command_hint_use(NULL, NULL);
    assert_string_equal(command_hint(text, "explain", "", NULL),
                        "haplo-poll explain ''");
    assert_string_equal(command_hint(text, "explain", "~x", NULL),
                        "haplo-poll explain '~x'");
}

/* The advice for a code is the same for everybody, but not where to follow it.
 */
static void commands_in_a_text_get_the_options(void **state)
{
    static const char text[] =
        "Run `haplo-poll migrate`, or `haplo-poll outlet test OUTLET`; "
        "`haplo-poll help config` lists all, haplo-poll does not.";
    char buffer[COMMAND_HINT_TEXT_SIZE];
    (void)state;
    command_hint_use(NULL, NULL);
    assert_string_equal(command_hint_in(buffer, text), text);
    command_hint_use("/srv/poll.yaml", "test");
    assert_string_equal(
        command_hint_in(buffer, text),
        "Run `haplo-poll -c /srv/poll.yaml -e test migrate`, or "
        "`haplo-poll -c /srv/poll.yaml -e test outlet test OUTLET`; "
        "`haplo-poll help config` lists all, haplo-poll does not.");
    assert_string_equal(command_hint_in(buffer, ""), "");
}

/* Half of it would be another advice. */
static void a_text_without_room_stays_as_it_is(void **state)
{
    char text[COMMAND_HINT_TEXT_SIZE + 100];
    char buffer[COMMAND_HINT_TEXT_SIZE];
    (void)state;
    command_hint_use("/srv/poll.yaml", NULL);
    memset(text, 'x', sizeof text);
    memcpy(text, "`haplo-poll check`", 18);
    text[sizeof text - 1] = '\0';
    assert_ptr_equal(command_hint_in(buffer, text), text);
    text[COMMAND_HINT_TEXT_SIZE - 1] = '\0'; /* without the options */
    assert_ptr_equal(command_hint_in(buffer, text), text);
}

/* Half a path would be another one. */
static void a_path_without_room_is_not_cut(void **state)
{
    char path[1000] = "/";
    char text[COMMAND_HINT_SIZE];
    (void)state;
    memset(path, 'p', sizeof path - 1);
    command_hint_use(path, "test");
    assert_string_equal(command_hint(text, "check", NULL),
                        "haplo-poll -c FILE -e test check");
    path[150] = '\0';
    command_hint_use(path, path);
    command_hint(text, "check", NULL);
    assert_non_null(strstr(text, path));
    assert_non_null(strstr(text, " check"));
}

static void no_hint_exceeds_its_limit(void **state)
{
    char name[2000];
    char text[COMMAND_HINT_SIZE + 1];
    (void)state;
    memset(name, '\'', sizeof name);
    name[sizeof name - 1] = '\0';
    text[COMMAND_HINT_SIZE] = 'x';
    command_hint_use(name, name);
    assert_string_equal(command_hint(text, "check", NULL),
                        "haplo-poll -c FILE -e NAME check");
    command_hint(text, "explain", name, NULL);
    assert_true(strlen(text) < COMMAND_HINT_SIZE);
    assert_int_equal(text[COMMAND_HINT_SIZE], 'x');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_defaults_need_no_options),
        cmocka_unit_test(what_differs_is_given),
        cmocka_unit_test(words_are_quoted_for_a_shell),
        cmocka_unit_test(commands_in_a_text_get_the_options),
        cmocka_unit_test(a_text_without_room_stays_as_it_is),
        cmocka_unit_test(a_path_without_room_is_not_cut),
        cmocka_unit_test(no_hint_exceeds_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
