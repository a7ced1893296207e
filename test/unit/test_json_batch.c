#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fetch_reading.h"

static const struct haplo_queue_options other_shape = {
    .token_pointer = "/batch/ack", .messages_pointer = "/batch/items"};

static void assert_json_refused(const struct haplo_queue_options *options,
                                const char *body, const char *word)
{
    struct batch *batch;
    assert_int_equal(read_json(&batch, options, body), HAPLO_EDOCUMENT);
    assert_says(word);
    batch_free(batch);
}

/* A message's own data is merged over id and datetime: they have any type,
 * repeat, come last, and are named with escapes; what is deeper is no id. */
static void id_and_datetime_may_be_anything(void **state)
{
    (void)state;
    struct batch *batch;
    assert_int_equal(
        read_json(&batch, &own_shape,
                  "{\"messages\":[{\"x\":{\"id\":1,\"datetime\":2}},"
                  "{\"id\":1,\"id\" : {\"id\":[2]} ,\"datetime\":[null]},"
                  "{\"\\u0069d\":-1.5e3,\"datetime\":\"\\\"}\"},{},"
                  "{\"id\":[],\"datetime\":{},\"token\":\"no\","
                  "\"messages\":[1]},{\"id\":true,\"datetime\":null}],"
                  "\"version\":0,\"token\":\"t\"}"),
        0);
    assert_int_equal(batch->message_count, 6);
    assert_message(batch, 0, "{\"x\":{\"id\":1,\"datetime\":2}}", "", "");
    assert_message(batch, 1, NULL, "{\"id\":[2]}", "[null]");
    assert_message(batch, 2, NULL, "-1.5e3", "\"\\\"}\"");
    assert_message(batch, 3, "{}", "", "");
    assert_message(batch, 4, NULL, "[]", "{}");
    assert_message(batch, 5, NULL, "true", "null");
    assert_form(batch, "token=t");
    batch_free(batch);
}

/* The body of a large answer moves while it grows: every slice must follow. */
static void slices_are_exact_in_a_body_that_moves(void **state)
{
    (void)state;
    const size_t count = 2000;
    char *body = malloc(count * 64 + 100);
    struct http_head head = {200, "application/json", NULL, -1};
    struct batch *batch;
    assert_non_null(body);
    size_t used = (size_t)sprintf(body, "{\"messages\":[");
    for (size_t i = 0; i < count; i++) {
        used += (size_t)sprintf(body + used, "{\"id\":%zu,\"datetime\":[%zu]},",
                                i, i);
    }
    used +=
        (size_t)sprintf(body + used - 1, "],\"token\":\"t\",\"version\":0}") -
        1;
    assert_int_equal(read_answer(&batch, &own_shape, &head, body, used), 0);
    assert_int_equal(batch->message_count, count);
    for (size_t i = 0; i < count; i++) {
        char message[64];
        char id[32];
        char datetime[32];
        sprintf(message, "{\"id\":%zu,\"datetime\":[%zu]}", i, i);
        sprintf(id, "%zu", i);
        sprintf(datetime, "[%zu]", i);
        assert_message(batch, i, message, id, datetime);
    }
    batch_free(batch);
    free(body);
}

/* The token is posted as the server knows it, not as JSON writes it. */
static void the_tokens_escapes_are_decoded(void **state)
{
    (void)state;
    struct batch *batch;
    assert_int_equal(
        read_json(&batch, &own_shape,
                  "{\"version\":0,\"\\u0074oken\":\"a\\u002bb\\/\\n\\u0000"
                  "\\u00e9\\ud83d\\ude00\",\"messages\":[{}]}"),
        0);
    assert_form(batch, "token=a%2Bb%2F%0A%00%C3%A9%F0%9F%98%80");
    batch_free(batch);
}

