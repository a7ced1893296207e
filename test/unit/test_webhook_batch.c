/*
 * Which messages a request carries, how it is identified, and its body.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "outlets/webhook/webhook_batch.h"
#include "outlets/webhook/webhook_body.h"
#include "outlets/webhook/webhook_splits.h"

#define UUID "550e8400-e29b-41d4-a716-446655440000"
#define COUNT 200

static struct inbox_message messages[COUNT];
static char text[100000];

/* Messages with arrivals from 1 on; the size of each is up to its place. */
static int messages_make(void **state)
{
    (void)state;
    memset(text, 'x', sizeof(text));
    for (size_t i = 0; i < COUNT; i++) {
        messages[i] = (struct inbox_message){
            .arrival = i + 1,
            .format = HAPLO_FORMAT_JSON,
            .queue_id = 1,
            .body = {text, 100 + i * 37 % 400},
            .hash = 0x1234567890abcdef * (i + 1),
        };
    }
    return 0;
}

static size_t bytes_of(size_t first, size_t count)
{
    size_t bytes = 0;

    for (size_t i = first; i < first + count; i++) {
        bytes += messages[i].body.size;
    }
    return bytes;
}

/* Cutting */

static void a_batch_is_as_large_as_the_options_allow(void **state)
{
    (void)state;
    assert_int_equal(webhook_batch_count(messages, COUNT, 50, 1000000), 50);
    assert_int_equal(webhook_batch_count(messages, 7, 50, 1000000), 7);
    assert_int_equal(webhook_batch_count(messages, COUNT, 50, bytes_of(0, 9)),
                     9);
    assert_int_equal(
        webhook_batch_count(messages, COUNT, 50, bytes_of(0, 9) - 1), 8);
}

/* It must go out somehow: only the receiver knows whether it is too large. */
static void a_message_that_is_too_large_is_sent_alone(void **state)
{
    struct inbox_message large[3];

    (void)state;
    memcpy(large, messages, sizeof(large));
    large[1].body.size = sizeof(text);
    assert_int_equal(webhook_batch_count(large, 3, 50, 1024), 1);
    assert_int_equal(webhook_batch_count(large + 1, 2, 50, 1024), 1);
    large[1].body.size = SIZE_MAX - 10; /* the sum must not wrap around */
    assert_int_equal(webhook_batch_count(large, 3, 50, 1024), 1);
}

/* What is not JSON cannot be part of a document. */
static void raw_messages_are_sent_one_by_one(void **state)
{
    struct inbox_message raw[2];

    (void)state;
    memcpy(raw, messages, sizeof(raw));
    raw[0].format = raw[1].format = HAPLO_FORMAT_RAW;
    assert_int_equal(webhook_batch_count(raw, 2, 50, 1000000), 1);
}

/* Batches that overlapped would carry a message under two identities, and a
 * receiver that recognises requests by them would take it twice. So wherever a
 * crash makes the outlet begin again, at a place up to which messages are done,
 * it cuts what it has cut before. */
static void cutting_again_from_any_place_cuts_the_same(void **state)
{
    size_t ends[COUNT];
    size_t end_count = 0;

    (void)state;
    for (size_t at = 0; at < COUNT; at = ends[end_count++]) {
        ends[end_count] =
            at + webhook_batch_count(&messages[at], COUNT - at, 50, 4096);
    }
    assert_in_range(end_count, 10, COUNT);
    for (size_t begin = 0; begin + 1 < end_count; begin++) {
        size_t at = ends[begin];

        for (size_t next = begin + 1; next < end_count; next++) {
            at += webhook_batch_count(&messages[at], COUNT - at, 50, 4096);
            assert_int_equal(at, ends[next]);
        }
    }
}

/* Identities */

static void id_of(const struct inbox_message *first, size_t count,
                  uint64_t replay_id, char id[WEBHOOK_ID_SIZE_MAX])
{
    char ids[WEBHOOK_IDS_SIZE_MAX];

    (void)webhook_ids_write(ids, first, count, UUID, replay_id);
    webhook_id_write(id, first, count, UUID, ids);
}

