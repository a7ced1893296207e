/*
 * outlet_lag.h - how many messages of its inbox an outlet has not processed
 * yet, and since when the oldest of them waits: what has arrived, less what is
 * settled (delivered, filtered out, a dead letter or skipped). Pure.
 *
 * What had been stored before this process started is counted as soon as the
 * first message arrives, if the inbox is in order of arrival; until then, and
 * in other inboxes, it is not known. While a queue of the outlet is blocked,
 * the time is that of a newer message: the queue itself says since when it is.
 */
#ifndef DAEMON_OUTLET_LAG_H
#define DAEMON_OUTLET_LAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTLET_LAG_SAMPLE_COUNT 32
#define OUTLET_LAG_SAMPLE_MS 1000 /* what arrives within is one sample */

struct outlet_lag {
    uint64_t arrived;     /* messages, with those of before, if known */
    uint64_t settled;     /* messages, over restarts of the outlet */
    uint64_t settled_now; /* as it counts them, since it was restarted */
    bool is_begun;        /* arrived includes those of before */
    size_t sample_count;  /* length of samples */
    struct {
        uint64_t arrived; /* count with the last message of the sample */
        uint64_t at_ms;   /* when its first one arrived; wall clock */
    } samples[OUTLET_LAG_SAMPLE_COUNT];
};

/* before: messages that were waiting already; used for the first call only. */
void outlet_lag_arrived(struct outlet_lag *lag, uint64_t before, uint64_t count,
                        uint64_t now_ms);

/* True if outlet_lag_settled() should be called before more arrives: once a
 * second is enough. */
bool outlet_lag_is_due(const struct outlet_lag *lag, uint64_t now_ms);

/* settled: as the outlet counts them; fewer than before: it was restarted.
 * is_caught_up: there is nothing left. */
void outlet_lag_settled(struct outlet_lag *lag, uint64_t settled,
                        bool is_caught_up);

uint64_t outlet_lag_messages(const struct outlet_lag *lag);
uint64_t outlet_lag_ms(const struct outlet_lag *lag, uint64_t now_ms);

#endif
