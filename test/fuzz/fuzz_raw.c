/*
 * Batches of any format. 4 bytes seed the pieces; a line has the token's
 * pattern, or a digit for one of those below; the rest is the body.
 */
#include <string.h>

#include "reading.h"

#define CAP (1 << 20)

static const char *pattern_of(const char *line)
{
    static const char *const known[] = {
        "<batch[^>]* token=\"([^\"]*)",
        "#token,([A-Za-z0-9+/=]*)",
        "^token=([A-Za-z0-9+/=]*)",
        "\"ack\": ?\"([^\"\\]*)\"",
        "[A-Z]{3}",
        "t=(.*)",
        "(x)?y",
        "(<token>|<ack>)([^<]+)</",
        "token=\"?([^\"; ]+)\"?;?$",
        "([[:alnum:]]+)\\s*$",
    };
    bool is_known = line[0] >= '0' && line[0] <= '9' && line[1] == '\0';
    return is_known ? known[line[0] - '0'] : line;
}

static int hex_value(char digit)
{
    return digit <= '9' ? digit - '0' : digit - 'A' + 10;
}

/* The token must be a part of the body, byte for byte. */
static void check_token(const struct batch *batch)
{
    char *token = malloc(batch->form_size);
    size_t size = 0;
    FUZZ_CHECK(token != NULL);
    for (size_t i = strlen("token="); i < batch->form_size; i++) {
        const char *at = batch->form + i;
        bool is_encoded = *at == '%';
        token[size++] =
            is_encoded ? (char)(hex_value(at[1]) * 16 + hex_value(at[2])) : *at;
        i += is_encoded ? 2 : 0;
    }
    FUZZ_CHECK(memmem(batch->body, batch->body_size, token, size) != NULL);
    free(token);
}

static void check_raw(const struct fetch_format *format, const char *body,
                      size_t size, uint32_t seed)
{
    const struct http_head head = {200, "application/xml", NULL, -1};
    struct reading_result whole;
    struct reading_result pieces;
    reading_run(&whole, format, &head, body, size, CAP, 0);
    reading_run(&pieces, format, &head, body, size, CAP, seed | 1);
    check_same(&whole, &pieces);
    const struct batch *batch = whole.batch;
    if (batch->message_count > 0) {
        FUZZ_CHECK(batch->message_count == 1);
        FUZZ_CHECK(batch->messages[0].body.size == size);
        FUZZ_CHECK(memcmp(batch->messages[0].body.data, body, size) == 0);
        check_token(batch);
    }
    reading_free(&whole);
    reading_free(&pieces);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct fetch_format format;
    struct reason why = {""};
    uint32_t seed = input_number(&input);
    char *line = input_line(&input);
    size_t body_size;
    char *body = input_rest(&input, &body_size);
    const struct haplo_queue_options options = {
        .format = HAPLO_FORMAT_RAW, .token_pattern = pattern_of(line)};
    if (fetch_format_init(&format, &options, &why) == 0) {
        check_raw(&format, body, body_size, seed);
        fetch_format_free(&format);
    } else {
        FUZZ_CHECK(why.text[0] != '\0');
        check_line(why.text, sizeof why.text);
    }
    free(line);
    free(body);
    return 0;
}
