/*
 * A name that moves to another host while the old one goes on answering. The
 * old host must not be polled and marked for as long as a connection to it is
 * busy.
 */
#include <stdio.h>
#include <string.h>

#include "http_scene.h"

#define FRESH_MS 61000 /* a name is looked up again after that */

static struct http_server other; /* at 127.0.0.2, with the same port */
static char url[128];

static int set_up_moved(void **state)
{
    static const struct script_line ok[] = {{.bytes = OK_ANSWER}};
    int error = set_up(state);
    http_server_open_at(&other, &loop, "127.0.0.2", server.port);
    http_server_script(&server, ok, 1);
    http_server_script(&other, ok, 1);
    return error;
}

static int tear_down_moved(void **state)
{
    http_server_close(&other);
    return tear_down(state);
}

static struct endpoint *endpoint_named(void)
{
    struct endpoint_options options =
        options_make(url, "haplo.test", server.port);
    options.allow_http = true;
    return endpoint_make(&options);
}

static void finish_look_ups(void)
{
    while (loop.active_reqs.count > 0) {
        uv_run(&loop, UV_RUN_ONCE);
    }
}

static void run_fine(struct endpoint *endpoint)
{
    struct call *call = call_run(call_make(0, endpoint));
    assert_int_equal(call->error, 0);
    assert_string_equal(call->body, OK_BODY);
}

/* A transfer for which the addresses are no longer fresh, and what it has had
 * looked up. */
static void run_looking_up(struct endpoint *endpoint)
{
    loop.time += FRESH_MS;
    run_fine(endpoint);
    finish_look_ups();
    assert_int_equal(atomic_load(&names_asked), 1);
}

/* The connection is never idle, so libcurl would keep it for ever. */
static void no_request_reaches_the_old_host_after_the_look_up(void **state)
{
    (void)state;
    struct endpoint *endpoint = endpoint_named();
    run_fine(endpoint);
    names_set("127.0.0.2", NULL, NULL);
    run_looking_up(endpoint);
    assert_int_equal(server.request_count, 2);
    assert_int_equal(other.request_count, 0);
    run_fine(endpoint);
    struct call *call = call_make(1, endpoint);
    call_post(call, "token=t", 7);
    call_run(call);
    assert_int_equal(call->error, 0);
    assert_memory_equal(other.request, "POST", 4);
    assert_int_equal(server.request_count, 2);
    assert_int_equal(other.request_count, 2);
    assert_int_equal(http_client_connection_count(client), 2);
    endpoint_free(endpoint);
}

/* Each of them is found out by itself, also those that were busy when the
 * answer came. */
static void all_connections_to_the_old_host_are_retired(void **state)
{
    (void)state;
    struct endpoint_options options =
        options_make(url, "haplo.test", server.port);
    options.allow_http = true;
    options.in_flight_max = 8;
    struct endpoint *endpoint = endpoint_make(&options);
    for (unsigned i = 0; i < 8; i++) {
        call_start(call_make(i, endpoint));
    }
    for (unsigned i = 0; i < 8; i++) {
        run_until(&calls[i].done_count, 1);
    }
    assert_int_equal(server.peer_count, 8);
    names_set("127.0.0.2", NULL, NULL);
    run_looking_up(endpoint);
    assert_int_equal(server.request_count, 9);
    for (unsigned i = 0; i < 8; i++) {
        call_start(call_make(i, endpoint));
    }
    for (unsigned i = 0; i < 8; i++) {
        run_until(&calls[i].done_count, 1);
        assert_int_equal(calls[i].error, 0);
    }
    assert_int_equal(server.request_count, 9);
    assert_int_equal(other.request_count, 8);
    endpoint_free(endpoint);
}

/* Name servers rotate their answers, and machines are added: a reconnection a
 * minute would be for nothing. */
static void another_order_and_more_addresses_change_nothing(void **state)
{
    (void)state;
    names_set("127.0.0.1", "127.0.0.2", NULL);
    struct endpoint *endpoint = endpoint_named();
    run_fine(endpoint);
    names_set("127.0.0.2", "127.0.0.1", NULL);
    run_looking_up(endpoint);
    run_fine(endpoint);
    names_set("::1", "127.0.0.2", "127.0.0.1");
    run_looking_up(endpoint);
    run_fine(endpoint);
    assert_int_equal(server.request_count, 5);
    assert_int_equal(http_client_connection_count(client), 1);
    endpoint_free(endpoint);
}

