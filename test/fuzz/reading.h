/*
 * reading.h - reads an answer to a fetch whole and in pieces, for the targets
 * of all that takes part in it, and checks what holds for any answer.
 */
#ifndef TEST_FUZZ_READING_H
#define TEST_FUZZ_READING_H

#include "core/fetch_reply.h"
#include "fuzz.h"

struct reading_result {
    struct batch *batch; /* owned */
    struct reason why;   /* */
    int error;           /* */
};

/* Reads the answer in pieces whose sizes the seed makes up; 0: whole. Checks
 * the batch, and that an error leaves none. */
void reading_run(struct reading_result *result,
                 const struct fetch_format *format,
                 const struct http_head *head, const char *body, size_t size,
                 size_t body_bytes_max, uint32_t seed);

void reading_free(struct reading_result *result);

/* Both must have come to the same, text and all. */
void check_same(const struct reading_result *a, const struct reading_result *b);

#endif
