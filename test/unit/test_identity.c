#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/identity.h"
#include "failing_allocator.h"

#define MANY 100000

static struct haplo_message message_of(const char *body)
{
    return (struct haplo_message){.body = {body, strlen(body)}};
}

/* Keys are stored in ledgers and inboxes: they must be the same on every
 * machine and in every version. This one is published with xxHash. */
static void a_key_is_the_canonical_hash(void **state)
{
    (void)state;
    static const uint8_t empty[16] = {0x99, 0xaa, 0x06, 0xd3, 0x01, 0x47,
                                      0x98, 0xd8, 0x60, 0x01, 0xc3, 0x24,
                                      0x46, 0x8d, 0x49, 0x7f};
    struct haplo_message message = message_of("");
    assert_int_equal(identity_fill(&message, 1), 0);
    assert_memory_equal(message.key, empty, sizeof empty);
    assert_int_equal(message.ordinal, 0);
}

/* A server may queue the same twice, and both must be delivered. */
static void equal_messages_are_counted(void **state)
{
    (void)state;
    struct haplo_message messages[] = {message_of("a"), message_of("b"),
                                       message_of("a"), message_of("a"),
                                       message_of("b"), message_of("c")};
    static const uint32_t expected[] = {0, 0, 1, 2, 1, 0};
    assert_int_equal(identity_fill(messages, 6), 0);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(messages[i].ordinal, expected[i]);
    }
    assert_memory_equal(messages[0].key, messages[3].key, 16);
    assert_memory_not_equal(messages[0].key, messages[1].key, 16);
}

/* A server of 2019 sends all unread messages at once; equal ones are the
 * worst case of a table, and comparing all pairs would take minutes. */
static void a_hundred_thousand_take_no_quadratic_time(void **state)
{
    (void)state;
    struct haplo_message *messages = calloc(MANY, sizeof *messages);
    char(*bodies)[8] = calloc(MANY, sizeof *bodies);
    assert_non_null(messages);
    assert_non_null(bodies);
    for (size_t i = 0; i < MANY; i++) {
        messages[i] = message_of("always the same");
    }
    assert_int_equal(identity_fill(messages, MANY), 0);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(messages[i].ordinal, i);
    }
    for (size_t i = 0; i < MANY; i++) {
        snprintf(bodies[i], sizeof bodies[i], "%zu", i / 2);
        messages[i] = message_of(bodies[i]);
    }
    assert_int_equal(identity_fill(messages, MANY), 0);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(messages[i].ordinal, i % 2);
    }
    free(bodies);
    free(messages);
}

/* Few messages are compared in pairs, many by a table: a message must not get
 * another identity when the batch around it grows. */
static void few_and_many_are_counted_alike(void **state)
{
    (void)state;
    static const char *const bodies[] = {"a", "b", "c", "a", "a"};
    struct haplo_message messages[64];
    uint32_t ordinals[64];
    for (size_t i = 0; i < 64; i++) {
        messages[i] = message_of(bodies[i % 5]);
    }
    assert_int_equal(identity_fill(messages, 64), 0);
    for (size_t i = 0; i < 64; i++) {
        ordinals[i] = messages[i].ordinal;
    }
    assert_int_equal(identity_fill(messages, 20), 0);
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(messages[i].ordinal, ordinals[i]);
    }
}

/* An ordinary batch must cost no allocation; a large one may fail. */
static void only_many_messages_need_memory(void **state)
{
    (void)state;
    struct haplo_message messages[64];
    for (size_t i = 0; i < 64; i++) {
        messages[i] = message_of("x");
    }
    allocator_reset(1);
    assert_int_equal(identity_fill(messages, 16), 0);
    assert_int_equal(allocator_calls, 0);
    assert_int_equal(identity_fill(messages, 0), 0);
    assert_int_equal(identity_fill(messages, 64), HAPLO_ENOMEM);
    allocator_reset(0);
    assert_int_equal(identity_fill(messages, 64), 0);
    assert_int_equal(allocator_held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_the_canonical_hash),
        cmocka_unit_test(equal_messages_are_counted),
        cmocka_unit_test(a_hundred_thousand_take_no_quadratic_time),
        cmocka_unit_test(few_and_many_are_counted_alike),
        cmocka_unit_test(only_many_messages_need_memory),
    };
    allocator_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
