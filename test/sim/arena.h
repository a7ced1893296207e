/*
 * arena.h - the memory of one simulated world: given back as a whole when the
 * world ends, and used again by the next.
 */
#ifndef TEST_SIM_ARENA_H
#define TEST_SIM_ARENA_H

#include <stddef.h>

struct arena_block;

/* Zeroed: empty. */
struct arena {
    struct arena_block *first; /* owned */
    struct arena_block *last;  /* in use */
    size_t used;               /* bytes of that */
};

/* Zeroed memory; ends the program if there is none. */
void *arena_take(struct arena *arena, size_t size);

/* Forgets what was taken, keeps the memory. */
void arena_reset(struct arena *arena);

void arena_free(struct arena *arena);

#endif
