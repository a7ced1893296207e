#include "shape.h"

#include <string.h>

#include "reading.h"
#include "reference.h"

#define CAP (1 << 20)

static bool slice_is(struct haplo_slice slice, const char *body,
                     struct reference_slice expected)
{
    size_t size = expected.end - expected.begin;
    return slice.size == size &&
           (size == 0 || slice.data == body + expected.begin);
}

static void check_against(const struct reading_result *result,
                          const struct reference_batch *reference)
{
    const struct batch *batch = result->batch;
    FUZZ_CHECK(batch->message_count == reference->message_count);
    for (size_t i = 0; i < batch->message_count; i++) {
        const struct haplo_message *message = &batch->messages[i];
        const struct reference_message *expected = &reference->messages[i];
        FUZZ_CHECK(slice_is(message->body, batch->body, expected->body));
        FUZZ_CHECK(slice_is(message->id, batch->body, expected->id));
        FUZZ_CHECK(
            slice_is(message->datetime, batch->body, expected->datetime));
    }
    const char *form = reference->form != NULL ? reference->form : "";
    FUZZ_CHECK(batch->form_size == strlen(form));
    FUZZ_CHECK(batch->form_size == 0 ||
               memcmp(batch->form, form, batch->form_size) == 0);
}

/* With a byte less of room it is no batch, whatever it holds. */
static void check_capped(const struct fetch_format *format,
                         const struct http_head *head, const char *body,
                         size_t size, uint32_t seed)
{
    struct reading_result capped;
    reading_run(&capped, format, head, body, size, size - 1, seed);
    FUZZ_CHECK(capped.error != 0);
    FUZZ_CHECK(capped.batch->body_size < size);
    reading_free(&capped);
}

void check_batch(const struct fetch_format *format, const char *body,
                 size_t size, uint32_t seed)
{
    static struct reference_batch reference;
    const struct http_head head = {200, "application/json", NULL, -1};
    struct reading_result whole;
    struct reading_result pieces;
    reading_run(&whole, format, &head, body, size, CAP, 0);
    reading_run(&pieces, format, &head, body, size, CAP, seed | 1);
    check_same(&whole, &pieces);
    if (size > 0) {
        check_capped(format, &head, body, size, seed | 1);
    }
    bool is_batch = reference_read(&reference, format, body, size);
    FUZZ_CHECK(is_batch == (whole.error == 0));
    if (is_batch) {
        check_against(&whole, &reference);
    }
    free(reference.form);
    reading_free(&whole);
    reading_free(&pieces);
}
