#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/reason.h"

static void assert_shown(const char *text, const char *expected)
{
    struct reason why;
    assert_int_equal(reason_set(&why, HAPLO_EDOCUMENT, "%s", text),
                     HAPLO_EDOCUMENT);
    assert_string_equal(why.text, expected);
}

/* Part of it comes from a server, and it goes to terminals and into logs: a
 * control sequence there would rewrite what stands above. */
static void control_characters_are_not_shown(void **state)
{
    (void)state;
    assert_shown("a\x1b[2J\r\nb\x7f", "a?[2J??b?");
    assert_shown("\xc2\x80 \xc2\x9b[2J \xc2\x9f", "?? ??[2J ??");
    assert_shown("\xc2\xa0 \xc3\xbf", "\xc2\xa0 \xc3\xbf");
}

/* A journal shows a line that is no UTF-8 as "[12B blob data]". */
static void what_is_no_utf8_is_not_shown(void **state)
{
    (void)state;
    assert_shown("caf\xc3\xa9 \xe4\xb8\xad \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf",
                 "caf\xc3\xa9 \xe4\xb8\xad \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf");
    assert_shown("caf\xe9", "caf?");
    assert_shown("\xff\xfe \x80 \xbf", "?? ? ?");
    assert_shown("\xc0\x80 \xc1\xbf \xe0\x9f\xbf \xf0\x8f\xbf\xbf",
                 "?? ?? ??? ????");
    assert_shown("\xed\x9f\xbf \xed\xa0\x80 \xed\xbf\xbf",
                 "\xed\x9f\xbf ??? ???");
    assert_shown("\xf4\x90\x80\x80 \xf5\x80\x80\x80", "???? ????");
    assert_shown("\xe4\xb8", "??");
    assert_shown("\xe4\xb8 \xf0\x9f\x98x", "?? ???x");
}

/* It has one size for all. */
static void a_long_text_is_truncated(void **state)
{
    (void)state;
    char text[2 * HAPLO_TEXT_SIZE_MAX];
    struct reason why;
    for (size_t i = 0; i + 1 < sizeof text; i += 2) {
        memcpy(text + i, "\xc3\xa9", 2);
    }
    text[sizeof text - 2] = '\0';
    reason_set(&why, 0, "%s", text);
    assert_int_equal(strlen(why.text), HAPLO_TEXT_SIZE_MAX - 1);
    assert_string_equal(why.text + HAPLO_TEXT_SIZE_MAX - 4, "\xc3\xa9?");
    assert_int_equal(reason_set(NULL, HAPLO_ENOMEM, "%s", text), HAPLO_ENOMEM);
}

/* Public functions take a buffer of any size, or none. */
static void a_caller_may_bring_a_buffer_or_none(void **state)
{
    (void)state;
    char why[8] = "before";
    assert_int_equal(reason_write(NULL, 9, HAPLO_EBUSY, "a"), HAPLO_EBUSY);
    assert_int_equal(reason_write(why, 0, HAPLO_EBUSY, "a"), HAPLO_EBUSY);
    assert_string_equal(why, "before");
    assert_int_equal(reason_write(why, sizeof why, HAPLO_EBUSY, "%s", "a\nb"),
                     HAPLO_EBUSY);
    assert_string_equal(why, "a?b");
    (void)reason_write(why, sizeof why, 0, "123456\xc3\xa9");
    assert_string_equal(why, "123456?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control_characters_are_not_shown),
        cmocka_unit_test(what_is_no_utf8_is_not_shown),
        cmocka_unit_test(a_long_text_is_truncated),
        cmocka_unit_test(a_caller_may_bring_a_buffer_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
