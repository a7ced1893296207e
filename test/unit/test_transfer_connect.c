/* Names, connections and time limits, and how they fail. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http_scene.h"

static void assert_limit(const struct endpoint_options *options,
                         uint64_t limit_ms, const char *text)
{
    struct endpoint *endpoint = endpoint_make(options);
    uint64_t start_ms = uv_now(&loop);
    struct call *call = call_run(call_make(0, endpoint));
    assert_int_equal(call->error, HAPLO_ETIMEDOUT);
    assert_string_equal(call->text, text);
    assert_in_range(uv_now(&loop) - start_ms, limit_ms, limit_ms + 9000);
    endpoint_free(endpoint);
}

/* Four limits, and the text must say which. */
static void each_time_limit_ends_a_transfer(void **state)
{
    (void)state;
    char url[128];
    struct endpoint_options options =
        options_make(url, "127.0.0.1", server.port);
    static const struct script_line silent[] = {{.bytes = NULL}};
    static const struct script_line half[] = {
        {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
         .end = SCRIPT_KEEP}};
    static const struct script_line drip[] = {
        {.bytes = OK_ANSWER, .drip_ms = 20}};
    options.first_byte_timeout_ms = 60;
    http_server_script(&server, silent, 1);
    assert_limit(&options, 60, "no response within 60 ms (first_byte_timeout)");
    options.first_byte_timeout_ms = NOT_DUE_MS;
    options.stall_timeout_ms = 70;
    http_server_script(&server, half, 1);
    assert_limit(&options, 70, "stalled: no data for 70 ms (stall_timeout)");
    options.stall_timeout_ms = NOT_DUE_MS;
    options.total_timeout_ms = 1000;
    http_server_script(&server, drip, 1);
    assert_limit(&options, 1000,
                 "response incomplete after 1 s (total_timeout)");
}

/* Slow is not stalled: each line of the head and each byte of the body restarts
 * the limit. */
static void a_slow_drip_is_not_a_stall(void **state)
{
    (void)state;
    char url[128];
    struct endpoint_options options =
        options_make(url, "127.0.0.1", server.port);
    SCRIPT({.bytes = OK_ANSWER, .drip_ms = 1000});
    options.stall_timeout_ms = 60000;
    options.first_byte_timeout_ms = 60000;
    options.total_timeout_ms = 1000000;
    skip_waits();
    struct endpoint *endpoint = endpoint_make(&options);
    struct call *call = call_run(call_make(0, endpoint));
    assert_int_equal(call->error, 0);
    assert_string_equal(call->body, OK_BODY);
    endpoint_free(endpoint);
}

/* A listening socket; port 0: any. address tells where. */
static int listener_open(const char *ip, int port, int backlog,
                         struct sockaddr_in *address)
{
    socklen_t size = sizeof *address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    uv_ip4_addr(ip, port, address);
    assert_int_equal(bind(fd, (void *)address, size), 0);
    assert_int_equal(listen(fd, backlog), 0);
    assert_int_equal(getsockname(fd, (void *)address, &size), 0);
    return fd;
}

#define FLOOD_SIZE (32 << 20)

/* In a thread of its own: a response as fast as it is read. */
static void flood(void *data)
{
    static char piece[1 << 16];
    int peer = accept(*(int *)data, NULL, NULL);
    int head_size =
        snprintf(piece, sizeof piece,
                 "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", FLOOD_SIZE);
    ssize_t sent = send(peer, piece, (size_t)head_size, MSG_NOSIGNAL);
    for (int left = FLOOD_SIZE; left > 0 && sent > 0; left -= (int)sent) {
        sent = send(peer, piece, sizeof piece, MSG_NOSIGNAL);
    }
    close(peer);
}

static int take_slowly(struct transfer *transfer, const char *data, size_t size)
{
    (void)transfer;
    (void)data;
    (void)size;
    uv_sleep(1);
    return 0;
}

/* libcurl reads 100 pieces in a row, here for 100 ms, and wants to be called
 * again at once if more has come. All else has its turn in between: other
 * transfers, and the limit of this one. */
static void a_server_faster_than_the_client_does_not_stop_the_loop(void **state)
{
    (void)state;
    char url[128];
    uv_thread_t thread;
    struct sockaddr_in address;
    int listener = listener_open("127.0.0.1", 0, 1, &address);
    assert_int_equal(uv_thread_create(&thread, flood, &listener), 0);
    struct endpoint_options options =
        options_make(url, "127.0.0.1", ntohs(address.sin_port));
    options.total_timeout_ms = 300;
    struct endpoint *endpoint = endpoint_make(&options);
    struct call *call = call_make(0, endpoint);
    call->transfer.data_cb = take_slowly;
    call_run(call);
    assert_int_equal(call->error, HAPLO_ETIMEDOUT);
    uv_thread_join(&thread);
    close(listener);
    endpoint_free(endpoint);
}

/* A listener whose queue of connections is full: it swallows what comes. */
struct black_hole {
    int fds[8]; /* the listener, and those that fill its queue */
    int port;   /* */
};

