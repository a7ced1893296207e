/*
 * gather.h - the way of a batch through the daemon, as src/daemon/gather.c has
 * it: from the poller to its sink, and back.
 */
#ifndef TEST_SIM_GATHER_H
#define TEST_SIM_GATHER_H

#include <stdint.h>

struct delivery;
struct poll_queue;
struct process;
struct remote_queue;

/* The daemon's start, and a queue that is configured again. */
void gather_add_queue(struct process *process, struct remote_queue *remote);

/* Drains for at most deadline_ms, closes the sinks, and ends the process. */
void gather_close(struct process *process, uint64_t deadline_ms);

/* For poll.c. */
void gather_deliver(struct poll_queue *queue);
void gather_marked(struct poll_queue *queue, uint64_t next_epoch);
void gather_removed(struct poll_queue *queue);
void gather_stopped(struct process *process);

/* For sink.c. */
void gather_delivered(struct delivery *delivery);
void gather_sink_closed(struct process *process);

#endif
