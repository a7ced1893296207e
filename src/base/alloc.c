#include "base/alloc.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "haplopoll.h"

static _Atomic bool is_used; /* memory has been allocated */
static void *(*malloc_now)(size_t) = malloc;
static void *(*realloc_now)(void *, size_t) = realloc;
static void (*free_now)(void *) = free;

/* Written once, since loops of several threads may be allocating. */
static void note_use(void)
{
    if (!is_used) {
        is_used = true;
    }
}

void *alloc_bytes(size_t size)
{
    note_use();
    return malloc_now(size);
}

void *alloc_zeroed(size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        return NULL;
    }
    void *block = alloc_bytes(count * size);
    if (block != NULL) {
        memset(block, 0, count * size);
    }
    return block;
}

void *alloc_resize(void *block, size_t size)
{
    note_use();
    return realloc_now(block, size);
}

char *alloc_string(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = alloc_bytes(size);
    if (copy != NULL) {
        memcpy(copy, text, size);
    }
    return copy;
}

void alloc_free(void *block)
{
    free_now(block);
}

void alloc_replace(void *(*malloc_cb)(size_t),
                   void *(*realloc_cb)(void *, size_t), void (*free_cb)(void *))
{
    malloc_now = malloc_cb;
    realloc_now = realloc_cb;
    free_now = free_cb;
}

int haplo_replace_allocator(void *(*malloc_cb)(size_t),
                            void *(*realloc_cb)(void *, size_t),
                            void (*free_cb)(void *))
{
    if (malloc_cb == NULL || realloc_cb == NULL || free_cb == NULL) {
        return HAPLO_EINVAL;
    }
    if (is_used) {
        return HAPLO_EBUSY;
    }
    alloc_replace(malloc_cb, realloc_cb, free_cb);
    return 0;
}
