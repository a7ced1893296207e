/*
 * arena.h - memory for many small objects that are freed together: the strings
 * and shared structs of a configuration.
 */
#ifndef CONFIG_ARENA_H
#define CONFIG_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena_block;

/* Zeroed: empty. */
struct arena {
    struct arena_block *blocks; /* owned; the current one is first */
    char *next;                 /* first free byte of the current one */
    size_t left;                /* free bytes in it */
    bool has_failed;            /* memory ran out, at least once */
};

/*
 * All of these return NULL if memory runs out. has_failed tells the same, so
 * that what has been made of an arena need not be trusted to be complete
 * because each caller has looked.
 */

/* Zeroed and aligned for any struct. */
void *arena_bytes(struct arena *arena, size_t size);

/* Room for a text of this size and its NUL, not aligned. */
char *arena_room(struct arena *arena, size_t size);

/* Copies text. */
char *arena_string(struct arena *arena, const char *text);

/* Frees everything; the arena is empty afterwards. */
void arena_free(struct arena *arena);

#endif
