/* batch.h - a delivered batch. */
#ifndef HAPLO_NODE_BATCH_H
#define HAPLO_NODE_BATCH_H

#include "poller.h"

extern const struct class batch_class;

/* A new object of JavaScript for a batch. If it cannot be made, the batch is
 * dropped, and NULL is returned with an exception pending. */
napi_value batch_add(struct poller *poller, struct haplo_batch handle);

/* Drops the batches whose object was garbage before it was answered. They are
 * fetched again: who forgets a batch neither loses it nor holds up its queue
 * forever. */
void batch_drop_lost(struct poller *poller);

/* Drops all batches that are not answered. */
void batch_drop_all(struct poller *poller);

#endif