static void black_hole_open(struct black_hole *hole, const char *ip, int port)
{
    struct sockaddr_in address;
    hole->fds[0] = listener_open(ip, port, 0, &address);
    for (unsigned i = 1; i < 8; i++) {
        hole->fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(hole->fds[i], (void *)&address, sizeof address);
    }
    hole->port = ntohs(address.sin_port);
}

static void black_hole_close(struct black_hole *hole)
{
    for (unsigned i = 0; i < 8; i++) {
        close(hole->fds[i]);
    }
}

static void count_poll(uv_handle_t *handle, void *count)
{
    *(unsigned *)count += handle->type == UV_POLL && !uv_is_closing(handle);
}

/* Nobody says no, so only the clock can. A watch left on the descriptor would
 * be in the way of whoever gets that number next. */
static void a_connection_that_is_not_accepted_times_out(void **state)
{
    (void)state;
    char url[128];
    char text[128];
    unsigned poll_count = 0;
    struct black_hole hole;
    black_hole_open(&hole, "127.0.0.1", 0);
    struct endpoint_options options = options_make(url, "127.0.0.1", hole.port);
    options.connect_timeout_ms = 80;
    sprintf(text,
            "connect to 127.0.0.1 port %d: no connection within 80 ms "
            "(connect_timeout)",
            hole.port);
    assert_limit(&options, 80, text);
    uv_walk(&loop, count_poll, &poll_count);
    assert_int_equal(poll_count, 0);
    black_hole_close(&hole);
}

/* The commonest failure of all should read well. */
static void a_refused_connection_is_told_plainly(void **state)
{
    (void)state;
    char url[128];
    struct endpoint_options options = options_make(url, "127.0.0.1", 9);
    struct endpoint *endpoint = endpoint_make(&options);
    struct call *call = call_run(call_make(0, endpoint));
    assert_int_equal(call->error, HAPLO_ECONNECT);
    assert_string_equal(call->text,
                        "connect to 127.0.0.1 port 9: connection refused");
    endpoint_free(endpoint);
}

/* One look-up for all that start meanwhile; the last one finds it known. */
static void a_name_is_resolved_once_for_all_that_wait(void **state)
{
    (void)state;
    char url[128];
    struct endpoint_options options =
        options_make(url, "haplo.test", server.port);
    options.allow_http = true;
    SCRIPT({.bytes = OK_ANSWER});
    options.in_flight_max = 10;
    struct endpoint *endpoint = endpoint_make(&options);
    for (unsigned i = 0; i < 10; i++) {
        call_start(call_make(i, endpoint));
    }
    for (unsigned i = 0; i < 10; i++) {
        run_until(&calls[i].done_count, 1);
        assert_int_equal(calls[i].error, 0);
    }
    struct call *call = call_run(call_make(10, endpoint));
    assert_int_equal(call->error, 0);
    assert_int_equal(atomic_load(&names_asked), 1);
    endpoint_free(endpoint);
}

/* libcurl 7.88 closes the sockets of the first ones without a word, and the
 * next one may get the same descriptor. */
static void the_addresses_of_a_name_are_tried_in_turn(void **state)
{
    (void)state;
    char url[128];
    struct black_hole hole;
    struct endpoint_options options =
        options_make(url, "haplo.test", server.port);
    options.allow_http = true;
    SCRIPT({.bytes = OK_ANSWER});
    skip_waits();
    names_set("127.0.0.2", "127.0.0.3", "127.0.0.1");
    struct endpoint *endpoint = endpoint_make(&options);
    struct call *call = call_run(call_make(0, endpoint));
    assert_int_equal(call->error, 0);
    endpoint_free(endpoint);

    /* Another name, as the connection of the first would be used again. */
    black_hole_open(&hole, "127.0.0.2", server.port);
    names_set("127.0.0.2", "127.0.0.1", NULL);
    sprintf(url, "http://other.test:%d", server.port);
    endpoint = endpoint_make(&options);
    call = call_run(call_make(1, endpoint));
    assert_int_equal(call->error, 0);
    black_hole_close(&hole);
    endpoint_free(endpoint);
}

/* A server may move: then its old addresses do not answer. */
static void a_name_is_looked_up_again_when_a_connection_failed(void **state)
{
    (void)state;
    char url[128];
    struct endpoint_options options =
        options_make(url, "haplo.test", server.port);
    options.allow_http = true;
    SCRIPT({.bytes = OK_ANSWER});
    names_set("127.0.0.2", NULL, NULL);
    struct endpoint *endpoint = endpoint_make(&options);
    struct call *call = call_run(call_make(0, endpoint));
    assert_int_equal(call->error, HAPLO_ECONNECT);
    names_set("127.0.0.1", NULL, NULL);
    call = call_run(call_make(1, endpoint));
    assert_int_equal(call->error, 0);
    assert_int_equal(atomic_load(&names_asked), 1);
    endpoint_free(endpoint);
}

