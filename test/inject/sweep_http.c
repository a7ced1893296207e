/*
 * http/: endpoints by themselves, and transfers over real sockets. A transfer
 * that fails says why, and the next try succeeds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fake_names.h"
#include "fault.h"
#include "http/client.h"
#include "http/endpoint.h"
#include "http/transfer.h"
#include "http_server.h"
#include "poller/credentials.h"
#include "sweep.h"

#define KEY "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQR"
#define FRESH_MS 61000 /* a name's addresses are older then */
#define TRIES_MAX 20   /* a machine out of breath fails some */

struct stage {
    uv_loop_t loop;                 /* */
    struct http_server server;      /* */
    struct http_client *client;     /* */
    struct credentials credentials; /* */
    bool is_closed;                 /* client */
};

static struct stage stage;

static void on_client_closed(struct http_client *client, void *data)
{
    (void)client;
    *(bool *)data = true;
}

/* Fails at most once. */
static void stage_open(void)
{
    memset(&stage, 0, sizeof stage);
    fault_pause();
    assert_int_equal(uv_loop_init(&stage.loop), 0);
    http_server_open(&stage.server, &stage.loop);
    names_set("127.0.0.1", "::1", NULL);
    fault_resume();
    credentials_set(&stage.credentials, "haplo", KEY);
    struct reason why;
    int error = http_client_new(&stage.loop, 4, &stage.client, &why);
    if (error != 0) {
        assert_int_equal(error, HAPLO_ENOMEM);
        error = http_client_new(&stage.loop, 4, &stage.client, &why);
    }
    assert_int_equal(error, 0);
}

static void stage_close(void)
{
    http_client_close(stage.client, on_client_closed, &stage.is_closed);
    SWEEP_UNTIL(&stage.loop, stage.is_closed);
    fault_pause();
    http_server_close(&stage.server);
    uv_run(&stage.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&stage.loop), 0);
    fault_resume();
}

/* Endpoints */

static struct endpoint *endpoint_make(const char *format, int port,
                                      struct endpoint_options options)
{
    char url[128];
    struct endpoint *endpoint = NULL;
    snprintf(url, sizeof url, format, port);
    options.url = url;
    options.allow_http = true;
    options.in_flight_max =
        options.in_flight_max != 0 ? options.in_flight_max : 1;
    options.connect_timeout_ms = 1000;
    options.first_byte_timeout_ms = 1000;
    options.stall_timeout_ms = 1000;
    options.total_timeout_ms = 5000;
    for (unsigned tries = 0; endpoint == NULL; tries++) {
        struct reason why = {""};
        int error = endpoint_new(stage.client, &options, &endpoint, &why);
        assert_true((error == 0) == (why.text[0] == '\0'));
        assert_true((error == 0) == (endpoint != NULL));
        assert_true(error == 0 || tries == 0);
        /* libcurl calls a login that it has no memory for a bad one. */
        assert_true(error == 0 || error == HAPLO_ENOMEM ||
                    (options.proxy != NULL && strchr(options.proxy, '@')));
    }
    return endpoint;
}

static void endpoints_run(void)
{
    static const struct endpoint_options plain;
    stage_open();
    endpoint_free(endpoint_make("http://127.0.0.1:%d", 80, plain));
    endpoint_free(endpoint_make("https://haplo.test:%d", 443, plain));
    endpoint_free(endpoint_make(
        "https://haplo.test:%d", 443,
        (struct endpoint_options){.proxy = "https://u:p@proxy.test:8080",
                                  .tls_ca_file = "/ca.pem",
                                  .tls_certificate_file = "/cert.pem",
                                  .tls_key_file = "/key.pem",
                                  .in_flight_max = 150}));
    stage_close();
}

/* Transfers */

struct call {
    struct transfer transfer;       /* */
    unsigned done_count;            /* */
    int error;                      /* */
    long status;                    /* */
    char location[128];             /* */
    char text[HAPLO_TEXT_SIZE_MAX]; /* */
    char body[256];                 /* */
    size_t body_size;               /* */
};

