/*
 * gather_queues.h - adds the servers and queues of a configuration to the
 * poller, and removes them.
 */
#ifndef DAEMON_GATHER_QUEUES_H
#define DAEMON_GATHER_QUEUES_H

#include "daemon/gather.h"

/* Initialises the table of servers. */
void gather_queues_init(struct gather *gather);

/* Creates all servers and queues, and opens each queue in its inbox. Returns
 * 0, or HAPLO_E* with the cause logged. */
int gather_queues_open(struct gather *gather);

/* Creates the poller and adds them. Returns the same. */
int gather_queues_add(struct gather *gather);

/* The number of queues whose batch is not confirmed yet, while draining. */
size_t gather_queues_batches_left(const struct gather *gather);

/* To be called when the poller is closed: frees servers and queues. */
void gather_queues_free(struct gather *gather);

#endif
