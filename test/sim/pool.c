#include "pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE 262144
#define ALIGNMENT 16

struct pool_block {
    struct pool_block *next;
    _Alignas(ALIGNMENT) char bytes[BLOCK_SIZE];
};

static struct pool_block *block_new(void)
{
    struct pool_block *block = malloc(sizeof *block);
    if (block == NULL) {
        fprintf(stderr, "sim: out of memory\n");
        exit(2);
    }
    block->next = NULL;
    return block;
}

void *pool_take(struct pool *pool, size_t size)
{
    size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (size > BLOCK_SIZE) {
        fprintf(stderr, "sim: %zu bytes at once\n", size);
        exit(2);
    }
    if (pool->first == NULL) {
        pool->first = block_new();
        pool->last = pool->first;
    }
    if (pool->used + size > BLOCK_SIZE) {
        if (pool->last->next == NULL) {
            pool->last->next = block_new();
        }
        pool->last = pool->last->next;
        pool->used = 0;
    }
    void *taken = pool->last->bytes + pool->used;
    pool->used += size;
    return memset(taken, 0, size);
}

void pool_reset(struct pool *pool)
{
    pool->last = pool->first;
    pool->used = 0;
}

void pool_free(struct pool *pool)
{
    struct pool_block *block;
    while ((block = pool->first) != NULL) {
        pool->first = block->next;
        free(block);
    }
    *pool = (struct pool){0};
}
