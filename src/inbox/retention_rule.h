/*
 * retention_rule.h - decides which stored batches may be deleted. Pure: no
 * I/O and no clock; the stores of all kinds of databases ask it.
 *
 * Batches are visited in the order of their first arrivals. A batch may go
 * once it is older than the retention period, every outlet has passed all of
 * it, and its mark is known to be confirmed. What an outlet has deferred or
 * refused is in other tables: the store leaves out those messages one by one.
 */
#ifndef INBOX_RETENTION_RULE_H
#define INBOX_RETENTION_RULE_H

#include <stdint.h>

#define RETENTION_NO_OUTLETS UINT64_MAX /* as passed_to */

struct retention_limits {
    uint64_t keep_ms;   /* the retention period */
    uint64_t now_ms;    /* wall clock */
    uint64_t passed_to; /* every outlet has passed everything up to it */
};

struct retention_batch {
    uint64_t first_arrival;    /* of its first message */
    uint64_t count;            /* messages that were stored with it */
    uint64_t received_at_ms;   /* wall clock */
    int64_t unconfirmed;       /* messages of its queue that are not known to be
                                  marked; below 0: unknown */
    uint64_t unconfirmed_from; /* arrival of the first of them; 0: unknown */
};

enum retention_verdict {
    RETENTION_STOP, /* too new, and so are all that follow */
    RETENTION_STAY, /* not this one; look at the next */
    RETENTION_GO    /* may be deleted */
};

enum retention_verdict retention_judge(const struct retention_limits *limits,
                                       const struct retention_batch *batch);

#endif
