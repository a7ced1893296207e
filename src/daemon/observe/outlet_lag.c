#include "daemon/observe/outlet_lag.h"

#include <string.h>

/* Drops the samples of which everything is settled. */
static void drop_settled(struct outlet_lag *lag)
{
    size_t count = 0;
    while (count < lag->sample_count &&
           lag->samples[count].arrived <= lag->settled) {
        count++;
    }
    lag->sample_count -= count;
    memmove(lag->samples, lag->samples + count,
            lag->sample_count * sizeof lag->samples[0]);
}

/* Makes room: the two neighbours that cover the shortest time become one, which
 * has the time of the older. So all samples cover about as much. */
static void thin_out(struct outlet_lag *lag)
{
    size_t best = 0;
    uint64_t best_ms = UINT64_MAX;
    for (size_t i = 0; i + 2 < lag->sample_count; i++) {
        uint64_t span_ms = lag->samples[i + 2].at_ms - lag->samples[i].at_ms;
        if (span_ms < best_ms) {
            best = i;
            best_ms = span_ms;
        }
    }
    lag->samples[best].arrived = lag->samples[best + 1].arrived;
    lag->sample_count--;
    memmove(lag->samples + best + 1, lag->samples + best + 2,
            (lag->sample_count - best - 1) * sizeof lag->samples[0]);
}

bool outlet_lag_is_due(const struct outlet_lag *lag, uint64_t now_ms)
{
    return lag->sample_count == 0 ||
           now_ms >=
               lag->samples[lag->sample_count - 1].at_ms + OUTLET_LAG_SAMPLE_MS;
}

static void add_sample(struct outlet_lag *lag, uint64_t now_ms)
{
    if (!outlet_lag_is_due(lag, now_ms)) {
        lag->samples[lag->sample_count - 1].arrived = lag->arrived;
        return;
    }
    if (lag->sample_count == OUTLET_LAG_SAMPLE_COUNT) {
        drop_settled(lag);
    }
    if (lag->sample_count == OUTLET_LAG_SAMPLE_COUNT) {
        thin_out(lag);
    }
    lag->samples[lag->sample_count].arrived = lag->arrived;
    lag->samples[lag->sample_count].at_ms = now_ms;
    lag->sample_count++;
}

void outlet_lag_arrived(struct outlet_lag *lag, uint64_t before, uint64_t count,
                        uint64_t now_ms)
{
    if (!lag->is_begun) {
        lag->is_begun = true;
        lag->arrived = before > lag->arrived ? before : lag->arrived;
        if (lag->arrived > lag->settled) {
            add_sample(lag, now_ms);
        }
    }
    lag->arrived += count;
    add_sample(lag, now_ms);
}

void outlet_lag_settled(struct outlet_lag *lag, uint64_t settled,
                        bool is_caught_up)
{
    if (settled < lag->settled_now) {
        lag->settled_now = 0;
    }
    lag->settled += settled - lag->settled_now;
    lag->settled_now = settled;
    if (is_caught_up || lag->settled > lag->arrived) {
        lag->arrived = lag->settled;
        lag->sample_count = 0;
        lag->is_begun = lag->is_begun || is_caught_up;
    }
}

uint64_t outlet_lag_messages(const struct outlet_lag *lag)
{
    return lag->arrived - lag->settled;
}

uint64_t outlet_lag_ms(const struct outlet_lag *lag, uint64_t now_ms)
{
    for (size_t i = 0; i < lag->sample_count; i++) {
        if (lag->samples[i].arrived > lag->settled) {
            uint64_t at_ms = lag->samples[i].at_ms;
            return now_ms > at_ms ? now_ms - at_ms : 0;
        }
    }
    return 0;
}