/* A name server that is down must not stop what needs no news of it. */
static void old_addresses_are_used_when_a_look_up_fails(void **state)
{
    (void)state;
    char url[128];
    struct endpoint_options options =
        options_make(url, "haplo.test", server.port);
    options.allow_http = true;
    SCRIPT({.bytes = OK_ANSWER});
    names_set("127.0.0.2", "127.0.0.1", NULL);
    struct endpoint *endpoint = endpoint_make(&options);
    http_server_close(&server);
    struct call *call = call_run(call_make(0, endpoint));
    assert_int_equal(call->error, HAPLO_ECONNECT);
    atomic_store(&names_error, EAI_AGAIN);
    call = call_run(call_make(1, endpoint));
    assert_int_equal(call->error, HAPLO_ECONNECT);
    assert_int_equal(atomic_load(&names_asked), 2);
    endpoint_free(endpoint);
    http_server_open(&server, &loop);
}

/* The look-up counts as part of connecting, and cannot be interrupted: it is
 * left behind, and its late result harms nobody. */
static void a_look_up_that_hangs_times_out(void **state)
{
    (void)state;
    char url[128];
    uv_sem_t gate;
    struct endpoint_options options =
        options_make(url, "haplo.test", server.port);
    options.allow_http = true;
    options.connect_timeout_ms = 50;
    uv_sem_init(&gate, 0);
    atomic_store(&names_gate, &gate);
    assert_limit(&options, 50,
                 "resolve haplo.test: no address within 50 ms "
                 "(connect_timeout)");
    uv_sem_post(&gate);
    while (uv_loop_alive(&loop)) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    uv_sem_destroy(&gate);
}

static void count_answer(void *data)
{
    (*(unsigned *)data)++;
}

/* Whoever must know the addresses first would wait for a minute, or for ever.
 */
static void a_look_up_that_hangs_is_told_without_addresses(void **state)
{
    (void)state;
    char url[128];
    uv_sem_t gate;
    unsigned answer_count = 0;
    struct endpoint_options options =
        options_make(url, "haplo.test", server.port);
    options.allow_http = true;
    options.connect_timeout_ms = 20;
    options.looked_up_cb = count_answer;
    options.data = &answer_count;
    uv_sem_init(&gate, 0);
    atomic_store(&names_gate, &gate);
    struct endpoint *endpoint = endpoint_make(&options);
    assert_int_equal(endpoint_look_up(endpoint), 0);
    assert_int_equal(endpoint_look_up(endpoint), 0);
    run_until(&answer_count, 1);
    assert_null(endpoint_addresses(endpoint));
    uv_sem_post(&gate);
    run_until(&answer_count, 2);
    assert_string_equal(endpoint_addresses(endpoint), "127.0.0.1");
    assert_int_equal(atomic_load(&names_asked), 1);
    endpoint_free(endpoint);
    while (uv_loop_alive(&loop)) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    uv_sem_destroy(&gate);
}

/* All that wait for the name end, also those started from their done_cb. */
static void a_name_that_does_not_exist_fails_all_that_wait(void **state)
{
    (void)state;
    char url[128];
    struct endpoint_options options =
        options_make(url, "no-such-host.invalid", 80);
    options.allow_http = true;
    options.in_flight_max = 3;
    struct endpoint *endpoint = endpoint_make(&options);
    struct call *first = call_make(0, endpoint);
    struct call *second = call_make(1, endpoint);
    struct call *third = call_make(2, endpoint);
    first->next = third;
    call_start(first);
    call_start(second);
    run_until(&third->done_count, 1);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(calls[i].done_count, 1);
        assert_int_equal(calls[i].error, HAPLO_ERESOLVE);
        assert_memory_equal(calls[i].text,
                            "resolve no-such-host.invalid: ", 30);
    }
    endpoint_free(endpoint);
}

/* A server may be removed at any moment. */
static void an_endpoint_is_freed_while_its_name_is_looked_up(void **state)
{
    (void)state;
    char url[128];
    struct endpoint_options options =
        options_make(url, "haplo.test", server.port);
    options.allow_http = true;
    for (unsigned i = 0; i < 8; i++) {
        struct endpoint *endpoint = endpoint_make(&options);
        struct call *call = call_make(i, endpoint);
        call_start(call);
        transfer_cancel(&call->transfer);
        endpoint_free(endpoint);
        assert_int_equal(call->done_count, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_time_limit_ends_a_transfer),
        TEST(a_slow_drip_is_not_a_stall),
        TEST(a_server_faster_than_the_client_does_not_stop_the_loop),
        TEST(a_connection_that_is_not_accepted_times_out),
        TEST(a_refused_connection_is_told_plainly),
        TEST(a_name_is_resolved_once_for_all_that_wait),
        TEST(the_addresses_of_a_name_are_tried_in_turn),
        TEST(a_name_is_looked_up_again_when_a_connection_failed),
        TEST(old_addresses_are_used_when_a_look_up_fails),
        TEST(a_look_up_that_hangs_times_out),
        TEST(a_look_up_that_hangs_is_told_without_addresses),
        TEST(a_name_that_does_not_exist_fails_all_that_wait),
        TEST(an_endpoint_is_freed_while_its_name_is_looked_up),
    };
    allocator_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
