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

/* Creates the poller, and adds them or holds them. Returns the same. */
int gather_queues_add(struct gather *gather);

/* Adds a server that is held. 0, or HAPLO_E* with one line in why. */
int gather_queues_add_server(struct gather_server *server, char *why,
                             size_t why_size);

/* Adds a queue that is held, or holds it for another reason. 0 or
 * HAPLO_ENOMEM. */
int gather_queues_add_queue(struct gather_queue *queue);

/* The number of queues whose batch is not confirmed yet, while draining. */
size_t gather_queues_batches_left(const struct gather *gather);

/* To be called when the poller is closed: frees servers and queues. */
void gather_queues_free(struct gather *gather);

#endif
