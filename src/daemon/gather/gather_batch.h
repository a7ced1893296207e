/*
 * gather_batch.h - passes batches from the poller to an inbox.
 */
#ifndef DAEMON_GATHER_BATCH_H
#define DAEMON_GATHER_BATCH_H

#include "daemon/gather/gather.h"

/* Callbacks of a queue whose data is a struct gather_queue. */
void gather_batch_on_deliver(struct haplo_queue *haplo_queue,
                             struct haplo_batch batch);
void gather_batch_on_event(const struct haplo_event *event);
void gather_batch_on_marked(struct haplo_queue *haplo_queue,
                            const struct haplo_mark *mark);

/* Frees the pool, at the end. */
void gather_batch_free_spares(struct gather *gather);

#endif
