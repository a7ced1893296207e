/* Handles and connections that are kept, cancelled and closed. */
#include <stdio.h>
#include <string.h>

#include "http/client_private.h"
#include "http/multi.h"
#include "http_scene.h"

/* Servers drop idle connections: that is no failure of the next request, and
 * must not make the loop spin. */
static void a_connection_closed_while_idle_is_replaced(void **state)
{
    (void)state;
    struct endpoint *endpoint = endpoint_plain();
    SCRIPT({.bytes = OK_ANSWER});
    call_run(call_make(0, endpoint));
    http_server_drop_peers(&server);
    run_for(20);
    assert_int_equal(uv_backend_timeout(&loop), 0);
    struct call *call = call_run(call_make(1, endpoint));
    assert_int_equal(call->error, 0);
    assert_int_equal(server.peer_count, 2);
    endpoint_free(endpoint);
}

/* Some servers tell an idle connection that its time is up (408), and one that
 * is out of step sends what another has asked for: taken for the response to
 * the next request, it would be a wrong batch, or a mark that was not made. */
static void a_response_that_nobody_asked_for_is_not_accepted(void **state)
{
    (void)state;
    static const char other[] =
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nother!";
    struct endpoint *endpoint = endpoint_plain();
    SCRIPT({.bytes = OK_ANSWER});
    call_run(call_make(0, endpoint));
    assert_int_equal(server.peer_count, 1);
    http_peer_send(LIST_FIRST(&server.peers), other, sizeof other - 1);
    run_for(20);
    struct call *call = call_run(call_make(1, endpoint));
    assert_int_equal(call->error, 0);
    assert_string_equal(call->body, OK_BODY);
    assert_int_equal(server.peer_count, 2);
    assert_int_equal(server.request_count, 2);
    endpoint_free(endpoint);
}

/* An embedding application's loop must be able to end. */
static void an_idle_connection_does_not_hold_the_loop(void **state)
{
    (void)state;
    struct endpoint *endpoint = endpoint_plain();
    SCRIPT({.bytes = OK_ANSWER});
    call_run(call_make(0, endpoint));
    assert_int_equal(http_client_connection_count(client), 1);
    assert_false(uv_loop_alive(&loop));
    struct call *call = call_run(call_make(1, endpoint));
    assert_int_equal(call->error, 0);
    assert_int_equal(http_client_connection_count(client), 1);
    assert_false(uv_loop_alive(&loop));
    endpoint_free(endpoint);
}

static void assert_cancelled_after(struct endpoint *endpoint,
                                   const unsigned *count, unsigned wanted)
{
    struct call *call = call_make(0, endpoint);
    call_start(call);
    run_until(count, wanted);
    transfer_cancel(&call->transfer);
    run_for(10);
    assert_int_equal(call->done_count, 0);
    assert_false(uv_loop_alive(&loop));
}

/* Nothing is heard of it any more, and the next transfer is not disturbed by
 * what was on its way. */
static void a_transfer_is_cancelled_in_each_phase(void **state)
{
    (void)state;
    struct endpoint *endpoint = endpoint_plain();
    static const struct script_line silent[] = {{.bytes = NULL}};
    static const struct script_line half[] = {
        {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nab",
         .end = SCRIPT_KEEP}};
    const unsigned none = 0;
    http_server_script(&server, silent, 1);
    assert_cancelled_after(endpoint, &none, 0);
    server.peer_count = 0;
    assert_cancelled_after(endpoint, &server.peer_count, 1);
    server.request_count = 0;
    assert_cancelled_after(endpoint, &server.request_count, 1);
    http_server_script(&server, half, 1);
    assert_cancelled_after(endpoint, &calls[0].head_count, 1);
    SCRIPT({.bytes = OK_ANSWER});
    struct call *call = call_run(call_make(1, endpoint));
    assert_int_equal(call->error, 0);
    assert_string_equal(call->body, OK_BODY);
    endpoint_free(endpoint);
}