/* Zeros in front of a hash belong to it, and the largest numbers fit. */
static void extreme_numbers_are_written_whole(void **state)
{
    const struct inbox_message smallest = {.arrival = 0, .hash = 0xa};
    const struct inbox_message largest = {.arrival = UINT64_MAX,
                                          .hash = UINT64_MAX};
    char id[MESSAGE_ID_SIZE_MAX];

    (void)state;
    (void)message_id_write(id, &smallest, UUID, 0);
    assert_string_equal(id, UUID "-0-000000000000000a");
    assert_int_equal(message_id_write(id, &largest, UUID, UINT64_MAX),
                     MESSAGE_ID_SIZE_MAX - 2);
    assert_string_equal(id, UUID "-18446744073709551615-ffffffffffffffff"
                                 "-r18446744073709551615");
}

/* Receivers look for these. */
static void the_identity_of_each_message_is_listed(void **state)
{
    char ids[WEBHOOK_IDS_SIZE_MAX];

    (void)state;
    assert_int_equal(webhook_ids_write(ids, messages, 2, UUID, 0), 111);
    assert_string_equal(ids,
                        UUID "-1-1234567890abcdef," UUID "-2-2468acf121579bde");
    (void)webhook_ids_write(ids, messages, 2, UUID, 7);
    assert_string_equal(ids, UUID "-1-1234567890abcdef-r7," UUID
                                  "-2-2468acf121579bde-r7");
}

/* Header lines of 4 KB pass everywhere, even with arrivals of a billion. */
static void the_list_of_identities_is_short(void **state)
{
    char ids[WEBHOOK_IDS_SIZE_MAX];

    (void)state;
    for (size_t i = 0; i < WEBHOOK_BATCH_COUNT_MAX; i++) {
        messages[i].arrival += 1000000000;
    }
    assert_in_range(
        webhook_ids_write(ids, messages, WEBHOOK_BATCH_COUNT_MAX, UUID, 0),
        3000, 4096);
    messages_make(NULL);
}

/* A message that is sent alone has the same identity however it came to that:
 * because there was only one, or because its batch was refused. */
static void a_message_alone_has_its_own_identity(void **state)
{
    char id[WEBHOOK_ID_SIZE_MAX];

    (void)state;
    id_of(messages, 1, 0, id);
    assert_string_equal(id, UUID "-1-1234567890abcdef");
}

/* Two requests with one identity are one request to a receiver: the second one
 * would be lost. */
static void another_batch_has_another_identity(void **state)
{
    struct inbox_message other[3];
    char a[WEBHOOK_ID_SIZE_MAX];
    char b[WEBHOOK_ID_SIZE_MAX];

    (void)state;
    memcpy(other, messages, sizeof(other));
    id_of(messages, 3, 0, a);
    assert_non_null(strstr(a, UUID "-1-3x-"));
    assert_null(strchr(a, '.')); /* the separator of what is signed */
    id_of(other, 3, 0, b);
    assert_string_equal(a, b);
    other[2].hash++; /* of a restored inbox: arrivals are used again */
    id_of(other, 3, 0, b);
    assert_string_not_equal(a, b);
    id_of(messages, 2, 0, b);
    assert_string_not_equal(a, b);
    id_of(messages, 3, 1, b); /* a replay with new identities */
    assert_string_not_equal(a, b);
}

/* Bodies */

static void assert_body(const struct inbox_message *message, size_t count,
                        bool is_bare, const char *expected, size_t size)
{
    char body[256];

    assert_int_equal(webhook_body_size(message, count, is_bare), size);
    assert_ptr_equal(webhook_body_write(message, count, is_bare, body),
                     body + size);
    assert_memory_equal(body, expected, size);
}

/* An endpoint written for Haplo's own push works unchanged, and messages keep
 * their exact bytes. */
