/*
 * json_arena.h - memory for one yajl parser. yajl needs a few small blocks and
 * two buffers per document. They come from a fixed space, so parsing allocates
 * nothing unless a single JSON token is large.
 */
#ifndef CORE_JSON_ARENA_H
#define CORE_JSON_ARENA_H

#include <stdalign.h>
#include <stddef.h>
#include <sys/queue.h>

/* yajl uses 0.5 KB and two buffers of 2 KB. Both may double once. */
#define JSON_ARENA_SIZE 12288

struct json_block {
    LIST_ENTRY(json_block) link;      /* in `large`; unused for small blocks */
    size_t size;                      /* bytes of data */
    alignas(max_align_t) char data[]; /* used by the parser */
};

struct json_arena {
    LIST_HEAD(, json_block) large; /* owned; blocks that did not fit */
    size_t used;                   /* bytes of space in use */
    alignas(max_align_t) char space[JSON_ARENA_SIZE]; /* all other blocks */
};

void json_arena_init(struct json_arena *arena);

/* Like malloc(), realloc() and free(). Memory in the fixed space is reclaimed
 * only by json_arena_reset(). */
void *json_arena_alloc(struct json_arena *arena, size_t size);
void *json_arena_resize(struct json_arena *arena, void *data, size_t size);
void json_arena_free(struct json_arena *arena, void *data);

/* Frees every block at once. */
void json_arena_reset(struct json_arena *arena);

#endif
