#include "sinks/inbox_group.h"

#include <assert.h>
#include <string.h>

void inbox_delivery_push(struct inbox_delivery_list *list,
                         struct sink_delivery *delivery)
{
    delivery->next = NULL;
    if (list->last != NULL) {
        list->last->next = delivery;
    } else {
        list->first = delivery;
    }
    list->last = delivery;
}

struct sink_delivery *inbox_delivery_shift(struct inbox_delivery_list *list)
{
    struct sink_delivery *delivery = list->first;

    if (delivery != NULL) {
        list->first = delivery->next;
        list->last = list->first != NULL ? list->last : NULL;
        delivery->next = NULL;
    }
    return delivery;
}

static size_t batch_bytes(const struct haplo_batch *batch)
{
    const struct haplo_message *messages = haplo_batch_messages(batch);
    size_t count = haplo_batch_message_count(batch);
    size_t bytes = 0;

    for (size_t i = 0; i < count; i++) {
        bytes += messages[i].body.size;
    }
    return bytes;
}

void inbox_group_take(struct inbox_group *group,
                      struct inbox_delivery_list *waiting, size_t count_max)
{
    struct sink_delivery *delivery;

    for (size_t i = 0; i < count_max && waiting->first != NULL; i++) {
        delivery = waiting->first;
        group->row_count += haplo_batch_message_count(delivery->batch) + 1;
        group->bytes += batch_bytes(delivery->batch);
        if (i > 0 && (group->row_count > INBOX_GROUP_ROW_COUNT_MAX ||
                      group->bytes > INBOX_GROUP_BYTES_MAX)) {
            break;
        }
        inbox_delivery_push(&group->deliveries, inbox_delivery_shift(waiting));
        group->part_count++;
    }
}

void inbox_group_take_confirmed(struct inbox_group *group,
                                struct inbox_queue_list *confirmed)
{
    struct inbox_queue *queue;

    for (size_t i = 0; i < INBOX_GROUP_ROW_COUNT_MAX; i++) {
        queue = inbox_queue_shift(confirmed);
        if (queue == NULL) {
            break;
        }
        if (!ledger_state_is_ahead(&queue->base.ledger)) {
            queue->is_listed = false; /* a delivery has stored it */
            continue;
        }
        queue->writing_epoch = queue->base.ledger.epoch;
        inbox_queue_push(&group->confirmed, queue);
        group->part_count++;
    }
}

size_t inbox_group_return(struct inbox_group *group,
                          struct inbox_delivery_list *waiting)
{
    struct inbox_delivery_list *returned = &group->deliveries;
    size_t count = 0;

    assert(returned->first != NULL);
    for (struct sink_delivery *delivery = returned->first; delivery != NULL;
         delivery = delivery->next) {
        count++;
    }
    returned->last->next = waiting->first;
    if (waiting->first == NULL) {
        waiting->last = returned->last;
    }
    waiting->first = returned->first;
    memset(returned, 0, sizeof(*returned));
    return count;
}

static enum inbox_fault group_write_delivery(struct sink_delivery *delivery,
                                             struct inbox_store *store)
{
    struct inbox_queue *queue = (struct inbox_queue *)(void *)delivery->queue;
    struct inbox_batch_write write = {
        .server = queue->base.server,
        .queue = queue->base.queue,
        .received_at_ms = delivery->received_at_ms,
        .ledger =
            {
                .messages = haplo_batch_messages(delivery->batch),
                .count = haplo_batch_message_count(delivery->batch),
                .epoch = haplo_batch_epoch(delivery->batch),
                .is_unconfirmed = queue->base.ledger.is_unconfirmed,
            },
    };
    enum inbox_fault fault = inbox_add_batch(store, &write);

    delivery->stored_count = write.ledger.new_count;
    delivery->repeat_count = write.ledger.repeat_count;
    queue->writing_leftovers = write.ledger.has_leftovers;
    return fault;
}

static enum inbox_fault group_write_parts(const struct inbox_group *group,
                                          struct inbox_store *store)
{
    enum inbox_fault fault = INBOX_FINE;

    for (struct inbox_queue *queue = group->confirmed.first;
         queue != NULL && fault == INBOX_FINE; queue = queue->next) {
        fault = inbox_raise_epoch(store, queue->base.server, queue->base.queue,
                                  queue->writing_epoch);
    }
    for (struct sink_delivery *delivery = group->deliveries.first;
         delivery != NULL && fault == INBOX_FINE; delivery = delivery->next) {
        fault = group_write_delivery(delivery, store);
    }
    return fault;
}

void inbox_group_write(struct inbox_group *group, struct inbox_store *store)
{
    enum inbox_fault fault = inbox_begin(store);

    if (fault == INBOX_FINE) {
        fault = group_write_parts(group, store);
    }
    if (fault == INBOX_FINE) {
        fault = inbox_commit(store);
    }
    if (fault != INBOX_FINE) {
        inbox_rollback(store);
    }
    group->fault = fault;
}
