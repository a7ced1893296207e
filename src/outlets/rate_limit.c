#include "outlets/rate_limit.h"

void rate_limit_init(struct rate_limit *limit, unsigned per_second)
{
    limit->interval_us = per_second > 0 ? UINT64_C(1000000) / per_second : 0;
    limit->next_us = 0;
}

uint64_t rate_limit_wait_ms(const struct rate_limit *limit, uint64_t now_ms)
{
    uint64_t now_us = now_ms * 1000;

    return limit->next_us > now_us ? (limit->next_us - now_us + 999) / 1000 : 0;
}

/* What is due lags behind the clock by the burst at most. A lag of one call
 * less: the call that is made now is part of the burst. */
void rate_limit_take(struct rate_limit *limit, uint64_t now_ms)
{
    uint64_t now_us = now_ms * 1000;
    uint64_t burst_us = RATE_LIMIT_BURST_MS * UINT64_C(1000);
    uint64_t lag_us =
        burst_us > limit->interval_us ? burst_us - limit->interval_us : 0;
    uint64_t earliest_us = now_us > lag_us ? now_us - lag_us : 0;

    if (limit->next_us < earliest_us) {
        limit->next_us = earliest_us;
    }
    limit->next_us += limit->interval_us;
}
