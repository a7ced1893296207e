/*
 * Haplo's own batches. 4 bytes seed the pieces; the rest is the body.
 */
#include "shape.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct haplo_queue_options options;
    static struct fetch_format format;
    static bool is_made;
    struct fuzz_input input = {data, size};
    uint32_t seed = input_number(&input);
    size_t body_size;
    char *body = input_rest(&input, &body_size);
    if (!is_made) {
        is_made = fetch_format_init(&format, &options, NULL) == 0;
        FUZZ_CHECK(is_made);
    }
    check_batch(&format, body, body_size, seed);
    free(body);
    return 0;
}
