#include "inbox/retention_rule.h"

#include <stdbool.h>

/* If the server sends it again, its row proves that it is stored. */
static bool may_be_repeated(const struct retention_batch *batch, uint64_t last)
{
    if (batch->unconfirmed == 0) {
        return false;
    }
    return batch->unconfirmed < 0 || batch->unconfirmed_from == 0 ||
           last >= batch->unconfirmed_from;
}

enum retention_verdict retention_judge(const struct retention_limits *limits,
                                       const struct retention_batch *batch)
{
    uint64_t last = batch->first_arrival + batch->count - 1;

    if (batch->count > 0 && last > limits->passed_to) {
        return RETENTION_STOP;
    }
    /* Received while the clock was wrong: its age is unknown, but that of its
     * successors is not. */
    if (batch->received_at_ms > limits->now_ms) {
        return RETENTION_STAY;
    }
    if (limits->now_ms - batch->received_at_ms < limits->keep_ms) {
        return RETENTION_STOP;
    }
    return may_be_repeated(batch, last) ? RETENTION_STAY : RETENTION_GO;
}
