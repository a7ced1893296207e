/*
 * random.h - a seeded random number generator (splitmix64), so that runs can
 * be repeated.
 */
#ifndef SIM_RANDOM_H
#define SIM_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct sim_random {
    uint64_t state; /* any value is a valid seed */
};

/* Derives a generator from a seed, two names and a number. */
struct sim_random sim_random_named(uint64_t seed, const char *first,
                                   const char *second, uint64_t number);

uint64_t sim_random_next(struct sim_random *random);

/* Returns 0 ... limit - 1. */
uint64_t sim_random_below(struct sim_random *random, uint64_t limit);

/* Returns x with 0 <= x < 1. */
double sim_random_unit(struct sim_random *random);

/* Writes size characters of [A-Za-z0-9_-] and a NUL. */
void sim_random_letters(struct sim_random *random, char *to, size_t size);

#endif
