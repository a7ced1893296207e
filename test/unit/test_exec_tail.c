/*
 * The end of what a command writes, in one line: bounded, and nothing in it can
 * confuse a terminal or a log.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "outlets/exec/exec_tail.h"

static void expect_text(const struct exec_tail *tail, const char *expected)
{
    char text[EXEC_TAIL_TEXT_SIZE];

    assert_string_equal(exec_tail_text(tail, text), expected);
}

/* However it is cut into pieces. */
static void expect_tail(const char *written, const char *expected)
{
    for (size_t step = 1; step <= strlen(written) + 1; step++) {
        struct exec_tail tail = {.size = 0};
        const char *at = written;

        while (*at != '\0') {
            size_t size = strnlen(at, step);

            exec_tail_add(&tail, at, size);
            at += size;
        }
        expect_text(&tail, expected);
    }
}

/* Lines are told apart, and those that say nothing left out at the ends. */
static void test_lines_become_one(void **state)
{
    (void)state;
    expect_tail("", "");
    expect_tail("\n\r\n \n", "");
    expect_tail("no such id", "no such id");
    expect_tail("no such id\n", "no such id");
    expect_tail("\n\none\ntwo\r\nthree \n\n", "one | two | three");
    expect_tail("a\n\nb", "a |  | b");
}

/* A terminal that shows the line must not obey it. */
static void test_control_characters_are_made_visible(void **state)
{
    (void)state;
    expect_tail("\033[31mred\033[m\a\x7f", "\\x1b[31mred\\x1b[m\\x07\\x7f");
    expect_tail("a\tb\rc", "a b\\x0dc");
    expect_tail("\303\244", "\303\244");
}

/* A NUL does not end it. */
static void test_a_nul_is_shown(void **state)
{
    struct exec_tail tail = {.size = 0};

    (void)state;
    exec_tail_add(&tail, "a\0b", 3);
    expect_text(&tail, "a\\x00b");
}

/* The last lines count; a line that has lost its beginning is left out. */
static void test_only_the_last_lines_are_kept(void **state)
{
    struct exec_tail tail = {.size = 0};
    char line[EXEC_TAIL_SIZE];

    (void)state;
    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = '\n';
    for (int i = 0; i < 1000; i++) {
        exec_tail_add(&tail, line, sizeof(line));
    }
    exec_tail_add(&tail, "last\nwords\n", 11);
    expect_text(&tail, "last | words");
}

/* Of a line that is longer than that, its end. */
static void test_a_long_line_is_cut_at_its_beginning(void **state)
{
    struct exec_tail tail = {.size = 0};
    char line[3 * EXEC_TAIL_SIZE];
    char expected[EXEC_TAIL_SIZE + 1];

    (void)state;
    for (size_t i = 0; i < sizeof(line); i++) {
        line[i] = (char)('a' + i % 26);
    }
    exec_tail_add(&tail, line, sizeof(line));
    memcpy(expected, line + sizeof(line) - EXEC_TAIL_SIZE, EXEC_TAIL_SIZE);
    expected[EXEC_TAIL_SIZE] = '\0';
    expect_text(&tail, expected);
}

/* Each byte takes the most room. */
static void test_the_longest_text_fits(void **state)
{
    struct exec_tail tail = {.size = 0};
    char bytes[EXEC_TAIL_SIZE];
    char text[EXEC_TAIL_TEXT_SIZE];

    (void)state;
    memset(bytes, '\a', sizeof(bytes));
    exec_tail_add(&tail, bytes, sizeof(bytes));
    assert_int_equal(strlen(exec_tail_text(&tail, text)),
                     EXEC_TAIL_TEXT_SIZE - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_become_one),
        cmocka_unit_test(test_control_characters_are_made_visible),
        cmocka_unit_test(test_a_nul_is_shown),
        cmocka_unit_test(test_only_the_last_lines_are_kept),
        cmocka_unit_test(test_a_long_line_is_cut_at_its_beginning),
        cmocka_unit_test(test_the_longest_text_fits),
    };

    return cmocka_run_group_tests_name("exec_tail", tests, NULL, NULL);
}
