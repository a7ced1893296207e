/*
 * placement.c - weighted rendezvous hashing.
 *
 * Of a host with weight w, whose hash with the slot is the fraction u of all
 * possible ones, the score is w / -log(u): then each host wins in proportion to
 * its weight, whatever the others do.
 */
#include "fleet/placement.h"

#include <string.h>

#include <xxhash.h>

#define FRACTION_BITS 20 /* of logarithms; equal ones are decided by hash */

unsigned placement_slot(const char *server)
{
    return (unsigned)(XXH3_64bits(server, strlen(server)) % FLEET_SLOT_COUNT);
}

uint64_t placement_hash(const char *host)
{
    return XXH3_64bits(host, strlen(host));
}

/* The upper half of the square of a number. */
static uint64_t square_high(uint64_t value)
{
    uint64_t high = value >> 32;
    uint64_t low = value & UINT32_MAX;
    uint64_t middle = high * low;
    uint64_t carry = ((low * low) >> 32) + 2 * (middle & UINT32_MAX);
    return high * high + 2 * (middle >> 32) + (carry >> 32);
}

/* -log2(hash / 2^64) as a fixed-point number, at least 1. The fraction appears
 * bit by bit: squaring a number doubles its logarithm. */
static uint64_t minus_log2(uint64_t hash)
{
    unsigned zeros = 0;
    while (zeros < 63 && (hash << zeros >> 63) == 0) {
        zeros++;
    }
    uint64_t mantissa = hash << zeros | (hash == 0); /* 1.0 is 2^63 */
    uint64_t fraction = 0;
    for (unsigned i = 0; i < FRACTION_BITS; i++) {
        uint64_t square = square_high(mantissa); /* 1.0 is 2^62 */
        unsigned bit = (unsigned)(square >> 63);
        fraction = fraction << 1 | bit;
        mantissa = bit != 0 ? square : square << 1;
    }
    uint64_t whole = 63 - zeros;
    return (UINT64_C(64) << FRACTION_BITS) -
           (whole << FRACTION_BITS | fraction);
}

static uint64_t hash_with(unsigned slot, uint64_t host_hash)
{
    const uint64_t both[] = {slot, host_hash};
    return XXH3_64bits(both, sizeof both);
}

size_t placement_owner(unsigned slot, const struct placement_host *hosts,
                       size_t count)
{
    size_t best = FLEET_NOBODY;
    uint64_t best_hash = 0;
    uint64_t best_log = 0;
    for (size_t i = 0; i < count; i++) {
        if (hosts[i].weight == 0) {
            continue;
        }
        uint64_t hash = hash_with(slot, hosts[i].hash);
        uint64_t log = minus_log2(hash);
        /* weight / log is greater */
        uint64_t own = best == FLEET_NOBODY ? 1 : hosts[i].weight * best_log;
        uint64_t other = best == FLEET_NOBODY ? 0 : hosts[best].weight * log;
        if (own > other || (own == other && hash > best_hash)) {
            best = i;
            best_hash = hash;
            best_log = log;
        }
    }
    return best;
}
