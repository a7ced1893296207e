/*
 * backoff.h - waiting times with jitter, so that many queues do not act in
 * lockstep. Pure: the random numbers come from a seeded generator.
 */
#ifndef CORE_BACKOFF_H
#define CORE_BACKOFF_H

#include <stdint.h>

struct random {
    uint64_t state; /* any value is a valid seed */
};

/* A random number below bound, which must be at least 1. */
uint64_t random_below(struct random *random, uint64_t bound);

/* The longest wait after the nth consecutive failure (from 1): base_ms,
 * doubled with each failure, at most max_ms. */
uint64_t backoff_ceiling_ms(uint64_t base_ms, uint64_t max_ms,
                            unsigned failures);

/* The wait after the nth consecutive failure: a random part of that ceiling
 * (full jitter), but at least an eighth of base_ms, since a failure must not
 * cause an immediate retry. */
uint64_t backoff_ms(struct random *random, uint64_t base_ms, uint64_t max_ms,
                    unsigned failures);

/* wait_ms plus or minus up to 10 %. */
uint64_t jitter_ms(struct random *random, uint64_t wait_ms);

#endif
