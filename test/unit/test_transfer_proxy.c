/* Proxies: how they are asked, and what is made of their refusals. */
#include <stdio.h>
#include <string.h>

#include "http_scene.h"

#define SERVER_BUSY "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy"
#define SERVER_REFUSES                                             \
    "HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\n" \
    "Via: 1.1 proxy\r\nContent-Length: 2\r\n\r\n{}"
#define SQUID_REFUSES                                                  \
    "HTTP/1.1 403 Forbidden\r\nX-Squid-Error: ERR_ACCESS_DENIED 0\r\n" \
    "Content-Type: text/html\r\nContent-Length: 2\r\n\r\nno"
#define WRONG_LOGIN "HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n"

static char proxy[128];
static struct endpoint_options options;

/* Of a server behind the proxy, which is the test's server. */
static struct endpoint *endpoint_behind(const char *url, const char *login)
{
    options = options_make(proxy, "127.0.0.1", server.port);
    sprintf(proxy, "http://%s127.0.0.1:%d", login, server.port);
    options.url = url;
    options.proxy = proxy;
    options.allow_http = true;
    return endpoint_make(&options);
}

static void answer_with(const char *bytes)
{
    static struct script_line line;
    line = (struct script_line){.bytes = bytes};
    http_server_script(&server, &line, 1);
}

static void assert_told(const char *url, const char *login, const char *answer,
                        int error, const char *text)
{
    char expected[HAPLO_TEXT_SIZE_MAX];
    struct endpoint *endpoint = endpoint_behind(url, login);
    answer_with(answer);
    struct call *call = call_run(call_make(0, endpoint));
    assert_int_equal(call->error, error);
    snprintf(expected, sizeof expected, text, server.port);
    assert_string_equal(call->text, expected);
    endpoint_free(endpoint);
}

/* With a proxy, plain http tells it the whole URL, and a tunnel is made without
 * the login of the server. */
static void a_proxy_is_asked_as_it_expects(void **state)
{
    (void)state;
    struct endpoint *endpoint =
        endpoint_behind("http://haplo.example:8080", "user:secret@");
    answer_with(OK_ANSWER);
    struct call *call = call_run(call_make(0, endpoint));
    assert_int_equal(call->error, 0);
    assert_memory_equal(server.request,
                        "GET http://haplo.example:8080/api/haplo-", 40);
    endpoint_free(endpoint);
    endpoint = endpoint_behind("https://haplo.example", "user:secret@");
    answer_with(WRONG_LOGIN);
    call = call_run(call_make(1, endpoint));
    assert_memory_equal(server.request, "CONNECT haplo.example:443", 25);
    assert_null(strstr(server.request, LOGIN));
    assert_null(strstr(call->text, "secret"));
    endpoint_free(endpoint);
}

/* Nothing gets better by trying again, and the option has to be found. */
static void a_login_that_is_missing_or_wrong_names_its_option(void **state)
{
    static const char missing[] =
        "proxy 127.0.0.1 port %d requires a user and a password; put them into "
        "`proxy`, as in http://USER:PASSWORD@HOST:PORT";
    static const char wrong[] =
        "proxy 127.0.0.1 port %d refuses the user and password in `proxy`";
    (void)state;
    assert_told("http://haplo.test", "", WRONG_LOGIN, HAPLO_EPROXY, missing);
    assert_told("https://haplo.test", "", WRONG_LOGIN, HAPLO_EPROXY, missing);
    assert_told("http://haplo.test", "a:b@", WRONG_LOGIN, HAPLO_EPROXY, wrong);
    assert_told("https://haplo.test", "a:b@", WRONG_LOGIN, HAPLO_EPROXY, wrong);
}

/* A 403 of the server is a failed login, which is counted and makes the queue
 * wait; one of the proxy is not. */
static void a_proxy_that_refuses_is_not_taken_for_the_server(void **state)
{
    (void)state;
    assert_told("https://haplo.test", "", SERVER_REFUSES, HAPLO_EPROXY,
                "proxy 127.0.0.1 port %d refuses to connect to haplo.test port "
                "443: 403; see `proxy`");
    assert_told("http://haplo.test", "", SQUID_REFUSES, HAPLO_EPROXY,
                "proxy 127.0.0.1 port %d refuses to connect to haplo.test port "
                "80: 403, ERR_ACCESS_DENIED 0; see `proxy`");
    assert_told("http://haplo.test", "",
                "HTTP/1.1 403 No\r\nProxy-Status: p; "
                "error=http_request_denied\r\nContent-Length: 0\r\n\r\n",
                HAPLO_EPROXY,
                "proxy 127.0.0.1 port %d refuses to connect to haplo.test port "
                "80: 403, p; error=http_request_denied; see `proxy`");
}

/* In doubt it is the server's, as a failed login that is not counted could lock
 * out everybody at this address. */
static void responses_of_the_server_pass_through_a_proxy(void **state)
{
    (void)state;
    struct endpoint *endpoint = endpoint_behind("http://haplo.test", "");
    answer_with(SERVER_REFUSES);
    struct call *call = call_run(call_make(0, endpoint));
    assert_int_equal(call->error, 0);
    assert_int_equal(call->status, 403);
    answer_with(SERVER_BUSY);
    call = call_run(call_make(1, endpoint));
    assert_int_equal(call->error, 0);
    assert_int_equal(call->status, 503);
    answer_with("HTTP/1.1 403 No\r\nProxy-Status: p; received-status=403\r\n"
                "Content-Length: 0\r\n\r\n");
    call = call_run(call_make(2, endpoint));
    assert_int_equal(call->error, 0);
    assert_int_equal(call->status, 403);
    endpoint_free(endpoint);
    endpoint = endpoint_plain();
    answer_with(SQUID_REFUSES);
    call = call_run(call_make(3, endpoint));
    assert_int_equal(call->error, 0);
    assert_int_equal(call->status, 403);
    endpoint_free(endpoint);
}

/* That will be different a moment later. */
static void a_proxy_that_cannot_reach_the_server_is_asked_again(void **state)
{
    (void)state;
    assert_told("https://haplo.test", "", SERVER_BUSY, HAPLO_ECONNECT,
                "connect through proxy 127.0.0.1 port %d: CONNECT tunnel "
                "failed, response 503");
    assert_told("https://haplo.test", "",
                "HTTP/1.1 429 Slowly\r\nContent-Length: 0\r\n\r\n",
                HAPLO_ECONNECT,
                "connect through proxy 127.0.0.1 port %d: CONNECT tunnel "
                "failed, response 429");
    assert_told("http://haplo.test", "",
                "HTTP/1.1 503 No\r\nX-Squid-Error: ERR_CONNECT_FAIL 111\r\n"
                "Content-Length: 0\r\n\r\n",
                HAPLO_ECONNECT,
                "connect through proxy 127.0.0.1 port %d: ERR_CONNECT_FAIL "
                "111");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_proxy_is_asked_as_it_expects),
        TEST(a_login_that_is_missing_or_wrong_names_its_option),
        TEST(a_proxy_that_refuses_is_not_taken_for_the_server),
        TEST(responses_of_the_server_pass_through_a_proxy),
        TEST(a_proxy_that_cannot_reach_the_server_is_asked_again),
    };
    allocator_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
