/*
 * json_arena.h - the memory of one yajl parser: a few small blocks and two
 * buffers for each document, given from a fixed space, so that parsing
 * allocates nothing unless a single token is large.
 */
#ifndef CORE_JSON_ARENA_H
#define CORE_JSON_ARENA_H

#include <stdalign.h>
#include <stddef.h>
#include <sys/queue.h>

/* yajl takes 0.5 KB and two buffers of 2 KB; there is room for both to double,
 * once. */
#define JSON_ARENA_SIZE 12288

struct json_block {
    LIST_ENTRY(json_block) link;      /* in large; unused for small ones */
    size_t size;                      /* of data */
    alignas(max_align_t) char data[]; /* the parser's */
};

struct json_arena {
    LIST_HEAD(, json_block) large;                    /* did not fit; owned */
    size_t used;                                      /* of space */
    alignas(max_align_t) char space[JSON_ARENA_SIZE]; /* the others */
};

void json_arena_init(struct json_arena *arena);

/* As malloc, realloc and free. A block in the space comes back only with
 * json_arena_reset(). */
void *json_arena_alloc(struct json_arena *arena, size_t size);
void *json_arena_resize(struct json_arena *arena, void *data, size_t size);
void json_arena_free(struct json_arena *arena, void *data);

/* Frees every block at once. */
void json_arena_reset(struct json_arena *arena);

#endif
