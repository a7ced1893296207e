/*
 * Signatures of requests. The expected ones come from elsewhere: an example
 * that implementations of Standard Webhooks publish, and the openssl command.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "outlets/webhook/webhook_sign.h"

/* 64 bytes, 1 to 64: the longest key. */
#define LONG_KEY                                                             \
    "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8w" \
    "MTIzNDU2Nzg5Ojs8PT4/QA=="
/* "old-secret-of-24-bytes!!": the shortest. */
#define SHORT_KEY "whsec_b2xkLXNlY3JldC1vZi0yNC1ieXRlcyEh"

static void assert_signature(const char *secret, const char *content,
                             size_t size, const char *expected)
{
    struct webhook_keys keys;
    struct reason why = {""};
    char signature[WEBHOOK_SIGNATURE_SIZE_MAX];

    assert_int_equal(webhook_keys_read(&keys, secret, &why), 0);
    assert_true(webhook_sign(&keys, content, size, signature));
    assert_string_equal(signature, expected);
    webhook_keys_wipe(&keys);
    assert_int_equal(keys.count, 0);
}

static void assert_refused(const char *secret, const char *what)
{
    struct webhook_keys keys;
    struct reason why = {""};
    char expected[HAPLO_TEXT_SIZE_MAX];

    (void)snprintf(expected, sizeof(expected),
                   "signing_secret: %s: write whsec_ and the base64 of 24 to "
                   "64 random bytes (openssl rand -base64 32)",
                   what);
    assert_int_equal(webhook_keys_read(&keys, secret, &why), HAPLO_EINVAL);
    assert_string_equal(why.text, expected);
    assert_int_equal(keys.count, 0);
}

/* Receivers use libraries that were tested with this. */
static void the_published_example_has_its_signature(void **state)
{
    static const char content[] = "msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330."
                                  "{\"test\": 2432232314}";

    (void)state;
    assert_signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", content,
                     strlen(content),
                     "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

/* Bodies are bytes, and format raw may have any. */
static void zero_bytes_are_signed_as_well(void **state)
{
    (void)state;
    assert_signature(LONG_KEY, "a.1.\0\xff", 6,
                     "v1,P3y0UXEzq/bGvL2TqxzAggrVTXBl30DqgboWd0P3pLA=");
}

/* While a secret is being replaced, a receiver with either one accepts. */
static void two_secrets_make_two_signatures(void **state)
{
    (void)state;
    assert_signature(" " LONG_KEY "\r\n" SHORT_KEY "\n", "a.1.\0\xff", 6,
                     "v1,P3y0UXEzq/bGvL2TqxzAggrVTXBl30DqgboWd0P3pLA= "
                     "v1,T175inMyoUsXCQMX5BMGhjLoBVWcqG0TpbKVYn9VKZg=");
}

/* Some tools leave out the padding. */
static void base64_may_be_unpadded(void **state)
{
    struct webhook_keys keys;
    struct reason why;

    (void)state;
    assert_int_equal(
        webhook_keys_read(&keys, "whsec_eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eA",
                          &why),
        0);
    assert_int_equal(keys.keys[0].size, 25);
    assert_memory_equal(keys.keys[0].bytes, "xxxxxxxxxxxxxxxxxxxxxxxxx", 25);
}

/* A secret that was copied wrong would make every request look forged. */
static void what_is_no_secret_is_refused(void **state)
{
    (void)state;
    assert_refused("", "it has no key");
    assert_refused("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                   "a key does not begin with whsec_");
    assert_refused("whsec_", "a key is not base64 of 24 to 64 bytes");
    assert_refused("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",
                   "a key is not base64 of 24 to 64 bytes"); /* cut: 23 bytes */
    assert_refused("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2L*LaSw",
                   "a key is not base64 of 24 to 64 bytes");
    assert_refused("whsec_eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg=",
                   "a key is not base64 of 24 to 64 bytes"); /* 23 bytes */
    assert_refused(LONG_KEY "AAAA", "a key is not base64 of 24 to 64 bytes");
    assert_refused(SHORT_KEY "\n" SHORT_KEY "\n" SHORT_KEY,
                   "it has more than two keys");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_example_has_its_signature),
        cmocka_unit_test(zero_bytes_are_signed_as_well),
        cmocka_unit_test(two_secrets_make_two_signatures),
        cmocka_unit_test(base64_may_be_unpadded),
        cmocka_unit_test(what_is_no_secret_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