/* An address that begins or ends like another one is a different address. */
static void similar_addresses_are_told_apart(void **state)
{
    (void)state;
    names_set("127.0.0.1", NULL, NULL);
    struct endpoint *endpoint = endpoint_named();
    run_fine(endpoint);
    names_set("127.0.0.11", "127.0.0.2", "::127.0.0.1");
    run_looking_up(endpoint);
    run_fine(endpoint);
    assert_int_equal(server.request_count, 2);
    assert_int_equal(other.request_count, 1);
    endpoint_free(endpoint);
}

/* All endpoints of a name share its addresses, as they share libcurl's
 * connections: otherwise each would close those of the other. */
static void endpoints_of_one_name_move_together(void **state)
{
    (void)state;
    struct endpoint *first = endpoint_named();
    struct endpoint_options options =
        options_make(url, "HAPLO.test", server.port);
    options.allow_http = true;
    struct endpoint *second = endpoint_make(&options);
    run_fine(first);
    run_fine(second);
    assert_int_equal(atomic_load(&names_asked), 1);
    names_set("127.0.0.2", NULL, NULL);
    run_looking_up(first);
    run_fine(second);
    run_fine(first);
    assert_int_equal(server.request_count, 3);
    assert_int_equal(other.request_count, 2);
    assert_int_equal(http_client_connection_count(client), 2);
    endpoint_free(first);
    run_fine(second);
    endpoint_free(second);
}

/* Its connections live on in libcurl when a server is removed; when it is added
 * again, it must not get those to the old host. */
static void an_endpoint_made_again_does_not_get_old_connections(void **state)
{
    (void)state;
    struct endpoint *endpoint = endpoint_named();
    run_fine(endpoint);
    endpoint_free(endpoint);
    names_set("127.0.0.2", NULL, NULL);
    endpoint = endpoint_named();
    run_fine(endpoint);
    assert_int_equal(server.request_count, 1);
    assert_int_equal(other.request_count, 1);
    endpoint_free(endpoint);
}

/* Then it is the proxy's name that counts. */
static void a_proxy_that_moves_is_followed(void **state)
{
    (void)state;
    char proxy[128];
    struct endpoint_options options =
        options_make(proxy, "proxy.test", server.port);
    options.proxy = proxy;
    options.url = "http://haplo.example:8080";
    options.allow_http = true;
    struct endpoint *endpoint = endpoint_make(&options);
    run_fine(endpoint);
    names_set("127.0.0.2", NULL, NULL);
    run_looking_up(endpoint);
    run_fine(endpoint);
    assert_int_equal(server.request_count, 2);
    assert_int_equal(other.request_count, 1);
    endpoint_free(endpoint);
}

/* A connection that is being made when the answer comes is not used either. */
static void a_connection_in_the_making_is_not_used(void **state)
{
    (void)state;
    struct endpoint *endpoint = endpoint_named();
    run_fine(endpoint);
    http_server_drop_peers(&server);
    run_for(20);
    names_set("127.0.0.2", NULL, NULL);
    loop.time += FRESH_MS;
    struct call *call = call_make(1, endpoint);
    call_start(call);
    finish_look_ups();
    run_until(&call->done_count, 1);
    assert_int_equal(call->error, 0);
    run_fine(endpoint);
    assert_int_equal(server.request_count + other.request_count, 3);
    assert_in_range(other.request_count, 1, 2);
    endpoint_free(endpoint);
}

#define TEST_MOVED(name) \
    cmocka_unit_test_setup_teardown(name, set_up_moved, tear_down_moved)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_MOVED(no_request_reaches_the_old_host_after_the_look_up),
        TEST_MOVED(all_connections_to_the_old_host_are_retired),
        TEST_MOVED(another_order_and_more_addresses_change_nothing),
        TEST_MOVED(similar_addresses_are_told_apart),
        TEST_MOVED(endpoints_of_one_name_move_together),
        TEST_MOVED(an_endpoint_made_again_does_not_get_old_connections),
        TEST_MOVED(a_proxy_that_moves_is_followed),
        TEST_MOVED(a_connection_in_the_making_is_not_used),
    };
    allocator_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
