#include "core/json_arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"

void json_arena_init(struct json_arena *arena)
{
    LIST_INIT(&arena->large);
    arena->used = 0;
}

static struct json_block *block_of(void *data)
{
    return (struct json_block *)((char *)data -
                                 offsetof(struct json_block, data));
}

static bool block_is_large(const struct json_arena *arena,
                           const struct json_block *block)
{
    uintptr_t address = (uintptr_t)block;
    uintptr_t space = (uintptr_t)arena->space;
    return address < space || address >= space + sizeof arena->space;
}

/* Bytes that a block of this size occupies, header and alignment included. */
static size_t block_span(size_t size)
{
    size_t span = offsetof(struct json_block, data) + size;
    return (span + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
}

static struct json_block *block_new_large(struct json_arena *arena, size_t size)
{
    struct json_block *block = alloc_bytes(block_span(size));
    if (block != NULL) {
        LIST_INSERT_HEAD(&arena->large, block, link);
    }
    return block;
}

static struct json_block *block_resize_large(struct json_arena *arena,
                                             struct json_block *block,
                                             size_t size)
{
    LIST_REMOVE(block, link);
    struct json_block *resized = alloc_resize(block, block_span(size));
    LIST_INSERT_HEAD(&arena->large, resized != NULL ? resized : block, link);
    if (resized != NULL) {
        resized->size = size;
    }
    return resized;
}

void *json_arena_alloc(struct json_arena *arena, size_t size)
{
    struct json_block *block;
    if (size > SIZE_MAX / 2) {
        return NULL;
    }
    if (block_span(size) <= sizeof arena->space - arena->used) {
        block = (struct json_block *)(void *)(arena->space + arena->used);
        arena->used += block_span(size);
    } else {
        block = block_new_large(arena, size);
        if (block == NULL) {
            return NULL;
        }
    }
    block->size = size;
    return block->data;
}

void *json_arena_resize(struct json_arena *arena, void *data, size_t size)
{
    if (data == NULL) {
        return json_arena_alloc(arena, size);
    }
    struct json_block *block = block_of(data);
    if (size > SIZE_MAX / 2) {
        return NULL;
    }
    if (block_is_large(arena, block)) {
        block = block_resize_large(arena, block, size);
        return block != NULL ? block->data : NULL;
    }
    void *moved = json_arena_alloc(arena, size);
    if (moved != NULL) {
        memcpy(moved, data, block->size < size ? block->size : size);
    }
    return moved;
}

void json_arena_free(struct json_arena *arena, void *data)
{
    if (data == NULL) {
        return;
    }
    struct json_block *block = block_of(data);
    if (block_is_large(arena, block)) {
        LIST_REMOVE(block, link);
        alloc_free(block);
    }
}

void json_arena_reset(struct json_arena *arena)
{
    while (!LIST_EMPTY(&arena->large)) {
        struct json_block *block = LIST_FIRST(&arena->large);
        LIST_REMOVE(block, link);
        alloc_free(block);
    }
    arena->used = 0;
}
