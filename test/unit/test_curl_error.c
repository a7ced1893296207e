/*
 * What is made of libcurl's errors. The kind decides what is done about it (a
 * broken connection resolves itself, a certificate does not), and the text what
 * an operator does.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "http/curl_error.h"
#include "http/easy.h"
#include "http/endpoint_private.h"

static struct endpoint endpoint;
static struct easy easy;
static char target_host[] = "haplo.test";
static char proxy_host[] = "proxy.test";
static char ca_file[] = "/ca.pem";
static char proxy_url[] = "http://proxy.test:8080";
static char tls_proxy_url[] = "https://proxy.test:8080";

static int set_up(void **state)
{
    (void)state;
    endpoint = (struct endpoint){
        .url.host = {.name = target_host, .port = 443},
        .tls_ca_file = ca_file,
        .proxy_host = {.name = proxy_host, .port = 8080},
        .connect_timeout_ms = 10000,
        .first_byte_timeout_ms = 60000,
        .stall_timeout_ms = 1500,
        .total_timeout_ms = 120000,
    };
    easy = (struct easy){.curl = curl_easy_init(),
                         .endpoint = &endpoint,
                         .phase = EASY_CONNECTING};
    return easy.curl != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    curl_easy_cleanup(easy.curl);
    return 0;
}

/* As libcurl reports it: its code and its own text. */
static void assert_explained(enum easy_phase phase, CURLcode code,
                             const char *detail, int error, const char *text)
{
    easy.phase = phase;
    snprintf(easy.detail, sizeof easy.detail, "%s", detail);
    assert_int_equal(curl_error_explain(&easy, code), error);
    assert_string_equal(easy.why.text, text);
}

/* Where libcurl says nothing more, with the name of its code. */
static void assert_named(enum easy_phase phase, CURLcode code, int error,
                         const char *before)
{
    char text[HAPLO_TEXT_SIZE_MAX];
    snprintf(text, sizeof text, "%s: %s", before, curl_easy_strerror(code));
    assert_explained(phase, code, "", error, text);
}

static void connections_that_fail_say_where_to(void **state)
{
    (void)state;
    easy.open_errno = ECONNREFUSED;
    assert_explained(EASY_CONNECTING, CURLE_COULDNT_CONNECT, "", HAPLO_ECONNECT,
                     "connect to haplo.test port 443: connection refused");
    easy.open_errno = ENOMEM;
    assert_explained(EASY_CONNECTING, CURLE_COULDNT_CONNECT, "", HAPLO_ENOMEM,
                     "connect to haplo.test port 443: not enough memory");
    easy.open_errno = 0;
    assert_explained(EASY_CONNECTING, CURLE_COULDNT_CONNECT, "no reason",
                     HAPLO_ECONNECT,
                     "connect to haplo.test port 443: no reason");
    assert_explained(EASY_CONNECTING, CURLE_COULDNT_RESOLVE_HOST, "not known",
                     HAPLO_ERESOLVE, "resolve haplo.test: not known");
    endpoint.proxy = proxy_url;
    assert_explained(EASY_CONNECTING, CURLE_COULDNT_CONNECT, "no reason",
                     HAPLO_ECONNECT,
                     "connect to proxy proxy.test port 8080: no reason");
    assert_explained(EASY_CONNECTING, CURLE_COULDNT_RESOLVE_PROXY, "not known",
                     HAPLO_ERESOLVE, "resolve proxy.test: not known");
}

/* A response of the proxy is not one of the server. */
static void a_proxy_that_refuses_is_named(void **state)
{
    (void)state;
    endpoint.proxy = proxy_url;
    assert_explained(EASY_CONNECTING, CURLE_PROXY, "SOCKS: not allowed",
                     HAPLO_ECONNECT,
                     "connect through proxy proxy.test port 8080: SOCKS: not "
                     "allowed");
    assert_explained(
        EASY_CONNECTING, CURLE_RECV_ERROR, "Proxy CONNECT aborted",
        HAPLO_ECONNECT,
        "connect through proxy proxy.test port 8080: Proxy CONNECT "
        "aborted");
}

/* Two peers of TLS, and the text must not accuse the wrong one. */
static void the_peer_of_tls_is_named(void **state)
{
    (void)state;
    endpoint.proxy = tls_proxy_url;
    endpoint.url.is_tls = true;
    assert_explained(EASY_CONNECTING, CURLE_PEER_FAILED_VERIFICATION, "wrong",
                     HAPLO_ETLS, "TLS with proxy proxy.test port 8080: wrong");
    assert_explained(EASY_CONNECTING, CURLE_SSL_CONNECT_ERROR,
                     "sslv3 alert bad certificate", HAPLO_ETLS,
                     "TLS with proxy proxy.test port 8080: sslv3 alert bad "
                     "certificate; does it want a client certificate? Proxies "
                     "are not shown one");
    assert_explained(EASY_WAITING, CURLE_RECV_ERROR,
                     "tlsv13 alert certificate required", HAPLO_ETLS,
                     "TLS with haplo.test port 443: tlsv13 alert certificate "
                     "required; does it want a client certificate? See "
                     "tls_certificate_file");
    endpoint.url.is_tls = false;
    assert_explained(EASY_WAITING, CURLE_RECV_ERROR,
                     "tlsv13 alert certificate required", HAPLO_ETLS,
                     "TLS with proxy proxy.test port 8080: tlsv13 alert "
                     "certificate required; does it want a client certificate? "
                     "Proxies are not shown one");
}

