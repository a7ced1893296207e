#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "outlets/webhook/webhook_verdict.h"

#define ORIGIN "https://crm.example"

static enum outlet_verdict verdict_of_status(long status)
{
    const struct webhook_answer answer = {.status = status};

    return webhook_verdict(&answer);
}

static bool is_among(long status, const long *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i] == status) {
            return true;
        }
    }
    return false;
}

static enum outlet_verdict expected_of(long status)
{
    static const long refused[] = {400, 413, 415, 422};
    static const long broken[] = {401, 403, 404, 405, 410};
    if (status >= 200 && status <= 299) {
        return OUTLET_DELIVERED;
    }
    if (is_among(status, refused, 4)) {
        return OUTLET_REFUSED;
    }
    bool is_redirect = status >= 300 && status <= 399;
    return is_redirect || is_among(status, broken, 5) ? OUTLET_BROKEN
                                                      : OUTLET_RETRY;
}

/* A status that is wrongly taken for a refusal makes a dead letter of good
 * data; one that is wrongly taken for success loses it. */
static void each_status_has_its_verdict(void **state)
{
    (void)state;
    for (long status = 100; status < 1000; status++) {
        assert_int_equal(verdict_of_status(status), expected_of(status));
    }
}

/* Whoever cannot be reached cannot be reached for any queue; a lost response
 * concerns one request. */
static void each_failure_without_a_response_has_its_verdict(void **state)
{
    static const struct {
        int error;
        enum outlet_verdict verdict;
    } rows[] = {
        {HAPLO_ERESOLVE, OUTLET_BROKEN}, {HAPLO_ECONNECT, OUTLET_BROKEN},
        {HAPLO_ETLS, OUTLET_BROKEN},     {HAPLO_EPROXY, OUTLET_BROKEN},
        {HAPLO_ETIMEDOUT, OUTLET_RETRY}, {HAPLO_ERESET, OUTLET_RETRY},
        {HAPLO_EPROTOCOL, OUTLET_RETRY}, {HAPLO_ENOMEM, OUTLET_RETRY},
        {HAPLO_ECACHED, OUTLET_RETRY},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct webhook_answer answer = {.error = rows[i].error,
                                              .text = "x"};

        assert_int_equal(webhook_verdict(&answer), rows[i].verdict);
    }
}

static void assert_explained(struct webhook_answer answer, const char *expected)
{
    struct reason why;

    answer.quote = answer.quote != NULL ? answer.quote : "";
    webhook_explain(&answer, ORIGIN, &why);
    assert_string_equal(why.text, expected);
}

/* The line is all that an operator has. */
static void a_reason_says_what_to_do(void **state)
{
    (void)state;
    assert_explained(
        (struct webhook_answer){.status = 302,
                                .location = "https://other.example/secret?a"},
        ORIGIN ": redirects (302) to https://other.example/...; redirects are "
               "not followed: set url to where messages belong");
    assert_explained(
        (struct webhook_answer){.status = 308, .location = "/secret"},
        ORIGIN ": redirects (308) to /...; redirects are not followed: set url "
               "to where messages belong");
    assert_explained((struct webhook_answer){.status = 304},
                     ORIGIN ": status 304 without a Location: check url");
    assert_explained(
        (struct webhook_answer){.status = 401, .quote = ": \"bad token\""},
        ORIGIN ": status 401: \"bad token\": check user, password, token and "
               "signing_secret");
    assert_explained((struct webhook_answer){.status = 404},
                     ORIGIN ": status 404: check the path of url");
    assert_explained((struct webhook_answer){.status = 405}, ORIGIN
                     ": status 405: check that the path of url accepts POST");
    assert_explained(
        (struct webhook_answer){.status = 422, .quote = ": \"no email\""},
        ORIGIN ": status 422: \"no email\"");
    assert_explained((struct webhook_answer){.status = 503},
                     ORIGIN ": status 503");
    assert_explained((struct webhook_answer){.text = "connection refused"},
                     ORIGIN ": connection refused");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_status_has_its_verdict),
        cmocka_unit_test(each_failure_without_a_response_has_its_verdict),
        cmocka_unit_test(a_reason_says_what_to_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