/* That is how a queue's mark follows its fetch. */
static void done_cb_starts_another_transfer(void **state)
{
    (void)state;
    struct endpoint *endpoint = endpoint_plain();
    SCRIPT({.bytes = OK_ANSWER});
    for (unsigned i = 0; i < 50; i++) {
        struct call *call = call_make(i, endpoint);
        call->next = i < 49 ? &calls[i + 1] : NULL;
    }
    call_start(&calls[0]);
    run_until(&calls[49].done_count, 1);
    assert_int_equal(calls[49].error, 0);
    assert_int_equal(server.request_count, 50);
    assert_int_equal(http_client_connection_count(client), 1);
    endpoint_free(endpoint);
}

/* Also one that is about to be told the same bad news. */
static void done_cb_cancels_another_transfer(void **state)
{
    (void)state;
    char url[128];
    struct endpoint_options options =
        options_make(url, "127.0.0.1", server.port);
    static const struct script_line silent[] = {{.bytes = NULL}};
    options.in_flight_max = 2;
    options.first_byte_timeout_ms = 50;
    http_server_script(&server, silent, 1);
    struct endpoint *endpoint = endpoint_make(&options);
    struct call *first = call_make(0, endpoint);
    struct call *second = call_make(1, endpoint);
    first->cancel = second;
    second->cancel = first;
    call_start(first);
    call_start(second);
    while (first->done_count + second->done_count == 0) {
        run_for(1);
    }
    run_for(100);
    assert_int_equal(first->done_count + second->done_count, 1);
    endpoint_free(endpoint);
}

/* Handles are lent in turn when there are fewer than endpoints. */
static void two_handles_serve_five_endpoints(void **state)
{
    (void)state;
    struct endpoint *endpoints[5];
    assert_int_equal(set_up_sized(2), 0);
    SCRIPT({.bytes = OK_ANSWER});
    for (unsigned i = 0; i < 5; i++) {
        endpoints[i] = endpoint_plain();
    }
    for (unsigned i = 0; i < 25; i++) {
        struct call *call = call_make(i, endpoints[i % 5]);
        if (i % 3 == 0) {
            call_post(call, "token=t", 7);
        }
        call_run(call);
        assert_int_equal(call->error, 0);
        assert_memory_equal(server.request, i % 3 == 0 ? "POST" : "GET ", 4);
    }
    call_start(call_make(0, endpoints[0]));
    call_start(call_make(1, endpoints[1]));
    assert_int_equal(transfer_start(&call_make(2, endpoints[2])->transfer),
                     HAPLO_ENOMEM);
    run_until(&calls[0].done_count, 1);
    run_until(&calls[1].done_count, 1);
    for (unsigned i = 0; i < 5; i++) {
        endpoint_free(endpoints[i]);
    }
}

static void start_and_check_all(struct endpoint **endpoints, unsigned count)
{
    for (unsigned i = 0; i < CALLS_MAX; i++) {
        call_start(call_make(i, endpoints[i % count]));
    }
    for (unsigned i = 0; i < CALLS_MAX; i++) {
        run_until(&calls[i].done_count, 1);
        assert_int_equal(calls[i].error, 0);
        assert_string_equal(calls[i].body, OK_BODY);
    }
}

/* Many at once, over several multi handles, twice: the second time on the
 * connections of the first. */
static void two_hundred_transfers_run_at_once(void **state)
{
    (void)state;
    char url[128];
    struct endpoint *endpoints[20];
    struct endpoint *wide;
    struct endpoint_options options =
        options_make(url, "127.0.0.1", server.port);
    SCRIPT({.bytes = OK_ANSWER});
    options.in_flight_max = 10;
    for (unsigned i = 0; i < 20; i++) {
        endpoints[i] = endpoint_make(&options);
    }
    start_and_check_all(endpoints, 20);
    assert_in_range(http_client_connection_count(client), 1, CALLS_MAX);
    for (unsigned i = 0; i < 20; i++) {
        endpoint_free(endpoints[i]);
    }
    options.in_flight_max = CALLS_MAX;
    wide = endpoint_make(&options);
    start_and_check_all(&wide, 1);
    uint64_t connection_count = http_client_connection_count(client);
    start_and_check_all(&wide, 1);
    assert_int_equal(http_client_connection_count(client), connection_count);
    endpoint_free(wide);
}