static void call_head(struct transfer *transfer, const struct http_head *head)
{
    struct call *call = (struct call *)(void *)transfer;
    call->status = head->status;
    if (head->location != NULL) {
        snprintf(call->location, sizeof call->location, "%s", head->location);
    }
}

static int call_data(struct transfer *transfer, const char *data, size_t size)
{
    struct call *call = (struct call *)(void *)transfer;
    assert_true(call->body_size + size < sizeof call->body);
    memcpy(call->body + call->body_size, data, size);
    call->body_size += size;
    return 0;
}

static void call_done(struct transfer *transfer,
                      const struct transfer_result *result)
{
    struct call *call = (struct call *)(void *)transfer;
    call->done_count++;
    call->error = result->error;
    snprintf(call->text, sizeof call->text, "%s", result->text);
}

static void call_try(struct call *call, struct endpoint *endpoint,
                     const char *form)
{
    memset(call, 0, sizeof *call);
    call->transfer = (struct transfer){
        .endpoint = endpoint,
        .path = "/api/haplo-integration-messages/poll/q1/fetch",
        .headers =
            form != NULL ? &stage.credentials.form : &stage.credentials.fetch,
        .body = form,
        .body_size = form != NULL ? strlen(form) : 0,
        .is_uncompressed = form != NULL,
        .head_cb = call_head,
        .data_cb = call_data,
        .done_cb = call_done,
    };
    int error = transfer_start(&call->transfer);
    if (error != 0) {
        assert_int_equal(error, HAPLO_ENOMEM);
        assert_int_equal(call->done_count, 0);
        call->error = error;
        return;
    }
    SWEEP_UNTIL(&stage.loop, call->done_count > 0);
    assert_int_equal(call->done_count, 1);
    assert_true((call->error == 0) == (call->text[0] == '\0'));
    assert_null(strchr(call->text, '\n'));
}

/* Tries until it ends as expected: 0 with that body, or that error. */
static void call_run(struct endpoint *endpoint, const char *form, int error,
                     const char *body)
{
    static struct call call;
    for (unsigned tries = 0;; tries++) {
        assert_true(tries < TRIES_MAX);
        call_try(&call, endpoint, form);
        if (call.error == 0) {
            /* Whatever failed: a success is whole. */
            assert_int_equal(error, 0);
            assert_int_equal(call.body_size, strlen(body));
            assert_memory_equal(call.body, body, call.body_size);
            return;
        }
        if (call.error == error) {
            return;
        }
    }
}

#define LINE(text)    \
    {                 \
        .bytes = text \
    }
#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

static void script(const struct script_line *line)
{
    http_server_script(&stage.server, line, 1);
}

static void plain_run(void)
{
    static const struct script_line fine =
        LINE(OK_HEAD "Content-Length: 4\r\n\r\nfine");
    static const struct script_line chunked = LINE(
        OK_HEAD "Transfer-Encoding: chunked\r\n\r\n4\r\nfine\r\n0\r\n\r\n");
    static const struct script_line cut = {
        .bytes = OK_HEAD "Content-Length: 40\r\n\r\nhalf", .end = SCRIPT_CLOSE};
    static const struct script_line silent = {.bytes = NULL};
    static const struct script_line endless = {.bytes = OK_HEAD "\r\nno end",
                                               .end = SCRIPT_CLOSE};
    stage_open();
    struct endpoint *endpoint =
        endpoint_make("http://127.0.0.1:%d", stage.server.port,
                      (struct endpoint_options){.in_flight_max = 2});
    script(&fine);
    call_run(endpoint, NULL, 0, "fine");
    call_run(endpoint, "token=T", 0, "fine");
    script(&chunked);
    call_run(endpoint, NULL, 0, "fine");
    script(&cut);
    call_run(endpoint, NULL, HAPLO_ERESET, "");
    script(&endless);
    call_run(endpoint, NULL, HAPLO_EPROTOCOL, "");
    script(&silent);
    call_run(endpoint, NULL, HAPLO_ETIMEDOUT, "");
    endpoint_free(endpoint);
    stage_close();
}

