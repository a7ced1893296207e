/* The HTTP side against a server on the same loop that plays scripts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "failing_allocator.h"
#include "io/credentials.h"
#include "io/endpoint.h"
#include "io/io.h"
#include "io/transfer.h"
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
static struct curl_slist *headers;
static struct call calls[CALLS_MAX];

static const char path[] = "/api/haplo-integration-messages/poll/q1/fetch";

#define OK_HEAD                                             \
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" \
    "Content-Length: 14\r\n\r\n"
#define OK_BODY "{\"version\": 0}"
#define OK_ANSWER OK_HEAD OK_BODY

static void on_cap(uv_timer_t *timer)
{
    (void)timer;
    fail_msg("the test waits for what does not come");
}

static void on_io_closed(struct io *closed, void *data)
{
    (void)closed;
    *(bool *)data = true;
}

static void call_head(struct transfer *transfer, const struct http_head *head)
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

static int call_data(struct transfer *transfer, const char *data, size_t size)
{
    struct call *call = (struct call *)(void *)transfer;
    assert_int_equal(call->head_count, 1);
    assert_true(call->body_size + size < sizeof call->body);
    memcpy(call->body + call->body_size, data, size);
    call->body_size += size;
    return call->refuse;
}

static void call_start(struct call *call)
{
    assert_int_equal(transfer_start(&call->transfer), 0);
    assert_int_equal(call->done_count, 0);
}

static void call_done(struct transfer *transfer,
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

static struct call *call_make(unsigned index, struct endpoint *endpoint)
{
    struct call *call = &calls[index];
    memset(call, 0, sizeof *call);
    call->transfer.endpoint = endpoint;
    call->transfer.path = path;
    call->transfer.headers = headers;
    call->transfer.head_cb = call_head;
    call->transfer.data_cb = call_data;
    call->transfer.done_cb = call_done;
    return call;
}

static void run_until(const unsigned *count, unsigned wanted)
{
    uv_timer_start(&cap, on_cap, CAP_MS, 0);
    while (*count < wanted) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    uv_timer_stop(&cap);
}

static struct call *call_run(struct call *call)
{
    call_start(call);
    run_until(&call->done_count, 1);
    assert_int_equal(call->done_count, 1);
    return call;
}

static void run_for(uint64_t ms)
{
    uint64_t end_ms = uv_now(&loop) + ms;
    uv_timer_start(&cap, on_cap, CAP_MS, 0);
    while (uv_now(&loop) < end_ms) {
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    uv_timer_stop(&cap);
}

static struct haplo_server_options options_make(char *url, const char *host,
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

static struct endpoint *endpoint_make(
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
static struct endpoint *endpoint_plain(void)
{
    char url[128];
    struct haplo_server_options options =
        options_make(url, "127.0.0.1", server.port);
    return endpoint_make(&options);
}

#define SCRIPT(...)                                          \
    static const struct script_line lines[] = {__VA_ARGS__}; \
    server_script(&server, lines, sizeof lines / sizeof lines[0])

static int set_up_sized(unsigned transfers_max)
{
    uv_loop_init(&loop);
    uv_timer_init(&loop, &cap);
    server_open(&server, &loop);
    names_set("127.0.0.1", NULL, NULL);
    io_is_closed = false;
    headers = credentials_new(KEY);
    assert_non_null(headers);
    return io_new(&loop, transfers_max, &io);
}

static int set_up(void **state)
{
    (void)state;
    allocator_reset(0);
    return set_up_sized(CALLS_MAX);
}

static void finish(void)
{
    uv_timer_start(&cap, on_cap, CAP_MS, 0);
    while (!io_is_closed) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    server_close(&server);
    uv_close((uv_handle_t *)&cap, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    credentials_free(headers);
}

static int tear_down(void **state)
{
    (void)state;
    io_close(io, on_io_closed, &io_is_closed);
    finish();
    assert_int_equal(allocator_held, 0);
    return 0;
}

/* The plain case, on which all else rests. */
static void a_whole_answer_is_handed_on(void **state)
{
    (void)state;
    struct endpoint *endpoint = endpoint_plain();
    SCRIPT({.bytes = OK_ANSWER});
    struct call *call = call_run(call_make(0, endpoint));
    assert_int_equal(call->error, 0);
    assert_string_equal(call->text, "");
    assert_int_equal(call->status, 200);
    assert_string_equal(call->content_type, "application/json");
    assert_int_equal(call->content_size, 14);
    assert_string_equal(call->body, OK_BODY);
    assert_int_equal(call->head_count, 1);
    assert_int_equal(call->retry_after_ms, 0);
    endpoint_free(endpoint);
}

