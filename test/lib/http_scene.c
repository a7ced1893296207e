#include "http_scene.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "skipped_clock.h"

#define TURNS_MAX 100000
#define CAP_TICK_MS 50

uv_loop_t loop;
static uv_timer_t cap; /* started while a test waits */
static unsigned cap_ticks;
static bool waits_are_skipped;
struct http_client *client;
bool client_is_closed;
struct http_server server;
struct call calls[CALLS_MAX];
const char path[] = "/api/haplo-integration-messages/poll/q1/fetch";

/* Calls */

static char authorization[] = "Authorization: Basic " LOGIN;
static char user_agent[] = "User-Agent: test/1.0";
static char content_type[] = "Content-Type: application/x-www-form-urlencoded";

static struct curl_slist headers[] = {{authorization, &headers[1]},
                                      {user_agent, NULL}};
static struct curl_slist form_headers = {content_type, headers};
static void on_head(struct transfer *transfer, const struct http_head *head)
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

static int on_data(struct transfer *transfer, const char *data, size_t size)
{
    struct call *call = (struct call *)(void *)transfer;
    assert_int_equal(call->head_count, 1);
    assert_true(call->body_size + size < sizeof call->body);
    memcpy(call->body + call->body_size, data, size);
    call->body_size += size;
    return call->refuse;
}

static void on_done(struct transfer *transfer,
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
    if (call->closes_client) {
        http_client_close(client, on_client_closed, &client_is_closed);
        endpoint_free(transfer->endpoint);
    }
}

struct call *call_make(unsigned index, struct endpoint *endpoint)
{
    struct call *call = &calls[index];
    memset(call, 0, sizeof *call);
    call->transfer.endpoint = endpoint;
    call->transfer.path = path;
    call->transfer.headers = headers;
    call->transfer.head_cb = on_head;
    call->transfer.data_cb = on_data;
    call->transfer.done_cb = on_done;
    return call;
}

void call_post(struct call *call, const char *form, size_t size)
{
    call->transfer.headers = &form_headers;
    call->transfer.body = form;
    call->transfer.body_size = size;
}

void call_start(struct call *call)
{
    assert_int_equal(transfer_start(&call->transfer), 0);
    assert_int_equal(call->done_count, 0);
}

struct call *call_run(struct call *call)
{
    call_start(call);
    run_until(&call->done_count, 1);
    assert_int_equal(call->done_count, 1);
    return call;
}

struct call *call_against(const struct script_line *line)
{
    struct endpoint *endpoint = endpoint_plain();
    http_server_script(&server, line, 1);
    struct call *call = call_run(call_make(0, endpoint));
    endpoint_free(endpoint);
    return call;
}

/* Waiting */

static void on_cap(uv_timer_t *timer)
{
    (void)timer;
    cap_ticks++;
    if (cap_ticks * CAP_TICK_MS >= CAP_MS) {
        fail_msg("what the test waits for does not happen");
    }
}

/* It ticks, because in libuv 1.44 UV_RUN_ONCE waits for one more event after a
 * timer that was due at its start. */
static void cap_start(void)
{
    cap_ticks = 0;
    uv_timer_start(&cap, on_cap, CAP_TICK_MS, CAP_TICK_MS);
}

void skip_waits(void)
{
    waits_are_skipped = true;
}

/* The second turn has libuv tell the kernel of sockets that are new since the
 * first. Over loopback, what was sent has arrived. */
static void turn_skipping(void)
{
    struct pollfd events = {.fd = uv_backend_fd(&loop), .events = POLLIN};
    uv_run(&loop, UV_RUN_NOWAIT);
    uv_run(&loop, UV_RUN_NOWAIT);
    if (loop.active_reqs.count > 0) {
        uv_run(&loop, UV_RUN_ONCE); /* a look-up, in its thread */
    } else if (uv_backend_timeout(&loop) > 0 && poll(&events, 1, 0) == 0) {
        clock_skipped_ms += (uint64_t)uv_backend_timeout(&loop);
    }
}

void run_until(const unsigned *count, unsigned wanted)
{
    for (unsigned turns = 0; waits_are_skipped && *count < wanted; turns++) {
        assert_true(turns < TURNS_MAX);
        turn_skipping();
    }
    cap_start();
    uv_run(&loop, UV_RUN_NOWAIT);
    while (*count < wanted) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    uv_timer_stop(&cap);
}

void run_for(uint64_t ms)
{
    uint64_t end_ms = uv_now(&loop) + ms;
    cap_start();
    while (uv_now(&loop) < end_ms) {
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    uv_timer_stop(&cap);
}

/* Setting up */

struct endpoint_options options_make(char *url, const char *host, int port)
{
    struct endpoint_options options = {
        .url = url,
        .in_flight_max = 1,
        .connect_timeout_ms = NOT_DUE_MS,
        .first_byte_timeout_ms = NOT_DUE_MS,
        .stall_timeout_ms = NOT_DUE_MS,
        .total_timeout_ms = NOT_DUE_MS,
    };
    sprintf(url, "http://%s:%d", host, port);
    return options;
}

struct endpoint *endpoint_make(const struct endpoint_options *options)
{
    struct endpoint *endpoint = NULL;
    struct reason why = {""};
    int error = endpoint_new(client, options, &endpoint, &why);
    if (error != 0) {
        fail_msg("%s", why.text);
    }
    return endpoint;
}

struct endpoint *endpoint_plain(void)
{
    char url[128];
    struct endpoint_options options =
        options_make(url, "127.0.0.1", server.port);
    return endpoint_make(&options);
}

void on_client_closed(struct http_client *closed, void *data)
{
    (void)closed;
    *(bool *)data = true;
}

int set_up_sized(unsigned transfers_max)
{
    struct reason why;
    uv_loop_init(&loop);
    uv_timer_init(&loop, &cap);
    http_server_open(&server, &loop);
    names_set("127.0.0.1", NULL, NULL);
    client_is_closed = false;
    waits_are_skipped = false;
    return http_client_new(&loop, transfers_max, &client, &why);
}

int set_up(void **state)
{
    (void)state;
    allocator_reset(0);
    return set_up_sized(CALLS_MAX);
}

void finish(void)
{
    cap_start();
    while (!client_is_closed) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    http_server_close(&server);
    uv_close((uv_handle_t *)&cap, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int tear_down(void **state)
{
    (void)state;
    http_client_close(client, on_client_closed, &client_is_closed);
    finish();
    assert_int_equal(allocator_held, 0);
    return 0;
}
