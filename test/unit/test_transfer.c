/* What goes over the wire, and what each kind of response leads to. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_scene.h"

#include "http/response_line.h"

/* The plain case, on which all else rests. */
static void a_complete_response_is_passed_on(void **state)
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
            "Authorization: Basic " LOGIN "\r\n"
            "User-Agent: test/1.0\r\n\r\n",
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
    call_post(call, "token=a%2Bb%3D and what follows",
              strlen("token=a%2Bb%3D"));
    call_run(call);
    sprintf(expected,
            "POST /poll/q1/mark HTTP/1.1\r\n"
            "Host: 127.0.0.1:%d\r\n"
            "Accept: */*\r\n"
            "Accept-Encoding: gzip\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n"
            "Authorization: Basic " LOGIN "\r\n"
            "User-Agent: test/1.0\r\n"
            "Content-Length: 14\r\n\r\n"
            "token=a%%2Bb%%3D",
            server.port);
    assert_string_equal(server.request, expected);
    endpoint_free(endpoint);
}

/* A webhook's body is not a form, and not every method is POST. */
static void any_body_and_method_can_be_sent(void **state)
{
    (void)state;
    static char content_type[] = "Content-Type: application/json";
    static const char *const begins[] = {"PUT ", "POST", "PUT ", "GET "};
    struct curl_slist headers = {content_type, NULL};
    struct endpoint *endpoint = endpoint_plain();
    SCRIPT({.bytes = OK_ANSWER});
    for (unsigned i = 0; i < 4; i++) {
        struct call *call = call_make(i, endpoint);
        if (i < 3) {
            call_post(call, "{\"a\": 1}", 8);
            call->transfer.headers = &headers;
        }
        call->transfer.method = i % 2 == 0 ? "PUT" : NULL;
        call_run(call);
        assert_int_equal(call->error, 0);
        assert_memory_equal(server.request, begins[i], 4);
        assert_true((strstr(server.request, "Content-Length: 8\r\n") != NULL &&
                     strstr(server.request, "/json\r\n") != NULL &&
                     strstr(server.request, "\r\n\r\n{\"a\": 1}") != NULL) ==
                    (i < 3));
    }
    assert_int_equal(http_client_connection_count(client), 1);
    endpoint_free(endpoint);
}

/* The longest form that a token can make; a server would not know "Expect:
 * 100-continue". */
static void a_large_form_is_sent_completely(void **state)
{
    (void)state;
    struct endpoint *endpoint = endpoint_plain();
    SCRIPT({.bytes = OK_ANSWER});
    struct call *call = call_make(0, endpoint);
    size_t size = strlen("token=") + HAPLO_TOKEN_SIZE_MAX;
    char *form = malloc(size);
    assert_non_null(form);
    memset(form, 'x', size);
    call_post(call, form, size);
    call_run(call);
    assert_int_equal(call->error, 0);
    const char *sent = strstr(server.request, "\r\n\r\n");
    assert_non_null(sent);
    assert_memory_equal(sent + 4, form, size);
    assert_null(strstr(server.request, "Expect"));
    free(form);
    endpoint_free(endpoint);
}

/* libcurl accepts a truncated gzip stream as complete, so a body that does not
 * show its own end must not be compressed. */
static void an_uncompressed_body_can_be_requested(void **state)
{
    (void)state;
    struct endpoint *endpoint = endpoint_plain();
    SCRIPT({.bytes = OK_ANSWER});
    for (unsigned i = 0; i < 4; i++) {
        struct call *call = call_make(i, endpoint);
        call->transfer.is_uncompressed = i % 2 == 1;
        call_run(call);
        assert_int_equal(strstr(server.request, "Accept-Encoding") == NULL,
                         i % 2 == 1);
    }
    assert_int_equal(server.peer_count, 1);
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
            call->transfer.body = "token=t";
            call->transfer.body_size = 7;
        }
        call_run(call);
        assert_int_equal(call->error, 0);
        assert_memory_equal(server.request, i % 2 == 1 ? "POST" : "GET ", 4);
        assert_true(i % 2 == 1 || strstr(server.request, "Content") == NULL);
    }
    assert_int_equal(server.peer_count, 1);
    assert_int_equal(http_client_connection_count(client), 1);
    endpoint_free(endpoint);
}

/* A truncated batch must never pass for a complete one. */
static void a_truncated_response_is_an_error(void **state)
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

/* Whether the end of the connection is the end of the response or a cut cannot
 * be told, so a batch is not taken from it; what an error says is. */
static void a_response_of_unknown_length_is_accepted_only_as_an_error(
    void **state)
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

/* Overloaded and restarting servers do that; it resolves itself. */
static void a_connection_lost_before_the_response_is_a_reset(void **state)
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
            strstr(call->text, "the connection was lost before any response"));
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

/* libcurl reads an endless trailer into memory, and does not return
 * to the loop while it does. */
