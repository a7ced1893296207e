/*
 * Batches in JSON of another shape. 4 bytes seed the pieces; a line each has
 * the token's pointer and the messages'; the rest is the body.
 */
#include "shape.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct fetch_format format;
    struct reason why = {""};
    uint32_t seed = input_number(&input);
    char *token = input_line(&input);
    char *messages = input_line(&input);
    size_t body_size;
    char *body = input_rest(&input, &body_size);
    const struct haplo_queue_options options = {.token_pointer = token,
                                                .messages_pointer = messages};
    if (fetch_format_init(&format, &options, &why) == 0) {
        check_batch(&format, body, body_size, seed);
        fetch_format_free(&format);
    } else {
        check_line(why.text, sizeof why.text);
        FUZZ_CHECK(why.text[0] != '\0');
    }
    free(token);
    free(messages);
    free(body);
    return 0;
}