static void a_body_is_the_document_that_haplo_sends(void **state)
{
    static const char one[] = "{\"version\":0,\"messages\":[{\"id\" : 1.0 }]}";
    static const char two[] =
        "{\"version\":0,\"messages\":[{\"id\" : 1.0 },[\"\\u0000\"]]}";
    struct inbox_message pair[2];

    (void)state;
    memcpy(pair, messages, sizeof(pair));
    pair[0].body = (struct haplo_slice){"{\"id\" : 1.0 }", 13};
    pair[1].body = (struct haplo_slice){"[\"\\u0000\"]", 10};
    assert_body(pair, 1, false, one, strlen(one));
    assert_body(pair, 2, false, two, strlen(two));
    assert_body(pair, 1, true, "{\"id\" : 1.0 }", 13);
    assert_string_equal(webhook_body_type(pair), "application/json");
}

static void a_raw_message_is_sent_as_it_is(void **state)
{
    struct inbox_message raw = {.format = HAPLO_FORMAT_RAW,
                                .body = {"<a>\0</a>", 8}};

    (void)state;
    assert_body(&raw, 1, true, "<a>\0</a>", 8);
    assert_string_equal(webhook_body_type(&raw), "application/octet-stream");
}

/* Refused batches */

/* Messages of a refused batch must not be put together again while the outcome
 * of one of them is unknown; those of other queues and replays may. */
static void messages_of_a_refused_batch_stay_alone(void **state)
{
    struct webhook_splits splits = LIST_HEAD_INITIALIZER(splits);

    (void)state;
    assert_false(webhook_splits_has(&splits, 1, 0, 5));
    assert_true(webhook_splits_add(&splits, 1, 0, 20));
    assert_true(webhook_splits_add(&splits, 2, 0, 40));
    assert_true(webhook_splits_has(&splits, 1, 0, 5));
    assert_true(webhook_splits_has(&splits, 1, 0, 20));
    assert_false(webhook_splits_has(&splits, 1, 9, 5));
    assert_false(webhook_splits_has(&splits, 3, 0, 5));
    assert_false(webhook_splits_has(&splits, 1, 0, 21)); /* passed */
    assert_null(LIST_NEXT(LIST_FIRST(&splits), all));    /* and forgotten */
    assert_true(webhook_splits_has(&splits, 2, 0, 40));
    assert_true(webhook_splits_add(&splits, 2, 0, 60)); /* the next one */
    assert_true(webhook_splits_has(&splits, 2, 0, 60));
    webhook_splits_free(&splits);
    assert_true(LIST_EMPTY(&splits));
}

/* Most queues that had a refused batch never have another message: the batch is
 * not remembered for ever. */
static void a_refused_batch_is_forgotten_with_its_last_message(void **state)
{
    struct webhook_splits splits = LIST_HEAD_INITIALIZER(splits);

    (void)state;
    assert_true(webhook_splits_add(&splits, 1, 0, 20));
    webhook_splits_accepted(&splits, 1, 0, 19);
    webhook_splits_accepted(&splits, 2, 0, 20);
    assert_true(webhook_splits_has(&splits, 1, 0, 20));
    webhook_splits_accepted(&splits, 1, 0, 20);
    assert_true(LIST_EMPTY(&splits));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_is_as_large_as_the_options_allow),
        cmocka_unit_test(a_message_that_is_too_large_is_sent_alone),
        cmocka_unit_test(raw_messages_are_sent_one_by_one),
        cmocka_unit_test(cutting_again_from_any_place_cuts_the_same),
        cmocka_unit_test(extreme_numbers_are_written_whole),
        cmocka_unit_test(the_identity_of_each_message_is_listed),
        cmocka_unit_test(the_list_of_identities_is_short),
        cmocka_unit_test(a_message_alone_has_its_own_identity),
        cmocka_unit_test(another_batch_has_another_identity),
        cmocka_unit_test(a_body_is_the_document_that_haplo_sends),
        cmocka_unit_test(a_raw_message_is_sent_as_it_is),
        cmocka_unit_test(messages_of_a_refused_batch_stay_alone),
        cmocka_unit_test(a_refused_batch_is_forgotten_with_its_last_message),
    };

    return cmocka_run_group_tests(tests, messages_make, NULL);
}
