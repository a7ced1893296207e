/*
 * haplo_batch.c - the batch as the application sees it, and its answers to it.
 */
#include <assert.h>

#include "poller/event.h"
#include "poller/poller.h"

struct haplo_queue *haplo_batch_queue(const struct haplo_batch *batch)
{
    return batch->queue;
}

struct haplo_slice haplo_batch_state(const struct haplo_batch *batch)
{
    return (struct haplo_slice){.data = (const char *)batch->state,
                                .size = batch->state_size};
}

size_t haplo_batch_new_count(const struct haplo_batch *batch)
{
    return batch->new_count;
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

/* Records an answer of the application; false if it is too late. */
static bool batch_answered(const struct haplo_batch *batch)
{
    const struct haplo_queue *queue = batch->queue;
    if (server_of(queue)->poller->phase == POLLER_CLOSING) {
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
        poller_accept(queue);
        poller_step(queue, &(struct queue_event){.kind = QUEUE_EVENT_ACCEPTED});
        poller_pump(server_of(queue)->poller);
    }
}

void haplo_batch_retry(struct haplo_batch *batch, uint64_t delay_ms,
                       const char *why)
{
    struct haplo_queue *queue = batch->queue;
    if (batch_answered(batch)) {
        queue->mishaps.deliver_retry_count++;
        event_explain(queue, "deliver", HAPLO_EDELIVERY, why);
        poller_step(queue, &(struct queue_event){.kind = QUEUE_EVENT_RETRY,
                                                 .delay_ms = delay_ms});
        poller_pump(server_of(queue)->poller);
    }
}

/* Says which state is stored instead of the expected one, in words that
 * distinguish the likely causes. */
static void explain_stale(struct haplo_queue *queue, uint64_t expected)
{
    struct reason text;
    uint64_t stored = queue->core.delivery.generation;
    if (stored == 0) {
        reason_set(&text, HAPLO_ESTALE,
                   "no state is stored, but generation %llu was expected: "
                   "was the database replaced?",
                   (unsigned long long)expected);
    } else if (stored < expected) {
        reason_set(&text, HAPLO_ESTALE,
                   "the stored state has generation %llu, but %llu was "
                   "expected: was an older copy of the database restored?",
                   (unsigned long long)stored, (unsigned long long)expected);
    } else {
        reason_set(&text, HAPLO_ESTALE,
                   "a different state is stored (generation %llu, expected "
                   "%llu): does another process store this queue, or did an "
                   "earlier commit of unknown outcome succeed?",
                   (unsigned long long)stored, (unsigned long long)expected);
    }
    event_explain(queue, "deliver", HAPLO_ESTALE, text.text);
}

int haplo_batch_stale(struct haplo_batch *batch, struct haplo_slice stored)
{
    struct haplo_queue *queue = batch->queue;
    struct queue_event event = {.kind = QUEUE_EVENT_STALE};
    if (!batch_answered(batch)) {
        return 0;
    }
    uint64_t expected = queue->core.delivery.generation;
    int error = delivery_state_adopt(&queue->core.delivery, stored);
    if (error == HAPLO_ENOMEM) {
        haplo_batch_retry(batch, 0, haplo_error_text(error));
        return error;
    }
    if (error == 0) {
        explain_stale(queue, expected);
    } else {
        event.kind = QUEUE_EVENT_REJECTED;
        event.error = HAPLO_EINVAL;
        event_explain(queue, "deliver", error,
                      "the stored state is damaged: restore it from a copy or "
                      "delete it, then poll the queue again; unread messages "
                      "may be stored twice");
    }
    poller_step(queue, &event);
    poller_pump(server_of(queue)->poller);
    return error;
}

void haplo_batch_drop(struct haplo_batch *batch, const char *why)
{
    struct haplo_queue *queue = batch->queue;
    if (batch_answered(batch)) {
        event_explain(queue, "deliver", HAPLO_EDELIVERY, why);
        poller_step(queue, &(struct queue_event){.kind = QUEUE_EVENT_DROPPED,
                                                 .error = HAPLO_EDELIVERY});
        poller_pump(server_of(queue)->poller);
    }
}

void haplo_batch_reject(struct haplo_batch *batch, const char *why)
{
    struct haplo_queue *queue = batch->queue;
    if (batch_answered(batch)) {
        event_explain(queue, "deliver", HAPLO_EREJECTED, why);
        poller_step(queue, &(struct queue_event){.kind = QUEUE_EVENT_REJECTED,
                                                 .error = HAPLO_EREJECTED});
        poller_pump(server_of(queue)->poller);
    }
}
