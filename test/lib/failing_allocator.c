#include "failing_allocator.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/alloc.h"

size_t allocator_calls;
size_t allocator_held;

static size_t failing_call; /* counted from 1; 0: none */

static bool is_out_of_memory(void)
{
    return ++allocator_calls == failing_call;
}

void *allocator_malloc(size_t size)
{
    void *block = is_out_of_memory() ? NULL : malloc(size);
    allocator_held += block != NULL;
    return block;
}

void *allocator_realloc(void *block, size_t size)
{
    if (is_out_of_memory()) {
        return NULL;
    }
    void *resized = realloc(block, size);
    allocator_held += block == NULL && resized != NULL;
    return resized;
}

void allocator_free(void *block)
{
    allocator_held -= block != NULL;
    free(block);
}

void allocator_install(void)
{
    alloc_replace(allocator_malloc, allocator_realloc, allocator_free);
}

void allocator_reset(size_t fails)
{
    allocator_calls = 0;
    failing_call = fails;
}
