#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/text/source_reader.h"

#define KEY "Kq3_x-0123456789abcdefghijklmnopqrstuvwxyzAB"

static void assert_excerpt(const char *line, unsigned column, const char *shown,
                           const char *marks)
{
    struct source_excerpt excerpt;
    assert_true(source_excerpt_make(&excerpt, line, column));
    assert_string_equal(excerpt.line, shown);
    assert_string_equal(excerpt.marks, marks);
}

/* The eye must find at once what is meant. */
static void the_whole_word_is_underlined(void **state)
{
    (void)state;
    assert_excerpt("    intervall: 5m", 5, "    intervall: 5m",
                   "    ^~~~~~~~~");
    assert_excerpt("    interval: 5 m  # often", 15,
                   "    interval: 5 m  # often", "              ^~~");
    assert_excerpt("url: https://h/a,b#c", 6, "url: https://h/a,b#c",
                   "     ^~~~~~~~~~~~~~~");
    assert_excerpt("- {name: a, interval: 60}", 23, "- {name: a, interval: 60}",
                   "                      ^~");
    assert_excerpt("- {name: a, interval: 60, b: c}", 13,
                   "- {name: a, interval: 60, b: c}", "            ^~~~~~~~");
    assert_excerpt("x: \"a, b: c\" # d", 4, "x: \"a, b: c\" # d",
                   "   ^~~~~~~~~");
    assert_excerpt("x: [a, [b], c] # d", 4, "x: [a, [b], c] # d",
                   "   ^~~~~~~~~~~");
    assert_excerpt("x: {a: b", 4, "x: {a: b", "   ^~~~~");
}

/* Where something is missing, there is nothing to underline. */
static void the_end_of_a_line_is_marked_by_a_caret(void **state)
{
    struct source_excerpt excerpt;
    (void)state;
    assert_excerpt("", 1, "", "^");
    assert_excerpt("a: b", 5, "a: b", "    ^");
    assert_excerpt("a:", 2, "a:", " ^");
    assert_excerpt("]", 1, "]", "^");
    assert_false(source_excerpt_make(&excerpt, "a: b", 6));
    assert_false(source_excerpt_make(&excerpt, "a: b", 0));
}

/* Columns count characters; what is below must be below in a terminal. */
static void marks_are_in_the_column_where_a_terminal_has_the_word(void **state)
{
    (void)state;
    assert_excerpt("\tx: y", 2, " x: y", " ^");
    assert_excerpt("n\xc3\xa9: \xe6\x9d\xb1\xe4\xba\xac", 5,
                   "n\xc3\xa9: \xe6\x9d\xb1\xe4\xba\xac", "    ^~~~");
    assert_excerpt("e\xcc\x81: x", 5, "e\xcc\x81: x", "   ^");
    assert_excerpt("a\x1b[31m: \xff", 9, "a?[31m: ?", "        ^");
}

/* A diagnostic ends up in tickets and logs. */
static void nothing_that_may_be_secret_is_shown(void **state)
{
    (void)state;
    assert_excerpt("api_key: hunter2", 1, "api_key: (hidden)", "^~~~~~~");
    assert_excerpt("- {password: 'hun ter2', x: y}", 4, "- {password: (hidden)",
                   "   ^~~~~~~~");
    assert_excerpt("\"Secret_Thing\" : x", 1, "\"Secret_Thing\" : (hidden)",
                   "^~~~~~~~~~~~~~");
    assert_excerpt("  " KEY ": x", 3, "  (hidden): x", "  ^~~~~~~~");
    assert_excerpt("api_key_file: " KEY, 15, "api_key_file: (hidden)",
                   "              ^~~~~~~~");
    assert_excerpt("url: https://me:pw@host/", 6, "url: https://(hidden)@host/",
                   "     ^~~~~~~~~~~~~~~~~~~~~~");
    assert_excerpt("url: https://host/a?k=v#f", 6,
                   "url: https://host/a?(hidden)",
                   "     ^~~~~~~~~~~~~~~~~~~~~~~");
    assert_excerpt("when: a?b", 7, "when: a?b", "      ^~~");
    assert_excerpt("proxy: me:pw@host", 8, "proxy: (hidden)@host",
                   "       ^~~~~~~~~~~~~");
    assert_excerpt("conninfo: host=a password=b", 1, "conninfo: (hidden)",
                   "^~~~~~~~");
    assert_excerpt("x: host=a password=b", 1, "x: host=a password=(hidden)",
                   "^");
    assert_excerpt("headers: ['Authorization: Bearer abc']", 1,
                   "headers: (hidden)", "^~~~~~~");
}

