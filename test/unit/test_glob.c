#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/glob.h"

static bool matches(const char *pattern, const char *text)
{
    return glob_matches(pattern, text, strlen(text));
}

/* The documented meaning of each pattern. */
static void stars_and_question_marks_stand_for_characters(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        const char *text;
        bool matches;
    } cases[] = {
        {"", "", true},
        {"", "a", false},
        {"a", "a", true},
        {"a", "ab", false},
        {"ab", "a", false},
        {"A", "a", false},
        {"*", "", true},
        {"*", "any thing", true},
        {"**", "x", true},
        {"a*", "a", true},
        {"a*", "ba", false},
        {"*:student", "dc:attribute:student", true},
        {"*:student", "dc:attribute:students", false},
        {"std:*:p*n", "std:type:person:alumn", true},
        {"a*b*c", "aXbYbZc", true},
        {"a*b*c", "aXbYbZ", false},
        {"?", "", false},
        {"?", "a", true},
        {"?", "\u20AC", true},
        {"??", "\u20AC", false},
        {"*?", "", false},
        {"a?c", "a\u00e9c", true},
        {"[ab]", "a", false},
        {"[ab]", "[ab]", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (matches(cases[i].pattern, cases[i].text) != cases[i].matches) {
            fail_msg("\"%s\" and \"%s\"", cases[i].pattern, cases[i].text);
        }
    }
}

/* A title may contain the characters that have a meaning. */
static void a_backslash_takes_the_meaning_away(void **state)
{
    (void)state;
    assert_true(matches("\\*", "*"));
    assert_false(matches("\\*", "a"));
    assert_true(matches("a\\?\\\\*", "a?\\b"));
    assert_false(matches("a\\?", "ab"));
    assert_true(glob_is_valid("\\*\\?\\\\*?"));
    assert_false(glob_is_valid("a\\"));
    assert_false(glob_is_valid("\\n"));
}

/* Strings of a message may contain NULs; the pattern's end is not theirs. */
static void a_nul_is_a_character(void **state)
{
    (void)state;
    assert_false(glob_matches("a", "a\0b", 3));
    assert_true(glob_matches("a?b", "a\0b", 3));
    assert_true(glob_matches("a*", "a\0b", 3));
    assert_false(glob_matches("", "\0", 1));
}

/* A pattern with many stars must not make a message with a long text cost
 * minutes: the number of comparisons is bounded by the product of the sizes. */
static void many_stars_take_no_exponential_time(void **state)
{
    (void)state;
    static char text[10000];
    memset(text, 'a', sizeof text);
    assert_false(glob_matches("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", text,
                              sizeof text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stars_and_question_marks_stand_for_characters),
        cmocka_unit_test(a_backslash_takes_the_meaning_away),
        cmocka_unit_test(a_nul_is_a_character),
        cmocka_unit_test(many_stars_take_no_exponential_time),
    };
    return cmocka_run_group_tests_name("glob", tests, NULL, NULL);
}
