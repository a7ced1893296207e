/* Responses whose end cannot be told, on the wire: libcurl takes most of them
 * for complete. */
#include <stdio.h>
#include <string.h>

#include "http_scene.h"

#define BODY "{\"version\": 0, \"token\": \"t\", \"messages\": [1, 2]}"
#define CHUNKS "30\r\n" BODY "\r\n0\r\n\r\n"

/* Runs one call against these bytes, after which the connection is closed. */
static struct call *call_cut_after(const char *bytes)
{
    return call_against(
        &(struct script_line){.bytes = bytes, .end = SCRIPT_CLOSE});
}

/* Nothing of it was passed on. */
static void assert_rejected(const struct call *call, const char *head,
                            const char *says)
{
    if (call->error != HAPLO_EPROTOCOL || strstr(call->text, says) == NULL) {
        fail_msg("%s: error %d, \"%s\"", head, call->error, call->text);
    }
    assert_int_equal(call->head_count, 0);
    assert_int_equal(call->body_size, 0);
}

struct head {
    const char *lines; /* without the empty one at the end */
    const char *says;  /* what the reason contains */
};

static const struct head faulty[] = {
    {"Transfer-Encoding: identity", "\"identity\""},
    {"Transfer-Encoding: identity\r\nContent-Length: 48", "\"identity\""},
    {"Transfer-Encoding:", "Transfer-Encoding \"\""},
    {"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
     "\"identity\""},
    {"Content-Length: 20, 90", "\"20, 90\""},
    {"Content-Length: 20\r\n 90", "folded"},
    {"Content-Length: +20", "\"+20\""},
    {"Content-Length: 20.5", "\"20.5\""},
    {"Content-Length: 20 bytes", "\"20 bytes\""},
    {"Content-Length: 20,", "\"20,\""},
    {"Content-Length: 020\r\nContent-Length: 20", "a second"},
    {"Content-Length: 99999999999999999999", "\"99999999999999999999\""},
    {"Content-Length : 20", "ends with a space"},
    {"Content-Length: 20\r\nTransfer-Encoding : chunked", "ends with a space"},
    {"X: y\r\n folded\r\nContent-Length: 20", "folded"},
    {"Content-Length: 20\r\nX: y\r\n\tfolded", "folded"},
    {"X: y", "neither Content-Length nor chunks"},
    {"Content-Length: 20\r\n: x", "without a name"},
    {"Connection: close", "neither Content-Length nor chunks"},
};

/* The connection is closed after all of them: to libcurl they are complete. */
static void what_does_not_prove_its_end_is_rejected(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof faulty / sizeof faulty[0]; i++) {
        char answer[500];
        sprintf(answer, "HTTP/1.1 200 OK\r\n%s\r\n\r\n%s", faulty[i].lines,
                strstr(faulty[i].lines, "Encoding: chunked") != NULL ? CHUNKS
                                                                     : BODY);
        assert_rejected(call_cut_after(answer), faulty[i].lines,
                        faulty[i].says);
    }
}

/* What a proxy or a server has to say is worth reading, however it is sent. */
static void an_error_is_read_all_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof faulty / sizeof faulty[0]; i++) {
        char answer[500];
        sprintf(answer,
                "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\n%s\r\n"
                "\r\n%s",
                faulty[i].lines,
                strstr(faulty[i].lines, "Encoding: chunked") != NULL ? CHUNKS
                                                                     : BODY);
        struct call *call = call_cut_after(answer);
        if (call->error != 0) {
            fail_msg("%s: %s", faulty[i].lines, call->text);
        }
        assert_int_equal(call->status, 403);
        assert_string_equal(call->content_type, "text/html");
        assert_memory_equal(call->body, BODY, 20);
    }
}

/* libcurl itself does not accept them. */
static void what_is_no_length_at_all_is_rejected(void **state)
{
    (void)state;
    static const char *const lines[] = {"Content-Length:", "Content-Length: x",
                                        "Content-Length: -5",
                                        "Content-Length: ,20"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char answer[500];
        sprintf(answer, "HTTP/1.1 200 OK\r\n%s\r\n\r\n%s", lines[i], BODY);
        assert_rejected(call_cut_after(answer), lines[i], "Content-Length");
    }
}

