/*
 * Messages as rows of CSV: any program that reads RFC 4180 must get back what
 * the server sent.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "outlets/files/csv.h"

#define UUID "550e8400-e29b-41d4-a716-446655440000"
#define COLUMN_COUNT_MAX 8

struct scene {
    struct csv *csv;
    struct outlet_parcel parcel;
    struct inbox_message message;
};

static int setup(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));

    assert_non_null(scene);
    scene->message = (struct inbox_message){
        .arrival = 17,
        .server = "example",
        .queue = "student",
        .received_at_ms = 1795898956000,
        .hash = 0x93d1a5ee3c52f8b0,
    };
    scene->parcel.messages = &scene->message;
    scene->parcel.count = 1;
    *state = scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;

    csv_close(scene->csv);
    free(scene);
    return 0;
}

/* columns: "a=/a b=/b". */
static void scene_use(struct scene *scene, const char *columns, bool escapes)
{
    static char text[512];
    const char *list[COLUMN_COUNT_MAX + 1];
    struct reason why;
    char *rest = text;
    size_t count = 0;

    (void)snprintf(text, sizeof(text), "%s", columns);
    while (count < COLUMN_COUNT_MAX &&
           (list[count] = strsep(&rest, " ")) != NULL) {
        assert_int_equal(
            csv_column_check(list[count], why.text, sizeof(why.text)), 0);
        count++;
    }
    list[count] = NULL;
    csv_close(scene->csv);
    scene->csv = NULL;
    assert_int_equal(csv_open(&scene->csv, list, escapes, UUID, &why), 0);
}

static void expect_line(struct haplo_slice line, const char *expected)
{
    char text[1024];

    assert_true(line.size < sizeof(text));
    memcpy(text, line.data, line.size);
    text[line.size] = '\0';
    assert_int_equal(strlen(text), line.size);
    assert_string_equal(text, expected);
}

static void expect_row(struct scene *scene, const char *body,
                       const char *expected)
{
    struct haplo_slice line;

    scene->message.body = (struct haplo_slice){body, strlen(body)};
    assert_int_equal(
        csv_row(scene->csv, &scene->message, &scene->parcel, &line), 0);
    expect_line(line, expected);
}

/* The value at one pointer. */
static void expect_field(struct scene *scene, const char *value,
                         const char *expected)
{
    char body[512];
    char row[512];

    (void)snprintf(body, sizeof(body), "{\"a\": %s }", value);
    (void)snprintf(row, sizeof(row), "%s\r\n", expected);
    expect_row(scene, body, row);
}

/* The example of haplo-files(5). */
static void test_columns_are_values_of_a_message(void **state)
{
    struct scene *scene = *state;
    struct haplo_slice line;

    scene_use(scene,
              "id=id ref=/object/ref "
              "title=/object/attributes/dc:attribute:title/0/value",
              false);
    assert_int_equal(csv_header(scene->csv, &line), 0);
    expect_line(line, "id,ref,title\r\n");
    expect_row(scene,
               "{\"object\":{\"attributes\":{\"dc:attribute:title\":"
               "[{\"value\":\"Dr, Ada\"},{\"value\":\"x\"}]},"
               "\"ref\":\"80x7q\"}}",
               UUID "-17-93d1a5ee3c52f8b0,80x7q,\"Dr, Ada\"\r\n");
}

