/*
 * Answers that are none: refusals, pages, redirects. 4 bytes seed the pieces,
 * 2 are the status; a line each has content type and Location; the rest is the
 * body. What is said of them must be one clean line.
 */
#include <string.h>

#include "core/mark_reply.h"
#include "core/page.h"
#include "core/refusal.h"
#include "reading.h"

static void check_parts(const char *body, size_t size)
{
    struct page_quote quote;
    struct refusal refusal;
    page_quote(&quote, body, size);
    FUZZ_CHECK(strnlen(quote.text, sizeof quote.text) < sizeof quote.text);
    FUZZ_CHECK(quote.text[0] == '\0' || strncmp(quote.text, ": \"", 3) == 0);
    (void)page_is_html(body, size);
    if (refusal_read(&refusal, body, size)) {
        FUZZ_CHECK(refusal.kind[0] != '\0');
        FUZZ_CHECK(strnlen(refusal.kind, sizeof refusal.kind) <
                   sizeof refusal.kind);
        FUZZ_CHECK(strnlen(refusal.message, sizeof refusal.message) <
                   sizeof refusal.message);
    }
}

static void check_fetch(const struct http_head *head, const char *body,
                        size_t size, uint32_t seed)
{
    static const struct haplo_queue_options options;
    struct fetch_format format;
    struct reading_result whole;
    struct reading_result pieces;
    FUZZ_CHECK(fetch_format_init(&format, &options, NULL) == 0);
    reading_run(&whole, &format, head, body, size, 1 << 20, 0);
    reading_run(&pieces, &format, head, body, size, 1 << 20, seed | 1);
    check_same(&whole, &pieces);
    FUZZ_CHECK(whole.error != 0 || head->status == 200);
    reading_free(&whole);
    reading_free(&pieces);
    fetch_format_free(&format);
}

static void check_mark(const struct http_head *head, const char *body,
                       size_t size)
{
    static struct mark_reply reply;
    struct reason why = {""};
    mark_reply_begin(&reply, &why);
    mark_reply_head(&reply, head);
    (void)mark_reply_data(&reply, body, size);
    int error = mark_reply_end(&reply);
    FUZZ_CHECK((error == 0) == (why.text[0] == '\0'));
    FUZZ_CHECK(error != 0 || head->status == 200);
    check_line(why.text, sizeof why.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    uint32_t seed = input_number(&input);
    struct http_head head = {.content_size = -1};
    head.status = input_byte(&input) << 8;
    head.status |= input_byte(&input);
    char *type = input_line(&input);
    char *location = input_line(&input);
    size_t body_size;
    char *body = input_rest(&input, &body_size);
    head.content_type = type[0] != '\0' ? type : NULL;
    head.location = location[0] != '\0' ? location : NULL;
    check_parts(body, body_size);
    check_fetch(&head, body, body_size, seed);
    check_mark(&head, body, body_size);
    free(type);
    free(location);
    free(body);
    return 0;
}