/* The last chunk, and only that, ends them, whatever the head says besides. */
static void chunks_stand_alone(void **state)
{
    (void)state;
    static const struct head heads[] = {
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 48",
         "both a Transfer-Encoding"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nTransfer-Encoding: chunked",
         "both a Transfer-Encoding"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
         "Transfer-Encoding: chunked",
         "two Transfer-Encodings"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked",
         "only chunked"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity, chunked",
         "only chunked"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked", "only chunked"},
        {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked",
         "which HTTP/1.0 does not have"},
    };
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        char answer[500];
        sprintf(answer, "%s\r\n\r\n" CHUNKS, heads[i].lines);
        assert_rejected(call_cut_after(answer), heads[i].lines, heads[i].says);
    }
}

/* What follows the last chunk changes nothing about the body before it. */
static void a_trailer_is_read_and_ignored(void **state)
{
    (void)state;
    static const char *const trailers[] = {
        "\r\n",
        "X: y\r\n\r\n",
        "Content-Length: 3\r\n\r\n",
        "Transfer-Encoding: identity\r\n\r\n",
        "Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n\r\n",
        "Content-Type: text/html\r\n\r\n",
        "Age: 1000\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof trailers / sizeof trailers[0]; i++) {
        char answer[500];
        sprintf(answer,
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                "Transfer-Encoding: chunked\r\n\r\n30\r\n" BODY "\r\n0\r\n%s",
                trailers[i]);
        struct call *call = call_cut_after(answer);
        if (call->error != 0) {
            fail_msg("%s: %s", trailers[i], call->text);
        }
        assert_string_equal(call->content_type, "application/json");
        assert_string_equal(call->body, BODY);
        /* As far as it comes. Of the final line end the '\r' suffices. */
        answer[strlen(answer) - 1] = '\0';
        for (size_t cut = 2; cut <= strlen(trailers[i]); cut++) {
            answer[strlen(answer) - 1] = '\0';
            call = call_cut_after(answer);
            assert_int_equal(call->error, HAPLO_ERESET);
        }
    }
}

/* libcurl stops at the first character that is not a hexadecimal digit. */
static void a_chunk_that_only_seems_to_be_the_last_is_rejected(void **state)
{
    (void)state;
    static const char *const chunks[] = {
        "0x4\r\nrest\r\n0\r\n\r\n",
        "0x10\r\n<a href=\"http://x\">\r\n\r\n0\r\n\r\n",
        "0 4\r\n\"a\": 1\r\n\r\n",
        "0\r\n folded\r\n\r\n",
        "0\r\nX y: z\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
        char answer[500];
        sprintf(answer,
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                "4\r\nhalf\r\n%s",
                chunks[i]);
        struct call *call = call_cut_after(answer);
        if (call->error != HAPLO_EPROTOCOL ||
            strstr(call->text, "continues after its last chunk") == NULL) {
            fail_msg("%s: error %d, \"%s\"", chunks[i], call->error,
                     call->text);
        }
    }
}

/* The body of a mark may be empty, and its trailer not. */
static void a_trailer_after_no_body_is_not_a_head(void **state)
{
    (void)state;
    struct call *call = call_cut_after("HTTP/1.1 200 OK\r\n"
                                       "Transfer-Encoding: chunked\r\n\r\n"
                                       "0\r\nX: y\r\n\r\n");
    assert_int_equal(call->error, 0);
    assert_int_equal(call->head_count, 1);
    assert_int_equal(call->body_size, 0);
}

/* An interim response is none of the final one's business. libcurl thinks
 * otherwise: a length, chunks and gzip of the one count for the other. */
static void an_interim_response_says_nothing_about_the_body(void **state)
{
    (void)state;
    static const char *const statuses[] = {"100 Continue", "102 Processing",
                                           "103 Early Hints", "199 Other"};
    static const char *const lines[] = {
        "Content-Encoding: gzip",     "Content-Length: 20",
        "Content-Length: 0",          "Content-Length: 48",
        "Transfer-Encoding: chunked", "transfer-encoding:gzip",
    };
    static const char *const finals[] = {
        "Content-Length: 48\r\n\r\n" BODY,
        "Transfer-Encoding: chunked\r\n\r\n" CHUNKS,
        "X: y\r\n\r\n" BODY,
    };
    for (size_t i = 0; i < 4 * 6 * 3; i++) {
        char answer[500];
        sprintf(answer, "HTTP/1.1 %s\r\n%s\r\n\r\nHTTP/1.1 200 OK\r\n%s",
                statuses[i % 4], lines[i / 4 % 6], finals[i / 24]);
        assert_rejected(call_cut_after(answer), answer,
                        "an interim response (1xx) has");
    }
}

