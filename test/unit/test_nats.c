/*
 * The pure parts of the outlet for NATS: what a response means, and what its
 * options must be like.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "outlets/nats/nats.h"
#include "outlets/nats/nats_ack.h"
#include "outlets/nats/nats_ticket.h"
#include "outlets/nats/nats_url.h"

/* Responses */

static const struct {
    const char *text;
    bool is_ack;
    enum outlet_verdict verdict;
    const char *why; /* part of it */
} responses[] = {
    {"{\"stream\":\"S\",\"seq\":17}", true, OUTLET_DELIVERED, ""},
    {"{\"stream\":\"S\", \"domain\":\"d\",\"seq\":18446744073709551615,"
     "\"duplicate\":true}",
     true, OUTLET_DELIVERED, ""},
    {"{\"stream\":\"S\",\"seq\":0}", true, OUTLET_RETRY, "not stored"},
    {"{\"error\":{\"code\":400,\"err_code\":10054,\"description\":\"message "
     "size exceeds maximum allowed\"},\"stream\":\"S\",\"seq\":0}",
     true, OUTLET_REFUSED, "message size exceeds maximum allowed"},
    {"{\"stream\":\"S\",\"seq\":0,\"error\":{\"code\":503,\"err_code\":10077,"
     "\"description\":\"maximum messages exceeded\"}}",
     true, OUTLET_RETRY, "maximum messages exceeded (error 10077)"},
    {"{\"error\":{\"code\":503,\"err_code\":10076,\"description\":\"jetstream "
     "not enabled\"}}",
     true, OUTLET_BROKEN, "jetstream not enabled"},
    {"{\"error\":{\"code\":503}}", true, OUTLET_RETRY, "error 0"},
    {"{\"error\":{},\"seq\":5}", true, OUTLET_RETRY, "error 0"},
    {"", false, OUTLET_RETRY, ""},
    {"+OK", false, OUTLET_RETRY, ""},
    {"{}", false, OUTLET_RETRY, ""},
    {"{\"seq\":\"17\"}", false, OUTLET_RETRY, ""},
    {"{\"seq\":-17}", true, OUTLET_RETRY, "not stored"},
    {"[17]", false, OUTLET_RETRY, ""},
};

/* Anything else that passed for an acknowledgement would lose a message. */
static void only_a_sequence_proves_delivery(void **state)
{
    struct nats_ack_reader *reader = nats_ack_reader_new();

    (void)state;
    assert_non_null(reader);
    for (size_t i = 0; i < sizeof(responses) / sizeof(responses[0]); i++) {
        enum outlet_verdict verdict = OUTLET_RETRY;
        struct reason why;

        assert_int_equal(nats_ack_read(reader, responses[i].text,
                                       strlen(responses[i].text), &verdict,
                                       &why),
                         responses[i].is_ack);
        assert_int_equal(verdict, responses[i].verdict);
        assert_non_null(strstr(why.text, responses[i].why));
        assert_int_equal(responses[i].is_ack && verdict != OUTLET_DELIVERED,
                         why.text[0] != '\0');
    }
    nats_ack_reader_free(reader);
}

/* Tickets */

static void expect_ticket(struct nats_ticket ticket, const char *expected)
{
    char text[NATS_TICKET_SIZE_MAX];
    struct nats_ticket read;

    nats_ticket_write(&ticket, text);
    assert_string_equal(text, expected);
    assert_true(nats_ticket_read(&read, text));
    assert_int_equal(read.slot, ticket.slot);
    assert_int_equal(read.serial, ticket.serial);
    assert_int_equal(read.index, ticket.index);
}

/* An acknowledgement that was taken for that of another message would lose
 * that one. */
static void tickets_lead_back(void **state)
{
    static const char *const bad[] = {
        "",      "1",     "1-2",     "1-2-",
        "-1-2",  "1--2",  "1-2-3-4", "1-2-3 ",
        "1-2-x", "1-2-A", " 1-2-3",  "1-2-11111111111111111",
        "+1-2-3"};
    struct nats_ticket ticket;

    (void)state;
    expect_ticket((struct nats_ticket){0, 1, 0}, "0-1-0");
    expect_ticket((struct nats_ticket){63, 0xdeadbeef, 999}, "3f-deadbeef-3e7");
    expect_ticket((struct nats_ticket){UINT64_MAX, UINT64_MAX, UINT64_MAX},
                  "ffffffffffffffff-ffffffffffffffff-ffffffffffffffff");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(nats_ticket_read(&ticket, bad[i]));
    }
}

