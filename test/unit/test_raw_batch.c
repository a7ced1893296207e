#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fetch_reading.h"

static const struct haplo_queue_options raw_xml = {
    .format = HAPLO_FORMAT_RAW,
    .token_pattern = "<batch[^>]* token=\"([^\"]*)"};

/* XML, CSV and the like: the body is delivered as it is. */
static void a_raw_body_is_one_message(void **state)
{
    (void)state;
    struct haplo_queue_options csv = {.format = HAPLO_FORMAT_RAW,
                                      .token_pattern =
                                          "#token,([A-Za-z0-9+/=]*)"};
    struct haplo_queue_options string = {.format = HAPLO_FORMAT_RAW,
                                         .token_pattern = "token=([^ ]*)",
                                         .content_type = "text/html"};
    struct batch *batch = read_capture("formatter-xml", &raw_xml, 0);
    assert_int_equal(batch->message_count, 1);
    assert_int_equal(batch->messages[0].body.size, 192);
    assert_int_equal(batch->messages[0].id.size, 0);
    assert_int_equal(batch->messages[0].datetime.size, 0);
    assert_form(batch, "token=MzE%3D");
    batch_free(batch);
    batch = read_capture("formatter-csv", &csv, 0);
    assert_form(batch, "token=MzI%3D");
    batch_free(batch);
    batch = read_capture("formatter-returning-a-string", &string, 0);
    assert_message(batch, 0, "token=MzQ= ids=34", "", "");
    assert_form(batch, "token=MzQ%3D");
    batch_free(batch);
}

/* What cannot be marked would come again forever; and where pages are the
 * expected type, the server's own are found out by their lack of a token. */
static void a_raw_body_without_a_token_is_refused(void **state)
{
    (void)state;
    struct haplo_queue_options html = raw_xml;
    html.content_type = "text/html";
    struct batch *batch =
        read_capture("formatter-xml-without-token", &raw_xml, HAPLO_EDOCUMENT);
    assert_string_equal(why.text, "token_pattern found no token");
    batch_free(batch);
    batch = read_capture("queue-unknown-is-200-html", &html, HAPLO_EDOCUMENT);
    assert_string_equal(why.text, "token_pattern found no token: \"Group not "
                                  "defined\"");
    batch_free(batch);
    batch = read_capture("queue-unknown-is-200-html", &raw_xml, HAPLO_ECONTENT);
    batch_free(batch);
}

static int read_raw(struct batch **batch, const char *pattern, const char *body,
                    size_t size)
{
    struct haplo_queue_options options = {.format = HAPLO_FORMAT_RAW,
                                          .token_pattern = pattern};
    struct http_head head = {200, "application/octet-stream", NULL, -1};
    return read_answer(batch, &options, &head, body, size);
}

/* An empty queue is no failure. */
static void an_empty_raw_token_is_an_empty_batch(void **state)
{
    (void)state;
    struct batch *batch;
    assert_int_equal(read_raw(&batch, "token=([a-z]*)", "token=", 6), 0);
    assert_int_equal(batch->message_count, 0);
    assert_int_equal(batch->form_size, 0);
    batch_free(batch);
}

/* Bodies are bytes: a NUL must not end the search, nor cut a token short. */
static void nul_bytes_do_not_end_a_raw_body(void **state)
{
    (void)state;
    struct batch *batch;
    assert_int_equal(read_raw(&batch, "t=([^;]*);", "\0\0t=a\0b;\xff", 9), 0);
    assert_int_equal(batch->messages[0].body.size, 9);
    assert_form(batch, "token=a%00b");
    batch_free(batch);
    assert_int_equal(read_raw(&batch, "t=(.*)", "\0t=a\0b", 6), 0);
    assert_form(batch, "token=a%00b");
    batch_free(batch);
    assert_int_equal(read_raw(&batch, "[A-Z]{3}", "\0xABCD", 6), 0);
    assert_form(batch, "token=ABC");
    batch_free(batch);
    assert_int_equal(read_raw(&batch, "(x)?y", "\0y", 2), HAPLO_EDOCUMENT);
    batch_free(batch);
}

/* What could not be posted as a form must not be taken for a token. */
static void a_raw_token_has_a_largest_size(void **state)
{
    (void)state;
    size_t size = HAPLO_TOKEN_SIZE_MAX + 3;
    char *body = malloc(size);
    struct batch *batch;
    assert_non_null(body);
    memset(body, 'x', size);
    memcpy(body, "t=", 2);
    assert_int_equal(read_raw(&batch, "t=(x*)", body, size), HAPLO_ETOOBIG);
    assert_says("the token has 1048570 bytes when it is posted");
    batch_free(batch);
    assert_int_equal(read_raw(&batch, "t=(x*)", body, size - 1), 0);
    assert_int_equal(batch->form_size, strlen("token=") + size - 3);
    batch_free(batch);
    free(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_raw_body_is_one_message),
        cmocka_unit_test(a_raw_body_without_a_token_is_refused),
        cmocka_unit_test(an_empty_raw_token_is_an_empty_batch),
        cmocka_unit_test(nul_bytes_do_not_end_a_raw_body),
        cmocka_unit_test(a_raw_token_has_a_largest_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