/* A batch is believed only when it is exactly what is known. */
static void what_is_not_a_batch_is_refused(void **state)
{
    (void)state;
    const struct haplo_queue_options *own = &own_shape;
    assert_json_refused(own, "", "premature EOF");
    assert_json_refused(own, "[]", "no version");
    assert_json_refused(own, "null", "no version");
    assert_json_refused(own, "{}", "no version");
    assert_json_refused(own, "{\"version\":0}", "no token");
    assert_json_refused(own, "{\"version\":0,\"token\":\"\"}",
                        "no array of messages");
    assert_json_refused(own, "{\"version\":0,\"messages\":[]}", "no token");
    assert_json_refused(own, "{\"token\":\"\",\"messages\":[]}", "no version");
    assert_json_refused(own, "{\"version\":1,\"token\":\"\",\"messages\":[]}",
                        "version is 1; only 0");
    assert_json_refused(own, "{\"version\":0.0}", "version is 0.0");
    assert_json_refused(own, "{\"version\":-0}", "version is -0");
    assert_json_refused(own, "{\"version\":\"0\"}", "not a number");
    assert_json_refused(own, "{\"version\":{}}", "not a number");
    assert_json_refused(own, "{\"version\":0,\"token\":1}", "not a string");
    assert_json_refused(own, "{\"token\":null}", "not a string");
    assert_json_refused(own, "{\"token\":[\"x\"]}", "not a string");
    assert_json_refused(own, "{\"token\":\"\\ud800x\"}",
                        "half a surrogate pair");
    assert_json_refused(own, "{\"messages\":{}}", "not an array");
    assert_json_refused(own, "{\"messages\":null}", "not an array");
    assert_json_refused(own, "{\"messages\":[{},1]}",
                        "message 2 is not an object");
    assert_json_refused(own, "{\"messages\":[[]]}",
                        "message 1 is not an object");
    assert_json_refused(own, "{\"version\":0,\"token\":\"x\",\"token\":\"x\"}",
                        "two tokens");
    assert_json_refused(own, "{\"messages\":[],\"messages\":[]}", "two values");
    assert_json_refused(
        own, "{\"version\":0,\"version\":0,\"token\":\"\",\"messages\":[]}",
        "two versions");
    assert_json_refused(own, "{\"version\":0,\"token\":\"\",\"messages\":[{}]}",
                        "1 messages but the token is empty");
    assert_json_refused(own, "{\"version\":0,\"token\":\"x\",\"messages\":[]}",
                        "a token but no messages");
    assert_json_refused(
        own, "{\"version\":0,\"token\":\"\",\"messages\":[]}\"behind",
        "unexpected data after");
    assert_json_refused(own, "<html>", "at byte ");
    assert_json_refused(own, "\xef\xbb\xbf{}", "byte order mark");
    assert_json_refused(own, "{\"version\":0,\"token\":\"\xff\"}", "UTF8");
    assert_json_refused(own,
                        "{\"version\":0,\"a\":{\"token\":\"\"},"
                        "\"b\":[{\"messages\":[]}]}",
                        "no token");
}

/* A formatter may shape its JSON as it likes; messages need not be objects. */
static void another_shape_is_found_by_its_pointers(void **state)
{
    (void)state;
    struct batch *batch =
        read_capture("formatter-json-other-shape", &other_shape, 0);
    assert_int_equal(batch->message_count, 1);
    assert_message(batch, 0, "{\"ref\":33,\"payload\":{\"type\":\"x\"}}", "",
                   "");
    assert_form(batch, "token=MzM%3D");
    batch_free(batch);
    assert_int_equal(
        read_json(&batch, &other_shape,
                  "{\"version\":7,\"batch\":{\"items\":[ 1 ,\"a,b\",[2, [3]],"
                  "{\"id\":4},null,[],true , -1e5],\"ack\":\"t\"}}"),
        0);
    assert_int_equal(batch->message_count, 8);
    assert_message(batch, 0, "1", "", "");
    assert_message(batch, 1, "\"a,b\"", "", "");
    assert_message(batch, 2, "[2, [3]]", "", "");
    assert_message(batch, 3, "{\"id\":4}", "4", "");
    assert_message(batch, 4, "null", "", "");
    assert_message(batch, 5, "[]", "", "");
    assert_message(batch, 6, "true", "", "");
    assert_message(batch, 7, "-1e5", "", "");
    batch_free(batch);
    assert_json_refused(&other_shape, "{\"batch\":{\"items\":[]}}",
                        "no token at \"/batch/ack\"");
    assert_json_refused(&other_shape,
                        "{\"batch\":{\"ack\":\"a\"},\"batch\":{\"ack\":\"a\"}}",
                        "two tokens");
}

