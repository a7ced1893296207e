/*
 * alloc.h - the library's one way to memory: the functions given to
 * haplo_replace_allocator(), or malloc, realloc and free.
 */
#ifndef CORE_ALLOC_H
#define CORE_ALLOC_H

#include <stddef.h>

/* As malloc: NULL when there is no memory. */
void *alloc_bytes(size_t size);

/* As calloc: zeroed; NULL also when count * size overflows. */
void *alloc_zeroed(size_t count, size_t size);

/* As realloc: on NULL the old block stands. */
void *alloc_resize(void *block, size_t size);

/* As strdup. */
char *alloc_string(const char *text);

/* As free. */
void alloc_free(void *block);

#endif
