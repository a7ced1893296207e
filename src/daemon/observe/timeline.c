#include "daemon/observe/timeline.h"

#include <stdlib.h>
#include <string.h>

static uint32_t saturated(uint64_t value)
{
    return value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
}

/* A counter that has become smaller begins again, from where is not known. */
static uint32_t growth(uint64_t now, uint64_t before)
{
    return now > before ? saturated(now - before) : 0;
}

static struct timeline_sample *sample_of(const struct timeline *timeline,
                                         uint64_t minute)
{
    return &timeline->samples[minute % TIMELINE_MINUTES];
}

/* Makes this minute the newest. False if it has been noted already. */
static bool advance(struct timeline *timeline, uint64_t minute)
{
    if (timeline->count > 0 && minute == timeline->newest_minute) {
        return false;
    }
    if (minute < timeline->newest_minute ||
        minute - timeline->newest_minute >= TIMELINE_MINUTES) {
        timeline->count = 0;
    }
    if (timeline->count == 0) {
        timeline->newest_minute = minute - 1;
    }
    while (timeline->newest_minute < minute) {
        timeline->newest_minute++;
        timeline->count += timeline->count < TIMELINE_MINUTES;
        *sample_of(timeline, timeline->newest_minute) =
            (struct timeline_sample){0};
    }
    return true;
}

void timeline_note(struct timeline *timeline, uint64_t now_ms,
                   const struct timeline_state *state)
{
    if (timeline->samples == NULL) {
        timeline->samples = calloc(TIMELINE_MINUTES, sizeof *timeline->samples);
    }
    /* The minute before the one that it is now. */
    if (timeline->samples == NULL ||
        !advance(timeline, now_ms / TIMELINE_MINUTE_MS - 1)) {
        return;
    }
    *sample_of(timeline, timeline->newest_minute) = (struct timeline_sample){
        .is_known = true,
        .received = growth(state->received_count, timeline->received_count),
        .forwarded = growth(state->forwarded_count, timeline->forwarded_count),
        .backlog = saturated(state->backlog_count),
        .lag_s = saturated(state->lag_ms / 1000),
        .trouble = saturated(state->trouble_count),
    };
    timeline->received_count = state->received_count;
    timeline->forwarded_count = state->forwarded_count;
}

void timeline_free(struct timeline *timeline)
{
    free(timeline->samples);
    *timeline = (struct timeline){0};
}

const struct timeline_sample *timeline_sample(const struct timeline *timeline,
                                              size_t index)
{
    return sample_of(timeline,
                     timeline->newest_minute + 1 + index - timeline->count);
}

uint64_t timeline_end_ms(const struct timeline *timeline)
{
    return timeline->count == 0
               ? 0
               : (timeline->newest_minute + 1) * TIMELINE_MINUTE_MS;
}