/* Names of files and variables are no secrets, and are what is wrong. */
static void what_only_names_a_secret_is_shown(void **state)
{
    (void)state;
    assert_excerpt("password_file: secrets/pw", 16, "password_file: secrets/pw",
                   "               ^~~~~~~~~~");
    assert_excerpt("token_pattern: '<t>(.*)</t>'", 1,
                   "token_pattern: '<t>(.*)</t>'", "^~~~~~~~~~~~~");
    assert_excerpt("api_key_env: EXAMPLE_STUDENT_KEY", 1,
                   "api_key_env: EXAMPLE_STUDENT_KEY", "^~~~~~~~~~~");
}

/* Some files are written by programs, in one line. */
static void a_long_line_is_cut_around_the_word(void **state)
{
    char line[1000];
    struct source_excerpt excerpt;
    (void)state;
    memset(line, '.', sizeof line);
    memcpy(line + 500, " word: ", 7);
    line[sizeof line - 1] = '\0';
    assert_true(source_excerpt_make(&excerpt, line, 502));
    assert_int_equal(strlen(excerpt.line), SOURCE_COLUMNS_MAX);
    const char *caret = strchr(excerpt.marks, '^');
    assert_non_null(caret);
    assert_string_equal(caret, "^~~~");
    assert_int_equal(
        strncmp(excerpt.line + (caret - excerpt.marks), "word:", 5), 0);
}

static char path[] = "/tmp/source_excerpt.XXXXXX";

static void file_write(const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int path_make(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd >= 0 ? close(fd) : -1;
}

static int path_remove(void **state)
{
    (void)state;
    return unlink(path);
}

/* Errors come in the order of the file, but those of included files do not. */
static void lines_are_read_forwards_and_backwards(void **state)
{
    static struct source_reader reader;
    struct source_excerpt excerpt;
    (void)state;
    file_write("one: 1\r\ntwo: 2\nthree: 3");
    for (uint32_t i = 0; i < 6; i++) {
        static const char *const lines[] = {"one: 1", "two: 2", "three: 3"};
        uint32_t line = i < 3 ? i : 5 - i;
        assert_true(
            source_reader_excerpt(&reader, path, line + 1, 1, &excerpt));
        assert_string_equal(excerpt.line, lines[line]);
    }
    assert_false(source_reader_excerpt(&reader, path, 4, 1, &excerpt));
    assert_false(source_reader_excerpt(&reader, "/dev/null", 1, 1, &excerpt));
    assert_false(source_reader_excerpt(&reader, "/nowhere", 1, 1, &excerpt));
    source_reader_close(&reader);
}

/* A syntax error may be in the middle of a secret. */
static void the_lines_of_a_secret_are_hidden_as_a_whole(void **state)
{
    static struct source_reader reader;
    struct source_excerpt excerpt;
    (void)state;
    file_write("a:\n"
               "  - password: |\n"
               "      hunter2\n"
               "\n"
               "      : hunter3\n"
               "    user: me\n");
    static const char *const lines[] = {"a:",       "  - password: (hidden)",
                                        "(hidden)", "(hidden)",
                                        "(hidden)", "    user: me"};
    for (uint32_t i = 0; i < 6; i++) {
        if (i != 3) {
            assert_true(
                source_reader_excerpt(&reader, path, i + 1, 1, &excerpt));
            assert_string_equal(excerpt.line, lines[i]);
        }
    }
    source_reader_close(&reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_word_is_underlined),
        cmocka_unit_test(the_end_of_a_line_is_marked_by_a_caret),
        cmocka_unit_test(marks_are_in_the_column_where_a_terminal_has_the_word),
        cmocka_unit_test(nothing_that_may_be_secret_is_shown),
        cmocka_unit_test(what_only_names_a_secret_is_shown),
        cmocka_unit_test(a_long_line_is_cut_around_the_word),
        cmocka_unit_test(lines_are_read_forwards_and_backwards),
        cmocka_unit_test(the_lines_of_a_secret_are_hidden_as_a_whole),
    };
    return cmocka_run_group_tests(tests, path_make, path_remove);
}
