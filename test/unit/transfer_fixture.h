/*
 * transfer_fixture.h - io and a scripted server on one loop, and transfers
 * that keep all that was heard of them.
 */
#ifndef TEST_TRANSFER_FIXTURE_H
#define TEST_TRANSFER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "failing_allocator.h"
#include "http/endpoint.h"
#include "http/io.h"
#include "http/transfer.h"
#include "poller/credentials.h"
#include "scripted_names.h"
#include "scripted_server.h"

#define KEY "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQR"
#define CALLS_MAX 200
#define CAP_MS 20000

/* One transfer and all that was heard of it. */
struct call {
    struct transfer transfer;
    unsigned head_count;
    unsigned done_count;
    long status;
    char content_type[64];
    char location[128];
    int64_t content_size;
    char body[4096];
    size_t body_size;
    int refuse; /* what data_cb returns */
    int error;
    char text[HAPLO_TEXT_SIZE_MAX];
    uint64_t retry_after_ms;
    struct call *next;   /* started from done_cb */
    struct call *cancel; /* cancelled from done_cb */
    bool closes_io;      /* in done_cb */
};

static uv_loop_t loop;
static uv_timer_t cap;
static struct io *io;
static bool io_is_closed;
static struct scripted_server server;
static struct credentials credentials;
static struct call calls[CALLS_MAX];

static const char path[] = "/api/haplo-integration-messages/poll/q1/fetch";

#define OK_HEAD                                             \
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" \
    "Content-Length: 14\r\n\r\n"
#define OK_BODY "{\"version\": 0}"
#define OK_ANSWER OK_HEAD OK_BODY

static inline void on_cap(uv_timer_t *timer)
{
    (void)timer;
    fail_msg("the test waits for what does not come");
}

static inline void on_io_closed(struct io *closed, void *data)
{
    (void)closed;
    *(bool *)data = true;
}

static inline void call_head(struct transfer *transfer,
                             const struct http_head *head)
{
    struct call *call = (struct call *)(void *)transfer;
    assert_int_equal(call->body_size, 0);
    assert_int_equal(call->done_count, 0);
    call->head_count++;
    call->status = head->status;
    call->content_size = head->content_size;
    if (head->content_type != NULL) {
        snprintf(call->content_type, sizeof call->content_type, "%s",
                 head->content_type);
    }
    if (head->location != NULL) {
        snprintf(call->location, sizeof call->location, "%s", head->location);
    }
}

static inline int call_data(struct transfer *transfer, const char *data,
                            size_t size)
{
    struct call *call = (struct call *)(void *)transfer;
    assert_int_equal(call->head_count, 1);
    assert_true(call->body_size + size < sizeof call->body);
    memcpy(call->body + call->body_size, data, size);
    call->body_size += size;
    return call->refuse;
}

static inline void call_start(struct call *call)
{
    assert_int_equal(transfer_start(&call->transfer), 0);
    assert_int_equal(call->done_count, 0);
}

static inline void call_done(struct transfer *transfer,
                             const struct transfer_result *result)
{
    struct call *call = (struct call *)(void *)transfer;
    call->done_count++;
    call->error = result->error;
    call->retry_after_ms = result->retry_after_ms;
    snprintf(call->text, sizeof call->text, "%s", result->text);
    if (call->next != NULL) {
        call_start(call->next);
    }
    if (call->cancel != NULL) {
        transfer_cancel(&call->cancel->transfer);
    }
    if (call->closes_io) {
        io_close(io, on_io_closed, &io_is_closed);
        endpoint_free(transfer->endpoint);
    }
}

static inline struct call *call_make(unsigned index, struct endpoint *endpoint)
{
    struct call *call = &calls[index];
    memset(call, 0, sizeof *call);
    call->transfer.endpoint = endpoint;
    call->transfer.path = path;
    call->transfer.headers = credentials.headers;
    call->transfer.head_cb = call_head;
    call->transfer.data_cb = call_data;
    call->transfer.done_cb = call_done;
    return call;
}

static inline void run_until(const unsigned *count, unsigned wanted)
{
    uv_timer_start(&cap, on_cap, CAP_MS, 0);
    while (*count < wanted) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    uv_timer_stop(&cap);
}

static inline struct call *call_run(struct call *call)
{
    call_start(call);
    run_until(&call->done_count, 1);
    assert_int_equal(call->done_count, 1);
    return call;
}

static inline void run_for(uint64_t ms)
{
    uint64_t end_ms = uv_now(&loop) + ms;
    uv_timer_start(&cap, on_cap, CAP_MS, 0);
    while (uv_now(&loop) < end_ms) {
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    uv_timer_stop(&cap);
}

static inline struct haplo_server_options options_make(char *url,
                                                       const char *host,
                                                       int port)
{
    struct haplo_server_options options = {
        .struct_size = sizeof options,
        .name = "test",
        .url = url,
        .in_flight_max = 1,
        .connect_timeout_ms = 10000,
        .first_byte_timeout_ms = 10000,
        .stall_timeout_ms = 10000,
        .total_timeout_ms = 10000,
    };
    sprintf(url, "http://%s:%d", host, port);
    return options;
}

static inline struct endpoint *endpoint_make(
    const struct haplo_server_options *options)
{
    struct endpoint *endpoint = NULL;
    struct reason why = {""};
    int error = endpoint_new(io, options, &endpoint, &why);
    if (error != 0) {
        fail_msg("%s", why.text);
    }
    return endpoint;
}

/* An endpoint of the scripted server. */
static inline struct endpoint *endpoint_plain(void)
{
    char url[128];
    struct haplo_server_options options =
        options_make(url, "127.0.0.1", server.port);
    return endpoint_make(&options);
}

#define SCRIPT(...)                                          \
    static const struct script_line lines[] = {__VA_ARGS__}; \
    server_script(&server, lines, sizeof lines / sizeof lines[0])

static inline int set_up_sized(unsigned transfers_max)
{
    uv_loop_init(&loop);
    uv_timer_init(&loop, &cap);
    server_open(&server, &loop);
    names_set("127.0.0.1", NULL, NULL);
    io_is_closed = false;
    credentials_set(&credentials, KEY);
    return io_new(&loop, transfers_max, &io);
}

static inline int set_up(void **state)
{
    (void)state;
    allocator_reset(0);
    return set_up_sized(CALLS_MAX);
}

static inline void finish(void)
{
    uv_timer_start(&cap, on_cap, CAP_MS, 0);
    while (!io_is_closed) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    server_close(&server);
    uv_close((uv_handle_t *)&cap, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    credentials_wipe(&credentials);
}

static inline int tear_down(void **state)
{
    (void)state;
    io_close(io, on_io_closed, &io_is_closed);
    finish();
    assert_int_equal(allocator_held, 0);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