/* Each keeps its CA file's certificates parsed, which is large: there is an
 * end to that, but none to the servers. */
static void many_ca_files_share_multi_handles(void **state)
{
    static struct endpoint *endpoints[MULTI_COUNT_MAX + 30];
    (void)state;
    char url[128];
    char ca_file[32];
    struct endpoint_options options =
        options_make(url, "127.0.0.1", server.port);
    options.tls_ca_file = ca_file;
    for (unsigned i = 0; i < MULTI_COUNT_MAX + 30; i++) {
        snprintf(ca_file, sizeof ca_file, "/ca-%u.pem", i);
        endpoints[i] = endpoint_make(&options);
        assert_int_equal(client->multi_count,
                         i < MULTI_COUNT_MAX ? i + 1 : MULTI_COUNT_MAX);
    }
    for (unsigned i = 0; i < MULTI_COUNT_MAX + 30; i++) {
        endpoint_free(endpoints[i]);
    }
}

/* A pool for nothing would never start a transfer. */
static void client_needs_room_for_a_transfer(void **state)
{
    (void)state;
    struct http_client *none = client;
    struct reason why;
    assert_int_equal(http_client_new(&loop, 0, &none, &why), HAPLO_EINVAL);
    assert_null(none);
}

/* A wrong URL should be found when it is configured, not when it is used; a
 * password in it must not turn up in the text. */
static void wrong_urls_are_refused(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "haplo.example",
        "ftp://haplo.example",
        "https://",
        "https://user:secret@haplo.example",
        "https://haplo.example/path",
        "https://haplo.example/?secret",
        "https://haplo.example/#secret",
        "https://haplo.example:99999",
        "https://haplo example",
        "http://haplo.example",
        "http://127.0.0.1.example",
        "http://128.0.0.1",
        "",
    };
    static const char *const good[] = {
        "https://haplo.example", "https://haplo.example:444/",
        "http://localhost",      "http://127.1.2.3:8080",
        "http://[::1]:80",       "HTTPS://HAPLO.example",
    };
    char url[128];
    struct endpoint_options options = options_make(url, "x", 1);
    struct endpoint *endpoint = NULL;
    struct reason why;
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        options.url = urls[i];
        assert_int_equal(endpoint_new(client, &options, &endpoint, &why),
                         HAPLO_EINVAL);
        assert_null(endpoint);
        assert_memory_equal(why.text, "url: ", 5);
        assert_null(strstr(why.text, "secret"));
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        options.url = good[i];
        endpoint_free(endpoint_make(&options));
    }
}

/* SOCKS proxies that leave the name to libcurl would block the loop. */
static void wrong_proxies_are_refused(void **state)
{
    (void)state;
    static const char *const proxies[] = {"proxy.example:3128",
                                          "socks5://proxy.example",
                                          "ftp://proxy.example", "http://"};
    struct endpoint_options options = {
        .url = "https://haplo.example",
    };
    struct endpoint *endpoint = NULL;
    struct reason why;
    for (size_t i = 0; i < sizeof proxies / sizeof proxies[0]; i++) {
        options.proxy = proxies[i];
        assert_int_equal(endpoint_new(client, &options, &endpoint, &why),
                         HAPLO_EINVAL);
        assert_memory_equal(why.text, "proxy: ", 7);
    }
    options.proxy = "socks5h://user:pass@proxy.example:1080";
    endpoint_free(endpoint_make(&options));
}

