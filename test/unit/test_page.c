#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/page.h"

static void assert_quote(const char *page, const char *expected)
{
    struct page_quote quote;
    size_t size = strlen(page);
    /* A block of the exact size, so that reading past it is noticed. */
    char *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    for (size_t i = 0; i < size; i++) {
        copy[i] = page[i];
    }
    page_quote(&quote, copy, size);
    assert_string_equal(quote.text, expected);
    free(copy);
}

/* The one sentence in which Haplo's page says what is wrong is what the
 * operator needs; the rest of it is the same each time. */
static void an_error_page_is_quoted_by_its_alert(void **state)
{
    (void)state;
    assert_quote("<html><title>Error : Haplo</title><body>\n"
                 "<div class=\"z__general_alert\">\n  Group not\n defined\n"
                 "</div><p>more</p>",
                 ": \"Group not defined\"");
    assert_quote("<div class=\"z__general_alert\">cut of", ": \"cut of\"");
}

/* A page of a proxy in front has no such sentence, but says its name. */
static void any_other_page_is_quoted_without_its_tags(void **state)
{
    (void)state;
    assert_quote("<html>\r\n<head><title>502 Bad Gateway</title>"
                 "<style>a{b:c}</style><SCRIPT src=x>if (a<b) {}</script>"
                 "</head><!-- a > b -->\n<center>nginx</center>",
                 ": \"502 Bad Gateway nginx\"");
    assert_quote("Bad request (failed validation)",
                 ": \"Bad request (failed validation)\"");
    assert_quote("", "");
    assert_quote("<br><br> \n", "");
    assert_quote("x<unfinished", ": \"x\"");
}

/* A reason is one line of stated size, and half a character would make it no
 * UTF-8. */
static void a_long_text_is_cut_between_characters(void **state)
{
    (void)state;
    static const char face[4] = {'\xf0', '\x9f', '\x98', '\x80'};
    for (size_t before = 0; before < 8; before++) {
        char page[400] = {0};
        struct page_quote quote;
        memset(page, 'x', before);
        for (size_t i = before; i + 4 < 300; i += 4) {
            memcpy(page + i, face, sizeof face);
        }
        page_quote(&quote, page, strlen(page));
        size_t size = strlen(quote.text);
        assert_in_range(size, PAGE_QUOTE_SIZE_MAX - 8, PAGE_QUOTE_SIZE_MAX - 1);
        assert_string_equal(quote.text + size - 5, "\xf0\x9f\x98\x80\"");
    }
}

/* Only a page may be quoted where the body could be somebody's data. */
static void a_page_is_told_from_data(void **state)
{
    (void)state;
    assert_true(page_is_html("\n<!doctype HTML><p>", 19));
    assert_true(page_is_html("<html>", 6));
    assert_false(page_is_html("<htm", 4));
    assert_false(page_is_html("<batch/>", 8));
    assert_false(page_is_html("", 0));
    assert_false(page_is_html(NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_page_is_quoted_by_its_alert),
        cmocka_unit_test(any_other_page_is_quoted_without_its_tags),
        cmocka_unit_test(a_long_text_is_cut_between_characters),
        cmocka_unit_test(a_page_is_told_from_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
