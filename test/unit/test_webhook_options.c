/*
 * What is found before anything is sent: options that contradict each other,
 * and headers that cannot be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "outlets/webhook/webhook.h"
#include "outlets/webhook/webhook_lines.h"
#include "outlets/webhook/webhook_options.h"
#include "outlets/webhook/webhook_url.h"

static const struct webhook_options plain = {.url = "https://crm.example/hook",
                                             .batch = 50};

static void assert_refused(const struct webhook_options *options,
                           const char *expected)
{
    char why[HAPLO_TEXT_SIZE_MAX] = "";

    assert_int_equal(webhook_outlet_type.check(options, why, sizeof(why)),
                     HAPLO_EINVAL);
    assert_string_equal(why, expected);
}

static void assert_fine(const struct webhook_options *options)
{
    char why[HAPLO_TEXT_SIZE_MAX] = "";

    assert_int_equal(webhook_outlet_type.check(options, why, sizeof(why)), 0);
}

/* The URL */

static void assert_url(const char *text, const char *origin, const char *path)
{
    struct webhook_url url;
    struct reason why;

    assert_int_equal(webhook_url_read(&url, text, false, &why), 0);
    assert_string_equal(url.origin, origin);
    assert_string_equal(url.path, path);
    webhook_url_free(&url);
}

/* Paths are sent as they are written: some receivers compare them undecoded. */
static void a_url_has_an_origin_and_a_path(void **state)
{
    (void)state;
    assert_url("https://crm.example", "https://crm.example", "/");
    assert_url("https://crm.example/", "https://crm.example", "/");
    assert_url("https://crm.example:8443/a%2fB/?k=v%20w&x",
               "https://crm.example:8443", "/a%2fB/?k=v%20w&x");
    assert_url("https://crm.example?k=v", "https://crm.example", "/?k=v");
    assert_url("http://127.0.0.1:80/x", "http://127.0.0.1:80", "/x");
    assert_url("https://[2001:db8::1]/x", "https://[2001:db8::1]", "/x");
}

/* Each would fail with every message. */
static void a_url_that_cannot_be_used_is_refused(void **state)
{
    static const struct {
        const char *url;
        const char *why;
    } rows[] = {
        {"crm.example/hook", "url: it has no scheme: write https://HOST/PATH"},
        {"ftp://crm.example/", "url: it must begin with https://"},
        {"http://crm.example/",
         "url: http would send credentials to crm.example unencrypted; use "
         "https, or set allow_http"},
        {"https://me:secret@crm.example/",
         "url: user names and passwords are not allowed in it"},
        {"https://crm.example/a b",
         "url: its path has a space or another character that must be "
         "percent-encoded"},
        {"https://crm.example/a\r\nX: y",
         "url: its path has a space or another character that must be "
         "percent-encoded"},
        {"https://crm.example/#top",
         "url: it has a fragment, which is never sent: remove # and what "
         "follows it"},
    };
    struct webhook_options options = plain;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        options.url = rows[i].url;
        assert_refused(&options, rows[i].why);
    }
    options.url = "http://crm.example/";
    options.allow_http = true;
    assert_fine(&options);
}

/* Logging in */

static void half_a_login_is_refused(void **state)
{
    struct webhook_options options = plain;

    (void)state;
    options.user = "haplo";
    assert_refused(&options, "user: there is no password: add password_file");
    options.user = NULL;
    options.password.env = "TEST_WEBHOOK_PASSWORD";
    assert_refused(&options, "password: there is no user: add user");
    options.user = "ha:plo";
    assert_refused(&options, "user: basic authentication does not allow a "
                             "colon in it");
    options.user = "haplo";
    options.token.env = "TEST_WEBHOOK_TOKEN";
    assert_refused(&options, "user and token: keep one of them");
    options = plain;
    options.tls_key_file = "key.pem";
    assert_refused(&options, "tls_key_file: there is no certificate for it: "
                             "add tls_certificate_file");
}

/* A missing secret is known before the first message. */
static void a_missing_or_malformed_secret_is_refused(void **state)
{
    struct webhook_options options = plain;

    (void)state;
    options.token.env = "TEST_WEBHOOK_TOKEN";
    unsetenv("TEST_WEBHOOK_TOKEN");
    assert_refused(&options,
                   "token_env TEST_WEBHOOK_TOKEN: no such variable in the "
                   "environment: set it, or name a file");
    assert_int_equal(setenv("TEST_WEBHOOK_TOKEN", "a\nb", 1), 0);
    assert_refused(&options,
                   "token: it has a line break or another control character "
                   "inside: write it in one line");
    assert_int_equal(setenv("TEST_WEBHOOK_TOKEN", "token", 1), 0);
    assert_fine(&options);
    options.signing_secret.env = "TEST_WEBHOOK_TOKEN";
    assert_refused(&options,
                   "signing_secret: a key does not begin with whsec_: write "
                   "whsec_ and the base64 of 24 to 64 random bytes (openssl "
                   "rand -base64 32)");
    options.signing_secret.file = "x";
    assert_refused(&options, "signing_secret_file, signing_secret_env and "
                             "signing_secret_credential: keep one of them");
    unsetenv("TEST_WEBHOOK_TOKEN");
}

/* Headers */

static void assert_header_refused(const char *line, const char *expected)
{
    const char *const lines[] = {line, NULL};
    struct webhook_options options = plain;

    options.headers = lines;
    assert_refused(&options, expected);
}

