#include "arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE 262144
#define ALIGNMENT 16

struct arena_block {
    struct arena_block *next;
    _Alignas(ALIGNMENT) char bytes[BLOCK_SIZE];
};

static struct arena_block *block_new(void)
{
    struct arena_block *block = malloc(sizeof *block);
    if (block == NULL) {
        fprintf(stderr, "sim: out of memory\n");
        exit(2);
    }
    block->next = NULL;
    return block;
}

void *arena_take(struct arena *arena, size_t size)
{
    size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (size > BLOCK_SIZE) {
        fprintf(stderr, "sim: %zu bytes at once\n", size);
        exit(2);
    }
    if (arena->first == NULL) {
        arena->first = block_new();
        arena->last = arena->first;
    }
    if (arena->used + size > BLOCK_SIZE) {
        if (arena->last->next == NULL) {
            arena->last->next = block_new();
        }
        arena->last = arena->last->next;
        arena->used = 0;
    }
    void *taken = arena->last->bytes + arena->used;
    arena->used += size;
    return memset(taken, 0, size);
}

void arena_reset(struct arena *arena)
{
    arena->last = arena->first;
    arena->used = 0;
}

void arena_free(struct arena *arena)
{
    struct arena_block *block;
    while ((block = arena->first) != NULL) {
        arena->first = block->next;
        free(block);
    }
    *arena = (struct arena){0};
}
