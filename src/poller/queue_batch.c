#include "poller/queue_batch.h"

#include <assert.h>

#include "poller/poller.h"

/* Pools */

static struct batch *pool_take(struct batch **free_ones)
{
    struct batch *batch = *free_ones;
    if (batch == NULL) {
        return batch_new();
    }
    *free_ones = batch->next;
    batch->next = NULL;
    batch_show(batch);
    return batch;
}

static void pool_put(struct batch *batch, struct batch **free_ones)
{
    batch_reset(batch);
    batch_hide(batch);
    batch->next = *free_ones;
    *free_ones = batch;
}

/* Batches of queues */

bool queue_batch_begin(struct haplo_queue *queue)
{
    queue->batch = pool_take(&server_of(queue)->poller->free_batches);
    if (queue->batch == NULL) {
        return false;
    }
    queue->batch->form_field = server_of(queue)->dialect.token_field;
    return true;
}

void queue_batch_count(struct haplo_queue *queue)
{
    struct scheduler *scheduler = &server_of(queue)->poller->scheduler;
    size_t bytes = batch_allocated_bytes(queue->batch);
    scheduler->held_bytes += bytes - queue->batch->counted_bytes;
    queue->batch->counted_bytes = bytes;
}

void queue_batch_drop(struct haplo_queue *queue)
{
    struct haplo_poller *poller = server_of(queue)->poller;
    struct batch *batch = queue->batch;
    if (batch == NULL) {
        return;
    }
    queue->batch = NULL;
    if (batch->is_accepted) {
        delivery_state_keep(&queue->core.delivery, batch);
    }
    poller->scheduler.held_bytes -= batch->counted_bytes;
    batch->counted_bytes = 0;
    pool_put(batch, batch->body_capacity > 0 ? &poller->free_batches
                                             : &poller->free_tokens);
}

/* Lending it to the application */

void queue_batch_lend(struct haplo_queue *queue)
{
    struct haplo_poller *poller = server_of(queue)->poller;
    poller->lent_count++;
    settings_of(queue)->deliver_cb(
        queue, batch_lend(queue->batch, ++poller->newest_serial));
}

int queue_batch_take_back(struct batch *batch)
{
    struct haplo_queue *queue = batch->queue;
    struct haplo_poller *poller = server_of(queue)->poller;
    batch_return(batch);
    poller->lent_count--;
    if (poller->phase == POLLER_CLOSING) {
        poller_close_timer(poller);
        return HAPLO_ESTOPPED;
    }
    assert(queue->batch == batch);
    assert(queue->core.state == HAPLO_QUEUE_DELIVERING ||
           queue->core.state == HAPLO_QUEUE_LAST_DELIVERING);
    return 0;
}

/* If memory for a separate token runs out, the whole batch is kept. */
void queue_batch_accept(struct haplo_queue *queue)
{
    delivery_state_accept(&queue->core.delivery, queue->batch);
    struct haplo_poller *poller = server_of(queue)->poller;
    struct batch *token = pool_take(&poller->free_tokens);
    if (token == NULL) {
        return;
    }
    batch_move_token(token, queue->batch);
    queue_batch_drop(queue);
    queue->batch = token;
    queue_batch_count(queue);
}
