/*
 * timeline.h - the past of some numbers: messages that came and went, backlog,
 * lag and queues in trouble, minute by minute for the last TIMELINE_MINUTES.
 * There is one for the process, and one for each outlet. Pure.
 *
 * A minute in which nothing was noted, as while the machine was suspended, is
 * unknown. If the clock is set back, or far ahead, the past is forgotten.
 */
#ifndef DAEMON_TIMELINE_H
#define DAEMON_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TIMELINE_MINUTES 720
#define TIMELINE_MINUTE_MS 60000

/* What is so at the end of a minute. */
struct timeline_state {
    uint64_t received_count;  /* messages stored, ever; smaller than before: it
                                 was reset */
    uint64_t forwarded_count; /* messages delivered by outlets, likewise */
    uint64_t backlog_count;   /* messages that outlets have not passed */
    uint64_t lag_ms;          /* age of the oldest of these */
    size_t trouble_count;     /* queues in trouble */
};

/* One minute. Numbers that do not fit saturate. */
struct timeline_sample {
    bool is_known;      /* false: all else is 0 */
    uint32_t received;  /* messages, in this minute */
    uint32_t forwarded; /* likewise */
    uint32_t backlog;   /* at its end, like the rest */
    uint32_t lag_s;
    uint32_t trouble;
};

/* Empty if zeroed. */
struct timeline {
    struct timeline_sample *samples; /* owned; a ring of TIMELINE_MINUTES, where
                                        a minute has its index; or NULL */
    size_t count;                    /* samples, up to the newest minute */
    uint64_t newest_minute;          /* since 1970 */
    uint64_t received_count;         /* as noted last */
    uint64_t forwarded_count;        /* likewise */
};

/* Adds the minute that has ended. If memory runs out, nothing is kept. */
void timeline_note(struct timeline *timeline, uint64_t now_ms,
                   const struct timeline_state *state);

void timeline_free(struct timeline *timeline);

/* index: from 0, the oldest, to timeline->count. */
const struct timeline_sample *timeline_sample(const struct timeline *timeline,
                                              size_t index);

/* When the newest minute ended; 0 before the first one has. */
uint64_t timeline_end_ms(const struct timeline *timeline);

#endif
