#include "sim/random.h"

#include <string.h>
#include <xxhash.h>

struct sim_random sim_random_named(uint64_t seed, const char *first,
                                   const char *second, uint64_t number)
{
    uint64_t hash = XXH64(first, strlen(first) + 1, seed);
    hash = XXH64(second, strlen(second) + 1, hash);
    return (struct sim_random){XXH64(&number, sizeof number, hash)};
}

uint64_t sim_random_next(struct sim_random *random)
{
    uint64_t z = random->state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

uint64_t sim_random_below(struct sim_random *random, uint64_t limit)
{
    return sim_random_next(random) % limit;
}

double sim_random_unit(struct sim_random *random)
{
    return (double)(sim_random_next(random) >> 11) * 0x1p-53;
}

void sim_random_letters(struct sim_random *random, char *to, size_t size)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    for (size_t i = 0; i < size; i++) {
        to[i] = letters[sim_random_next(random) & 63];
    }
    to[size] = '\0';
}
