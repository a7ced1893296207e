/*
 * poll.h - the core at work, as src/poller/poller.c and the haplo_*.c beside it
 * have it: the same calls in the same order, with wire.h for the network and an
 * event of the world for the timer.
 */
#ifndef TEST_SIM_POLL_H
#define TEST_SIM_POLL_H

#include <stdint.h>

#include "core/queue.h"

struct exchange;
struct poll_queue;
struct process;
struct remote_queue;
struct sink_queue;
struct world;

/* haplo_poller_new(), haplo_server_add(), haplo_queue_add() */
void poll_open(struct process *process);
void poll_add_queue(struct process *process, struct remote_queue *remote,
                    struct sink_queue *sink_queue);

/* haplo_queue_pause(), _resume(), _poll_now(), _remove(), _set_key() */
void poll_pause(struct poll_queue *queue);
void poll_resume(struct poll_queue *queue);
void poll_now(struct poll_queue *queue);
void poll_remove(struct poll_queue *queue);
void poll_set_key(struct poll_queue *queue, int key);

/* haplo_batch_accept(), _retry(), _reject() */
void poll_accept(struct poll_queue *queue);
void poll_retry(struct poll_queue *queue);
void poll_reject(struct poll_queue *queue);

/* haplo_poller_stop(), haplo_poller_close() */
void poll_stop(struct process *process, uint64_t deadline_ms);
void poll_close(struct process *process);

/* transfer_done_cb: a whole answer (or, with its fate, half of one), or
 * exchange->error. */
void poll_answered(struct world *world, struct exchange *exchange);
void poll_failed(struct world *world, struct exchange *exchange);

#endif
