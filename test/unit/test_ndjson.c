/*
 * A message as one line: every byte of it but the white space between tokens,
 * wherever the pieces that it is packed in are cut.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "outlets/ndjson.h"

static const struct {
    const char *in;  /* */
    const char *out; /* */
} cases[] = {
    {"{}", "{}"},
    {" {\n  \"id\" : 1 ,\r\n\t\"a\":[ 1 , 2 ]\n}\n", "{\"id\":1,\"a\":[1,2]}"},
    {"[ ]", "[]"},
    {" \t\r\n7", "7"},
    {"7 ", "7"},
    {"[1e+21, -0, 1E-7, 0.10]", "[1e+21,-0,1E-7,0.10]"},
    {"{\"b\": 1, \"a\": 2, \"b\": 3}", "{\"b\":1,\"a\":2,\"b\":3}"},
    /* strings stay, spaces and all */
    {"\" a  b \"", "\" a  b \""},
    {"[ \"a, b\" , \"{ }\" ]", "[\"a, b\",\"{ }\"]"},
    {"{\" k \" : \" v \"}", "{\" k \":\" v \"}"},
    {"\"\"", "\"\""},
    /* a quote that does not end the string, a backslash that does not hide
     * the one that does */
    {"[\"a \\\" b\" , 1 ]", "[\"a \\\" b\",1]"},
    {"[\"a\\\\\" , \" b\" ]", "[\"a\\\\\",\" b\"]"},
    {"[\"\\\\\\\" \" , 1 ]", "[\"\\\\\\\" \",1]"},
    {"[\"\\\\\\\\\" , \" \" ]", "[\"\\\\\\\\\",\" \"]"},
    {"[\"\\\"\" , \"\\\\\" , \" x\"]", "[\"\\\"\",\"\\\\\",\" x\"]"},
    /* escapes are not decoded, UTF-8 is not touched */
    {"\"\\u0020\\n\\u0000 \\/\"", "\"\\u0020\\n\\u0000 \\/\""},
    {"[ \"\xc3\xa9 \xe2\x80\xa8\" ]", "[\"\xc3\xa9 \xe2\x80\xa8\"]"},
    {"[true , false , null]", "[true,false,null]"},
};

#define CASE_COUNT (sizeof(cases) / sizeof(cases[0]))

/* What a receiver reads is what the server sent. */
static void white_space_between_tokens_goes_and_nothing_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        struct ndjson ndjson = {.in_string = false};
        char out[128] = "";
        size_t size =
            ndjson_pack(&ndjson, cases[i].in, strlen(cases[i].in), out);

        out[size] = '\0';
        assert_string_equal(out, cases[i].out);
    }
}

/* Messages are packed through a buffer that is smaller than they may be. */
static void it_is_the_same_wherever_it_is_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        size_t size = strlen(cases[i].in);

        for (size_t cut = 0; cut <= size; cut++) {
            struct ndjson ndjson = {.in_string = false};
            char out[128] = "";
            size_t at = ndjson_pack(&ndjson, cases[i].in, cut, out);

            at += ndjson_pack(&ndjson, cases[i].in + cut, size - cut, out + at);
            out[at] = '\0';
            assert_string_equal(out, cases[i].out);
        }
    }
}

static void it_may_be_packed_where_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        struct ndjson ndjson = {.in_string = false};
        char text[128];
        size_t size;

        (void)snprintf(text, sizeof(text), "%s", cases[i].in);
        size = ndjson_pack(&ndjson, text, strlen(text), text);
        text[size] = '\0';
        assert_string_equal(text, cases[i].out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(white_space_between_tokens_goes_and_nothing_else),
        cmocka_unit_test(it_is_the_same_wherever_it_is_cut),
        cmocka_unit_test(it_may_be_packed_where_it_is),
    };

    return cmocka_run_group_tests_name("ndjson", tests, NULL, NULL);
}
