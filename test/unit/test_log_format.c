/*
 * Lines of the log in all formats: programs must be able to read each of them,
 * whatever a server has put into an error.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/log/log_format.h"

#define LINE_SIZE 256

static const struct log_field fields[] = {
    {.name = "server", .text = "example"},
    {.name = "queue", .text = ""},
    {.name = "cause", .text = "a \"b\" \\ c"},
    {.name = "count", .number = 5000},
    {.name = "duration_seconds", .number = 1500, .scale = 1000},
};

static const struct log_record record = {
    .time = "2026-11-28T20:49:16.040Z",
    .level = "warning",
    .text = "fetch a/b: \"no\" \\ h\xc3\xa9",
    .fields = fields,
    .field_count = sizeof fields / sizeof *fields,
};

static void expect(enum log_format format, const struct log_record *what,
                   const char *text)
{
    char line[LINE_SIZE + 1];
    size_t size = log_format_line(format, what, line, LINE_SIZE);
    line[size] = '\0';
    assert_string_equal(line, text);
}

/* What people read has no fields: the message says it all. */
static void test_text_is_the_message(void **state)
{
    (void)state;
    expect(LOG_FORMAT_TEXT, &record,
           "2026-11-28T20:49:16.040Z haplo-poll: fetch a/b: \"no\" \\ "
           "h\xc3\xa9\n");
}

/* Quotes and backslashes must not end a value. */
static void test_logfmt_quotes_what_it_must(void **state)
{
    (void)state;
    expect(LOG_FORMAT_LOGFMT, &record,
           "time=2026-11-28T20:49:16.040Z level=warning msg=\"fetch a/b: "
           "\\\"no\\\" \\\\ h\xc3\xa9\" server=example cause=\"a \\\"b\\\" "
           "\\\\ c\" count=5000 duration_seconds=1.500\n");
}

/* The same for JSON, in which numbers are numbers. */
static void test_json_is_valid(void **state)
{
    (void)state;
    expect(LOG_FORMAT_JSON, &record,
           "{\"time\":\"2026-11-28T20:49:16.040Z\",\"level\":\"warning\","
           "\"msg\":\"fetch a/b: \\\"no\\\" \\\\ h\xc3\xa9\","
           "\"server\":\"example\",\"cause\":\"a \\\"b\\\" \\\\ c\","
           "\"count\":5000,\"duration_seconds\":1.500}\n");
}

/* A line that is too long ends like any other, between characters. */
static void test_a_long_text_is_cut_within_its_quotes(void **state)
{
    char text[3 * LINE_SIZE];
    char line[LINE_SIZE + 1];
    (void)state;
    for (size_t shift = 0; shift < 4; shift++) {
        for (size_t i = 0; i + 2 < sizeof text; i += 2) {
            memcpy(text + i, i % 4 == 0 ? "\xc3\xa9" : "\"\"", 2);
        }
        text[sizeof text - 2 + shift % 2] = '\0';
        text[sizeof text - 2] = '\0';
        const struct log_record full = {.level = shift == 0   ? "a"
                                                 : shift == 1 ? "ab"
                                                 : shift == 2 ? "abc"
                                                              : "abcd",
                                        .text = text,
                                        .fields = fields,
                                        .field_count = 1};
        for (int format = LOG_FORMAT_TEXT; format <= LOG_FORMAT_JSON;
             format++) {
            size_t size = log_format_line((enum log_format)format, &full, line,
                                          LINE_SIZE);
            assert_in_range(size, LINE_SIZE - 16, LINE_SIZE);
            assert_int_equal(line[size - 1], '\n');
            line[size] = '\0';
            assert_null(strstr(line, "server"));
            if (format == LOG_FORMAT_JSON) {
                assert_string_equal(line + size - 3, "\"}\n");
                assert_true(line[size - 4] == '"' || line[size - 4] == '\xa9');
            }
        }
    }
}

/* The journal adds the time itself. */
static void test_a_time_may_be_missing(void **state)
{
    const struct log_record bare = {.level = "info", .text = "polling"};
    (void)state;
    expect(LOG_FORMAT_TEXT, &bare, "haplo-poll: polling\n");
    expect(LOG_FORMAT_LOGFMT, &bare, "level=info msg=\"polling\"\n");
    expect(LOG_FORMAT_JSON, &bare,
           "{\"level\":\"info\",\"msg\":\"polling\"}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_is_the_message),
        cmocka_unit_test(test_logfmt_quotes_what_it_must),
        cmocka_unit_test(test_json_is_valid),
        cmocka_unit_test(test_a_long_text_is_cut_within_its_quotes),
        cmocka_unit_test(test_a_time_may_be_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