/* A line break in a value would add another header, or another request. */
static void a_header_that_cannot_be_is_refused(void **state)
{
    static const char not_a_header[] =
        "headers: not a header: write \"Name: value\"";

    (void)state;
    assert_header_refused("X-Key", not_a_header);
    assert_header_refused(": value", not_a_header);
    assert_header_refused("X Key: value", not_a_header);
    assert_header_refused("", not_a_header);
    assert_header_refused("X-Key: a\r\nY: b",
                          "headers: X-Key has a control character in its "
                          "value: remove it");
    assert_header_refused("X-Key: ",
                          "headers: X-Key has no value: write one, or remove "
                          "it");
    assert_header_refused("content-Length: 3",
                          "headers: content-Length is set by the webhook "
                          "itself: remove it");
    assert_header_refused("Haplo-Id: 3",
                          "headers: Haplo-Id is set by the webhook itself: "
                          "remove it");
    assert_header_refused("webhook-ID: 3",
                          "headers: webhook-ID is set by the webhook itself: "
                          "remove it");
}

/* Two headers of one name: which one counts is up to the receiver. */
static void authorization_is_not_set_twice(void **state)
{
    static const char *const lines[] = {"Authorization: Custom x", NULL};
    struct webhook_options options = plain;

    (void)state;
    options.headers = lines;
    assert_fine(&options);
    assert_int_equal(setenv("TEST_WEBHOOK_TOKEN", "token", 1), 0);
    options.token.env = "TEST_WEBHOOK_TOKEN";
    assert_refused(&options,
                   "headers: Authorization is set by user or token as well: "
                   "keep one of them");
    unsetenv("TEST_WEBHOOK_TOKEN");
}

static void assert_lines(const struct webhook_options *options,
                         const char *secret_headers, const char *password,
                         const char *token, const char *expected)
{
    struct webhook_lines *lines;
    struct reason why;
    char text[1024] = "";

    assert_int_equal(webhook_lines_new(options, secret_headers, password, token,
                                       &lines, &why),
                     0);
    for (const struct curl_slist *node = lines->lines; node != NULL;
         node = node->next) {
        strcat(strcat(text, node->data), "|");
    }
    assert_string_equal(text, expected);
    webhook_lines_leave(lines);
}

/* These are what receivers see. */
static void all_requests_have_these_lines(void **state)
{
    static const char *const headers[] = {"X-A: 1", "X-B: 2", NULL};
    struct webhook_options options = plain;

    (void)state;
    assert_lines(&options, NULL, NULL, NULL,
                 "User-Agent: haplo-poll/0.1.0|Expect:|");
    options.headers = headers;
    options.user = "Aladdin";
    assert_lines(&options, "X-Key: s1\r\n\nX-Other: s2", "open sesame", NULL,
                 "User-Agent: haplo-poll/0.1.0|Expect:|X-A: 1|X-B: 2|"
                 "X-Key: s1|X-Other: s2|"
                 "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==|");
    options.user = NULL;
    options.headers = NULL;
    assert_lines(&options, NULL, NULL, "tok.en",
                 "User-Agent: haplo-poll/0.1.0|Expect:|"
                 "Authorization: Bearer tok.en|");
}

static void assert_shown(const struct webhook_lines *lines, const char *page,
                         bool expected)
{
    if (webhook_lines_are_in(lines, page, strlen(page)) != expected) {
        fail_msg("%s: secret: %d", page, !expected);
    }
}

/* Error pages that show what they were sent must not be quoted in logs. What is
 * no secret may be: it helps. */
static void what_was_sent_is_recognised_in_a_page(void **state)
{
    static const char *const headers[] = {"X-A: public", NULL};
    struct webhook_options options = plain;
    struct webhook_lines *lines;
    struct reason why;

    (void)state;
    options.headers = headers;
    options.user = "Aladdin";
    assert_int_equal(webhook_lines_new(&options, "X-Key: s1 s2\nX-Other:s3",
                                       "open sesame", NULL, &lines, &why),
                     0);
    assert_shown(lines, "<b>no</b>: s1 s2!", true);
    assert_shown(lines, "s3", true);
    assert_shown(lines, "\"QWxhZGRpbjpvcGVuIHNlc2FtZQ==\"", true);
    assert_shown(lines, "s1, s2, X-Key, Basic, Aladdin, public", false);
    assert_shown(lines, "", false);
    webhook_lines_leave(lines);
    options.user = NULL;
    assert_int_equal(
        webhook_lines_new(&options, NULL, NULL, "tok.en", &lines, &why), 0);
    assert_shown(lines, "Bearer: (tok.en)", true);
    assert_shown(lines, "Bearer tok en", false);
    webhook_lines_leave(lines);
}

static void too_many_headers_are_refused(void **state)
{
    static const char *headers[WEBHOOK_LINE_COUNT_MAX + 1];
    struct webhook_options options = plain;

    (void)state;
    for (size_t i = 0; i < WEBHOOK_LINE_COUNT_MAX; i++) {
        headers[i] = "X-A: 1";
    }
    options.headers = headers;
    assert_refused(&options,
                   "headers: there are more than 64 headers: remove some");
    headers[WEBHOOK_LINE_COUNT_MAX - 2] = NULL;
    assert_fine(&options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_has_an_origin_and_a_path),
        cmocka_unit_test(a_url_that_cannot_be_used_is_refused),
        cmocka_unit_test(half_a_login_is_refused),
        cmocka_unit_test(a_missing_or_malformed_secret_is_refused),
        cmocka_unit_test(a_header_that_cannot_be_is_refused),
        cmocka_unit_test(authorization_is_not_set_twice),
        cmocka_unit_test(all_requests_have_these_lines),
        cmocka_unit_test(what_was_sent_is_recognised_in_a_page),
        cmocka_unit_test(too_many_headers_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