/* The operator has to know where to; if there is no memory to make it whole,
 * as the server sent it. */
static void redirect_run(void)
{
    static const struct script_line elsewhere =
        LINE("HTTP/1.1 302 Found\r\nLocation: //other.test/x\r\n"
             "Content-Length: 0\r\n\r\n");
    static struct call call;
    stage_open();
    struct endpoint *endpoint = endpoint_make(
        "http://127.0.0.1:%d", stage.server.port, (struct endpoint_options){0});
    script(&elsewhere);
    for (unsigned tries = 0; call.status != 302; tries++) {
        assert_true(tries < TRIES_MAX);
        call_try(&call, endpoint, NULL);
    }
    if (call.location[0] != '\0') {
        assert_non_null(strstr(call.location, "//other.test/x"));
    }
    call.status = 0;
    endpoint_free(endpoint);
    stage_close();
}

/* Through a proxy, and by names: of one that is known to two addresses, of
 * which one refuses, and of one that is not known. */
static void names_run(void)
{
    static const struct script_line fine =
        LINE(OK_HEAD "Content-Length: 4\r\n\r\nfine");
    char proxy[64];
    static const struct endpoint_options plain;
    stage_open();
    script(&fine);
    struct endpoint *named =
        endpoint_make("http://haplo.test:%d", stage.server.port, plain);
    call_run(named, NULL, 0, "fine");
    sweep_skip(FRESH_MS); /* looked up again in the background */
    call_run(named, NULL, 0, "fine");
    sweep_skip(FRESH_MS);
    atomic_store(&names_error, EAI_AGAIN); /* the old addresses have to do */
    call_run(named, NULL, 0, "fine");
    atomic_store(&names_error, 0);
    snprintf(proxy, sizeof proxy, "http://proxy.test:%d", stage.server.port);
    struct endpoint *proxied = endpoint_make(
        "http://far.test:%d", 80, (struct endpoint_options){.proxy = proxy});
    call_run(proxied, NULL, 0, "fine");
    struct endpoint *unknown = endpoint_make("http://haplo.no:%d", 80, plain);
    call_run(unknown, NULL, HAPLO_ERESOLVE, "");
    struct endpoint *refused = endpoint_make("http://127.0.0.1:%d", 9, plain);
    call_run(refused, NULL, HAPLO_ECONNECT, "");
    endpoint_free(named);
    endpoint_free(proxied);
    endpoint_free(unknown);
    endpoint_free(refused);
    stage_close();
}

/* Given up while the name is looked up, and while the answer is awaited. */
static void cancel_run(void)
{
    static const struct script_line silent = {.bytes = NULL};
    static struct call calls[2];
    stage_open();
    script(&silent);
    struct endpoint *endpoints[2] = {
        endpoint_make("http://haplo.test:%d", stage.server.port,
                      (struct endpoint_options){0}),
        endpoint_make("http://127.0.0.1:%d", stage.server.port,
                      (struct endpoint_options){0})};
    for (unsigned i = 0; i < 2; i++) {
        calls[i] =
            (struct call){.transfer = {.endpoint = endpoints[i],
                                       .path = "/x",
                                       .headers = stage.credentials.headers,
                                       .head_cb = call_head,
                                       .data_cb = call_data,
                                       .done_cb = call_done}};
        bool is_started = transfer_start(&calls[i].transfer) == 0;
        if (i == 1) {
            uv_run(&stage.loop, UV_RUN_NOWAIT);
        }
        if (is_started && calls[i].done_count == 0) {
            transfer_cancel(&calls[i].transfer);
        }
        endpoint_free(endpoints[i]);
    }
    stage_close();
}

const struct sweep_unit sweep_http_units[] = {
    {"http/endpoints", endpoints_run, NULL, false, 1},
    {"http/plain", plain_run, NULL, false, 1},
    {"http/redirect", redirect_run, NULL, false, 1},
    {"http/names", names_run, NULL, false, 1},
    {"http/cancel", cancel_run, NULL, false, 1},
    {NULL, NULL, NULL, false, 0},
};