/* The server compares names undecoded, and takes one spelling of the login.
 */
static void a_fetch_is_exact_on_the_wire(void **state)
{
    (void)state;
    char expected[1024];
    struct endpoint *endpoint = endpoint_plain();
    SCRIPT({.bytes = OK_ANSWER});
    struct call *call = call_make(0, endpoint);
    call->transfer.path = "/poll/q%C3%A9%71%2f/./../a;b=c,d+e~/fetch";
    call_run(call);
    sprintf(expected,
            "GET /poll/q%%C3%%A9%%71%%2f/./../a;b=c,d+e~/fetch HTTP/1.1\r\n"
            "Host: 127.0.0.1:%d\r\n"
            "Accept: */*\r\n"
            "Accept-Encoding: gzip\r\n"
            "Authorization: Basic aGFwbG86YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4"
            "eXpBQkNERUZHSElKS0xNTk9QUVI=\r\n"
            "User-Agent: haplo-poll/0.1.0\r\n\r\n",
            server.port);
    assert_string_equal(server.request, expected);
    endpoint_free(endpoint);
}

/* Anything but this form and content type marks nothing. */
static void a_mark_is_exact_on_the_wire(void **state)
{
    (void)state;
    char expected[1024];
    struct endpoint *endpoint = endpoint_plain();
    SCRIPT({.bytes = OK_ANSWER});
    struct call *call = call_make(0, endpoint);
    call->transfer.path = "/poll/q1/mark";
    call->transfer.form = "token=a%2Bb%3D and what follows";
    call->transfer.form_size = strlen("token=a%2Bb%3D");
    call_run(call);
    sprintf(expected,
            "POST /poll/q1/mark HTTP/1.1\r\n"
            "Host: 127.0.0.1:%d\r\n"
            "Accept: */*\r\n"
            "Accept-Encoding: gzip\r\n"
            "Authorization: Basic aGFwbG86YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4"
            "eXpBQkNERUZHSElKS0xNTk9QUVI=\r\n"
            "User-Agent: haplo-poll/0.1.0\r\n"
            "Content-Length: 14\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
            "token=a%%2Bb%%3D",
            server.port);
    assert_string_equal(server.request, expected);
    endpoint_free(endpoint);
}

/* The longest form that a token can make; a server would not answer "Expect:
 * 100-continue". */
static void a_large_form_is_sent_whole(void **state)
{
    (void)state;
    struct endpoint *endpoint = endpoint_plain();
    SCRIPT({.bytes = OK_ANSWER});
    struct call *call = call_make(0, endpoint);
    size_t size = strlen("token=") + 3 * HAPLO_TOKEN_SIZE_MAX;
    char *form = malloc(size);
    assert_non_null(form);
    memset(form, 'x', size);
    call->transfer.form = form;
    call->transfer.form_size = size;
    call_run(call);
    assert_int_equal(call->error, 0);
    const char *sent = strstr(server.request, "\r\n\r\n");
    assert_non_null(sent);
    assert_memory_equal(sent + 4, form, size);
    assert_null(strstr(server.request, "Expect"));
    free(form);
    endpoint_free(endpoint);
}