/* A wrong port or scheme is a frequent mistake, and OpenSSL's words for it say
 * nothing to most people. */
static void https_and_http_mixed_up_are_recognised(void **state)
{
    (void)state;
    endpoint.url.is_tls = true;
    assert_explained(EASY_CONNECTING, CURLE_SSL_CONNECT_ERROR,
                     "wrong version number", HAPLO_ETLS,
                     "TLS with haplo.test port 443: wrong version number; does "
                     "the server speak plain HTTP? Check the port in `url`");
    endpoint.proxy = tls_proxy_url;
    assert_explained(EASY_CONNECTING, CURLE_SSL_CONNECT_ERROR,
                     "wrong version number", HAPLO_ETLS,
                     "TLS with proxy proxy.test port 8080: wrong version "
                     "number; does the proxy speak plain HTTP? Then `proxy` "
                     "begins with http://");
    endpoint.proxy = NULL;
    endpoint.url.is_tls = false;
    assert_explained(EASY_RECEIVING, CURLE_UNSUPPORTED_PROTOCOL,
                     "Received HTTP/0.9 when not allowed", HAPLO_EPROTOCOL,
                     "the response is not valid HTTP/1.1: Received HTTP/0.9 "
                     "when not allowed; does the server expect https?");
}

/* Somebody has to change something, and the text says where. */
static void certificates_name_their_option(void **state)
{
    static const char wrong[] = "TLS with haplo.test port 443: wrong";
    static const char alert[] =
        "TLS with haplo.test port 443: sslv3 alert bad certificate; does it "
        "want a client certificate? See tls_certificate_file";
    (void)state;
    assert_explained(EASY_CONNECTING, CURLE_PEER_FAILED_VERIFICATION, "wrong",
                     HAPLO_ETLS, wrong);
    assert_explained(EASY_CONNECTING, CURLE_SSL_CACERT_BADFILE, "wrong",
                     HAPLO_ETLS,
                     "TLS with haplo.test port 443: no certificates could be "
                     "read from /ca.pem; see tls_ca_file");
    assert_explained(EASY_CONNECTING, CURLE_SSL_CERTPROBLEM, "wrong",
                     HAPLO_ETLS,
                     "TLS with haplo.test port 443: wrong; see "
                     "tls_certificate_file and tls_key_file");
    assert_explained(EASY_CONNECTING, CURLE_SSL_CONNECT_ERROR,
                     "sslv3 alert bad certificate", HAPLO_ETLS, alert);
    /* TLS 1.3: the server says so when the connection seems to stand. */
    assert_explained(EASY_WAITING, CURLE_RECV_ERROR,
                     "sslv3 alert bad certificate", HAPLO_ETLS, alert);
    /* TLS 1.2 says no more than this. */
    assert_explained(EASY_CONNECTING, CURLE_SSL_CONNECT_ERROR,
                     "sslv3 alert handshake failure", HAPLO_ETLS,
                     "TLS with haplo.test port 443: sslv3 alert handshake "
                     "failure; does it want a client certificate? See "
                     "tls_certificate_file");
    /* libcurl 7.88 calls the alert that ours has expired the same as an
     * expired one of the server. */
    endpoint.certificate = (void *)&endpoint;
    assert_explained(EASY_CONNECTING, CURLE_PEER_FAILED_VERIFICATION,
                     "SSL certificate verification failed", HAPLO_ETLS,
                     "TLS with haplo.test port 443: SSL certificate "
                     "verification failed; it says that the client certificate "
                     "has expired: see tls_certificate_file");
    assert_explained(EASY_CONNECTING, CURLE_SSL_CLIENTCERT, "required",
                     HAPLO_ETLS,
                     "TLS with haplo.test port 443: required; does it accept "
                     "the client certificate? See tls_certificate_file");
    assert_named(EASY_CONNECTING, CURLE_SSL_CIPHER, HAPLO_ETLS,
                 "TLS with haplo.test port 443");
}

