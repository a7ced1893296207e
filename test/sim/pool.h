/*
 * pool.h - the memory of one simulated world, freed as a whole when the world
 * ends and reused by the next.
 */
#ifndef TEST_SIM_POOL_H
#define TEST_SIM_POOL_H

#include <stddef.h>

struct pool_block;

/* Zeroed: empty. */
struct pool {
    struct pool_block *first; /* owned */
    struct pool_block *last;  /* in use */
    size_t used;              /* bytes of that */
};

/* Returns zeroed memory. Ends the program if out of memory. */
void *pool_take(struct pool *pool, size_t size);

/* Drops all allocations, keeps the memory for reuse. */
void pool_reset(struct pool *pool);

void pool_free(struct pool *pool);

#endif