/* A handle that was used for a POST must not post the next fetch. */
static void fetch_and_mark_alternate_on_one_connection(void **state)
{
    (void)state;
    struct endpoint *endpoint = endpoint_plain();
    SCRIPT({.bytes = OK_ANSWER});
    for (unsigned i = 0; i < 6; i++) {
        struct call *call = call_make(i, endpoint);
        if (i % 2 == 1) {
            call->transfer.form = "token=t";
            call->transfer.form_size = 7;
        }
        call_run(call);
        assert_int_equal(call->error, 0);
        assert_memory_equal(server.request, i % 2 == 1 ? "POST" : "GET ", 4);
        assert_true(i % 2 == 1 || strstr(server.request, "Content") == NULL);
    }
    assert_int_equal(server.peer_count, 1);
    assert_int_equal(io_connection_count(io), 1);
    endpoint_free(endpoint);
}

/* Servers drop idle connections: that is no failure of the next request, and
 * must not make the loop spin. */
static void a_connection_closed_while_idle_is_replaced(void **state)
{
    (void)state;
    struct endpoint *endpoint = endpoint_plain();
    SCRIPT({.bytes = OK_ANSWER});
    call_run(call_make(0, endpoint));
    server_drop_peers(&server);
    run_for(20);
    assert_int_equal(uv_backend_timeout(&loop), 0);
    struct call *call = call_run(call_make(1, endpoint));
    assert_int_equal(call->error, 0);
    assert_int_equal(server.peer_count, 2);
    endpoint_free(endpoint);
}

/* An embedding application's loop must be able to end. */
static void an_idle_connection_does_not_hold_the_loop(void **state)
{
    (void)state;
    struct endpoint *endpoint = endpoint_plain();
    SCRIPT({.bytes = OK_ANSWER});
    call_run(call_make(0, endpoint));
    assert_int_equal(io_connection_count(io), 1);
    assert_false(uv_loop_alive(&loop));
    struct call *call = call_run(call_make(1, endpoint));
    assert_int_equal(call->error, 0);
    assert_int_equal(io_connection_count(io), 1);
    assert_false(uv_loop_alive(&loop));
    endpoint_free(endpoint);
}

/* Runs one call against one answer. */
static struct call *call_against(const struct script_line *line)
{
    struct endpoint *endpoint = endpoint_plain();
    server_script(&server, line, 1);
    struct call *call = call_run(call_make(0, endpoint));
    endpoint_free(endpoint);
    return call;
}

/* A truncated batch must never be taken for a whole one. */
static void a_cut_answer_is_an_error(void **state)
{
    (void)state;
    static const struct script_line cut[] = {
        {.bytes =
             "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"version\": 0}",
         .end = SCRIPT_CLOSE},
        {.bytes =
             "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"version\": 0}",
         .end = SCRIPT_RESET},
        {.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "5\r\n{\"ver\r\n",
         .end = SCRIPT_CLOSE},
        {.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "20\r\n{\"ver",
         .end = SCRIPT_CLOSE},
        {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n",
         .end = SCRIPT_CLOSE},
        {.bytes = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
                  "Content-Length: 63\r\n\r\n"
                  "\x1f\x8b\x08",
         .end = SCRIPT_CLOSE},
        {.bytes = "HTTP/1.1 200 OK\r\nContent-", .end = SCRIPT_CLOSE},
    };
    for (size_t i = 0; i < sizeof cut / sizeof cut[0]; i++) {
        struct call *call = call_against(&cut[i]);
        assert_int_equal(call->error, HAPLO_ERESET);
        assert_non_null(strstr(call->text, "the connection was lost"));
    }
}

/* Whether the end of the connection is the end of the answer or a cut cannot
 * be told, so a batch is not taken from it; what an error says is. */
static void an_answer_of_unknown_length_is_only_taken_as_an_error(void **state)
{
    (void)state;
    static const struct script_line ok[] = {
        {.bytes = "HTTP/1.1 200 OK\r\n\r\n{\"version\": 0}",
         .end = SCRIPT_CLOSE},
        {.bytes = "HTTP/1.1 200 OK\r\n\r\n", .end = SCRIPT_CLOSE},
    };
    static const struct script_line bad = {
        .bytes = "HTTP/1.1 500 Oops\r\nContent-Type: text/html\r\n\r\n<p>",
        .end = SCRIPT_CLOSE};
    for (unsigned i = 0; i < 2; i++) {
        struct call *call = call_against(&ok[i]);
        assert_int_equal(call->error, HAPLO_EPROTOCOL);
        assert_non_null(strstr(call->text, "neither Content-Length"));
        assert_int_equal(call->head_count, 0);
    }
    struct call *call = call_against(&bad);
    assert_int_equal(call->error, 0);
    assert_int_equal(call->status, 500);
    assert_string_equal(call->body, "<p>");
}

