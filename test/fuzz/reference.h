/*
 * reference.h - a second, plain reading of a batch in JSON, from its whole
 * text and by descent, to compare the incremental one with. It does not say
 * what is wrong, only whether anything is.
 */
#ifndef TEST_FUZZ_REFERENCE_H
#define TEST_FUZZ_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/fetch_format.h"

#define REFERENCE_MESSAGE_COUNT_MAX 20000 /* fewer fit in any input */

/* Offsets into the text; begin == end: none. */
struct reference_slice {
    size_t begin; /* */
    size_t end;   /* behind the last byte */
};

struct reference_message {
    struct reference_slice body;     /* */
    struct reference_slice id;       /* */
    struct reference_slice datetime; /* */
};

struct reference_batch {
    size_t message_count; /* */
    char *form;           /* owned; NULL: no token, or an empty one */
    struct reference_message messages[REFERENCE_MESSAGE_COUNT_MAX]; /* */
};

/* True if the text is a batch of the format. Free batch->form in any case. */
bool reference_read(struct reference_batch *batch,
                    const struct fetch_format *format, const char *text,
                    size_t size);

#endif
