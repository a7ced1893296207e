/*
 * haplo_batch.c - a batch as the application sees and answers it.
 */
#include <assert.h>

#include "poller/event.h"
#include "poller/poller.h"

struct haplo_queue *haplo_batch_queue(const struct haplo_batch *batch)
{
    return batch->queue;
}

uint64_t haplo_batch_epoch(const struct haplo_batch *batch)
{
    return batch->epoch;
}

size_t haplo_batch_message_count(const struct haplo_batch *batch)
{
    return batch->message_count;
}

const struct haplo_message *haplo_batch_messages(
    const struct haplo_batch *batch)
{
    return batch->messages;
}

/* Takes the application's answer; false if it comes too late to matter. */
static bool batch_answered(const struct haplo_batch *batch)
{
    const struct haplo_queue *queue = batch->queue;
    if (queue->server->poller->phase == POLLER_CLOSING) {
        return false;
    }
    assert(queue->batch == batch);
    assert(queue->core.state == HAPLO_QUEUE_DELIVERING ||
           queue->core.state == HAPLO_QUEUE_LAST_DELIVERING);
    return true;
}

void haplo_batch_accept(struct haplo_batch *batch)
{
    struct haplo_queue *queue = batch->queue;
    if (batch_answered(batch)) {
        poller_keep_token(queue);
        poller_step(queue, &(struct queue_event){.kind = QUEUE_EVENT_ACCEPTED});
        poller_pump(queue->server->poller);
    }
}

void haplo_batch_retry(struct haplo_batch *batch, uint64_t delay_ms,
                       const char *why)
{
    struct haplo_queue *queue = batch->queue;
    if (batch_answered(batch)) {
        queue->counters.deliver_retry_count++;
        event_explain(queue, "deliver", HAPLO_EDELIVERY, why);
        poller_step(queue, &(struct queue_event){.kind = QUEUE_EVENT_RETRY,
                                                 .delay_ms = delay_ms});
        poller_pump(queue->server->poller);
    }
}

void haplo_batch_reject(struct haplo_batch *batch, const char *why)
{
    struct haplo_queue *queue = batch->queue;
    if (batch_answered(batch)) {
        event_explain(queue, "deliver", HAPLO_EREJECTED, why);
        poller_step(queue, &(struct queue_event){.kind = QUEUE_EVENT_REJECTED});
        poller_pump(queue->server->poller);
    }
}
