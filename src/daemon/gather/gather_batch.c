/*
 * gather_batch.c - the path of a batch through the daemon.
 *
 *   - The poller delivers a batch (gather_batch_on_deliver). It goes to the
 *     inbox of its queue.
 *   - The inbox has its messages and its state on disk (on_delivered). The
 *     batch is accepted, so that the poller marks it.
 *   - The mark is confirmed (gather_batch_on_marked). The inbox stores the
 *     state that says so.
 *
 * Other results of the inbox:
 *
 *   - Retry: the poller keeps the batch and delivers it again.
 *   - Behind: too much is waiting for this inbox. The batch is dropped, and
 *     fetched again later.
 *   - Rejected: the queue is blocked and nothing is marked.
 *   - Stale: another process stores this queue, or an older copy of the inbox
 *     was restored. The library drops the batch, and fetches again from the
 *     state that is stored now.
 *   - Stored, but its slot was lost meanwhile (gather_slots.h): it is dropped,
 *     because another host may have a token of the queue. That one recognises
 *     what is stored.
 *   - The inboxes are closing: the batch is dropped, as it is too late to mark
 *     it. Every batch is answered, because the poller cannot close before.
 *   - The process dies in between: from the stored state, the library
 *     recognises what the server sends again.
 *
 * Only a queue whose batch is being stored needs a delivery. Deliveries are
 * pooled.
 */
#include "daemon/gather/gather_batch.h"

#include <assert.h>
#include <stdlib.h>

#include "base/container_of.h"
#include "base/wall_clock.h"
#include "daemon/gather/gather_moves.h"
#include "daemon/gather/gather_slots.h"
#include "daemon/observe/observer_feed.h"

struct gather_delivery {
    struct inbox_delivery delivery; /* passed to the inbox */
    struct gather_queue *queue;     /* owner of the batch */
    struct haplo_batch batch;       /* to be answered */
    struct gather_delivery *next;   /* in the pool */
};

/* The inboxes are closing or closed: too late to store or mark. */
static bool is_closing(const struct gather *gather)
{
    return gather->phase > GATHER_DRAINING;
}

static struct gather_delivery *take_delivery(struct gather *gather)
{
    struct gather_delivery *delivery = gather->free_deliveries;
    if (delivery == NULL) {
        return malloc(sizeof *delivery);
    }
    gather->free_deliveries = delivery->next;
    return delivery;
}

static void put_back_delivery(struct gather *gather,
                              struct gather_delivery *delivery)
{
    delivery->next = gather->free_deliveries;
    gather->free_deliveries = delivery;
}

static int answer_stale(struct haplo_batch batch, struct haplo_slice stored)
{
    if (gather_moves_is_note(stored)) {
        return haplo_batch_reject(
            batch, "another process stores this queue in another inbox now: "
                   "restart with the same configuration, or remove the queue");
    }
    return haplo_batch_stale(batch, stored);
}

static int answer(const struct gather_delivery *delivery,
                  enum inbox_verdict verdict, const char *why)
{
    struct haplo_batch batch = delivery->batch;
    if (is_closing(delivery->queue->server->gather)) {
        return haplo_batch_drop(batch, "the inbox is closing");
    }
    switch (verdict) {
    case INBOX_STORED:
        return gather_slots_have_lost(delivery->queue->server)
                   ? haplo_batch_drop(batch, "another host polls the queue now")
                   : haplo_batch_accept(batch);
    case INBOX_RETRY:
        return haplo_batch_retry(batch, 0, why);
    case INBOX_BEHIND:
        return haplo_batch_drop(batch, why);
    case INBOX_REJECTED:
        return haplo_batch_reject(batch, why);
    case INBOX_STALE:
        return answer_stale(batch, delivery->delivery.stored);
    }
    assert(!"unknown verdict");
    return HAPLO_EINVAL;
}

static void on_delivered(struct inbox_delivery *stored,
                         enum inbox_verdict verdict, const char *why)
{
    struct gather_delivery *delivery =
        container_of(stored, struct gather_delivery, delivery);
    struct gather_queue *queue = delivery->queue;
    queue->stored_count += stored->stored_count;
    queue->repeat_count += (uint32_t)stored->repeat_count;
    observer_feed_delivered(queue, stored, verdict, why);
    /* Other errors concern the queue, and an event reports them. */
    int error = answer(delivery, verdict, why);
    assert(error != HAPLO_EANSWERED);
    (void)error;
    put_back_delivery(queue->server->gather, delivery);
}

void gather_batch_on_deliver(struct haplo_queue *haplo_queue,
                             struct haplo_batch batch)
{
    struct gather_queue *queue = haplo_queue_data(haplo_queue);
    struct gather *gather = queue->server->gather;
    struct gather_delivery *delivery = take_delivery(gather);
    if (delivery == NULL) {
        (void)haplo_batch_retry(batch, 0, "out of memory"); /* not answered */
        return;
    }
    *delivery = (struct gather_delivery){
        .queue = queue,
        .batch = batch,
        .delivery =
            {
                .queue = queue->stored,
                .batch = batch,
                .fetched_at_ms = wall_clock_ms(),
                .format = queue->config->settings->options.format,
                .delivered_cb = on_delivered,
            },
    };
    inbox_deliver(&delivery->delivery);
}

/* A pause drops a batch that waits to be delivered again. */
void gather_batch_on_event(const struct haplo_event *event)
{
    if (event->queue != NULL && event->to == HAPLO_QUEUE_PAUSED &&
        (event->from == HAPLO_QUEUE_DELIVER_WAIT ||
         event->from == HAPLO_QUEUE_LAST_DELIVERING)) {
        struct gather_queue *queue = haplo_queue_data(event->queue);
        inbox_batch_dropped(queue->stored);
    }
}

void gather_batch_on_marked(struct haplo_queue *haplo_queue,
                            const struct haplo_mark *mark)
{
    struct gather_queue *queue = haplo_queue_data(haplo_queue);
    const struct gather *gather = queue->server->gather;
    if (!is_closing(gather)) {
        inbox_confirmed(queue->stored, mark);
        observer_feed_marked(queue, mark);
        if (gather->options.marked_cb != NULL) {
            gather->options.marked_cb(queue, mark);
        }
    }
}

void gather_batch_free_spares(struct gather *gather)
{
    struct gather_delivery *delivery;
    while ((delivery = gather->free_deliveries) != NULL) {
        gather->free_deliveries = delivery->next;
        free(delivery);
    }
}
