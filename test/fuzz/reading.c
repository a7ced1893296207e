#include "reading.h"

#include <string.h>

/* How large the next piece is: mostly small, so that tokens are cut. */
static size_t piece_size(uint32_t *state, size_t left)
{
    static const size_t most[] = {1, 2, 7, 40, 300, 5000};
    size_t max = most[random_next(state) % (sizeof most / sizeof *most)];
    size_t size = 1 + random_next(state) % max;
    return size < left ? size : left;
}

static void body_feed(struct fetch_reply *reply, const char *body, size_t size,
                      uint32_t seed)
{
    uint32_t state = seed;
    int error = 0;
    for (size_t at = 0; at < size && error == 0;) {
        size_t piece = seed != 0 ? piece_size(&state, size - at) : size;
        char *copy = malloc(piece);
        FUZZ_CHECK(copy != NULL);
        memcpy(copy, body + at, piece);
        error = fetch_reply_data(reply, copy, piece);
        free(copy);
        at += piece;
    }
}

static bool slice_is_inside(struct haplo_slice slice, const char *data,
                            size_t size)
{
    return slice.size == 0 ||
           (slice.data >= data && slice.size <= size &&
            (size_t)(slice.data - data) <= size - slice.size);
}

/* Messages follow each other in the body, none reaches into the next. */
static void check_messages(const struct batch *batch)
{
    const char *at = batch->body;
    for (size_t i = 0; i < batch->message_count; i++) {
        const struct haplo_message *message = &batch->messages[i];
        struct haplo_slice body = message->body;
        FUZZ_CHECK(body.size > 0);
        FUZZ_CHECK(slice_is_inside(body, batch->body, batch->body_size));
        FUZZ_CHECK(body.data >= at);
        FUZZ_CHECK(slice_is_inside(message->id, body.data, body.size));
        FUZZ_CHECK(slice_is_inside(message->datetime, body.data, body.size));
        at = body.data + body.size;
    }
}

static void check_form(const struct batch *batch)
{
    FUZZ_CHECK((batch->form_size == 0) == (batch->message_count == 0));
    if (batch->form_size == 0) {
        return;
    }
    FUZZ_CHECK(batch->form_size > 6);
    FUZZ_CHECK(memcmp(batch->form, "token=", 6) == 0);
    for (size_t i = 6; i < batch->form_size; i++) {
        FUZZ_CHECK(batch->form[i] > ' ' && batch->form[i] < 0x7F);
        FUZZ_CHECK(batch->form[i] != '+' && batch->form[i] != '&');
    }
}

void reading_run(struct reading_result *result,
                 const struct fetch_format *format,
                 const struct http_head *head, const char *body, size_t size,
                 size_t body_bytes_max, uint32_t seed)
{
    static struct fetch_reply reply;
    result->batch = batch_new();
    FUZZ_CHECK(result->batch != NULL);
    result->why.text[0] = '\0';
    fetch_reply_begin(&reply, format, result->batch, body_bytes_max,
                      &result->why);
    fetch_reply_head(&reply, head);
    body_feed(&reply, body, size, seed);
    result->error = fetch_reply_end(&reply);
    FUZZ_CHECK(result->batch->body_size <= body_bytes_max ||
               result->batch->body_size <= FETCH_REPLY_ERROR_BODY_SIZE_MAX);
    FUZZ_CHECK((result->error == 0) == (result->why.text[0] == '\0'));
    check_line(result->why.text, sizeof result->why.text);
    check_form(result->batch);
    if (result->error == 0) {
        check_messages(result->batch);
    } else {
        FUZZ_CHECK(result->batch->message_count == 0);
        FUZZ_CHECK(haplo_error_text(result->error) != NULL);
    }
}

void reading_free(struct reading_result *result)
{
    batch_free(result->batch);
}

static bool slices_are_same(struct haplo_slice a, const char *a_body,
                            struct haplo_slice b, const char *b_body)
{
    return a.size == b.size &&
           (a.size == 0 || a.data - a_body == b.data - b_body);
}

/* Where yajl has found a fault depends on the pieces: it may not have had the
 * end of the token that it complains of. */
static void check_same_text(const char *a, const char *b)
{
    static const char place[] = "at byte ";
    const char *a_place = strstr(a, place);
    const char *b_place = strstr(b, place);
    FUZZ_CHECK((a_place == NULL) == (b_place == NULL));
    if (a_place != NULL) {
        FUZZ_CHECK(a_place - a == b_place - b);
        FUZZ_CHECK(strncmp(a, b, (size_t)(a_place - a)) == 0);
        a = a_place + strcspn(a_place, "0123456789");
        b = b_place + strcspn(b_place, "0123456789");
        a += strspn(a, "0123456789");
        b += strspn(b, "0123456789");
    }
    FUZZ_CHECK(strcmp(a, b) == 0);
}

void check_same(const struct reading_result *a, const struct reading_result *b)
{
    const struct batch *x = a->batch;
    const struct batch *y = b->batch;
    FUZZ_CHECK(a->error == b->error);
    check_same_text(a->why.text, b->why.text);
    FUZZ_CHECK(x->message_count == y->message_count);
    for (size_t i = 0; i < x->message_count; i++) {
        const struct haplo_message *m = &x->messages[i];
        const struct haplo_message *n = &y->messages[i];
        FUZZ_CHECK(slices_are_same(m->body, x->body, n->body, y->body));
        FUZZ_CHECK(slices_are_same(m->id, x->body, n->id, y->body));
        FUZZ_CHECK(slices_are_same(m->datetime, x->body, n->datetime, y->body));
        FUZZ_CHECK(memcmp(m->key, n->key, sizeof m->key) == 0);
        FUZZ_CHECK(m->is_repeat == n->is_repeat);
    }
    FUZZ_CHECK(x->form_size == y->form_size);
    FUZZ_CHECK(x->form_size == 0 ||
               memcmp(x->form, y->form, x->form_size) == 0);
}
