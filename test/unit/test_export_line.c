/* Lines of an export: whoever reads them gets exactly the bytes that the server
 * sent, whatever these are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/commands/export_line.h"

#define UUID "550e8400-e29b-41d4-a716-446655440000"

static struct inbox_message message_of(const char *body, size_t size,
                                       enum haplo_format format)
{
    return (struct inbox_message){
        .arrival = 17,
        .format = format,
        .server = "example",
        .queue = "a,b",
        .received_at_ms = UINT64_C(1764362956040),
        .body = {body, size},
        .hash = UINT64_C(0x93d1a5ee3c52f8b0),
    };
}

static void expect(struct json_writer *out, const char *text)
{
    assert_false(out->is_failed);
    assert_int_equal(out->size, strlen(text));
    assert_memory_equal(out->data, text, out->size);
    json_writer_free(out);
}

#define HEAD                                                        \
    "{\"inbox\":\"main\",\"server\":\"example\",\"queue\":\"a,b\"," \
    "\"arrival\":17,\"id\":\"" UUID "-17-93d1a5ee3c52f8b0\","       \
    "\"received_at\":\"2025-11-28T20:49:16.040Z\","

static void test_a_body_is_a_text(void **state)
{
    const char body[] = "{\n  \"id\": 1\r\n}";
    struct inbox_message message =
        message_of(body, strlen(body), HAPLO_FORMAT_JSON);
    struct json_writer out = {0};
    (void)state;
    export_line_ndjson(&out, "main", UUID, &message);
    export_line_ndjson(&out, "main", UUID, &message);
    expect(&out, HEAD "\"body\":\"{\\n  \\\"id\\\": 1\\r\\n}\"}\n" HEAD
                      "\"body\":\"{\\n  \\\"id\\\": 1\\r\\n}\"}\n");
}

/* JSON could not keep these bytes. */
static void test_what_is_not_utf8_is_base64(void **state)
{
    const char body[] = {(char)0xff, 0, 'a', (char)0xfe};
    struct inbox_message message =
        message_of(body, sizeof body, HAPLO_FORMAT_RAW);
    struct json_writer out = {0};
    (void)state;
    export_line_ndjson(&out, "main", UUID, &message);
    expect(&out, HEAD "\"body_base64\":\"/wBh/g==\"}\n");
}

static void test_csv_quotes_what_needs_it(void **state)
{
    const char body[] = "{\"id\":\n1}";
    struct inbox_message message =
        message_of(body, strlen(body), HAPLO_FORMAT_JSON);
    struct json_writer out = {0};
    (void)state;
    export_line_csv(&out, "ma\"in", UUID, &message);
    expect(&out, "\"ma\"\"in\",example,\"a,b\",17," UUID
                 "-17-93d1a5ee3c52f8b0,2025-11-28T20:49:16.040Z,"
                 "\"{\"\"id\"\":\n1}\"\r\n");
}

/* A raw queue may send nothing at all as a message. */
static void test_an_empty_body(void **state)
{
    struct inbox_message message = message_of(NULL, 0, HAPLO_FORMAT_RAW);
    struct json_writer out = {0};
    (void)state;
    export_line_csv(&out, "main", UUID, &message);
    expect(&out, "main,example,\"a,b\",17," UUID
                 "-17-93d1a5ee3c52f8b0,2025-11-28T20:49:16.040Z,\"\"\r\n");
    export_line_ndjson(&out, "main", UUID, &message);
    expect(&out, HEAD "\"body\":\"\"}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_body_is_a_text),
        cmocka_unit_test(test_what_is_not_utf8_is_base64),
        cmocka_unit_test(test_csv_quotes_what_needs_it),
        cmocka_unit_test(test_an_empty_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
