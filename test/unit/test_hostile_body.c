/* Bodies that are made to take memory: what is read of one is bounded by its
 * cap, whatever it is. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fetch_reading.h"

#define BODY_MAX ((size_t)4 << 20)
#define PIECE_SIZE 16384

static size_t held_bytes; /* now */
static size_t peak_bytes; /* the most since the last reset */

static void held_add(void *block)
{
    held_bytes += block != NULL ? malloc_usable_size(block) : 0;
    peak_bytes = held_bytes > peak_bytes ? held_bytes : peak_bytes;
}

static void *measured_malloc(size_t size)
{
    void *block = malloc(size);
    held_add(block);
    return block;
}

static void *measured_realloc(void *block, size_t size)
{
    held_bytes -= block != NULL ? malloc_usable_size(block) : 0;
    void *resized = realloc(block, size);
    held_add(resized != NULL ? resized : block);
    return resized;
}

static void measured_free(void *block)
{
    held_bytes -= block != NULL ? malloc_usable_size(block) : 0;
    free(block);
}

/* The head, and then the part again and again, far beyond the cap. Returns the
 * error, and what was the most that was held. */
static int read_endless(const struct haplo_queue_options *options,
                        const char *head, const char *part, size_t *peak)
{
    static char piece[PIECE_SIZE];
    const struct http_head http_head = {200, "application/json", NULL, -1};
    struct fetch_format format;
    struct batch *batch = batch_new();
    int error = 0;
    size_t part_size = strlen(part);
    assert_non_null(batch);
    assert_int_equal(fetch_format_init(&format, options, NULL), 0);
    for (size_t i = 0; i < sizeof piece; i++) {
        piece[i] = part[i % part_size];
    }
    peak_bytes = held_bytes;
    fetch_reply_begin(&reply, &format, batch, BODY_MAX, &why);
    fetch_reply_head(&reply, &http_head);
    error = fetch_reply_data(&reply, head, strlen(head));
    for (size_t size = 0; error == 0; size += sizeof piece) {
        assert_true(size <= BODY_MAX);
        /* Whole parts only, so that what follows fits. */
        error = fetch_reply_data(&reply, piece,
                                 sizeof piece - sizeof piece % part_size);
    }
    assert_int_equal(fetch_reply_end(&reply), error);
    assert_int_equal(batch->message_count, 0);
    assert_int_equal(batch->form_size, 0);
    *peak = peak_bytes;
    batch_free(batch);
    fetch_format_free(&format);
    assert_int_equal(held_bytes, 0);
    return error;
}

#define MESSAGES "{\"version\":0,\"token\":\"t\",\"messages\":["

/* The body twice while it grows, and what the parser holds of one token as it
 * is and decoded: six times the cap is the most there can be. */
static void memory_is_bounded_by_the_cap(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        const char *part;
        int error;
    } cases[] = {
        {MESSAGES "{\"n\":", "9", HAPLO_ETOOBIG},
        {MESSAGES "{\"n\":\"", "a", HAPLO_ETOOBIG},
        {MESSAGES "{\"n\":\"", "\\n", HAPLO_ETOOBIG},
        {MESSAGES "{\"", "\\u00e9", HAPLO_ETOOBIG},
        {MESSAGES "{\"n\":[1", ",1", HAPLO_ETOOBIG},
        {MESSAGES, " ", HAPLO_ETOOBIG},
        {"{\"version\":0,\"token\":\"", "\\t", HAPLO_ETOOBIG},
        {"{\"a\":0", ",\"a\":0", HAPLO_ETOOBIG},
        {MESSAGES "{\"n\":", "[", HAPLO_EDOCUMENT},
        {MESSAGES, "{\"a\":", HAPLO_EDOCUMENT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t peak;
        assert_int_equal(
            read_endless(&own_shape, cases[i].head, cases[i].part, &peak),
            cases[i].error);
        assert_in_range(peak, 1, 6 * BODY_MAX);
    }
}

/* Each has an entry, which is larger than "{},". */
static void entries_of_messages_are_bounded(void **state)
{
    (void)state;
    size_t peak;
    assert_int_equal(read_endless(&own_shape, MESSAGES "{}", ",{}", &peak),
                     HAPLO_ETOOBIG);
    assert_non_null(strstr(why.text, "more than 1000000 messages"));
    assert_in_range(peak, BODY_MAX / 2,
                    6 * BODY_MAX + 3 * BATCH_MESSAGE_COUNT_MAX *
                                       sizeof(struct haplo_message));
}

/* The search for a token needs none for the body. */
static void a_raw_body_takes_its_own_size(void **state)
{
    (void)state;
    const struct haplo_queue_options raw = {
        .format = HAPLO_FORMAT_RAW, .token_pattern = "<a[^>]* t=\"([^\"]*)"};
    size_t peak;
    assert_int_equal(read_endless(&raw, "<", "<a", &peak), HAPLO_ETOOBIG);
    assert_in_range(peak, 1, 3 * BODY_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_bounded_by_the_cap),
        cmocka_unit_test(entries_of_messages_are_bounded),
        cmocka_unit_test(a_raw_body_takes_its_own_size),
    };
    int error = haplo_replace_allocator(measured_malloc, measured_realloc,
                                        measured_free);
    assert(error == 0);
    (void)error;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