/* Nor may anything else of it be taken for the final one's. */
static void an_interim_response_leaves_nothing_behind(void **state)
{
    (void)state;
    struct call *call = call_cut_after(
        "HTTP/1.1 103 Early Hints\r\nContent-Type: application/json\r\n"
        "Location: https://other.example/\r\nRetry-After: 1000\r\n"
        "Age: 1000\r\nX: y\r\n folded\r\n\r\n"
        "HTTP/1.1 100 Continue\r\n\r\n"
        "HTTP/1.1 200 OK\r\nContent-Length: 48\r\n\r\n" BODY);
    assert_int_equal(call->error, 0);
    assert_int_equal(call->status, 200);
    assert_string_equal(call->content_type, "");
    assert_string_equal(call->location, "");
    assert_int_equal(call->retry_after_ms, 0);
    assert_string_equal(call->body, BODY);
}

/* The final response never came. */
static void an_interim_response_alone_is_a_reset(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "HTTP/1.1 103 Early Hints\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Le",
    };
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct call *call = call_cut_after(answers[i]);
        assert_int_equal(call->error, HAPLO_ERESET);
        assert_int_equal(call->head_count, 0);
    }
}

/* A second status line in a head must not make the lengths before it count for
 * nothing. */
static void a_head_has_one_status_line(void **state)
{
    (void)state;
    static const struct head heads[] = {
        {"Content-Length: 48\r\nHTTP/1.1 200: OK\r\nContent-Length: 20",
         "a second Content-Length"},
        {"Content-Length: 48\r\nHTTP/1.1 200 OK\r\nContent-Length: 20", ""},
    };
    for (size_t i = 0; i < 2; i++) {
        char answer[500];
        sprintf(answer, "HTTP/1.1 200 OK\r\n%s\r\n\r\n" BODY, heads[i].lines);
        assert_rejected(call_cut_after(answer), heads[i].lines, heads[i].says);
    }
}

/* Each of two responses on a connection is judged by its own head. */
static void nothing_is_left_of_the_response_before(void **state)
{
    (void)state;
    struct endpoint *endpoint = endpoint_plain();
    SCRIPT({.bytes =
                "HTTP/1.1 200 OK\r\nContent-Length: 48\r\nAge: 0\r\n\r\n" BODY},
           {.bytes = "HTTP/1.1 500 Oops\r\nContent-Length: 20, 90\r\n\r\n" BODY,
            .end = SCRIPT_CLOSE},
           {.bytes =
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" CHUNKS},
           {.bytes = "HTTP/1.1 200 OK\r\n\r\n" BODY, .end = SCRIPT_CLOSE});
    assert_int_equal(call_run(call_make(0, endpoint))->error, 0);
    assert_int_equal(call_run(call_make(1, endpoint))->status, 500);
    assert_int_equal(call_run(call_make(2, endpoint))->error, 0);
    assert_rejected(call_run(call_make(3, endpoint)), "", "neither");
    endpoint_free(endpoint);
}

/* Who only wants to know whether a request was accepted need not be told where
 * the page that says so ends. */
static void where_the_status_is_enough_the_end_is_not_needed(void **state)
{
    (void)state;
    struct endpoint *endpoint = endpoint_plain();
    SCRIPT({.bytes = "HTTP/1.0 200 OK\r\n\r\n" BODY, .end = SCRIPT_CLOSE},
           {.bytes = "HTTP/1.0 200 OK\r\n\r\n" BODY, .end = SCRIPT_CLOSE});
    for (unsigned i = 0; i < 2; i++) {
        struct call *call = call_make(i, endpoint);
        call->transfer.is_status_enough = i == 1;
        call_run(call);
        assert_int_equal(call->error, i == 0 ? HAPLO_EPROTOCOL : 0);
        assert_int_equal(call->head_count, i);
        assert_int_equal(call->status, i == 0 ? 0 : 200);
    }
    endpoint_free(endpoint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_does_not_prove_its_end_is_rejected),
        TEST(an_error_is_read_all_the_same),
        TEST(what_is_no_length_at_all_is_rejected),
        TEST(chunks_stand_alone),
        TEST(a_trailer_is_read_and_ignored),
        TEST(a_chunk_that_only_seems_to_be_the_last_is_rejected),
        TEST(a_trailer_after_no_body_is_not_a_head),
        TEST(an_interim_response_says_nothing_about_the_body),
        TEST(an_interim_response_leaves_nothing_behind),
        TEST(an_interim_response_alone_is_a_reset),
        TEST(a_head_has_one_status_line),
        TEST(nothing_is_left_of_the_response_before),
        TEST(where_the_status_is_enough_the_end_is_not_needed),
    };
    allocator_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