/* Numbers are copied: whoever calculates with them knows how. */
static void test_values_are_as_they_were_written(void **state)
{
    struct scene *scene = *state;

    scene_use(scene, "a=/a", false);
    expect_field(scene, "1.50", "1.50");
    expect_field(scene, "-0", "-0");
    expect_field(scene, "12345678901234567890123", "12345678901234567890123");
    expect_field(scene, "1E400", "1E400");
    expect_field(scene, "true", "true");
    expect_field(scene, "\"x\"", "x");
    expect_field(scene, "\"\\u00e4\\u20ac\\ud83d\\ude00\"",
                 "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
    expect_field(scene, "[ 1,\n { \"b\" : \"c d\" } ]",
                 "\"[1,{\"\"b\"\":\"\"c d\"\"}]\"");
    expect_field(scene, "{ }", "{}");
}

/* A receiver can tell an empty string from one that is not there. */
static void test_what_is_missing_is_empty(void **state)
{
    struct scene *scene = *state;

    scene_use(scene, "a=/a b=/b c=/c/0", false);
    expect_row(scene, "{\"b\":\"\"}", ",\"\",\r\n");
    expect_row(scene, "{\"a\":null,\"c\":[]}", ",,\r\n");
    expect_row(scene, "7", ",,\r\n");
}

/* RFC 4180, 2: a quote is doubled, and whatever could end a field is within
 * quotes. Some readers trim spaces that are not. */
static void test_fields_are_quoted_where_necessary(void **state)
{
    struct scene *scene = *state;

    scene_use(scene, "a=/a", false);
    expect_field(scene, "\"a,b\"", "\"a,b\"");
    expect_field(scene, "\"say \\\"a\\\"\"", "\"say \"\"a\"\"\"");
    expect_field(scene, "\"\\\"\"", "\"\"\"\"");
    expect_field(scene, "\"a\\nb\"", "\"a\nb\"");
    expect_field(scene, "\"a\\r\"", "\"a\r\"");
    expect_field(scene, "\" a\"", "\" a\"");
    expect_field(scene, "\"a \"", "\"a \"");
    expect_field(scene, "\"a b\"", "a b");
    scene_use(scene, "a,\"b=/a", false);
    struct haplo_slice line;
    assert_int_equal(csv_header(scene->csv, &line), 0);
    expect_line(line, "\"a,\"\"b\"\r\n");
}

/* Exact by default, since most receivers are programs; if people open the file
 * in a spreadsheet, what they see must not be executed. */
static void test_formulas_are_escaped_on_request(void **state)
{
    struct scene *scene = *state;

    scene_use(scene, "a=/a", false);
    expect_field(scene, "\"=1+1\"", "=1+1");
    scene_use(scene, "a=/a", true);
    expect_field(scene, "\"=1+1\"", "\"'=1+1\"");
    expect_field(scene, "\"+1\"", "\"'+1\"");
    expect_field(scene, "\"-1\"", "\"'-1\"");
    expect_field(scene, "\"@a\\\"\"", "\"'@a\"\"\"");
    expect_field(scene, "\"\\t=1\"", "\"'\t=1\"");
    expect_field(scene, "\"1-1\"", "1-1");
    expect_field(scene, "-1", "-1");
}

/* For receivers that recognise repeats, or want to know what a row is. */
static void test_what_is_known_about_a_message(void **state)
{
    struct scene *scene = *state;

    scene_use(scene,
              "s=server q=queue n=arrival i=id t=received_at r=replay x=/x",
              false);
    expect_row(scene, "{\"x\":1}",
               "example,student,17," UUID "-17-93d1a5ee3c52f8b0,"
               "2026-11-28T20:49:16Z,,1\r\n");
    scene->parcel.replay_id = 3;
    scene->parcel.has_new_ids = true;
    expect_row(scene, "{\"x\":1}",
               "example,student,17," UUID "-17-93d1a5ee3c52f8b0-r3,"
               "2026-11-28T20:49:16Z,3,1\r\n");
    scene_use(scene, "n=arrival", false);
    expect_row(scene, "{\"x\":1}", "17\r\n");
}

/* A value has no limit, and one that was large must not stay in memory. */
static void test_large_values(void **state)
{
    enum { SIZE = 3 * 1024 * 1024 };
    struct scene *scene = *state;
    struct haplo_slice line;
    char *body = malloc(SIZE);

    assert_non_null(body);
    for (size_t i = 0; i < SIZE; i++) {
        body[i] = i % 2 == 0 ? '\\' : '"';
    }
    memcpy(body, "{\"a\":\"", 6);
    memcpy(body + SIZE - 2, "\"}", 2);
    scene_use(scene, "a=/a", false);
    scene->message.body = (struct haplo_slice){body, SIZE};
    assert_int_equal(
        csv_row(scene->csv, &scene->message, &scene->parcel, &line), 0);
    assert_int_equal(line.size, SIZE - 8 + 4);
    assert_memory_equal(line.data, "\"\"\"\"\"", 5); /* each is doubled */
    free(body);
    expect_row(scene, "{\"a\":1}", "1\r\n");
}

/* Nothing half is ever written. */
static void test_what_is_no_json_is_refused(void **state)
{
    struct scene *scene = *state;
    struct haplo_slice line;

    scene_use(scene, "a=/a", false);
    scene->message.body = (struct haplo_slice){"{\"a\"", 4};
    assert_int_equal(
        csv_row(scene->csv, &scene->message, &scene->parcel, &line),
        HAPLO_EDOCUMENT);
}

/* A mistake in the configuration is told before anything is written. */
static void test_columns_are_checked(void **state)
{
    static const struct {
        const char *column;
        const char *why;
    } cases[] = {
        {"title", "no pointer: write NAME=POINTER"},
        {"=/title", "no name"},
        {"a=title", "write a JSON pointer"},
        {"a=", "write a JSON pointer"},
        {"a=/~2", "~"},
    };
    char why[HAPLO_TEXT_SIZE_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(csv_column_check(cases[i].column, why, sizeof(why)),
                         HAPLO_EINVAL);
        assert_non_null(strstr(why, cases[i].why));
    }
    assert_int_equal(csv_column_check("a=/b=c", why, sizeof(why)), 0);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_columns_are_values_of_a_message),
        TEST(test_values_are_as_they_were_written),
        TEST(test_what_is_missing_is_empty),
        TEST(test_fields_are_quoted_where_necessary),
        TEST(test_formulas_are_escaped_on_request),
        TEST(test_what_is_known_about_a_message),
        TEST(test_large_values),
        TEST(test_what_is_no_json_is_refused),
        TEST(test_columns_are_checked),
    };

    return cmocka_run_group_tests_name("csv", tests, NULL, NULL);
}
