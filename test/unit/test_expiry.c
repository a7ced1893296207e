/*
 * What is told about certificates that expire, over months of virtual time with
 * a pass each hour.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/log/expiry.h"

#define HOUR_MS UINT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)
#define BEGIN_MS UINT64_C(1796083200000) /* 2026-12-01T00:00:00Z */
#define LINE_COUNT_MAX 200

/* What was told. */
struct told {
    uint64_t now_ms;
    size_t count;
    char lines[LINE_COUNT_MAX][EXPIRY_TEXT_SIZE + 16]; /* "warning TEXT" */
};

static struct told told;

static void on_report(void *data, const struct expiry_report *report)
{
    static const char *const levels[] = {
        [LOG_LEVEL_ERROR] = "error",
        [LOG_LEVEL_WARNING] = "warning",
        [LOG_LEVEL_INFO] = "info",
    };
    char text[EXPIRY_TEXT_SIZE];
    (void)data;
    assert_in_range(told.count, 0, LINE_COUNT_MAX - 1);
    snprintf(told.lines[told.count++], sizeof told.lines[0], "%s %s",
             levels[expiry_level(report)],
             expiry_text(report, told.now_ms, text));
}

static void pass_end(struct expiry *expiry)
{
    expiry_end(expiry, told.now_ms, on_report, NULL);
    told.now_ms += HOUR_MS;
}

/* Passes in which one server has this certificate. */
static void run(struct expiry *expiry, uint64_t expires_ms, unsigned hours)
{
    while (hours-- > 0) {
        expiry_note(expiry, EXPIRY_SERVER, "example", "example", expires_ms,
                    told.now_ms);
        pass_end(expiry);
    }
}

static void assert_told(size_t index, const char *line)
{
    assert_in_range(index + 1, 1, told.count);
    assert_string_equal(told.lines[index], line);
}

static int set_up(void **state)
{
    static struct expiry expiry;
    expiry_init(&expiry);
    expiry.is_starting = false;
    told.now_ms = BEGIN_MS;
    told.count = 0;
    *state = &expiry;
    return 0;
}

static int tear_down(void **state)
{
    expiry_free(*state);
    return 0;
}

/* Whoever reads the log has a month, and is not told the same again and
 * again. */
static void test_a_certificate_that_nobody_renews_is_told_six_times(
    void **state)
{
    run(*state, BEGIN_MS + 90 * DAY_MS, 100 * 24);
    assert_int_equal(told.count, 6);
    assert_told(0, "info example: its certificate expires in 30 d, at "
                   "2027-03-01T00:00:00Z: have it renewed on the server, or "
                   "nothing can be fetched from then on");
    assert_told(1, "warning example: its certificate expires in 14 d, at "
                   "2027-03-01T00:00:00Z: have it renewed on the server, or "
                   "nothing can be fetched from then on");
    assert_non_null(strstr(told.lines[2], "warning example: its certificate "
                                          "expires in 7 d, at "));
    assert_non_null(strstr(told.lines[3], " in 3 d, at "));
    assert_non_null(strstr(told.lines[4], " in 24 h, at "));
    assert_told(5, "error example: its certificate expired at "
                   "2027-03-01T00:00:00Z: nothing can be fetched until it is "
                   "renewed on the server");
}

/* A process that starts late says how it is, once. */
static void test_what_has_passed_is_not_told_afterwards(void **state)
{
    run(*state, BEGIN_MS + 5 * DAY_MS, 24);
    assert_int_equal(told.count, 1);
    assert_non_null(strstr(told.lines[0], "warning example: its certificate "
                                          "expires in 5 d, at "));
}

/* Whoever was warned wants to know that it is settled; the next year is like
 * the first. */
static void test_a_renewal_is_told_if_a_warning_was(void **state)
{
    uint64_t first_ms = BEGIN_MS + 40 * DAY_MS;
    uint64_t second_ms = first_ms + 90 * DAY_MS;
    run(*state, first_ms, 30 * 24);
    assert_int_equal(told.count, 2);
    run(*state, second_ms, 24);
    assert_int_equal(told.count, 3);
    assert_told(2, "info example: its certificate was renewed, and expires in "
                   "100 d, at 2027-04-10T00:00:00Z");
    run(*state, second_ms, 75 * 24);
    assert_int_equal(told.count, 4);
    assert_non_null(strstr(told.lines[3], "expires in 30 d, at 2027-04-10"));
    /* In time: nobody was told that it was urgent, nobody hears of it. */
    told.count = 0;
    run(*state, second_ms + 90 * DAY_MS, 24);
    assert_int_equal(told.count, 1);
    run(*state, second_ms + 180 * DAY_MS, 24);
    assert_int_equal(told.count, 1);
}

/* The server did not show a certificate since it was configured anew: that is
 * no renewal, and no reason to begin again. */
static void test_what_is_not_known_for_a_while_is_not_told_again(void **state)
{
    run(*state, BEGIN_MS + 10 * DAY_MS, 5);
    run(*state, 0, 5);
    run(*state, BEGIN_MS + 10 * DAY_MS, 5);
    assert_int_equal(told.count, 1);
}

/* A server that is no longer configured is nobody's business. */
static void test_a_server_that_is_removed_is_forgotten(void **state)
{
    run(*state, BEGIN_MS + 8 * DAY_MS, 2);
    for (int hour = 0; hour < 20 * 24; hour++) {
        pass_end(*state);
    }
    assert_int_equal(told.count, 1);
    assert_int_equal(((struct expiry *)*state)->entries.count, 0);
}

