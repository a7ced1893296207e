/* Compressed bodies of which libcurl does not read all. */
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "http_scene.h"

#define FIRST "{\"version\": 0, \"tok"
#define SECOND "en\": \"t\", \"messages\": []}"

static char answer[1000];

/* Appends a gzip stream of one member; returns the new size. */
static size_t member_append(size_t size, const char *text)
{
    z_stream stream = {0};
    assert_int_equal(deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED,
                                  MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY),
                     Z_OK);
    stream.next_in = (Bytef *)text;
    stream.avail_in = (uInt)strlen(text);
    stream.next_out = (Bytef *)answer + size;
    stream.avail_out = (uInt)(sizeof answer - size);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    size = sizeof answer - stream.avail_out;
    deflateEnd(&stream);
    return size;
}

/* A response with two members, with or without its length. */
static struct script_line answer_make(const char *framing, const char *begin,
                                      const char *end)
{
    char body[500];
    size_t body_size = member_append(member_append(0, FIRST), SECOND);
    memcpy(body, answer, body_size);
    size_t size = (size_t)sprintf(answer,
                                  "HTTP/1.1 200 OK\r\n"
                                  "Content-Type: application/json\r\n"
                                  "Content-Encoding: gzip\r\n%s%zu\r\n\r\n",
                                  framing, body_size);
    if (begin[0] != '\0') {
        size += (size_t)sprintf(answer + size, begin, body_size);
    }
    memcpy(answer + size, body, body_size);
    size += body_size;
    size += (size_t)sprintf(answer + size, "%s", end);
    return (struct script_line){.bytes = answer, .size = size};
}

/* libcurl reads the first member: half a response would pass for the whole
 * one, if it did not reject what follows. It does not say what that is. */
static void a_second_member_is_named(void **state)
{
    (void)state;
    struct endpoint *endpoint = endpoint_plain();
    for (unsigned i = 0; i < 3; i++) {
        struct script_line line =
            i < 2 ? answer_make("Content-Length: ", "", "")
                  : answer_make("Transfer-Encoding: chunked\r\nX: ", "%zx\r\n",
                                "\r\n0\r\n\r\n");
        line.drip_ms = i == 1; /* in one piece, or byte by byte */
        http_server_script(&server, &line, 1);
        struct call *call = call_run(call_make(0, endpoint));
        assert_int_equal(call->error, HAPLO_EPROTOCOL);
        assert_string_equal(call->text,
                            "the response continues after the end of its gzip "
                            "stream; it must have one member");
    }
    endpoint_free(endpoint);
}

/* Nobody would decompress it, and a truncated one would not be noticed. The
 * status of an error counts all the same. */
static void only_what_was_offered_is_accepted(void **state)
{
    (void)state;
    struct endpoint *endpoint = endpoint_plain();
    SCRIPT({.bytes = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
                     "Content-Length: 3\r\n\r\nabc"},
           {.bytes = "HTTP/1.1 403 No\r\nContent-Encoding: gzip\r\n"
                     "Content-Length: 3\r\n\r\nabc"});
    for (unsigned i = 0; i < 2; i++) {
        struct call *call = call_make(i, endpoint);
        call->transfer.is_uncompressed = true;
        call_run(call);
        assert_int_equal(call->error, i == 0 ? HAPLO_EPROTOCOL : 0);
        assert_int_equal(call->head_count, i);
    }
    endpoint_free(endpoint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_second_member_is_named),
        TEST(only_what_was_offered_is_accepted),
    };
    allocator_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
