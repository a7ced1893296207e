/*
 * failing_allocator.h - lets the library's Nth allocation fail, and counts
 * the blocks that are not freed.
 */
#ifndef TEST_FAILING_ALLOCATOR_H
#define TEST_FAILING_ALLOCATOR_H

#include <stddef.h>

extern size_t allocator_calls; /* since the last reset */
extern size_t allocator_held;  /* blocks not freed */

void *allocator_malloc(size_t size);
void *allocator_realloc(void *block, size_t size);
void allocator_free(void *block);

/* Gives these to alloc_replace(). */
void allocator_install(void);

/* From now on, counting from 1 again, call number `fails` fails; 0: none. */
void allocator_reset(size_t fails);

#endif