/* One certificate on 5,000 servers is one cause. */
static void test_a_shared_certificate_is_one_line(void **state)
{
    char name[32];
    uint64_t expires_ms = BEGIN_MS + 31 * DAY_MS;
    for (int hour = 0; hour < 32 * 24; hour++) {
        for (int i = 0; i < 5000; i++) {
            snprintf(name, sizeof name, "s%04d", i);
            expiry_note(*state, EXPIRY_SERVER, name, name, expires_ms,
                        told.now_ms);
        }
        pass_end(*state);
    }
    assert_int_equal(told.count, 6);
    assert_told(1, "warning the certificates of 5000 servers expire in 14 d, "
                   "at 2027-01-01T00:00:00Z, such as that of s0000: have them "
                   "renewed on the servers, or nothing can be fetched from "
                   "then on");
    assert_told(5, "error the certificates of 5000 servers expired at "
                   "2027-01-01T00:00:00Z, such as that of s0000: nothing can "
                   "be fetched until they are renewed on the servers");
}

/* If what renews all certificates does not work, they end one after the other;
 * that must not be a line for each. */
static void test_many_that_end_one_after_the_other_are_few_lines(void **state)
{
    char name[32];
    for (int hour = 0; hour < 10 * 24; hour++) {
        for (int i = 0; i < 3000; i++) {
            snprintf(name, sizeof name, "s%04d", i);
            expiry_note(*state, EXPIRY_SERVER, name, name,
                        BEGIN_MS + 20 * DAY_MS + (uint64_t)i * HOUR_MS / 5,
                        told.now_ms);
        }
        pass_end(*state);
    }
    /* A day: one line for those with 30 days left, one for 14. */
    assert_in_range(told.count, 10, 20);
    assert_told(0, "info the certificates of 1201 servers expire within 30 "
                   "days, that of s0000 first, in 20 d, at "
                   "2026-12-21T00:00:00Z: have them renewed on the servers, "
                   "or nothing can be fetched from then on");
}

/* After the start, certificates become known one by one: none waits for the
 * next day to be told. */
static void test_at_the_start_nothing_waits(void **state)
{
    struct expiry *expiry = *state;
    expiry->is_starting = true;
    run(expiry, BEGIN_MS + 5 * DAY_MS, 1);
    for (int hour = 0; hour < 3; hour++) {
        expiry_note(expiry, EXPIRY_SERVER, "other", "other",
                    BEGIN_MS + 6 * DAY_MS, told.now_ms);
        run(expiry, BEGIN_MS + 5 * DAY_MS, 1);
    }
    assert_int_equal(told.count, 2);
    assert_non_null(strstr(told.lines[1], "other: its certificate"));
}

/* A file that is used for many servers is renewed once, on this machine. */
static void test_files_are_told_with_their_servers(void **state)
{
    uint64_t at_ms = BEGIN_MS + 3 * DAY_MS;
    expiry_note(*state, EXPIRY_CLIENT, "/etc/client.pem", "a", at_ms, BEGIN_MS);
    expiry_note(*state, EXPIRY_CLIENT, "/etc/client.pem", "b", at_ms, BEGIN_MS);
    expiry_note(*state, EXPIRY_CA, "/etc/ca.pem", "a", at_ms, BEGIN_MS);
    expiry_note(*state, EXPIRY_CA, "", "b", at_ms + DAY_MS, BEGIN_MS);
    pass_end(*state);
    assert_int_equal(told.count, 3);
    assert_told(0, "warning tls_ca_file /etc/ca.pem: the certificate that a is "
                   "verified with expires in 3 d, at 2026-12-04T00:00:00Z: add "
                   "the CA's new one to the file, or nothing can be fetched "
                   "from then on; changes take effect at once");
    assert_told(1, "warning the system's CA file: the certificate that b is "
                   "verified with expires in 4 d, at 2026-12-05T00:00:00Z: add "
                   "the CA's new one to the file, or nothing can be fetched "
                   "from then on; changes take effect at once");
    assert_told(2, "warning tls_certificate_file /etc/client.pem expires in 3 "
                   "d, at 2026-12-04T00:00:00Z: renew it, or it may be refused "
                   "from then on by 2 servers, such as a; changes take effect "
                   "at once");
    expiry_note(*state, EXPIRY_CLIENT, "/etc/client.pem", "a",
                at_ms + 365 * DAY_MS, told.now_ms);
    pass_end(*state);
    assert_told(3, "info tls_certificate_file /etc/client.pem: the certificate "
                   "was renewed, and expires in 367 d 23 h, at "
                   "2027-12-04T00:00:00Z");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_certificate_that_nobody_renews_is_told_six_times),
        TEST(test_what_has_passed_is_not_told_afterwards),
        TEST(test_a_renewal_is_told_if_a_warning_was),
        TEST(test_what_is_not_known_for_a_while_is_not_told_again),
        TEST(test_a_server_that_is_removed_is_forgotten),
        TEST(test_a_shared_certificate_is_one_line),
        TEST(test_many_that_end_one_after_the_other_are_few_lines),
        TEST(test_at_the_start_nothing_waits),
        TEST(test_files_are_told_with_their_servers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
