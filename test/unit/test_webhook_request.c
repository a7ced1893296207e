/*
 * One request in memory: its headers in their order, and its body.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "outlets/webhook/webhook_request.h"

#define UUID "550e8400-e29b-41d4-a716-446655440000"

static const struct inbox_message messages[] = {
    {.arrival = 17,
     .format = HAPLO_FORMAT_JSON,
     .server = "live",
     .queue = "student",
     .received_at_ms = UINT64_C(1764525296040),
     .body = {"{\"id\":1}", 8},
     .hash = 0x93d1a5ee3c52f8b0},
    {.arrival = 18,
     .format = HAPLO_FORMAT_JSON,
     .server = "live",
     .queue = "student",
     .received_at_ms = UINT64_C(1764525296040),
     .body = {"{\"id\":2}", 8},
     .hash = 0x0123456789abcdef},
};

static struct webhook_keys no_keys;
static struct webhook_request request;

static void build(size_t count, struct outlet_parcel parcel,
                  const struct webhook_keys *keys, struct curl_slist *lines)
{
    const struct webhook_content content = {
        .parcel = &parcel,
        .messages = messages,
        .count = count,
        .inbox_uuid = UUID,
        .timestamp_s = 1764525300,
        .keys = keys,
        .lines = lines,
    };

    assert_true(webhook_request_build(&request, &content));
}

static void assert_headers(const char *expected)
{
    char text[4096] = "";

    for (const struct curl_slist *node = request.headers; node != NULL;
         node = node->next) {
        strcat(strcat(text, node->data), "\n");
    }
    assert_string_equal(text, expected);
}

static int request_free(void **state)
{
    (void)state;
    webhook_request_free(&request);
    return 0;
}

/* haplo-webhook(5) documents them. */
static void a_request_has_these_headers(void **state)
{
    struct curl_slist line = {(char[]){"X-Common: yes"}, NULL};

    (void)state;
    build(1, (struct outlet_parcel){0}, &no_keys, &line);
    assert_headers("Content-Type: application/json\n"
                   "webhook-id: " UUID "-17-93d1a5ee3c52f8b0\n"
                   "webhook-timestamp: 1764525300\n"
                   "haplo-server: live\n"
                   "haplo-queue: student\n"
                   "haplo-arrival: 17\n"
                   "haplo-id: " UUID "-17-93d1a5ee3c52f8b0\n"
                   "haplo-received-at: 2025-11-30T17:54:56Z\n"
                   "X-Common: yes\n");
    assert_int_equal(request.body_size, 35);
    assert_memory_equal(request.body,
                        "{\"version\":0,\"messages\":[{\"id\":1}]}", 35);
}

/* Receivers that recognise messages take a replay for a repeat, unless it was
 * to be taken for something new. */
static void a_replay_shows_its_number(void **state)
{
    static const char with_old_ids[] =
        "Content-Type: application/json\n"
        "webhook-id: " UUID "-17-93d1a5ee3c52f8b0\n"
        "webhook-timestamp: 1764525300\n"
        "haplo-server: live\n"
        "haplo-queue: student\n"
        "haplo-arrival: 17\n"
        "haplo-id: " UUID "-17-93d1a5ee3c52f8b0\n"
        "haplo-received-at: 2025-11-30T17:54:56Z\n"
        "haplo-replay: 3\n";
    static const char with_new_ids[] =
        "Content-Type: application/json\n"
        "webhook-id: " UUID "-17-93d1a5ee3c52f8b0-r3\n"
        "webhook-timestamp: 1764525300\n"
        "haplo-server: live\n"
        "haplo-queue: student\n"
        "haplo-arrival: 17\n"
        "haplo-id: " UUID "-17-93d1a5ee3c52f8b0-r3\n"
        "haplo-received-at: 2025-11-30T17:54:56Z\n"
        "haplo-replay: 3\n";

    (void)state;
    build(1, (struct outlet_parcel){.replay_id = 3}, &no_keys, NULL);
    assert_headers(with_old_ids);
    build(1, (struct outlet_parcel){.replay_id = 3, .has_new_ids = true},
          &no_keys, NULL);
    assert_headers(with_new_ids);
}

/* The signature covers what was sent, and nothing else. */
static void what_is_signed_is_what_is_sent(void **state)
{
    struct webhook_keys keys;
    struct reason why;
    char content[256];
    char signature[WEBHOOK_SIGNATURE_SIZE_MAX];
    char line[WEBHOOK_SIGNATURE_SIZE_MAX + 32];

    (void)state;
    assert_int_equal(webhook_keys_read(
                         &keys, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &why),
                     0);
    build(2, (struct outlet_parcel){0}, &keys, NULL);
    strcpy(content, request.id);
    strcat(content, ".1764525300."
                    "{\"version\":0,\"messages\":[{\"id\":1},{\"id\":2}]}");
    assert_true(webhook_sign(&keys, content, strlen(content), signature));
    strcpy(stpcpy(line, "webhook-signature: "), signature);
    assert_string_equal(request.headers[3].data, line);
}

/* One huge message must not keep its memory for the rest of the year. */
static void a_large_buffer_is_freed_after_use(void **state)
{
    struct outlet_parcel parcel = {0};
    struct inbox_message large = messages[0];
    char *body = calloc(1, WEBHOOK_KEEP_SIZE_MAX);
    const struct webhook_content content = {
        .parcel = &parcel,
        .messages = &large,
        .count = 1,
        .inbox_uuid = UUID,
        .keys = &no_keys,
    };

    (void)state;
    assert_non_null(body);
    large.body = (struct haplo_slice){body, WEBHOOK_KEEP_SIZE_MAX};
    assert_true(webhook_request_build(&request, &content));
    webhook_request_trim(&request);
    assert_null(request.buffer);
    large.body.size = 1000;
    assert_true(webhook_request_build(&request, &content));
    webhook_request_trim(&request);
    assert_non_null(request.buffer);
    free(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_has_these_headers),
        cmocka_unit_test(a_replay_shows_its_number),
        cmocka_unit_test(what_is_signed_is_what_is_sent),
        cmocka_unit_test(a_large_buffer_is_freed_after_use),
    };

    return cmocka_run_group_tests(tests, NULL, request_free);
}
