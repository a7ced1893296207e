#include "core/backoff.h"

/* SplitMix64: fast, and good enough for jitter. */
static uint64_t random_next(struct random *random)
{
    random->state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = random->state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t random_below(struct random *random, uint64_t bound)
{
    return bound == 0 ? 0 : random_next(random) % bound;
}

uint64_t backoff_ceiling_ms(uint64_t base_ms, uint64_t max_ms,
                            unsigned failures)
{
    uint64_t ceiling_ms = base_ms < max_ms ? base_ms : max_ms;
    /* 64 doublings exceed any maximum. */
    for (unsigned i = 1; i < failures && i < 64; i++) {
        ceiling_ms = ceiling_ms > max_ms / 2 ? max_ms : ceiling_ms * 2;
    }
    return ceiling_ms;
}

uint64_t backoff_ms(struct random *random, uint64_t base_ms, uint64_t max_ms,
                    unsigned failures)
{
    uint64_t ceiling_ms = backoff_ceiling_ms(base_ms, max_ms, failures);
    uint64_t floor_ms = base_ms / 8 < ceiling_ms ? base_ms / 8 : ceiling_ms;
    return floor_ms + random_below(random, ceiling_ms - floor_ms + 1);
}

uint64_t jitter_ms(struct random *random, uint64_t wait_ms)
{
    return wait_ms - wait_ms / 10 + random_below(random, wait_ms / 5 + 1);
}
