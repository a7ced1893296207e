/*
 * Names of topics and subjects: which templates are accepted, and that two
 * queues never share a name by accident.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "haplopoll.h"
#include "outlets/name_template.h"

static void expect_name(const struct name_carrier *carrier, const char *text,
                        const char *server, const char *queue,
                        const char *expected)
{
    char name[NAME_TEMPLATE_SIZE_MAX];
    size_t length = name_template_write(name, text, carrier, server, queue);

    assert_string_equal(name, expected);
    assert_int_equal(length, strlen(expected));
}

/* Receivers subscribe by these names, so that the mapping is an interface. */
static void names_are_as_documented(void **state)
{
    static const struct name_carrier *const carriers[] = {&name_kafka_topic,
                                                          &name_nats_subject};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        expect_name(carriers[i], "haplo.{server}.{queue}", "example", "student",
                    "haplo.example.student");
        expect_name(carriers[i], "x", "example", "student", "x");
        expect_name(carriers[i], "x-{queue}", "example", "a-B9", "x-a-B9");
        expect_name(carriers[i], "{queue}.{server}", "a.b", "_c~:*",
                    "__c_7e_3a_2a.a_2eb");
    }
}

static void expect_error(const struct name_carrier *carrier, const char *text,
                         const char *expected)
{
    char why[HAPLO_TEXT_SIZE_MAX];

    assert_int_equal(name_template_check(text, carrier, why, sizeof(why)),
                     HAPLO_EINVAL);
    assert_non_null(strstr(why, expected));
}

/* A mistake is found by `check`, and not when the first message comes. */
static void mistakes_are_told(void **state)
{
    char text[2000];

    (void)state;
    expect_error(&name_nats_subject, "haplo.{sever}", "unknown placeholder");
    expect_error(&name_nats_subject, "haplo.{queue", "unknown placeholder");
    expect_error(&name_nats_subject, "haplo.*", "0x2a");
    expect_error(&name_nats_subject, "a b", "0x20");
    expect_error(&name_nats_subject, "$JS.x", "0x24");
    expect_error(&name_nats_subject, "\xc3\xa9", "0xc3");
    expect_error(&name_kafka_topic, "haplo/{queue}", "0x2f");
    expect_error(&name_kafka_topic, "haplo..{queue}", "is empty");
    expect_error(&name_nats_subject, ".{queue}", "is empty");
    expect_error(&name_nats_subject, "{queue}.", "is empty");
    expect_error(&name_nats_subject, "", "is empty");
    expect_error(&name_kafka_topic, "{server}{queue}", "no \".\" between");
    expect_error(&name_kafka_topic, "a.{server}-{queue}", "no \".\" between");
    memset(text, 'a', sizeof(text));
    (void)strcpy(text + 250, ".{server}.{queue}");
    expect_error(&name_kafka_topic, text, "at most 249");
    text[250] = '\0';
    expect_error(&name_kafka_topic, text, "at most 249");
    text[249] = '\0';
    assert_int_equal(name_template_check(text, &name_kafka_topic, NULL, 0), 0);
}

/* The character at any position of a name, among those that names may have. */
static char character_at(unsigned *seed)
{
    static const char all[] = "ab01-._~!$&'()*+,;=:@2e3";

    *seed = *seed * 1103515245 + 12345;
    return all[(*seed >> 16) % (sizeof(all) - 1)];
}

static size_t name_make(char *name, size_t length_max, unsigned *seed)
{
    size_t length = 1 + (*seed >> 16) % length_max;

    for (size_t i = 0; i < length; i++) {
        name[i] = character_at(seed);
    }
    name[length] = '\0';
    return length;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Messages of two queues in one topic would look like those of one queue.
 * Short names of few characters, so that what could collide is likely. */
static void different_queues_have_different_names(void **state)
{
    enum { COUNT = 20000 };
    char **names = calloc(COUNT, sizeof(*names));
    char **sources = calloc(COUNT, sizeof(*sources));
    char server[HAPLO_NAME_SIZE_MAX + 1];
    char queue[HAPLO_NAME_SIZE_MAX + 1];
    char name[NAME_TEMPLATE_SIZE_MAX];
    char both[2 * HAPLO_NAME_SIZE_MAX + 2];
    unsigned seed = 1;
    size_t name_count = 1;
    size_t source_count = 1;

    (void)state;
    assert_non_null(names);
    assert_non_null(sources);
    for (size_t i = 0; i < COUNT; i++) {
        size_t length_max = i % 10 == 0 ? HAPLO_NAME_SIZE_MAX : 3;

        (void)name_make(server, length_max, &seed);
        (void)name_make(queue, length_max, &seed);
        assert_true(name_template_write(name, "haplo.{server}.{queue}",
                                        &name_kafka_topic, server,
                                        queue) <= 249);
        (void)snprintf(both, sizeof(both), "%s/%s", server, queue);
        names[i] = strdup(name);
        sources[i] = strdup(both);
    }
    qsort(names, COUNT, sizeof(*names), compare);
    qsort(sources, COUNT, sizeof(*sources), compare);
    for (size_t i = 1; i < COUNT; i++) {
        name_count += strcmp(names[i - 1], names[i]) != 0;
        source_count += strcmp(sources[i - 1], sources[i]) != 0;
    }
    assert_int_equal(name_count, source_count);
    assert_true(source_count > COUNT / 4);
    for (size_t i = 0; i < COUNT; i++) {
        free(names[i]);
        free(sources[i]);
    }
    free(names);
    free(sources);
}

/* Kafka refuses a longer topic, so that its queue would never get through. */
static void long_names_end_in_a_hash(void **state)
{
    char server[HAPLO_NAME_SIZE_MAX + 1];
    char name[NAME_TEMPLATE_SIZE_MAX];
    char other[NAME_TEMPLATE_SIZE_MAX];
    const char *text = "haplo.{server}.{queue}";

    (void)state;
    memset(server, ':', HAPLO_NAME_SIZE_MAX);
    server[HAPLO_NAME_SIZE_MAX] = '\0';
    assert_true(
        name_template_write(name, text, &name_kafka_topic, server, "q") <= 249);
    assert_non_null(strstr(name, "_-"));
    server[HAPLO_NAME_SIZE_MAX - 1] = ';';
    (void)name_template_write(other, text, &name_kafka_topic, server, "q");
    assert_string_not_equal(name, other);
    (void)name_template_write(name, text, &name_nats_subject, server, "q");
    assert_null(strstr(name, "_-")); /* there is room for all of it */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_as_documented),
        cmocka_unit_test(mistakes_are_told),
        cmocka_unit_test(different_queues_have_different_names),
        cmocka_unit_test(long_names_end_in_a_hash),
    };

    return cmocka_run_group_tests_name("name_template", tests, NULL, NULL);
}
