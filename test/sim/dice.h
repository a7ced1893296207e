/*
 * dice.h - the random numbers of a simulated world. Separate from
 * core/backoff.h, so that a fault planted there cannot influence the world
 * that is to find it.
 */
#ifndef TEST_SIM_DICE_H
#define TEST_SIM_DICE_H

#include <stdbool.h>
#include <stdint.h>

struct dice {
    uint64_t state; /* any value is a good seed */
};

/* SplitMix64. */
static inline uint64_t dice_next(struct dice *dice)
{
    dice->state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = dice->state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Below bound; 0 if that is 0. */
static inline uint64_t dice_below(struct dice *dice, uint64_t bound)
{
    return bound == 0 ? 0 : dice_next(dice) % bound;
}

/* Both ends included. */
static inline uint64_t dice_between(struct dice *dice, uint64_t least,
                                    uint64_t most)
{
    return least + dice_below(dice, most - least + 1);
}

static inline bool dice_hit(struct dice *dice, unsigned permille)
{
    return permille > 0 && dice_below(dice, 1000) < permille;
}

#endif