static void a_trailer_without_end_is_a_protocol_error(void **state)
{
    (void)state;
    size_t size = 2 * RESPONSE_LINES_SIZE_MAX;
    char *lines = malloc(size + 1);
    assert_non_null(lines);
    size_t length = (size_t)sprintf(
        lines, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
               "1\r\n{\r\n0\r\n");
    while (length + 1020 < size) {
        length += (size_t)sprintf(lines + length, "A: %01000d\r\n", 1);
    }
    const struct script_line line = {.bytes = lines};
    struct call *call = call_against(&line);
    assert_int_equal(call->error, HAPLO_EPROTOCOL);
    assert_string_equal(call->text,
                        "the response's head has more than 131072 bytes");
    free(lines);
}

/* libcurl decompresses even what was not requested: each layer makes up to a
 * thousand bytes of one, and the loop waits for the last of them. */
static void only_one_layer_of_gzip_is_accepted(void **state)
{
    (void)state;
    static const char *const heads[] = {
        "Content-Encoding: gzip, gzip",
        "Content-Encoding:gzip,identity",
        "Content-Encoding: gzip\r\nContent-Encoding: gzip",
        "Content-Encoding: deflate",
        "content-encoding: br",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: gzip"};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        char answer[200];
        sprintf(answer, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n%s\r\n\r\nabc",
                heads[i]);
        const struct script_line line = {.bytes = answer};
        struct call *call = call_against(&line);
        assert_int_equal(call->error, HAPLO_EPROTOCOL);
        assert_int_equal(call->head_count, 0);
        assert_non_null(strstr(call->text, i < 5 ? "gzip, once, is accepted"
                                                 : "only chunked is accepted"));
        assert_null(strchr(call->text, '\r'));
    }
    static const struct script_line plain = {
        .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n"
                 "Content-Encoding: identity\r\n\r\nabc"};
    struct call *call = call_against(&plain);
    assert_int_equal(call->error, 0);
    assert_string_equal(call->body, "abc");
}

/* libcurl 7.88 would append such a line to one that it has freed. */
static void a_head_that_begins_with_a_space_is_a_protocol_error(void **state)
{
    (void)state;
    static const char *const heads[] = {
        "HTTP/1.1 200 OK\r\n A: b\r\nContent-Length: 3\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\n\tA: b\r\nContent-Length: 3\r\n\r\nabc",
        "HTTP/1.1 200\rOK\n A: b\r\nContent-Length: 3\r\n\r\nabc",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n A: b\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n A: b\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    };
    struct endpoint *endpoint = endpoint_plain();
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        const struct script_line lines[] = {{.bytes = OK_ANSWER},
                                            {.bytes = heads[i]}};
        http_server_script(&server, lines, 2);
        assert_int_equal(call_run(call_make(0, endpoint))->error, 0);
        struct call *call = call_run(call_make(1, endpoint));
        assert_int_equal(call->error, HAPLO_EPROTOCOL);
        assert_non_null(
            strstr(call->text, "its first header begins with a space"));
        assert_int_equal(call->head_count, 0);
    }
    endpoint_free(endpoint);
}

/* With the smaller one, a part would pass for the whole. */
static void two_lengths_are_a_protocol_error(void **state)
{
    (void)state;
    static const struct script_line two = {
        .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 14\r\n"
                 "Content-Length: 3\r\n\r\n" OK_BODY};
    static const struct script_line same = {
        .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 14\r\n"
                 "content-length:14 \r\n\r\n" OK_BODY};
    struct call *call = call_against(&two);
    assert_int_equal(call->error, HAPLO_EPROTOCOL);
    assert_non_null(strstr(call->text, "a second Content-Length, \"3\""));
    call = call_against(&same);
    assert_int_equal(call->error, 0);
    assert_string_equal(call->body, OK_BODY);
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

/* The compressed size says nothing about the body. */
static void a_gzip_body_is_decompressed(void **state)
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
static void error_responses_are_passed_on_like_others(void **state)
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_complete_response_is_passed_on),
        TEST(a_fetch_is_exact_on_the_wire),
        TEST(a_mark_is_exact_on_the_wire),
        TEST(any_body_and_method_can_be_sent),
        TEST(a_large_form_is_sent_completely),
        TEST(an_uncompressed_body_can_be_requested),
        TEST(fetch_and_mark_alternate_on_one_connection),
        TEST(a_truncated_response_is_an_error),
        TEST(a_response_of_unknown_length_is_accepted_only_as_an_error),
        TEST(a_connection_lost_before_the_response_is_a_reset),
        TEST(what_is_not_http_is_a_protocol_error),
        TEST(a_head_without_end_is_a_protocol_error),
        TEST(a_trailer_without_end_is_a_protocol_error),
        TEST(only_one_layer_of_gzip_is_accepted),
        TEST(a_head_that_begins_with_a_space_is_a_protocol_error),
        TEST(two_lengths_are_a_protocol_error),
        TEST(a_redirect_is_reported_and_not_followed),
        TEST(a_gzip_body_is_decompressed),
        TEST(error_responses_are_passed_on_like_others),
        TEST(the_error_of_data_cb_ends_the_transfer),
    };
    allocator_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
