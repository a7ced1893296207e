#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "config/units.h"

/* An operator who writes 5m must not get five milliseconds. */
static void durations_are_read_with_their_unit(void **state)
{
    static const struct {
        const char *text;
        uint64_t ms;
    } cases[] = {
        {"250ms", 250},  {"30s", 30000},   {"5m", 300000},
        {"1h", 3600000}, {"1d", 86400000}, {"0s", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t ms = 1;
        assert_int_equal(duration_parse(cases[i].text, &ms), 0);
        assert_int_equal(ms, cases[i].ms);
    }
}

/* A bare number, a sign or a blank leaves open what was meant. */
static void what_is_no_duration_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "60",
        "s",
        "1 s",
        " 1s",
        "1s ",
        "1.5s",
        "-1s",
        "+1s",
        "1S",
        "1min",
        "1m30s",
        "0x1s",
        "1e3ms",
        "١s",
        "20000000000000000000ms",
        "18446744073709551615s",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        uint64_t ms;
        assert_int_equal(duration_parse(texts[i], &ms), -1);
    }
}

/* Limits of memory hang on these numbers. */
static void sizes_are_read_in_powers_of_1024(void **state)
{
    uint64_t bytes;
    (void)state;
    assert_int_equal(size_parse("512K", &bytes), 0);
    assert_int_equal(bytes, 524288);
    assert_int_equal(size_parse("64M", &bytes), 0);
    assert_int_equal(bytes, 67108864);
    assert_int_equal(size_parse("1G", &bytes), 0);
    assert_int_equal(bytes, 1073741824);
    assert_int_equal(size_parse("100", &bytes), 0);
    assert_int_equal(bytes, 100);
    assert_int_equal(size_parse("18446744073709551615", &bytes), 0);
    assert_int_equal(bytes, UINT64_MAX);
}

/* "64MB" and "64m" are near enough to a size to be a dangerous guess. */
static void what_is_no_size_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "M",
        "64MB",
        "64m",
        "-1",
        "1.5G",
        "18446744073709551615K",
        "18446744073709551616",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        uint64_t bytes;
        assert_int_equal(size_parse(texts[i], &bytes), -1);
    }
}

/* strtoul would take "-1" for four thousand million requests. */
static void counts_are_plain_whole_numbers(void **state)
{
    static const char *const texts[] = {"", "-1", "+1", "1 ", "1K", "one"};
    uint64_t count;
    (void)state;
    assert_int_equal(count_parse("007", &count), 0);
    assert_int_equal(count, 7);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(count_parse(texts[i], &count), -1);
    }
}

/* What check prints must mean the same when it is copied into the file. */
static void what_is_printed_reads_back_the_same(void **state)
{
    static const uint64_t values[] = {
        0,     1,     999,   1000,     1001,    1024,       1536,
        59999, 60000, 61000, 86400000, 1048576, 1073741824, UINT64_MAX,
    };
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char text[UNITS_TEXT_SIZE];
        uint64_t value;
        assert_int_equal(
            duration_parse(duration_format(values[i], text), &value), 0);
        assert_int_equal(value, values[i]);
        assert_int_equal(size_parse(size_format(values[i], text), &value), 0);
        assert_int_equal(value, values[i]);
    }
}

/* People read "5m" faster than "300000ms". */
static void the_largest_unit_that_fits_is_printed(void **state)
{
    char text[UNITS_TEXT_SIZE];
    (void)state;
    assert_string_equal(duration_format(300000, text), "5m");
    assert_string_equal(duration_format(90000, text), "90s");
    assert_string_equal(duration_format(0, text), "0ms");
    assert_string_equal(size_format(67108864, text), "64M");
    assert_string_equal(size_format(100, text), "100");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_read_with_their_unit),
        cmocka_unit_test(what_is_no_duration_is_refused),
        cmocka_unit_test(sizes_are_read_in_powers_of_1024),
        cmocka_unit_test(what_is_no_size_is_refused),
        cmocka_unit_test(counts_are_plain_whole_numbers),
        cmocka_unit_test(what_is_printed_reads_back_the_same),
        cmocka_unit_test(the_largest_unit_that_fits_is_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
