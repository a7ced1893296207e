/*
 * shape.h - reads a batch in JSON three ways: whole, in pieces, and by the
 * reference. All must come to the same.
 */
#ifndef TEST_FUZZ_SHAPE_H
#define TEST_FUZZ_SHAPE_H

#include "core/fetch_format.h"
#include "fuzz.h"

void check_batch(const struct fetch_format *format, const char *body,
                 size_t size, uint32_t seed);

#endif
