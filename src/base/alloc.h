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

/* For blocks that are kept for reuse: under AddressSanitizer, any access is
 * reported from alloc_hide() until alloc_show(). Otherwise they do nothing.
 * block may be NULL if size is 0. */
#if defined(__has_feature)
#define ALLOC_HAS_FEATURE(feature) __has_feature(feature)
#else
#define ALLOC_HAS_FEATURE(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || ALLOC_HAS_FEATURE(address_sanitizer)
#include <sanitizer/asan_interface.h>
#define alloc_hide(block, size) ASAN_POISON_MEMORY_REGION(block, size)
#define alloc_show(block, size) ASAN_UNPOISON_MEMORY_REGION(block, size)
#else
#define alloc_hide(block, size) ((void)(block), (void)(size))
#define alloc_show(block, size) ((void)(block), (void)(size))
#endif

/* Replaces the allocator, at any time: what was allocated before must suit
 * realloc_cb and free_cb. */
void alloc_replace(void *(*malloc_cb)(size_t),
                   void *(*realloc_cb)(void *, size_t),
                   void (*free_cb)(void *));

#endif
