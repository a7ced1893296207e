#include "sinks/record_group.h"

#include <assert.h>
#include <string.h>

void record_delivery_push(struct record_delivery_list *list,
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

struct sink_delivery *record_delivery_shift(struct record_delivery_list *list)
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

void record_group_take(struct record_group *group,
                       struct record_delivery_list *waiting, size_t count_max)
{
    struct sink_delivery *delivery;

    for (size_t i = 0; i < count_max && waiting->first != NULL; i++) {
        delivery = waiting->first;
        group->row_count += haplo_batch_message_count(delivery->batch) + 1;
        group->bytes += batch_bytes(delivery->batch);
        if (i > 0 && (group->row_count > RECORD_GROUP_ROW_COUNT_MAX ||
                      group->bytes > RECORD_GROUP_BYTES_MAX)) {
            break;
        }
        record_delivery_push(&group->deliveries,
                             record_delivery_shift(waiting));
        group->part_count++;
    }
}

void record_group_take_confirmed(struct record_group *group,
                                 struct record_queue_list *confirmed)
{
    struct record_queue *queue;

    for (size_t i = 0; i < RECORD_GROUP_ROW_COUNT_MAX; i++) {
        queue = record_queue_shift(confirmed);
        if (queue == NULL) {
            break;
        }
        if (!ledger_state_is_ahead(&queue->base.ledger)) {
            queue->is_listed = false; /* a delivery has stored it */
            continue;
        }
        queue->writing_epoch = queue->base.ledger.epoch;
        record_queue_push(&group->confirmed, queue);
        group->part_count++;
    }
}

size_t record_group_return(struct record_group *group,
                           struct record_delivery_list *waiting)
{
    struct record_delivery_list *returned = &group->deliveries;
    size_t count = 0;

    assert(returned->first != NULL);
    for (struct sink_delivery *delivery = returned->first; delivery != NULL;
         delivery = delivery->next) {
        delivery->out_count = 0;
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

enum sink_verdict record_group_verdict(const struct record_group *group,
                                       const struct sink_delivery *delivery,
                                       const char **why)
{
    const struct outlet_batch *refused;

    switch (group->fault) {
    case RECORD_FINE:
        break;
    case RECORD_NEVER:
        return SINK_REJECT;
    default:
        return SINK_RETRY;
    }
    refused = outgoing_refused(&group->outgoing, delivery);
    *why = refused != NULL ? refused->why : "";
    return refused != NULL ? refused->verdict : SINK_ACCEPT;
}

void record_group_free(struct record_group *group)
{
    outgoing_free(&group->outgoing);
}
