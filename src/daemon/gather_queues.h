/*
 * gather_queues.h - takes the servers and queues of a configuration to the
 * poller, and away again.
 */
#ifndef DAEMON_GATHER_QUEUES_H
#define DAEMON_GATHER_QUEUES_H

#include "daemon/gather.h"

/* Prepares the table of the servers. */
void gather_queues_init(struct gather *gather);

/* Makes all servers and queues known by name, and opens each queue in its
 * inbox. 0, or HAPLO_E* with the cause logged. */
int gather_queues_open(struct gather *gather);

/* Makes the poller, and adds them all. The same. */
int gather_queues_add(struct gather *gather);

/* How many queues have a batch that is not confirmed yet; while it drains. */
size_t gather_queues_batches_left(const struct gather *gather);

/* The poller is gone: frees what knew its servers and queues. */
void gather_queues_free(struct gather *gather);

#endif