/* Overloaded and restarting servers do that; it mends itself. */
static void a_connection_lost_before_the_answer_is_a_reset(void **state)
{
    (void)state;
    static const struct script_line lost[] = {
        {.bytes = "", .end = SCRIPT_CLOSE},
        {.bytes = "", .end = SCRIPT_RESET},
    };
    for (unsigned i = 0; i < 2; i++) {
        struct call *call = call_against(&lost[i]);
        assert_int_equal(call->error, HAPLO_ERESET);
        assert_non_null(
            strstr(call->text, "the connection was lost before any answer"));
        assert_int_equal(call->head_count, 0);
    }
}

/* Garbage must end in one clear error, whatever it is. */
static void what_is_not_http_is_a_protocol_error(void **state)
{
    (void)state;
    static const struct script_line garbage[] = {
        {.bytes = "SSH-2.0-OpenSSH_9.2\r\n", .end = SCRIPT_CLOSE},
        {.bytes = "<html>0.9</html>", .end = SCRIPT_CLOSE},
        {.bytes =
             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
         .end = SCRIPT_CLOSE},
        {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
                  "Content-Encoding: gzip\r\n\r\nplain",
         .end = SCRIPT_CLOSE},
        {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
                  "Content-Encoding: rot13\r\n\r\nplain",
         .end = SCRIPT_CLOSE},
    };
    for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
        struct call *call = call_against(&garbage[i]);
        assert_int_equal(call->error, HAPLO_EPROTOCOL);
        assert_string_not_equal(call->text, "");
        assert_int_equal(call->body_size, 0);
    }
}

/* Memory for a head is bounded too. */
static void a_head_without_end_is_a_protocol_error(void **state)
{
    (void)state;
    size_t size = 250000;
    char *line = malloc(size + 1);
    char *lines = malloc(4 * size + 1);
    assert_non_null(line);
    assert_non_null(lines);
    memset(line, 'x', size);
    line[size] = '\0';
    memcpy(line, "HTTP/1.1 200 OK\r\nA: ", 20);
    strcpy(lines, "HTTP/1.1 200 OK\r\n");
    size_t length = strlen(lines);
    while (length + 1020 < 4 * size) {
        length += (size_t)sprintf(lines + length, "A: %01000d\r\n", 1);
    }
    strcpy(lines + length, "Content-Length: 0\r\n\r\n");
    const struct script_line one = {.bytes = line, .end = SCRIPT_CLOSE};
    const struct script_line many = {.bytes = lines, .end = SCRIPT_CLOSE};
    struct call *call = call_against(&one);
    assert_int_equal(call->error, HAPLO_EPROTOCOL);
    call = call_against(&many);
    assert_int_equal(call->error, HAPLO_EPROTOCOL);
    free(line);
    free(lines);
}

/* Followed, a POST would become a GET, and the key go elsewhere. */
static void a_redirect_is_reported_and_not_followed(void **state)
{
    (void)state;
    static const struct script_line absolute = {
        .bytes = "HTTP/1.1 302 Found\r\nLocation: https://other.example/x\r\n"
                 "Content-Length: 2\r\n\r\nhi"};
    static const struct script_line relative = {
        .bytes = "HTTP/1.1 301 Moved\r\nLocation: /login?a=b\r\n"
                 "Content-Length: 0\r\n\r\n"};
    char expected[128];
    struct call *call = call_against(&absolute);
    assert_int_equal(call->error, 0);
    assert_int_equal(call->status, 302);
    assert_string_equal(call->location, "https://other.example/x");
    assert_int_equal(server.request_count, 1);
    call = call_against(&relative);
    sprintf(expected, "http://127.0.0.1:%d/login?a=b", server.port);
    assert_string_equal(call->location, expected);
    assert_int_equal(call->head_count, 1);
}

