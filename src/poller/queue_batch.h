/*
 * queue_batch.h - the batch that a queue is reading, or that is outstanding. It
 * comes from a pool of the poller, counts against the poller's byte budget, and
 * is lent to the application until that answers it.
 */
#ifndef POLLER_QUEUE_BATCH_H
#define POLLER_QUEUE_BATCH_H

#include <stdbool.h>

struct batch;
struct haplo_queue;

/* Gives the queue an empty batch. False: out of memory. */
bool queue_batch_begin(struct haplo_queue *queue);

/* Updates the byte budget with the current size of the batch. */
void queue_batch_count(struct haplo_queue *queue);

/* Passes it to deliver_cb: do not touch queue or batch afterwards. */
void queue_batch_lend(struct haplo_queue *queue);

/* Takes a batch back that the application answers. Returns 0, or HAPLO_ESTOPPED
 * if the poller is closing: then the answer has no other effect, and it may
 * have been the last thing that close() waits for. */
int queue_batch_take_back(struct batch *batch);

/* To be called when the batch was accepted: keeps only token and state. */
void queue_batch_accept(struct haplo_queue *queue);

/* Puts it back into its pool, if there is one. */
void queue_batch_drop(struct haplo_queue *queue);

#endif