/* A key of the same name, but behind the way that the pointer goes. */
static void a_way_that_has_ended_leads_nowhere(void **state)
{
    (void)state;
    assert_json_refused(&other_shape,
                        "{\"batch\":{\"items\":[]},\"other\":{\"ack\":"
                        "\"t\"}}",
                        "no token at \"/batch/ack\"");
}

/* The document itself may be the list, with the token within a message. */
static void pointers_may_name_the_root_and_elements(void **state)
{
    (void)state;
    struct haplo_queue_options options = {.messages_pointer = "",
                                          .token_pointer = "/1/ack"};
    struct batch *batch;
    assert_int_equal(
        read_json(&batch, &options, "[{\"ack\":\"no\"},{\"ack\":\"yes\"}]"), 0);
    assert_int_equal(batch->message_count, 2);
    assert_message(batch, 1, "{\"ack\":\"yes\"}", "", "");
    assert_form(batch, "token=yes");
    batch_free(batch);
    assert_json_refused(&options, "[]", "no token");
}

/* The server would answer 500 to such a mark, forever. */
static void a_token_above_its_limit_is_refused(void **state)
{
    (void)state;
    struct http_head head = {200, "application/json", NULL, -1};
    size_t size = HAPLO_TOKEN_SIZE_MAX + 100;
    char *body = malloc(size);
    struct fetch_format format;
    struct batch *batch = batch_new();
    assert_non_null(body);
    assert_non_null(batch);
    assert_int_equal(fetch_format_init(&format, &own_shape, NULL), 0);
    for (int over = 0; over < 2; over++) {
        int token_size = HAPLO_TOKEN_SIZE_MAX + over;
        int used = snprintf(body, size,
                            "{\"version\":0,\"messages\":[{}],\"token\":"
                            "\"%0*d\"}",
                            token_size, 7);
        batch_reset(batch);
        assert_int_equal(
            read_in_steps(batch, &format, &head, body, (size_t)used, 1000, CAP),
            over ? HAPLO_ETOOBIG : 0);
    }
    batch_free(batch);
    fetch_format_free(&format);
    free(body);
}

/* An entry is larger than the "{}," that asks for it: without a limit 64 MB
 * would become two gigabytes. */
static void the_number_of_messages_has_a_limit(void **state)
{
    (void)state;
    struct http_head head = {200, "application/json", NULL, -1};
    size_t size = (size_t)3 * (BATCH_MESSAGE_COUNT_MAX + 1);
    char *body = malloc(size + 100);
    struct fetch_format format;
    struct batch *batch = batch_new();
    assert_non_null(body);
    assert_non_null(batch);
    assert_int_equal(fetch_format_init(&format, &own_shape, NULL), 0);
    size_t used =
        (size_t)sprintf(body, "{\"version\":0,\"token\":\"t\",\"messages\":[");
    for (size_t i = 0; i <= BATCH_MESSAGE_COUNT_MAX; i++) {
        body[used++] = '{';
        body[used++] = '}';
        body[used++] = ',';
    }
    assert_int_equal(
        read_in_steps(batch, &format, &head, body, used, 65536, CAP),
        HAPLO_ETOOBIG);
    assert_non_null(strstr(why.text, "1000000"));
    batch_free(batch);
    fetch_format_free(&format);
    free(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(id_and_datetime_may_be_anything),
        cmocka_unit_test(slices_are_exact_in_a_body_that_moves),
        cmocka_unit_test(the_tokens_escapes_are_decoded),
        cmocka_unit_test(what_is_not_a_batch_is_refused),
        cmocka_unit_test(another_shape_is_found_by_its_pointers),
        cmocka_unit_test(a_way_that_has_ended_leads_nowhere),
        cmocka_unit_test(pointers_may_name_the_root_and_elements),
        cmocka_unit_test(a_token_above_its_limit_is_refused),
        cmocka_unit_test(the_number_of_messages_has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
