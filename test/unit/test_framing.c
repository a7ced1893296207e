/* Which heads prove where the body ends, without a network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "http/framing.h"

/* One line each, as it is received. */
#define LINES_MAX 4

struct head {
    const char *version;          /* NULL: HTTP/1.1 */
    const char *lines[LINES_MAX]; /* as far as not NULL */
    int64_t length;               /* -1: chunked */
    const char *says;             /* NULL: the end is known */
};

static void head_check(const struct head *head)
{
    struct framing framing;
    struct reason why = {""};
    char status[64];
    int size = snprintf(status, sizeof status, "%s 200 OK\r\n",
                        head->version != NULL ? head->version : "HTTP/1.1");
    framing_begin(&framing, status, (size_t)size);
    for (size_t i = 0; i < LINES_MAX && head->lines[i] != NULL; i++) {
        const char *line = head->lines[i];
        struct header_line header = header_line_read(line, strlen(line));
        framing_add(&framing, &header);
    }
    int error = framing_check(&framing, &why);
    if (head->says == NULL) {
        assert_int_equal(error, 0);
        assert_int_equal(framing_length(&framing), head->length);
        return;
    }
    if (error != HAPLO_EPROTOCOL || strstr(why.text, head->says) == NULL) {
        fail_msg("%s: error %d, \"%s\"", head->lines[0], error, why.text);
    }
}

#define CHECK_ALL(...)                                                \
    do {                                                              \
        static const struct head heads[] = {__VA_ARGS__};             \
        for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) { \
            head_check(&heads[i]);                                    \
        }                                                             \
    } while (0)

/* All that real servers send. */
static void digits_or_chunked_prove_the_end(void **state)
{
    (void)state;
    CHECK_ALL({.lines = {"Content-Length: 20\r\n"}, .length = 20},
              {.lines = {"content-length:20\n"}, .length = 20},
              {.lines = {"CONTENT-LENGTH: \t 0 \t\r\n"}, .length = 0},
              {.lines = {"Content-Length: 0020\r\n"}, .length = 20},
              {.lines = {"Content-Length: 20\r\n", "Content-Length: 20\r\n"},
               .length = 20},
              {.lines = {"Content-Length: 20, 20 ,20\r\n"}, .length = 20},
              {.lines = {"Content-Length: 999999999999999999\r\n"},
               .length = 999999999999999999},
              {.version = "HTTP/1.0",
               .lines = {"Content-Length: 20\r\n"},
               .length = 20},
              {.lines = {"Transfer-Encoding: chunked\r\n"}, .length = -1},
              {.lines = {"transfer-encoding:CHUNKED\r\n"}, .length = -1},
              {.lines = {"X: Content-Length: 3\r\n", "Content-Lengthy: 3\r\n",
                         "Content-Length: 20\r\n"},
               .length = 20});
}

/* To libcurl these are 20, or 1000, or nothing. */
static void a_length_is_nothing_but_digits(void **state)
{
    (void)state;
    CHECK_ALL(
        {.lines = {"Content-Length: 20, 90\r\n"},
         .says = "a second Content-Length, \"20, 90\""},
        {.lines = {"Content-Length: 20\r\n", "Content-Length: 90\r\n"},
         .says = "a second Content-Length, \"90\""},
        {.lines = {"Content-Length: 20\r\n", "Content-Length: 020\r\n"},
         .says = "a second Content-Length, \"020\""},
        {.lines = {"Content-Length: +1000\r\n"}, .says = "Length \"+1000\""},
        {.lines = {"Content-Length: -1\r\n"}, .says = "Length \"-1\""},
        {.lines = {"Content-Length: 1000.5\r\n"}, .says = "Length \"1000.5\""},
        {.lines = {"Content-Length: 1000 bytes\r\n"},
         .says = "Length \"1000 bytes\""},
        {.lines = {"Content-Length: 10 00\r\n"}, .says = "Length \"10 00\""},
        {.lines = {"Content-Length: 0x20\r\n"}, .says = "Length \"0x20\""},
        {.lines = {"Content-Length: 1e3\r\n"}, .says = "Length \"1e3\""},
        {.lines = {"Content-Length: \"20\"\r\n"}, .says = "Length \"\"20\"\""},
        {.lines = {"Content-Length: 20,\r\n"}, .says = "Length \"20,\""},
        {.lines = {"Content-Length: ,20\r\n"}, .says = "Length \",20\""},
        {.lines = {"Content-Length: 20;x=1\r\n"}, .says = "Length \"20;x=1\""},
        {.lines = {"Content-Length: 20\v\r\n"}, .says = "Length \"20?\""},
        {.lines = {"Content-Length: 20\r 90\r\n"}, .says = "Length \"20? 90\""},
        {.lines = {"Content-Length: \xd9\xa2\r\n"},
         .says = "Length \"\xd9\xa2\""},
        {.lines = {"Content-Length:\r\n"}, .says = "Length \"\""},
        {.lines = {"Content-Length: 9999999999999999999\r\n"},
         .says = "Length \"9999999999999999999\""});
}

