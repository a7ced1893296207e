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

struct time_case {
    const char *text;
    uint64_t at_ms;
};

/* People write them in the configuration and on the command line. */
static void times_are_read_in_utc(void **state)
{
    static const struct time_case cases[] = {
        {"1970-01-01", 0},
        {"2026-11-28", 1795824000000},
        {"2026-11-28T20:49:16Z", 1795898956000},
        {"2026-11-28T20:49:16.5Z", 1795898956500},
        {"2026-11-28T20:49:16.0409Z", 1795898956040},
        {"2024-02-29T23:59:59.999Z", 1709251199999},
    };
    uint64_t at_ms;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(wall_clock_parse(cases[i].text, &at_ms), 0);
        assert_int_equal(at_ms, cases[i].at_ms);
    }
}

/* A time that means something else than it says would begin an outlet at the
 * wrong message. */
static void what_is_no_time_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "now",
        "2026",
        "2026-11",
        "2026-11-",
        "1969-12-31",
        "2026-02-30",
        "2026-13-01",
        "2026-00-01",
        "2026-11-28 20:49:16",
        "2026-11-28T20:49:16",
        "2026-11-28T20:49Z",
        "2026-11-28T24:00:00Z",
        "2026-11-28T20:60:00Z",
        "2026-11-28T20:49:60Z",
        "2026-11-28T20:49:16.Z",
        "2026-11-28T20:49:16+01:00",
        "2026-11-28T20:49:16Z ",
        "+026-11-28",
    };
    uint64_t at_ms;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (wall_clock_parse(texts[i], &at_ms) == 0) {
            fail_msg("taken for a time: %s", texts[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_printed_in_utc),
        cmocka_unit_test(times_are_read_in_utc),
        cmocka_unit_test(what_is_no_time_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
