#include "memory.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct memory *current;

void memory_init(struct memory *memory)
{
    memory->ring.previous = &memory->ring;
    memory->ring.next = &memory->ring;
    memory->count = 0;
}

void memory_free(struct memory *memory)
{
    struct memory_block *block = memory->ring.next;
    while (block != &memory->ring) {
        struct memory_block *next = block->next;
        free(block);
        block = next;
    }
    memory_init(memory);
}

void memory_use(struct memory *memory)
{
    current = memory;
}

static void link_block(struct memory_block *block)
{
    block->previous = current->ring.previous;
    block->next = &current->ring;
    block->previous->next = block;
    block->next->previous = block;
    current->count++;
}

static void unlink_block(struct memory_block *block)
{
    block->previous->next = block->next;
    block->next->previous = block->previous;
    current->count--;
}

void *simulated_realloc(void *old, size_t size)
{
    struct memory_block *block =
        old == NULL ? NULL : (struct memory_block *)old - 1;
    assert(current != NULL);
    if (block != NULL) {
        unlink_block(block);
    }
    block = realloc(block, sizeof *block + size);
    if (block == NULL) {
        fprintf(stderr, "sim: out of memory\n");
        exit(2);
    }
    block->size = size;
    link_block(block);
    return block + 1;
}

void *simulated_malloc(size_t size)
{
    return simulated_realloc(NULL, size);
}

void *simulated_calloc(size_t count, size_t size)
{
    assert(size == 0 || count <= SIZE_MAX / size);
    return memset(simulated_malloc(count * size), 0, count * size);
}

void simulated_free(void *old)
{
    if (old != NULL) {
        struct memory_block *block = (struct memory_block *)old - 1;
        assert(current != NULL);
        unlink_block(block);
        free(block);
    }
}

char *simulated_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(simulated_malloc(size), text, size);
}
