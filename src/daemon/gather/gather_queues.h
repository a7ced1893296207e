/*
 * gather_queues.h - adds the servers and queues of a configuration to the
 * poller, and removes them.
 */
#ifndef DAEMON_GATHER_QUEUES_H
#define DAEMON_GATHER_QUEUES_H

#include "daemon/gather/gather.h"

/* Initialises the table of servers. */
void gather_queues_init(struct gather *gather);

/* Creates all servers and queues, and opens each queue in its inbox. Returns
 * 0, or HAPLO_E* with the cause logged. */
int gather_queues_open(struct gather *gather);

/* Single ones, for a reload. 0 or HAPLO_ENOMEM. A queue that was made is not
 * stored anywhere yet. */
int gather_server_make(struct gather *gather,
                       const struct config_server *config,
                       struct gather_server **out);
int gather_queue_make(struct gather_server *server,
                      const struct config_queue *config,
                      struct gather_queue **out);

/* Remove and free a server that has no queues, and a queue; neither may be in
 * the poller. */
void gather_server_drop(struct gather_server *server);
void gather_queue_drop(struct gather_queue *queue);

/* The inbox that the configuration says; NULL: it is not made yet. */
struct gather_inbox *gather_queue_inbox(const struct gather_queue *queue);

/* Opens the queue in an inbox that is open, and closes it in that where it is
 * stored. 0 or HAPLO_ENOMEM. */
int gather_queue_store_in(struct gather_queue *queue,
                          struct gather_inbox *inbox);
void gather_queue_leave_inbox(struct gather_queue *queue);

/* Creates the poller, and adds them or holds them. Returns the same. */
int gather_queues_add(struct gather *gather);

/* Adds a server that is held. 0, or HAPLO_E* with one line in why. */
int gather_queues_add_server(struct gather_server *server, char *why,
                             size_t why_size);

/* Adds a queue that is held or has left, or holds it for another reason.
 * has_proven_key: its key is the one that it had when it left, and has worked.
 * 0 or HAPLO_ENOMEM. */
int gather_queues_add_queue(struct gather_queue *queue, bool has_proven_key);

/* Adds a server that has come to this host, and its queues, which are polled
 * now; or holds them. 0, or HAPLO_ENOMEM: some may have been added. */
int gather_queues_enter(struct gather_server *server);

/* A queue that is in the poller finishes its batch, and leaves it: its queue is
 * NULL then. If a reload is changing it, left_cb fires. */
void gather_queue_leave_poller(struct gather_queue *queue);

/* The number of queues whose batch is not confirmed yet, while draining. */
size_t gather_queues_batches_left(const struct gather *gather);

/* To be called when the poller is closed: frees servers and queues. */
void gather_queues_free(struct gather *gather);

#endif
