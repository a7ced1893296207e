/*
 * rate_limit.h - spreads calls evenly over time, so many a second. Pure: the
 * time is passed in.
 *
 * It is a token bucket that holds the calls of RATE_LIMIT_BURST_MS: a caller
 * that was busy for a moment makes up for it, but a destination never gets the
 * calls of a quiet hour at once.
 */
#ifndef OUTLETS_RATE_LIMIT_H
#define OUTLETS_RATE_LIMIT_H

#include <stdint.h>

#define RATE_LIMIT_BURST_MS 100 /* or one call, if that is more */

struct rate_limit {
    uint64_t interval_us; /* between two calls; 0: no limit */
    uint64_t next_us;     /* when the next one would be due */
};

/* per_second: calls a second; 0: no limit. */
void rate_limit_init(struct rate_limit *limit, unsigned per_second);

/* How long to wait before the next call; 0: it may be made now. */
uint64_t rate_limit_wait_ms(const struct rate_limit *limit, uint64_t now_ms);

/* To be called with each call. */
void rate_limit_take(struct rate_limit *limit, uint64_t now_ms);

#endif
