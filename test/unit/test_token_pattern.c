#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/token_pattern.h"
#include "haplopoll.h"

static struct token_pattern *compiled(const char *text)
{
    int error;
    struct reason why;
    struct token_pattern *pattern = token_pattern_new(text, &error, &why);
    assert_non_null(pattern);
    assert_int_equal(error, 0);
    return pattern;
}

static void assert_finds_in(const char *text, const char *body, size_t size,
                            const char *token)
{
    regmatch_t match[2];
    struct token_pattern *pattern = compiled(text);
    int error = token_pattern_search(pattern, body, size, match);
    if (token == NULL) {
        assert_int_equal(error, HAPLO_EDOCUMENT);
    } else {
        assert_int_equal(error, 0);
        assert_int_equal(match[1].rm_eo - match[1].rm_so, strlen(token));
        assert_memory_equal(body + match[1].rm_so, token, strlen(token));
    }
    token_pattern_free(pattern);
}

static void assert_finds(const char *text, const char *body, const char *token)
{
    assert_finds_in(text, body, strlen(body), token);
}

static void assert_refused(const char *text, const char *expected)
{
    int error;
    struct reason why = {.text = ""};
    if (token_pattern_new(text, &error, &why) != NULL) {
        fail_msg("%s: not refused", text);
    }
    assert_int_equal(error, HAPLO_EINVAL);
    if (strstr(why.text, expected) == NULL) {
        fail_msg("%s: %s", text, why.text);
    }
}

static void the_token_is_the_first_group_or_all_of_the_match(void **state)
{
    (void)state;
    assert_finds("<token>([^<]+)</token>", "<a/><token>t1</token>", "t1");
    assert_finds("token=[a-z]+", "x token=abc; token=def", "token=abc");
    assert_finds("<b( id=\"[^\"]*\")?/>", "<b/>", NULL);
    assert_finds("\"token\": ?(null|\"[^\"]+\")", "{\"token\": null}", "null");
    assert_finds("token=([0-9]{3,4})", "token=12 token=12345", "1234");
    assert_finds("token=(x*)", "token=", "");
    assert_finds("^token=(.*)$", "token=a\nb", "a\nb");
}

static void what_matches_anything_is_refused(void **state)
{
    (void)state;
    assert_refused("[a-z]*", "it matches anything");
    assert_refused("", "it matches anything");
    assert_refused("a|", "it matches anything");
}

static void what_is_no_regular_expression_is_refused(void **state)
{
    (void)state;
    assert_refused("(a", "not a regular expression: ");
    assert_refused("[a", "a [ has no matching ]");
    assert_refused("[[:a\xff:]]", "a [ has no matching ]");
    assert_refused("[[:nope:]]", "not a regular expression: ");
    assert_refused("a{2,1}", "not a regular expression: ");
}

static void what_has_no_bound_is_refused(void **state)
{
    (void)state;
    assert_refused("(a+)\\1", "back-reference");
    assert_refused("token=(\\\\\\1)", "back-reference");
    assert_refused("(((a{200}){200}){200})", "too large");
    assert_refused("a{4294967297}", "too large");
    assert_refused("((a{,200}){200}){2}", "too large");
    assert_refused(
        "(((((((((((((((((((((((((((((((((a)))))))))))))))))))))))))))))"
        "))))",
        "too deep");
    assert_refused("(a){200}", "too large");
    assert_refused("a{100}{100}{100}", "too large");
    assert_refused("i{1+9}", "{ } does not contain a count");
    assert_refused("i{0}", "{ } does not contain a count");
    assert_refused("(a)\\\\)\\\\", "a ) has no matching (");
    assert_finds("\\\\1(a)", "\\1a", "a");
    assert_finds("[^])[:digit:])1{9000}]{3}[]){9000}]", "1)abx){", "abx)");
    assert_finds("(a{8}-(b{4}-){3}c{12})",
                 "aaaaaaaa-bbbb-bbbb-bbbb-cccccccccccc",
                 "aaaaaaaa-bbbb-bbbb-bbbb-cccccccccccc");
}

/* Bytes that are no characters, and NUL, are bytes like all others. */
static void any_byte_is_searched_in_any_locale(void **state)
{
    static const char body[] = "\xff\0\xc3<t>\xe4\0\xf6</t>\xff";
    regmatch_t match[2];
    (void)state;
    assert_non_null(setlocale(LC_ALL, "C.UTF-8"));
    struct token_pattern *pattern = compiled("<t>([^<]+)</t>");
    assert_int_equal(
        token_pattern_search(pattern, body, sizeof body - 1, match), 0);
    assert_int_equal(match[1].rm_so, 6);
    assert_int_equal(match[1].rm_eo, 9);
    token_pattern_free(pattern);
    assert_non_null(setlocale(LC_ALL, "C"));
}

/* A search that restarts at each position would take hours. */
static void what_nearly_matches_everywhere_takes_no_time(void **state)
{
    static const char piece[] = "<batch";
    size_t size = 4 << 20;
    char *body = malloc(size);
    (void)state;
    assert_non_null(body);
    for (size_t i = 0; i < size; i++) {
        body[i] = piece[i % (sizeof piece - 1)];
    }
    assert_finds_in("<batch[^>]* token=\"([^\"]*)\"", body, size, NULL);
    free(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_token_is_the_first_group_or_all_of_the_match),
        cmocka_unit_test(what_matches_anything_is_refused),
        cmocka_unit_test(what_is_no_regular_expression_is_refused),
        cmocka_unit_test(what_has_no_bound_is_refused),
        cmocka_unit_test(any_byte_is_searched_in_any_locale),
        cmocka_unit_test(what_nearly_matches_everywhere_takes_no_time),
    };
    return cmocka_run_group_tests_name("token_pattern", tests, NULL, NULL);
}