/* The size of what is packed says nothing about the body. */
static void a_gzip_body_is_unpacked(void **state)
{
    (void)state;
    static const char answer[] =
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
        "Content-Length: 63\r\n\r\n"
        "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\x2a\x4b\x2d\x2a"
        "\xce\xcc\xcf\x53\xb2\x52\x30\xd0\x51\x50\x2a\xc9\xcf\x4e\x05\xb1"
        "\x95\x94\x80\x9c\xdc\xd4\xe2\xe2\xc4\xf4\xd4\x62\x20\x3f\x3a\xb6"
        "\x96\xab\x7a\x10\xa8\x05\x00\xed\xfd\x14\x0f\xb0\x00\x00\x00";
    static const struct script_line line = {answer, sizeof answer - 1,
                                            SCRIPT_KEEP, 0};
    struct call *call = call_against(&line);
    assert_int_equal(call->error, 0);
    assert_int_equal(call->content_size, -1);
    assert_int_equal(call->body_size, 176);
    assert_memory_equal(call->body, "{\"version\": 0, \"token\"", 22);
}

/* They carry what the server has to say. */
static void error_answers_are_handed_on_like_others(void **state)
{
    (void)state;
    static const struct script_line refused = {
        .bytes = "HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n"
                 "5\r\n{\"a\":\r\n2\r\n1}\r\n0\r\n\r\n"};
    static const struct script_line busy = {
        .bytes =
            "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"};
    static const struct script_line hints = {
        .bytes = "HTTP/1.1 103 Early Hints\r\nContent-Type: text/html\r\n\r\n"
                 "HTTP/1.1 204 No Content\r\n\r\n"};
    struct call *call = call_against(&refused);
    assert_int_equal(call->error, 0);
    assert_int_equal(call->status, 403);
    assert_int_equal(call->content_size, -1);
    assert_string_equal(call->body, "{\"a\":1}");
    call = call_against(&busy);
    assert_int_equal(call->status, 503);
    assert_int_equal(call->retry_after_ms, 7000);
    assert_int_equal(call->head_count, 1);
    assert_int_equal(call->content_size, 0);
    call = call_against(&hints);
    assert_int_equal(call->error, 0);
    assert_int_equal(call->status, 204);
    assert_int_equal(call->head_count, 1);
}

/* A body above its cap, for example: the sink's error must come back. */
static void the_error_of_data_cb_ends_the_transfer(void **state)
{
    (void)state;
    struct endpoint *endpoint = endpoint_plain();
    SCRIPT({.bytes = OK_ANSWER});
    struct call *call = call_make(0, endpoint);
    call->refuse = HAPLO_ETOOBIG;
    call_run(call);
    assert_int_equal(call->error, HAPLO_ETOOBIG);
    assert_string_equal(call->text, "");
    endpoint_free(endpoint);
}

static void assert_limit(const struct haplo_server_options *options,
                         uint64_t limit_ms, const char *text)
{
    struct endpoint *endpoint = endpoint_make(options);
    uint64_t start_ms = uv_now(&loop);
    struct call *call = call_run(call_make(0, endpoint));
    assert_int_equal(call->error, HAPLO_ETIMEDOUT);
    assert_string_equal(call->text, text);
    assert_in_range(uv_now(&loop) - start_ms, limit_ms, limit_ms + 900);
    endpoint_free(endpoint);
}

/* Four limits, and the text must say which. */
static void each_time_limit_ends_a_transfer(void **state)
{
    (void)state;
    char url[128];
    struct haplo_server_options options =
        options_make(url, "127.0.0.1", server.port);
    static const struct script_line silent[] = {{.bytes = NULL}};
    static const struct script_line half[] = {
        {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
         .end = SCRIPT_KEEP}};
    static const struct script_line drip[] = {
        {.bytes = OK_ANSWER, .drip_ms = 20}};
    options.first_byte_timeout_ms = 60;
    server_script(&server, silent, 1);
    assert_limit(&options, 60, "no answer within 60 ms (first_byte_timeout)");
    options.first_byte_timeout_ms = 10000;
    options.stall_timeout_ms = 70;
    server_script(&server, half, 1);
    assert_limit(&options, 70, "stalled: no byte for 70 ms (stall_timeout)");
    options.stall_timeout_ms = 10000;
    options.total_timeout_ms = 1000;
    server_script(&server, drip, 1);
    assert_limit(&options, 1000, "no whole answer within 1 s (total_timeout)");
}

