/*
 * arena.h - memory for many small objects that are freed together: the strings
 * and shared structs of a configuration.
 */
#ifndef CONFIG_ARENA_H
#define CONFIG_ARENA_H

#include <stddef.h>

struct arena_block;

/* Zeroed: empty. */
struct arena {
    struct arena_block *blocks; /* owned; the current one is first */
    char *next;                 /* first free byte of the current one */
    size_t left;                /* free bytes in it */
};

/* Zeroed and aligned for any struct; NULL if memory runs out. */
void *arena_bytes(struct arena *arena, size_t size);

/* Room for a text of this size and its NUL, not aligned. NULL if memory runs
 * out. */
char *arena_room(struct arena *arena, size_t size);

/* Copies text. NULL if memory runs out. */
char *arena_string(struct arena *arena, const char *text);

/* Frees everything; the arena is empty afterwards. */
void arena_free(struct arena *arena);

#endif
