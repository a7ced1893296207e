/*
 * The reading of a batch when there is no memory. 4 bytes seed the pieces, 2
 * say which allocation fails, 1 whether all after it fail too, 1 chooses the
 * format; the rest is the body. It must come to the same as with memory, or to
 * HAPLO_ENOMEM, and free everything.
 */
#include <string.h>

#include "base/alloc.h"
#include "reading.h"

#define CAP (1 << 20)

static size_t call_count; /* since the last reset */
static size_t fails_at;   /* this call, from 1; 0: none */
static bool fails_on;     /* and all after it */
static size_t held_count; /* blocks not freed */

static bool is_out(void)
{
    call_count++;
    return fails_at != 0 &&
           (call_count == fails_at || (fails_on && call_count > fails_at));
}

static void *counted_malloc(size_t size)
{
    void *block = is_out() ? NULL : malloc(size);
    held_count += block != NULL;
    return block;
}

static void *counted_realloc(void *block, size_t size)
{
    void *resized = is_out() ? NULL : realloc(block, size);
    held_count += block == NULL && resized != NULL;
    return resized;
}

static void counted_free(void *block)
{
    held_count -= block != NULL;
    free(block);
}

static int format_make(struct fetch_format *format, uint8_t kind)
{
    static const struct haplo_queue_options kinds[] = {
        {.format = HAPLO_FORMAT_JSON},
        {.token_pointer = "/batch/ack", .messages_pointer = "/batch/items"},
        {.format = HAPLO_FORMAT_RAW, .token_pattern = "token\": ?\"([^\"]*)"},
    };
    struct reason why;
    return fetch_format_init(format, &kinds[kind % 3], &why);
}

static void check_without_memory(const struct fetch_format *format,
                                 const char *body, size_t size, uint32_t seed,
                                 const struct reading_result *expected)
{
    const struct http_head head = {200, "application/json", NULL,
                                   (int64_t)size};
    struct reading_result result;
    reading_run(&result, format, &head, body, size, CAP, seed);
    if (result.error == HAPLO_ENOMEM) {
        FUZZ_CHECK(strcmp(result.why.text, "out of memory") == 0);
    } else {
        check_same(&result, expected);
    }
    reading_free(&result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct fetch_format format;
    struct reading_result expected;
    uint32_t seed = input_number(&input) | 1;
    size_t fails = input_byte(&input) * 256u;
    fails += input_byte(&input);
    fails_on = input_byte(&input) % 2 != 0;
    uint8_t kind = input_byte(&input);
    size_t body_size;
    char *body = input_rest(&input, &body_size);
    alloc_replace(counted_malloc, counted_realloc, counted_free);
    call_count = 0;
    fails_at = fails;
    int error = format_make(&format, kind);
    FUZZ_CHECK(error == 0 || error == HAPLO_ENOMEM);
    if (error == 0) {
        const struct http_head head = {200, "application/json", NULL,
                                       (int64_t)body_size};
        fails_at = 0;
        reading_run(&expected, &format, &head, body, body_size, CAP, seed);
        call_count = 0;
        fails_at = fails % 64 + 2; /* the first is the batch itself */
        check_without_memory(&format, body, body_size, seed, &expected);
        fails_at = 0;
        reading_free(&expected);
        fetch_format_free(&format);
    }
    fails_at = 0;
    FUZZ_CHECK(held_count == 0);
    free(body);
    return 0;
}
