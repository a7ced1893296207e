/*
 * backoff.h - how long to wait, with jitter, so that many queues do not act
 * in step. Pure: the randomness is a seeded generator.
 */
#ifndef CORE_BACKOFF_H
#define CORE_BACKOFF_H

#include <stdint.h>

struct random {
    uint64_t state; /* any value is a good seed */
};

/* The next number below bound (at least 1). */
uint64_t random_below(struct random *random, uint64_t bound);

/* The longest wait after the nth failure in a row (from 1): base_ms, doubled
 * with each further failure, capped at max_ms. */
uint64_t backoff_ceiling_ms(uint64_t base_ms, uint64_t max_ms,
                            unsigned failures);

/* The wait after the nth failure in a row: up to that ceiling, with full
 * jitter; but never less than an eighth of base_ms, for a failure is not
 * answered at once. */
uint64_t backoff_ms(struct random *random, uint64_t base_ms, uint64_t max_ms,
                    unsigned failures);

/* wait_ms, give or take a tenth. */
uint64_t jitter_ms(struct random *random, uint64_t wait_ms);

#endif
