#include "config/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Larger requests get a block of their own. */
#define BLOCK_SIZE 65536

struct arena_block {
    struct arena_block *next;         /* in the list of the arena */
    size_t size;                      /* of data */
    alignas(max_align_t) char data[]; /* memory handed out */
};

/* Allocates a block for size bytes, without adding it to the list. */
static struct arena_block *block_new(struct arena *arena, size_t size)
{
    struct arena_block *block = NULL;
    if (size <= SIZE_MAX - sizeof *block) {
        block = malloc(sizeof *block + size);
    }
    if (block != NULL) {
        block->size = size;
    }
    arena->has_failed |= block == NULL;
    return block;
}

/* A large request does not replace the current block. */
static void *large_bytes(struct arena *arena, size_t size)
{
    struct arena_block *block = block_new(arena, size);
    if (block == NULL) {
        return NULL;
    }
    if (arena->blocks == NULL) {
        block->next = NULL;
        arena->blocks = block;
    } else {
        block->next = arena->blocks->next;
        arena->blocks->next = block;
    }
    return block->data;
}

static void *bytes(struct arena *arena, size_t size, size_t alignment)
{
    size_t skip = -(uintptr_t)arena->next & (alignment - 1);
    if (size > BLOCK_SIZE / 4) {
        return large_bytes(arena, size);
    }
    /* Even nothing has an address: NULL would mean that memory ran out. */
    if (arena->next == NULL || arena->left < skip ||
        arena->left - skip < size) {
        struct arena_block *block = block_new(arena, BLOCK_SIZE);
        if (block == NULL) {
            return NULL;
        }
        block->next = arena->blocks;
        arena->blocks = block;
        arena->next = block->data;
        arena->left = BLOCK_SIZE;
        skip = 0;
    }
    void *memory = arena->next + skip;
    arena->next += skip + size;
    arena->left -= skip + size;
    return memory;
}

void *arena_bytes(struct arena *arena, size_t size)
{
    void *memory = bytes(arena, size, alignof(max_align_t));
    return memory != NULL ? memset(memory, 0, size) : NULL;
}

/* Strings are adjacent, without gaps. */
char *arena_room(struct arena *arena, size_t size)
{
    return bytes(arena, size + 1, 1);
}

char *arena_string(struct arena *arena, const char *text)
{
    size_t size = strlen(text);
    char *copy = arena_room(arena, size);
    return copy != NULL ? memcpy(copy, text, size + 1) : NULL;
}

/* Wiped, since a configuration may contain passwords: those of proxies. */
void arena_free(struct arena *arena)
{
    while (arena->blocks != NULL) {
        struct arena_block *next = arena->blocks->next;
        explicit_bzero(arena->blocks->data, arena->blocks->size);
        free(arena->blocks);
        arena->blocks = next;
    }
    *arena = (struct arena){.blocks = NULL};
}