/* An application may close everything at any moment. */
static void closing_calls_nothing_back(void **state)
{
    (void)state;
    char url[128];
    struct endpoint_options options =
        options_make(url, "haplo.test", server.port);
    options.allow_http = true;
    static const struct script_line silent[] = {{.bytes = NULL}};
    http_server_script(&server, silent, 1);
    struct endpoint *plain = endpoint_plain();
    struct endpoint *named = endpoint_make(&options);
    call_start(call_make(0, plain));
    run_until(&server.request_count, 1);
    call_start(call_make(1, named));
    http_client_close(client, on_client_closed, &client_is_closed);
    endpoint_free(plain);
    endpoint_free(named);
    finish();
    assert_int_equal(calls[0].done_count, 0);
    assert_int_equal(calls[1].done_count, 0);
}

/* The nearest a callback can come to sawing off its own branch. */
static void client_is_closed_from_done_cb(void **state)
{
    (void)state;
    SCRIPT({.bytes = OK_ANSWER});
    struct endpoint *endpoint = endpoint_plain();
    struct call *call = call_make(0, endpoint);
    call->closes_client = true;
    call_start(call);
    run_until(&call->done_count, 1);
    finish();
    assert_int_equal(call->error, 0);
}

/* Thousands of polls an hour must not wear the heap. */
static void a_warm_transfer_allocates_nothing(void **state)
{
    (void)state;
    struct endpoint *endpoint = endpoint_plain();
    SCRIPT({.bytes = OK_ANSWER});
    call_run(call_make(0, endpoint));
    allocator_reset(0);
    for (unsigned i = 1; i < 20; i++) {
        struct call *call = call_run(call_make(i, endpoint));
        assert_int_equal(call->error, 0);
    }
    assert_int_equal(allocator_calls, 0);
    endpoint_free(endpoint);
}

/* Each allocation fails once: no crash, no leak, one result at most. */
static void any_allocation_may_fail(void **state)
{
    (void)state;
    char url[128];
    struct endpoint_options options =
        options_make(url, "haplo.test", server.port);
    options.allow_http = true;
    bool has_passed = false;
    SCRIPT({.bytes = OK_ANSWER});
    for (size_t fails = 1; !has_passed; fails++) {
        struct endpoint *endpoint = NULL;
        struct reason why;
        struct http_client *own_client = client;
        bool is_closed = false;
        assert_true(fails < 100);
        allocator_reset(fails);
        int error = http_client_new(&loop, 2, &client, &why);
        if (error == 0) {
            error = endpoint_new(client, &options, &endpoint, &why);
        }
        struct call *call = call_make(0, endpoint);
        if (error == 0) {
            error = transfer_start(&call->transfer);
        }
        if (error == 0) {
            run_until(&call->done_count, 1);
            error = call->error;
        }
        assert_true(error == 0 || error == HAPLO_ENOMEM);
        has_passed = allocator_calls < fails;
        assert_true(!has_passed || error == 0);
        if (endpoint != NULL) {
            endpoint_free(endpoint);
        }
        if (client != NULL) {
            http_client_close(client, on_client_closed, &is_closed);
            while (!is_closed) {
                uv_run(&loop, UV_RUN_ONCE);
            }
        }
        client = own_client;
    }
}

#define TEST_CLOSING(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_connection_closed_while_idle_is_replaced),
        TEST(a_response_that_nobody_asked_for_is_not_accepted),
        TEST(an_idle_connection_does_not_hold_the_loop),
        TEST(a_transfer_is_cancelled_in_each_phase),
        TEST(done_cb_starts_another_transfer),
        TEST(done_cb_cancels_another_transfer),
        cmocka_unit_test_teardown(two_handles_serve_five_endpoints, tear_down),
        TEST(two_hundred_transfers_run_at_once),
        TEST(many_ca_files_share_multi_handles),
        TEST(client_needs_room_for_a_transfer),
        TEST(wrong_urls_are_refused),
        TEST(wrong_proxies_are_refused),
        TEST_CLOSING(closing_calls_nothing_back),
        TEST_CLOSING(client_is_closed_from_done_cb),
        TEST(a_warm_transfer_allocates_nothing),
        TEST(any_allocation_may_fail),
    };
    allocator_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