/* libcurl has one code for both. This one resolves itself. */
static void a_broken_handshake_is_no_wrong_certificate(void **state)
{
    static const char *const details[] = {
        "OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to haplo.test",
        "OpenSSL SSL_connect: Connection reset by peer",
        "error:0A000126:SSL routines::unexpected eof while reading"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_explained(EASY_CONNECTING, CURLE_SSL_CONNECT_ERROR, details[i],
                         HAPLO_ERESET,
                         "TLS with haplo.test port 443: the connection was "
                         "lost during the handshake");
    }
}

static void lost_connections_say_when(void **state)
{
    (void)state;
    assert_explained(
        EASY_WAITING, CURLE_GOT_NOTHING, "Empty reply", HAPLO_ERESET,
        "the connection was lost before any response: Empty reply");
    assert_explained(
        EASY_RECEIVING, CURLE_PARTIAL_FILE, "9 bytes missing", HAPLO_ERESET,
        "the connection was lost before the response was complete: 9 "
        "bytes missing");
    assert_explained(
        EASY_RECEIVING, CURLE_RECV_ERROR, "select/poll returned error",
        HAPLO_ERESET,
        "the connection was lost before the response was complete: "
        "connection reset by peer");
}

/* libcurl's own words for it are those of its source. */
static void a_connection_lost_at_once_is_told_plainly(void **state)
{
    (void)state;
    assert_explained(EASY_WAITING, CURLE_SEND_ERROR,
                     "getpeername() failed with errno 107: Transport endpoint "
                     "is not connected",
                     HAPLO_ERESET,
                     "the connection was lost before any response: connection "
                     "reset by peer");
}

static void nonsense_is_no_lost_connection(void **state)
{
    (void)state;
    assert_explained(EASY_RECEIVING, CURLE_RECV_ERROR,
                     "Illegal or missing hexadecimal sequence in "
                     "chunked-encoding",
                     HAPLO_EPROTOCOL,
                     "the response is not valid HTTP/1.1: Illegal or missing "
                     "hexadecimal sequence in chunked-encoding");
    assert_named(EASY_WAITING, CURLE_WEIRD_SERVER_REPLY, HAPLO_EPROTOCOL,
                 "the response is not valid HTTP/1.1");
    assert_named(EASY_RECEIVING, CURLE_FUNCTION_NOT_FOUND, HAPLO_EPROTOCOL,
                 "libcurl error 41");
    assert_explained(EASY_CONNECTING, CURLE_FUNCTION_NOT_FOUND, "why not",
                     HAPLO_ECONNECT, "libcurl error 41: why not");
}

/* libcurl calls a head above its limit "out of memory". */
static void no_memory_and_a_head_too_large_look_the_same(void **state)
{
    (void)state;
    assert_explained(EASY_CONNECTING, CURLE_OUT_OF_MEMORY, "", HAPLO_ENOMEM,
                     "out of memory");
    assert_explained(EASY_RECEIVING, CURLE_OUT_OF_MEMORY, "", HAPLO_EPROTOCOL,
                     "the response's head is too large, or memory ran "
                     "out");
    easy.is_head_told = true;
    assert_explained(EASY_RECEIVING, CURLE_OUT_OF_MEMORY, "", HAPLO_ENOMEM,
                     "out of memory");
}

/* Whichever limit it was, the text names its option. */
static void time_limits_name_their_option(void **state)
{
    (void)state;
    assert_explained(EASY_RESOLVING, CURLE_OPERATION_TIMEDOUT, "",
                     HAPLO_ETIMEDOUT,
                     "resolve haplo.test: no address within 10 s "
                     "(connect_timeout)");
    assert_explained(EASY_CONNECTING, CURLE_OPERATION_TIMEDOUT, "",
                     HAPLO_ETIMEDOUT,
                     "connect to haplo.test port 443: no connection within 10 "
                     "s (connect_timeout)");
    assert_explained(EASY_WAITING, CURLE_OPERATION_TIMEDOUT, "",
                     HAPLO_ETIMEDOUT,
                     "no response within 60 s (first_byte_timeout)");
    assert_explained(EASY_RECEIVING, CURLE_OPERATION_TIMEDOUT, "",
                     HAPLO_ETIMEDOUT,
                     "stalled: no data for 1500 ms (stall_timeout)");
    assert_int_equal(curl_error_explain_limit(&easy, true), HAPLO_ETIMEDOUT);
    assert_string_equal(easy.why.text,
                        "response incomplete after 120 s (total_timeout)");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(connections_that_fail_say_where_to),
        TEST(a_proxy_that_refuses_is_named),
        TEST(the_peer_of_tls_is_named),
        TEST(https_and_http_mixed_up_are_recognised),
        TEST(certificates_name_their_option),
        TEST(a_broken_handshake_is_no_wrong_certificate),
        TEST(lost_connections_say_when),
        TEST(a_connection_lost_at_once_is_told_plainly),
        TEST(nonsense_is_no_lost_connection),
        TEST(no_memory_and_a_head_too_large_look_the_same),
        TEST(time_limits_name_their_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
