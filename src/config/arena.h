/*
 * arena.h - memory for many small things that are freed together: the strings
 * and the shared structs of a configuration.
 */
#ifndef CONFIG_ARENA_H
#define CONFIG_ARENA_H

#include <stddef.h>

struct arena_block;

/* Zeroed, it is empty. */
struct arena {
    struct arena_block *blocks; /* owned; the one in use comes first */
    char *next;                 /* the first free byte of that */
    size_t left;                /* free bytes of it */
};

/* Zeroed, aligned for any struct; NULL when there is no memory. */
void *arena_bytes(struct arena *arena, size_t size);

/* Room for a text of that size and its NUL, not aligned. NULL when there is no
 * memory. */
char *arena_room(struct arena *arena, size_t size);

/* Copies text. NULL when there is no memory. */
char *arena_string(struct arena *arena, const char *text);

/* Frees everything; the arena is then empty. */
void arena_free(struct arena *arena);

#endif
