/* Times as people read them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/wall_clock.h"

/* They are compared and sorted as text, so their size must not vary. */
static void times_are_printed_in_utc(void **state)
{
    (void)state;
    char text[WALL_CLOCK_TEXT_SIZE];
    assert_string_equal(wall_clock_text(0, text), "1970-01-01T00:00:00Z");
    assert_string_equal(wall_clock_text(1795898956789, text),
                        "2026-11-28T20:49:16Z");
    assert_string_equal(wall_clock_text_ms(1795898956009, text),
                        "2026-11-28T20:49:16.009Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_printed_in_utc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