/* Slow is not stalled: each byte begins the limit anew, head and packed body
 * too. */
static void a_slow_drip_is_not_a_stall(void **state)
{
    (void)state;
    char url[128];
    struct haplo_server_options options =
        options_make(url, "127.0.0.1", server.port);
    SCRIPT({.bytes = OK_ANSWER, .drip_ms = 4});
    options.stall_timeout_ms = 300;
    options.first_byte_timeout_ms = 300;
    struct endpoint *endpoint = endpoint_make(&options);
    struct call *call = call_run(call_make(0, endpoint));
    assert_int_equal(call->error, 0);
    assert_string_equal(call->body, OK_BODY);
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
    socklen_t size = sizeof address;
    uv_ip4_addr(ip, port, &address);
    for (unsigned i = 0; i < 8; i++) {
        hole->fds[i] =
            socket(AF_INET, SOCK_STREAM | (i > 0 ? SOCK_NONBLOCK : 0), 0);
        if (i == 0) {
            assert_int_equal(bind(hole->fds[0], (void *)&address, size), 0);
            assert_int_equal(listen(hole->fds[0], 0), 0);
            getsockname(hole->fds[0], (void *)&address, &size);
        } else {
            (void)connect(hole->fds[i], (void *)&address, size);
        }
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
    struct haplo_server_options options =
        options_make(url, "127.0.0.1", hole.port);
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
    struct haplo_server_options options = options_make(url, "127.0.0.1", 9);
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
    struct haplo_server_options options =
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
    struct haplo_server_options options =
        options_make(url, "haplo.test", server.port);
    options.allow_http = true;
    options.connect_timeout_ms = 1000;
    SCRIPT({.bytes = OK_ANSWER});
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
    struct haplo_server_options options =
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
    struct haplo_server_options options =
        options_make(url, "haplo.test", server.port);
    options.allow_http = true;
    options.connect_timeout_ms = 200;
    SCRIPT({.bytes = OK_ANSWER});
    names_set("127.0.0.2", "127.0.0.1", NULL);
    struct endpoint *endpoint = endpoint_make(&options);
    server_close(&server);
    struct call *call = call_run(call_make(0, endpoint));
    assert_int_equal(call->error, HAPLO_ECONNECT);
    atomic_store(&names_error, EAI_AGAIN);
    call = call_run(call_make(1, endpoint));
    assert_int_equal(call->error, HAPLO_ECONNECT);
    assert_int_equal(atomic_load(&names_asked), 2);
    endpoint_free(endpoint);
    server_open(&server, &loop);
}

/* The look-up counts as part of connecting, and cannot be interrupted: it is
 * left behind, and its late result harms nobody. */
static void a_look_up_that_hangs_times_out(void **state)
{
    (void)state;
    char url[128];
    uv_sem_t gate;
    struct haplo_server_options options =
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

/* All that wait for the name end, also those started from their done_cb. */
static void a_name_that_does_not_exist_fails_all_that_wait(void **state)
{
    (void)state;
    char url[128];
    struct haplo_server_options options =
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
    struct haplo_server_options options =
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
    server_script(&server, silent, 1);
    assert_cancelled_after(endpoint, &none, 0);
    server.peer_count = 0;
    assert_cancelled_after(endpoint, &server.peer_count, 1);
    server.request_count = 0;
    assert_cancelled_after(endpoint, &server.request_count, 1);
    server_script(&server, half, 1);
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
    assert_int_equal(io_connection_count(io), 1);
    endpoint_free(endpoint);
}

/* Also one that is about to be told the same bad news. */
static void done_cb_cancels_another_transfer(void **state)
{
    (void)state;
    char url[128];
    struct haplo_server_options options =
        options_make(url, "127.0.0.1", server.port);
    static const struct script_line silent[] = {{.bytes = NULL}};
    options.in_flight_max = 2;
    options.first_byte_timeout_ms = 50;
    server_script(&server, silent, 1);
    struct endpoint *endpoint = endpoint_make(&options);
    struct call *first = call_make(0, endpoint);
    struct call *second = call_make(1, endpoint);
    call_start(first);
    call_start(second);
    run_until(&server.request_count, 2);
    first->cancel = second;
    second->cancel = first;
    run_for(150);
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
            call->transfer.form = "token=t";
            call->transfer.form_size = 7;
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
    struct haplo_server_options options =
        options_make(url, "127.0.0.1", server.port);
    SCRIPT({.bytes = OK_ANSWER});
    options.in_flight_max = 10;
    for (unsigned i = 0; i < 20; i++) {
        endpoints[i] = endpoint_make(&options);
    }
    start_and_check_all(endpoints, 20);
    assert_in_range(io_connection_count(io), 1, CALLS_MAX);
    for (unsigned i = 0; i < 20; i++) {
        endpoint_free(endpoints[i]);
    }
    options.in_flight_max = CALLS_MAX;
    wide = endpoint_make(&options);
    start_and_check_all(&wide, 1);
    uint64_t connection_count = io_connection_count(io);
    start_and_check_all(&wide, 1);
    assert_int_equal(io_connection_count(io), connection_count);
    endpoint_free(wide);
}

/* With a proxy, plain http tells it the whole URL, and the refusal of a
 * tunnel is an error of the connection. */
static void a_proxy_is_asked_as_it_expects(void **state)
{
    (void)state;
    char url[128] = "http://haplo.example:8080";
    char proxy[128];
    struct haplo_server_options options =
        options_make(proxy, "user:secret@127.0.0.1", server.port);
    static const struct script_line ok[] = {{.bytes = OK_ANSWER}};
    static const struct script_line refused[] = {
        {.bytes = "HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n"}};
    options.url = url;
    options.proxy = proxy;
    options.allow_http = true;
    server_script(&server, ok, 1);
    struct endpoint *endpoint = endpoint_make(&options);
    struct call *call = call_run(call_make(0, endpoint));
    assert_int_equal(call->error, 0);
    assert_memory_equal(server.request,
                        "GET http://haplo.example:8080/api/haplo-", 40);
    endpoint_free(endpoint);
    strcpy(url, "https://haplo.example");
    server_script(&server, refused, 1);
    endpoint = endpoint_make(&options);
    call = call_run(call_make(1, endpoint));
    assert_int_equal(call->error, HAPLO_ECONNECT);
    assert_memory_equal(call->text, "connect through proxy 127.0.0.1 port ",
                        37);
    assert_null(strstr(call->text, "secret"));
    assert_memory_equal(server.request, "CONNECT haplo.example:443", 25);
    assert_null(strstr(server.request, "aGFwbG86"));
    endpoint_free(endpoint);
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
    struct haplo_server_options options = options_make(url, "x", 1);
    struct endpoint *endpoint = NULL;
    struct reason why;
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        options.url = urls[i];
        assert_int_equal(endpoint_new(io, &options, &endpoint, &why),
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
    struct haplo_server_options options = {
        .url = "https://haplo.example",
    };
    struct endpoint *endpoint = NULL;
    struct reason why;
    for (size_t i = 0; i < sizeof proxies / sizeof proxies[0]; i++) {
        options.proxy = proxies[i];
        assert_int_equal(endpoint_new(io, &options, &endpoint, &why),
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
    struct haplo_server_options options =
        options_make(url, "haplo.test", server.port);
    options.allow_http = true;
    static const struct script_line silent[] = {{.bytes = NULL}};
    server_script(&server, silent, 1);
    struct endpoint *plain = endpoint_plain();
    struct endpoint *named = endpoint_make(&options);
    call_start(call_make(0, plain));
    run_until(&server.request_count, 1);
    call_start(call_make(1, named));
    io_close(io, on_io_closed, &io_is_closed);
    endpoint_free(plain);
    endpoint_free(named);
    finish();
    assert_int_equal(calls[0].done_count, 0);
    assert_int_equal(calls[1].done_count, 0);
}

/* The nearest a callback can come to sawing off its own branch. */
static void io_is_closed_from_done_cb(void **state)
{
    (void)state;
    SCRIPT({.bytes = OK_ANSWER});
    struct endpoint *endpoint = endpoint_plain();
    struct call *call = call_make(0, endpoint);
    call->closes_io = true;
    call_start(call);
    uv_timer_start(&cap, on_cap, CAP_MS, 0);
    while (call->done_count == 0) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    finish();
    assert_int_equal(call->error, 0);
}

/* Each allocation fails once: no crash, no leak, one answer at most. */
static void any_allocation_may_fail(void **state)
{
    (void)state;
    char url[128];
    struct haplo_server_options options =
        options_make(url, "haplo.test", server.port);
    options.allow_http = true;
    bool has_passed = false;
    SCRIPT({.bytes = OK_ANSWER});
    for (size_t fails = 1; !has_passed; fails++) {
        struct endpoint *endpoint = NULL;
        struct reason why;
        struct io *own_io = io;
        bool is_closed = false;
        assert_true(fails < 100);
        allocator_reset(fails);
        int error = io_new(&loop, 2, &io);
        if (error == 0) {
            error = endpoint_new(io, &options, &endpoint, &why);
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
        if (io != NULL) {
            io_close(io, on_io_closed, &is_closed);
            while (!is_closed) {
                uv_run(&loop, UV_RUN_ONCE);
            }
        }
        io = own_io;
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_CLOSING(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_whole_answer_is_handed_on),
        TEST(a_fetch_is_exact_on_the_wire),
        TEST(a_mark_is_exact_on_the_wire),
        TEST(a_large_form_is_sent_whole),
        TEST(fetch_and_mark_alternate_on_one_connection),
        TEST(a_connection_closed_while_idle_is_replaced),
        TEST(an_idle_connection_does_not_hold_the_loop),
        TEST(a_cut_answer_is_an_error),
        TEST(an_answer_of_unknown_length_is_only_taken_as_an_error),
        TEST(a_connection_lost_before_the_answer_is_a_reset),
        TEST(what_is_not_http_is_a_protocol_error),
        TEST(a_head_without_end_is_a_protocol_error),
        TEST(a_redirect_is_reported_and_not_followed),
        TEST(a_gzip_body_is_unpacked),
        TEST(error_answers_are_handed_on_like_others),
        TEST(the_error_of_data_cb_ends_the_transfer),
        TEST(each_time_limit_ends_a_transfer),
        TEST(a_slow_drip_is_not_a_stall),
        TEST(a_connection_that_is_not_accepted_times_out),
        TEST(a_refused_connection_is_told_plainly),
        TEST(a_name_is_resolved_once_for_all_that_wait),
        TEST(the_addresses_of_a_name_are_tried_in_turn),
        TEST(a_name_is_looked_up_again_when_a_connection_failed),
        TEST(old_addresses_are_used_when_a_look_up_fails),
        TEST(a_look_up_that_hangs_times_out),
        TEST(a_name_that_does_not_exist_fails_all_that_wait),
        TEST(an_endpoint_is_freed_while_its_name_is_looked_up),
        TEST(a_transfer_is_cancelled_in_each_phase),
        TEST(done_cb_starts_another_transfer),
        TEST(done_cb_cancels_another_transfer),
        cmocka_unit_test_teardown(two_handles_serve_five_endpoints, tear_down),
        TEST(two_hundred_transfers_run_at_once),
        TEST(a_proxy_is_asked_as_it_expects),
        TEST(wrong_urls_are_refused),
        TEST(wrong_proxies_are_refused),
        TEST_CLOSING(closing_calls_nothing_back),
        TEST_CLOSING(io_is_closed_from_done_cb),
        TEST(any_allocation_may_fail),
    };
    allocator_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