/* The last chunk is an end only if nothing else says where that is. */
static void chunked_stands_alone(void **state)
{
    (void)state;
    CHECK_ALL(
        {.lines = {"X: y\r\n"}, .says = "neither Content-Length nor chunks"},
        {.lines = {"Transfer-Encoding: identity\r\n"},
         .says = "Encoding \"identity\""},
        {.lines = {"Transfer-Encoding:\r\n"}, .says = "Encoding \"\""},
        {.lines = {"Transfer-Encoding: chunked, identity\r\n"},
         .says = "Encoding \"chunked, identity\""},
        {.lines = {"Transfer-Encoding: identity, chunked\r\n"},
         .says = "Encoding \"identity, chunked\""},
        {.lines = {"Transfer-Encoding: chunked;q=1\r\n"},
         .says = "Encoding \"chunked;q=1\""},
        {.lines = {"Transfer-Encoding: xchunked\r\n"},
         .says = "Encoding \"xchunked\""},
        {.lines = {"Transfer-Encoding: chunked\r\n",
                   "Transfer-Encoding: chunked\r\n"},
         .says = "two Transfer-Encodings"},
        {.lines = {"Transfer-Encoding: identity\r\n", "Content-Length: 5\r\n"},
         .says = "Encoding \"identity\""},
        {.lines = {"Transfer-Encoding: chunked\r\n", "Content-Length: 5\r\n"},
         .says = "both a Transfer-Encoding and a Content-Length"},
        {.lines = {"Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"},
         .says = "both a Transfer-Encoding and a Content-Length"},
        {.version = "HTTP/1.0",
         .lines = {"Transfer-Encoding: chunked\r\n"},
         .says = "which HTTP/1.0 does not have"});
}

/* Programs differ in what they make of such lines, wherever they are. */
static void every_line_is_a_header(void **state)
{
    (void)state;
    CHECK_ALL({.lines = {"Content-Length: 20\r\n", " 90\r\n"},
               .says = "folded over several lines"},
              {.lines = {"Transfer-Encoding: chunked\r\n", "X: y\r\n",
                         "\tidentity\r\n"},
               .says = "folded over several lines"},
              {.lines = {"Content-Length: 20\r\n", " \r\n"},
               .says = "folded over several lines"},
              {.lines = {"Content-Length : 20\r\n"},
               .says = "whose name ends with a space"},
              {.lines = {"Content-Length: 20\r\n",
                         "Transfer-Encoding\t: chunked\r\n"},
               .says = "whose name ends with a space"},
              {.lines = {"Content-Length: 20\r\n", "chunked\r\n"},
               .says = "a header without a colon"},
              {.lines = {"Content-Length: 20\r\n", ": x\r\n"},
               .says = "a header without a name"});
}

/* Whatever a server sends, the reason is one line, and not too long. */
static void a_long_value_is_shortened(void **state)
{
    (void)state;
    struct framing framing;
    struct reason why;
    char line[4096];
    memset(line, '1', sizeof line);
    memcpy(line, "Content-Length:", 15);
    struct header_line header = header_line_read(line, sizeof line);
    framing_begin(&framing, "HTTP/1.1 200\r\n", 14);
    framing_add(&framing, &header);
    assert_int_equal(framing_check(&framing, &why), HAPLO_EPROTOCOL);
    assert_true(strlen(why.text) < 250);
    assert_non_null(strstr(why.text, "correct the server"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digits_or_chunked_prove_the_end),
        cmocka_unit_test(a_length_is_nothing_but_digits),
        cmocka_unit_test(chunked_stands_alone),
        cmocka_unit_test(every_line_is_a_header),
        cmocka_unit_test(a_long_value_is_shortened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
