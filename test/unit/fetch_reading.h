/*
 * fetch_reading.h - reads answers to a fetch, whole and in pieces, for the
 * tests of all that takes part in it. Tests include cmocka.h first.
 */
#ifndef TEST_FETCH_READING_H
#define TEST_FETCH_READING_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "core/fetch_reply.h"

#define CAP (64 << 20)

static const struct haplo_queue_options own_shape;

static struct fetch_reply reply;
static struct reason why;

static inline int read_in_steps(struct batch *batch,
                                const struct fetch_format *format,
                                const struct http_head *head, const char *body,
                                size_t size, size_t step, size_t cap)
{
    why.text[0] = '\0';
    fetch_reply_begin(&reply, format, batch, cap, &why);
    fetch_reply_head(&reply, head);
    for (size_t at = 0; at < size; at += step) {
        size_t left = size - at;
        int error =
            fetch_reply_data(&reply, body + at, left < step ? left : step);
        if (error != 0) {
            assert_int_equal(fetch_reply_end(&reply), error);
            return error;
        }
    }
    return fetch_reply_end(&reply);
}

/* A slice that stayed behind in a body that moved may still look right. */
static inline void assert_inside(const struct batch *batch,
                                 struct haplo_slice slice)
{
    if (slice.size > 0) {
        assert_true(slice.data >= batch->body);
        assert_true(slice.data + slice.size <= batch->body + batch->body_size);
    }
}

static inline void assert_slices_equal(struct haplo_slice a,
                                       struct haplo_slice b)
{
    assert_int_equal(a.size, b.size);
    assert_memory_equal(a.data, b.data, a.size);
}

static inline void assert_batches_equal(const struct batch *a,
                                        const struct batch *b)
{
    assert_int_equal(a->message_count, b->message_count);
    for (size_t i = 0; i < a->message_count; i++) {
        assert_inside(b, b->messages[i].body);
        assert_inside(b, b->messages[i].id);
        assert_inside(b, b->messages[i].datetime);
        assert_slices_equal(a->messages[i].body, b->messages[i].body);
        assert_slices_equal(a->messages[i].id, b->messages[i].id);
        assert_slices_equal(a->messages[i].datetime, b->messages[i].datetime);
        assert_memory_equal(a->messages[i].key, b->messages[i].key, 16);
    }
    assert_int_equal(a->form_size, b->form_size);
    if (a->form_size > 0) {
        assert_memory_equal(a->form, b->form, a->form_size);
    }
}

/* Reads it whole, a byte at a time and in between: it must come to the same.
 * The batch of the whole reading is left in *batch, for the caller to free. */
static inline int read_answer(struct batch **batch,
                              const struct haplo_queue_options *options,
                              const struct http_head *head, const char *body,
                              size_t size)
{
    static const size_t steps[] = {1, 3, 100};
    struct fetch_format format;
    assert_int_equal(fetch_format_init(&format, options, &why), 0);
    *batch = batch_new();
    struct batch *again = batch_new();
    assert_non_null(*batch);
    assert_non_null(again);
    int error = read_in_steps(*batch, &format, head, body, size,
                              size > 0 ? size : 1, CAP);
    struct reason first = why;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        batch_reset(again);
        assert_int_equal(
            read_in_steps(again, &format, head, body, size, steps[i], CAP),
            error);
        assert_batches_equal(*batch, again);
    }
    batch_free(again);
    fetch_format_free(&format);
    why = first;
    assert_true((error == 0) == (why.text[0] == '\0'));
    assert_null(strchr(why.text, '\n'));
    if (error != 0) {
        assert_int_equal((*batch)->message_count, 0);
        assert_int_equal((*batch)->form_size, 0);
    }
    return error;
}

static inline int read_json(struct batch **batch,
                            const struct haplo_queue_options *options,
                            const char *body)
{
    struct http_head head = {200, "application/json", NULL, -1};
    return read_answer(batch, options, &head, body, strlen(body));
}

static inline void assert_slice(struct haplo_slice slice, const char *expected)
{
    assert_int_equal(slice.size, strlen(expected));
    assert_memory_equal(slice.data, expected, slice.size);
}

static inline void assert_message(const struct batch *batch, size_t at,
                                  const char *body, const char *id,
                                  const char *datetime)
{
    assert_true(at < batch->message_count);
    assert_inside(batch, batch->messages[at].body);
    assert_inside(batch, batch->messages[at].id);
    assert_inside(batch, batch->messages[at].datetime);
    if (body != NULL) {
        assert_slice(batch->messages[at].body, body);
    }
    assert_slice(batch->messages[at].id, id);
    assert_slice(batch->messages[at].datetime, datetime);
}

static inline void assert_form(const struct batch *batch, const char *expected)
{
    assert_slice((struct haplo_slice){batch->form, batch->form_size}, expected);
}

static inline struct batch *read_capture(
    const char *name, const struct haplo_queue_options *options, int error)
{
    struct capture capture = capture_load(name);
    struct batch *batch;
    print_message("%s\n", name);
    assert_int_equal(read_answer(&batch, options, &capture.head, capture.body,
                                 capture.body_size),
                     error);
    capture_free(&capture);
    return batch;
}

static inline void assert_says(const char *word)
{
    if (strstr(why.text, word) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", why.text, word);
    }
}

#endif
