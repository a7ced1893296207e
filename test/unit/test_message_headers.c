/*
 * What is known about a message, as headers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "outlets/message_headers.h"

#define UUID "550e8400-e29b-41d4-a716-446655440000"

static void expect_headers(const struct message_headers *headers,
                           const char *const expected[][2], size_t count)
{
    assert_int_equal(headers->count, count);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(headers->list[i].name, expected[i][0]);
        assert_string_equal(headers->list[i].value, expected[i][1]);
    }
}

/* They are what receivers recognise repeats, order and replays by. */
static void headers_are_as_documented(void **state)
{
    static const char *const first[][2] = {
        {"haplo-server", "example"},
        {"haplo-queue", "student"},
        {"haplo-arrival", "17"},
        {"haplo-id", UUID "-17-93d1a5ee3c52f8b0"},
        {"haplo-received-at", "2026-11-28T20:49:16Z"},
    };
    static const char *const second[][2] = {
        {"haplo-server", "example"},
        {"haplo-queue", "student"},
        {"haplo-arrival", "18"},
        {"haplo-id", UUID "-18-0000000000000001-r3"},
        {"haplo-received-at", "2026-11-28T20:49:17Z"},
        {"haplo-replay", "3"},
    };
    const struct inbox_message messages[] = {
        {.arrival = 17,
         .server = "example",
         .queue = "student",
         .received_at_ms = 1795898956000,
         .hash = 0x93d1a5ee3c52f8b0},
        {.arrival = 18,
         .server = "example",
         .queue = "student",
         .received_at_ms = 1795898957000,
         .hash = 1},
    };
    struct outlet_parcel parcel = {.messages = messages, .count = 2};
    struct message_headers headers = {.count = 0};

    (void)state;
    message_headers_set(&headers, &parcel, 0, UUID);
    expect_headers(&headers, first, 5);
    parcel.replay_id = 3;
    parcel.has_new_ids = true;
    message_headers_set(&headers, &parcel, 1, UUID);
    expect_headers(&headers, second, 6);
    parcel.has_new_ids = false;
    message_headers_set(&headers, &parcel, 0, UUID);
    assert_int_equal(headers.count, 6);
    assert_string_equal(headers.id, first[3][1]); /* the same as before */
    assert_string_equal(headers.received_at, first[4][1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_as_documented),
    };

    return cmocka_run_group_tests_name("message_headers", tests, NULL, NULL);
}
