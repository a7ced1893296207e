/*
 * haplo_batch.c - the batch as the application sees it, and its answers to it.
 */
#include "poller/event.h"
#include "poller/poller.h"
#include "poller/queue_batch.h"

/* Reading */

struct haplo_slice haplo_batch_state(struct haplo_batch handle)
{
    const struct batch *batch = batch_lent(handle);
    return batch == NULL
               ? (struct haplo_slice){0}
               : (struct haplo_slice){.data = (const char *)batch->state,
                                      .size = batch->state_size};
}

size_t haplo_batch_new_count(struct haplo_batch handle)
{
    const struct batch *batch = batch_lent(handle);
    return batch == NULL ? 0 : batch->new_count;
}

size_t haplo_batch_message_count(struct haplo_batch handle)
{
    const struct batch *batch = batch_lent(handle);
    return batch == NULL ? 0 : batch->message_count;
}

const struct haplo_message *haplo_batch_messages(struct haplo_batch handle)
{
    const struct batch *batch = batch_lent(handle);
    return batch == NULL ? NULL : batch->messages;
}

struct haplo_queue *haplo_batch_queue(struct haplo_batch handle)
{
    const struct batch *batch = batch_lent(handle);
    return batch == NULL ? NULL : batch->queue;
}

/* Answers */

/* Takes the batch back, which makes the handle stale, and gets its queue.
 * Returns 0, or what the function that answers must return. */
static int batch_answer(struct haplo_batch handle, struct haplo_queue **queue)
{
    struct batch *batch = batch_lent(handle);
    if (batch == NULL) {
        return HAPLO_EANSWERED;
    }
    *queue = batch->queue;
    return queue_batch_take_back(batch);
}

static void queue_answered(struct haplo_queue *queue,
                           const struct queue_event *event)
{
    struct haplo_poller *poller = server_of(queue)->poller;
    poller_step(queue, event);
    poller_pump(poller);
}

int haplo_batch_accept(struct haplo_batch handle)
{
    struct haplo_queue *queue;
    int error = batch_answer(handle, &queue);
    if (error == 0) {
        queue_batch_accept(queue);
        queue_answered(queue,
                       &(struct queue_event){.kind = QUEUE_EVENT_ACCEPTED});
    }
    return error;
}

static void queue_retry(struct haplo_queue *queue, uint64_t delay_ms,
                        const char *why)
{
    queue->mishaps.deliver_retry_count++;
    event_explain(queue, "deliver", HAPLO_EDELIVERY, why);
    queue_answered(queue, &(struct queue_event){.kind = QUEUE_EVENT_RETRY,
                                                .delay_ms = delay_ms});
}

int haplo_batch_retry(struct haplo_batch handle, uint64_t delay_ms,
                      const char *why)
{
    struct haplo_queue *queue;
    int error = batch_answer(handle, &queue);
    if (error == 0) {
        queue_retry(queue, delay_ms, why);
    }
    return error;
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

int haplo_batch_stale(struct haplo_batch handle, struct haplo_slice stored)
{
    struct haplo_queue *queue;
    struct queue_event event = {.kind = QUEUE_EVENT_STALE};
    int error = batch_answer(handle, &queue);
    if (error != 0) {
        return error;
    }
    uint64_t expected = queue->core.delivery.generation;
    error = delivery_state_adopt(&queue->core.delivery, stored);
    if (error == HAPLO_ENOMEM) {
        queue_retry(queue, 0, haplo_error_text(error));
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
    queue_answered(queue, &event);
    return error;
}

int haplo_batch_drop(struct haplo_batch handle, const char *why)
{
    struct haplo_queue *queue;
    int error = batch_answer(handle, &queue);
    if (error == 0) {
        event_explain(queue, "deliver", HAPLO_EDELIVERY, why);
        queue_answered(queue, &(struct queue_event){.kind = QUEUE_EVENT_DROPPED,
                                                    .error = HAPLO_EDELIVERY});
    }
    return error;
}

int haplo_batch_reject(struct haplo_batch handle, const char *why)
{
    struct haplo_queue *queue;
    int error = batch_answer(handle, &queue);
    if (error == 0) {
        event_explain(queue, "deliver", HAPLO_EREJECTED, why);
        queue_answered(queue,
                       &(struct queue_event){.kind = QUEUE_EVENT_REJECTED,
                                             .error = HAPLO_EREJECTED});
    }
    return error;
}
