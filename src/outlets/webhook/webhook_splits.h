/*
 * webhook_splits.h - remembers batches that were refused, whose messages are
 * sent one by one, until all of them are done. See webhook_batch.h.
 *
 * There are as many as there are lanes in the middle of such a batch: a few,
 * unless the receiver refuses everything, and then the forwarder stops soon.
 */
#ifndef OUTLETS_WEBHOOK_SPLITS_H
#define OUTLETS_WEBHOOK_SPLITS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct webhook_split {
    uint64_t queue_id;             /* whose batch */
    uint64_t replay_id;            /* of the replay that sends it, or 0 */
    uint64_t last;                 /* arrival of its last message */
    LIST_ENTRY(webhook_split) all; /* in no order */
};
LIST_HEAD(webhook_splits, webhook_split);

/* A batch up to this arrival was refused. False if memory runs out. */
bool webhook_splits_add(struct webhook_splits *splits, uint64_t queue_id,
                        uint64_t replay_id, uint64_t last);

/* True if this message, the next one of its lane, is to be sent alone. Forgets
 * the batch if the lane has passed it. */
bool webhook_splits_has(struct webhook_splits *splits, uint64_t queue_id,
                        uint64_t replay_id, uint64_t arrival);

/* This message was accepted: forgets a batch that ends with it, as the queue
 * may never have another message. */
void webhook_splits_accepted(struct webhook_splits *splits, uint64_t queue_id,
                             uint64_t replay_id, uint64_t arrival);

void webhook_splits_free(struct webhook_splits *splits);

#endif
