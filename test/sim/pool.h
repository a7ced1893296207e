/*
 * pool.h - the memory of one simulated world: given back as a whole when the
 * world ends, and used again by the next.
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

/* Zeroed memory; ends the program if there is none. */
void *pool_take(struct pool *pool, size_t size);

/* Forgets what was taken, keeps the memory. */
void pool_reset(struct pool *pool);

void pool_free(struct pool *pool);

#endif
