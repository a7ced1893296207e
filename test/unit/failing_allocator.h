/*
 * failing_allocator.h - lets the library's Nth allocation fail, and counts
 * what is not given back.
 */
#ifndef TEST_FAILING_ALLOCATOR_H
#define TEST_FAILING_ALLOCATOR_H

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

#include "haplopoll.h"

static size_t allocator_calls; /* since the last reset */
static size_t allocator_fails; /* this one, counted from 1; 0: none */
static size_t allocator_held;  /* blocks not freed */

static inline bool allocator_is_out(void)
{
    return ++allocator_calls == allocator_fails;
}

static inline void *allocator_malloc(size_t size)
{
    void *block = allocator_is_out() ? NULL : malloc(size);
    allocator_held += block != NULL;
    return block;
}

static inline void *allocator_realloc(void *block, size_t size)
{
    if (allocator_is_out()) {
        return NULL;
    }
    void *resized = realloc(block, size);
    allocator_held += block == NULL && resized != NULL;
    return resized;
}

static inline void allocator_free(void *block)
{
    allocator_held -= block != NULL;
    free(block);
}

static inline void allocator_install(void)
{
    int error = haplo_replace_allocator(allocator_malloc, allocator_realloc,
                                        allocator_free);
    assert(error == 0);
    (void)error;
}

/* From now on, counting anew, call number fails fails; 0: none. */
static inline void allocator_reset(size_t fails)
{
    allocator_calls = 0;
    allocator_fails = fails;
}

#endif
