/* An easy handle serves endpoints of all kinds in turn: nothing of one may be
 * left for the next, neither settings nor memory. */
#include <dlfcn.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http_scene.h"

#define ROUNDS 3000
#define WARM_UP 300

static size_t curl_bytes; /* that libcurl holds now */

static void held_add(void *block)
{
    curl_bytes += block != NULL ? malloc_usable_size(block) : 0;
}

static void held_subtract(void *block)
{
    curl_bytes -= block != NULL ? malloc_usable_size(block) : 0;
}

static void *measured_malloc(size_t size)
{
    void *block = malloc(size);
    held_add(block);
    return block;
}

static void measured_free(void *block)
{
    held_subtract(block);
    free(block);
}

static void *measured_realloc(void *block, size_t size)
{
    held_subtract(block);
    void *resized = realloc(block, size);
    held_add(resized != NULL ? resized : block);
    return resized;
}

static char *measured_strdup(const char *text)
{
    char *copy = strdup(text);
    held_add(copy);
    return copy;
}

static void *measured_calloc(size_t count, size_t size)
{
    void *block = calloc(count, size);
    held_add(block);
    return block;
}

#define KINDS 6

/* Only the first two get a response, the others are refused. What libcurl
 * allocates per handle, it allocates before it connects. */
static void endpoints_make(struct endpoint *endpoints[KINDS])
{
    static char plain[64];
    static char secure[] = "https://127.0.0.1:9";
    static char proxy[64];
    struct endpoint_options options =
        options_make(plain, "127.0.0.1", server.port);
    endpoints[0] = endpoint_make(&options);
    sprintf(proxy, "http://user:word@127.0.0.1:%d", server.port);
    options.proxy = proxy;
    endpoints[1] = endpoint_make(&options);
    options.proxy = "https://127.0.0.1:9";
    endpoints[2] = endpoint_make(&options);
    options.url = secure;
    endpoints[3] = endpoint_make(&options);
    options.proxy = NULL;
    endpoints[4] = endpoint_make(&options);
    options.tls_ca_file = "/dev/null";
    options.tls_certificate_file = "/dev/null";
    options.tls_key_file = "/dev/null";
    endpoints[5] = endpoint_make(&options);
}

/* libcurl 7.88 leaked 920 bytes each time a handle went from http to https:
 * a gigabyte in a week, where servers of both kinds are busy. */
static void memory_stays_the_same_over_all_changes(void **state)
{
    (void)state;
    struct endpoint *endpoints[KINDS];
    size_t warm_bytes = 0;
    SCRIPT({.bytes = OK_ANSWER});
    endpoints_make(endpoints);
    for (unsigned i = 0; i < ROUNDS; i++) {
        /* Each follows each, among them itself. */
        unsigned kind = i % 2 == 0 ? i / 2 % KINDS : i / 2 / KINDS % KINDS;
        struct call *call = call_make(0, endpoints[kind]);
        call_run(call);
        assert_int_equal(call->error, kind < 2   ? 0
                                      : kind < 5 ? HAPLO_ECONNECT
                                                 : HAPLO_ETLS);
        if (i == WARM_UP) {
            warm_bytes = curl_bytes;
        }
    }
    /* Error texts differ by some bytes; those with TLS have a certificate. */
    assert_true(curl_bytes < warm_bytes + 16384);
    for (unsigned i = 0; i < KINDS; i++) {
        endpoint_free(endpoints[i]);
    }
}

/* There may be tens of thousands, most of them idle. */
static void an_idle_plain_endpoint_has_no_share_of_its_own(void **state)
{
    (void)state;
    enum { COUNT = 100 };
    struct endpoint *endpoints[COUNT];
    SCRIPT({.bytes = OK_ANSWER});
    struct endpoint *first = endpoint_plain();
    call_run(call_make(0, first));
    size_t before = curl_bytes;
    for (unsigned i = 0; i < COUNT; i++) {
        endpoints[i] = endpoint_plain();
    }
    assert_in_range((curl_bytes - before) / COUNT, 1, 700);
    for (unsigned i = 0; i < COUNT; i++) {
        endpoint_free(endpoints[i]);
    }
    endpoint_free(first);
}

/* A handle that has posted through a proxy with a password, and was refused a
 * connection, fetches from another server. */
static void a_request_shows_nothing_of_the_one_before(void **state)
{
    (void)state;
    struct endpoint *endpoints[KINDS];
    char expected[500];
    SCRIPT({.bytes = OK_ANSWER});
    endpoints_make(endpoints);
    for (unsigned kind = 1; kind < KINDS; kind++) {
        struct call *call = call_make(0, endpoints[kind]);
        call_post(call, "token=t", 7);
        call->transfer.method = "PUT";
        call->transfer.is_uncompressed = true;
        call_run(call);
        assert_int_equal(strstr(server.request, "Proxy-Authorization") != NULL,
                         kind == 1);
        call_run(call_make(0, endpoints[0]));
        sprintf(expected,
                "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: */*\r\n"
                "Accept-Encoding: gzip\r\nAuthorization: Basic " LOGIN "\r\n"
                "User-Agent: test/1.0\r\n\r\n",
                path, server.port);
        assert_string_equal(server.request, expected);
    }
    for (unsigned i = 0; i < KINDS; i++) {
        endpoint_free(endpoints[i]);
    }
}

