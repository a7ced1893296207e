/*
 * alloc.h - all memory of the library comes from here: from the functions
 * passed to haplo_replace_allocator(), or from malloc(), realloc() and free().
 */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stddef.h>

/* Like malloc(): NULL if memory runs out. */
void *alloc_bytes(size_t size);

/* Like calloc(): zeroed; NULL also if count * size overflows. */
void *alloc_zeroed(size_t count, size_t size);

/* Like realloc(): if it returns NULL, the old block is unchanged. */
void *alloc_resize(void *block, size_t size);

/* Like strdup(). */
char *alloc_string(const char *text);

/* Like free(). */
void alloc_free(void *block);

#endif