/* Options */

static void urls_are_read(void **state)
{
    static const struct {
        const char *text;
        const char *host; /* NULL: an error */
        bool is_tls;
        bool is_loopback;
    } cases[] = {
        {"nats://example.org:4222", "example.org", false, false},
        {"tls://example.org", "example.org", true, false},
        {"nats://127.0.0.1:1", "127.0.0.1", false, true},
        {"nats://[::1]:4222", "::1", false, true},
        {"tls://[2001:db8::1]", "2001:db8::1", true, false},
        {"example.org:4222", NULL, false, false},
        {"http://example.org", NULL, false, false},
        {"nats://ada:secret@example.org", NULL, false, false},
        {"nats://", NULL, false, false},
        {"nats://[::1", NULL, false, false},
        {"nats://a:", NULL, false, false},
        {"nats://a:123456", NULL, false, false},
        {"nats://a:4222/path", NULL, false, false},
        {"nats://a/path", NULL, false, false},
        {"nats://a:1,nats://b:1", NULL, false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct nats_url url;
        struct reason why;
        int result = nats_url_read(&url, cases[i].text, &why);

        if (cases[i].host == NULL) {
            assert_int_equal(result, HAPLO_EINVAL);
            assert_null(strstr(why.text, "secret"));
            continue;
        }
        assert_int_equal(result, 0);
        assert_string_equal(url.host, cases[i].host);
        assert_int_equal(url.is_tls, cases[i].is_tls);
        assert_int_equal(url.is_loopback, cases[i].is_loopback);
    }
}

static void expect_options(const struct nats_options *options, const char *part)
{
    char why[HAPLO_TEXT_SIZE_MAX] = "";

    assert_int_equal(nats_check(options, why, sizeof(why)),
                     part == NULL ? 0 : HAPLO_EINVAL);
    if (part != NULL) {
        assert_non_null(strstr(why, part));
    }
}

/* Of two ways to log in, one would silently not be used. */
static void there_is_one_way_to_log_in(void **state)
{
    static const char *const urls[] = {"tls://example.org", NULL};
    struct nats_options options = {.urls = urls};

    (void)state;
    expect_options(&options, NULL);
    options.user = "ada";
    expect_options(&options, "user and its password go together");
    options.password.env = "PATH"; /* any that is set */
    expect_options(&options, NULL);
    options.credentials_file = "x.creds";
    expect_options(&options, "more than one of user");
    options.credentials_file = NULL;
    options.token.env = "PATH";
    expect_options(&options, "more than one of user");
    options = (struct nats_options){.urls = urls, .nkey = "U"};
    expect_options(&options, "nkey and nkey_seed_file");
    options = (struct nats_options){.urls = urls, .tls_key = "key.pem"};
    expect_options(&options, "tls_certificate_file and tls_key_file");
}

/* Whoever listens on the way could log in, too. */
static void passwords_need_tls(void **state)
{
    static const char *const mixed[] = {"tls://a", "nats://b", NULL};
    static const char *const near[] = {"nats://localhost", NULL};
    struct nats_options options = {.urls = mixed, .token.env = "PATH"};

    (void)state;
    expect_options(&options, "without TLS");
    options.has_tls = true;
    expect_options(&options, NULL);
    options.has_tls = false;
    options.allow_plaintext = true;
    expect_options(&options, NULL);
    options.allow_plaintext = false;
    options.urls = near;
    expect_options(&options, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_a_sequence_proves_delivery),
        cmocka_unit_test(tickets_lead_back),
        cmocka_unit_test(urls_are_read),
        cmocka_unit_test(there_is_one_way_to_log_in),
        cmocka_unit_test(passwords_need_tls),
    };

    return cmocka_run_group_tests_name("nats", tests, NULL, NULL);
}