/* A TLS session that was verified with one CA file and is resumed for another
 * would not be verified at all. With and without an https proxy. */
static void a_certificate_is_verified_for_each_endpoint(void **state)
{
    (void)state;
    char right[64] = "/tmp/haplo-right-XXXXXX";
    char wrong[64] = "/tmp/haplo-wrong-XXXXXX";
    char url[64];
    char far_url[] = "http://far.example";
    struct endpoint_options options =
        options_make(url, "127.0.0.1", server.port);
    close(mkstemp(right));
    close(mkstemp(wrong));
    SSL_CTX_free(http_tls_context(wrong));
    server.tls = http_tls_context(right);
    sprintf(url, "https://127.0.0.1:%d", server.port);
    SCRIPT({.bytes = OK_ANSWER});
    for (unsigned is_proxied = 0; is_proxied < 2; is_proxied++) {
        options.proxy = is_proxied ? url : NULL;
        options.url = is_proxied ? far_url : url;
        options.allow_http = true;
        options.tls_ca_file = right;
        struct endpoint *good = endpoint_make(&options);
        options.tls_ca_file = wrong;
        struct endpoint *bad = endpoint_make(&options);
        for (unsigned i = 0; i < 3; i++) {
            struct call *call = call_run(call_make(0, good));
            assert_string_equal(call->text, "");
            http_server_drop_peers(&server); /* so that it reconnects */
            run_for(5);
            call = call_run(call_make(0, bad));
            assert_int_equal(call->error, HAPLO_ETLS);
        }
        endpoint_free(good);
        endpoint_free(bad);
    }
    SSL_CTX_free(server.tls);
    unlink(right);
    unlink(wrong);
}

/* The same with real handshakes, whose memory is OpenSSL's, and sessions that
 * are resumed: all that is allocated in this process. */
static void memory_stays_the_same_over_handshakes(void **state)
{
    (void)state;
    char file[] = "/tmp/haplo-history-XXXXXX";
    char url[64];
    struct endpoint *plain = endpoint_plain();
    struct endpoint_options options =
        options_make(url, "127.0.0.1", server.port);
    size_t warm_bytes = 0;
    struct http_server secure;
    close(mkstemp(file));
    http_server_open(&secure, &loop);
    secure.tls = http_tls_context(file);
    sprintf(url, "https://127.0.0.1:%d", secure.port);
    options.tls_ca_file = file;
    struct endpoint *tls = endpoint_make(&options);
    SCRIPT({.bytes = OK_ANSWER});
    http_server_script(&secure, lines, 1);
    for (unsigned i = 0; i < 600; i++) {
        struct call *call = call_run(call_make(0, i % 2 == 0 ? plain : tls));
        assert_string_equal(call->text, "");
        http_server_drop_peers(&server); /* so that it reconnects */
        http_server_drop_peers(&secure);
        uv_run(&loop, UV_RUN_NOWAIT);
        if (i == 200) {
            warm_bytes = mallinfo2().uordblks;
        }
    }
    /* 200 handshakes with the 920 bytes alone would be three times that. */
    assert_true(mallinfo2().uordblks < warm_bytes + 60000);
    endpoint_free(plain);
    endpoint_free(tls);
    http_server_close(&secure);
    uv_run(&loop, UV_RUN_NOWAIT);
    SSL_CTX_free(secure.tls);
    unlink(file);
}

static unsigned asked_count; /* calls of curl_version_info() */

/* Found before libcurl's. */
__attribute__((visibility("default"))) curl_version_info_data *
curl_version_info(CURLversion age)
{
    curl_version_info_data *(*real)(CURLversion);
    *(void **)&real = dlsym(RTLD_NEXT, "curl_version_info");
    asked_count++;
    return real(age);
}

/* It writes to memory that all threads share, and each may have a poller. By
 * now there were several clients with many endpoints. */
static void libcurl_is_asked_once_what_it_is(void **state)
{
    (void)state;
    struct endpoint *endpoint = endpoint_plain();
    SCRIPT({.bytes = OK_ANSWER});
    call_run(call_make(0, endpoint));
    assert_int_equal(asked_count, 1);
    endpoint_free(endpoint);
}

/* A pool of one handle. */
static int set_up_one(void **state)
{
    (void)state;
    allocator_reset(0);
    return set_up_sized(1);
}

#define TEST_OF_ONE(name) \
    cmocka_unit_test_setup_teardown(name, set_up_one, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_OF_ONE(memory_stays_the_same_over_all_changes),
        TEST(an_idle_plain_endpoint_has_no_share_of_its_own),
        TEST_OF_ONE(a_request_shows_nothing_of_the_one_before),
        TEST_OF_ONE(a_certificate_is_verified_for_each_endpoint),
        TEST_OF_ONE(memory_stays_the_same_over_handshakes),
        TEST(libcurl_is_asked_once_what_it_is),
    };
    allocator_install();
    if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, measured_malloc,
                             measured_free, measured_realloc, measured_strdup,
                             measured_calloc) != CURLE_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
