/*
 * group_write.c - a group on the worker thread. Without an outlet:
 *
 *   - epochs and messages go into the record in one transaction: all or
 *     nothing.
 *
 * With one, the record is a ledger:
 *
 *   - epochs, and the keys and places of the messages, go into the ledger in
 *     one transaction, which tells those that are not out yet;
 *   - the outlet makes these durable;
 *   - a second transaction notes that they are out.
 *
 * Failures:
 *
 *   - of the first transaction: nothing goes out, the fault tells whom it
 *     concerns;
 *   - the outlet refuses a batch: it stays noted as not out, and the delivery
 *     comes again;
 *   - of the second transaction, or the process dies before it: what is out is
 *     noted as not out, and goes out once more, from the same place.
 */
#include "sinks/group_write.h"

#include "sinks/record_write.h"
#include "sinks/sink_reason.h"

static struct record_queue *queue_of(const struct sink_delivery *delivery)
{
    return (struct record_queue *)(void *)delivery->queue;
}

/* -- Into the record ------------------------------------------------------ */

static struct record_batch_write write_of(const struct sink_delivery *delivery)
{
    return (struct record_batch_write){
        .server = delivery->queue->server,
        .queue = delivery->queue->queue,
        .received_at_ms = delivery->received_at_ms,
        .ledger =
            {
                .messages = haplo_batch_messages(delivery->batch),
                .count = haplo_batch_message_count(delivery->batch),
                .epoch = haplo_batch_epoch(delivery->batch),
                .is_unconfirmed = delivery->queue->ledger.is_unconfirmed,
            },
    };
}

/* Takes down for the outlet what is to go out. */
static enum record_fault delivery_send(struct record_group *group,
                                       struct record_store *store,
                                       struct sink_delivery *delivery)
{
    struct outgoing *outgoing = &group->outgoing;

    if (!outgoing_add(outgoing, delivery, delivery->stored_count)) {
        sink_reason(store->why, sizeof(store->why), "out of memory");
        return RECORD_DOUBT;
    }
    for (size_t i = 0; i < delivery->out_count; i++) {
        outgoing->batches[delivery->out_first + i].is_prepared =
            &queue_of(delivery)->is_prepared;
    }
    return RECORD_FINE;
}

static enum record_fault delivery_write(struct record_group *group,
                                        struct record_store *store,
                                        struct sink_delivery *delivery)
{
    struct record_batch_write write = write_of(delivery);
    enum record_fault fault;

    write.new_items = group->outgoing.items;
    fault = record_add_batch(store, &write);
    delivery->stored_count = write.ledger.new_count;
    delivery->repeat_count = write.ledger.repeat_count;
    queue_of(delivery)->writing_leftovers = write.ledger.has_leftovers;
    if (fault == RECORD_FINE && write.new_items != NULL) {
        fault = delivery_send(group, store, delivery);
    }
    return fault;
}

static enum record_fault parts_write(struct record_group *group,
                                     struct record_store *store)
{
    enum record_fault fault = RECORD_FINE;

    for (struct record_queue *queue = group->confirmed.first;
         queue != NULL && fault == RECORD_FINE; queue = queue->next) {
        fault = record_raise_epoch(store, queue->base.server, queue->base.queue,
                                   queue->writing_epoch);
    }
    for (struct sink_delivery *delivery = group->deliveries.first;
         delivery != NULL && fault == RECORD_FINE; delivery = delivery->next) {
        fault = delivery_write(group, store, delivery);
    }
    return fault;
}

/* -- After the outlet ----------------------------------------------------- */

static enum record_fault delivery_note_out(const struct record_group *group,
                                           struct record_store *store,
                                           const struct sink_delivery *delivery)
{
    const struct record_batch_write write = write_of(delivery);
    enum record_fault fault = RECORD_FINE;

    for (size_t i = 0; i < delivery->out_count && fault == RECORD_FINE; i++) {
        const struct outlet_batch *batch =
            &group->outgoing.batches[delivery->out_first + i];

        if (batch->verdict == SINK_ACCEPT) {
            fault = record_out(store, &write, batch->place);
        }
    }
    return fault;
}

static enum record_fault parts_note_out(struct record_group *group,
                                        struct record_store *store)
{
    enum record_fault fault = RECORD_FINE;

    for (struct sink_delivery *delivery = group->deliveries.first;
         delivery != NULL && fault == RECORD_FINE; delivery = delivery->next) {
        fault = delivery_note_out(group, store, delivery);
    }
    return fault;
}

/* -- All of it ------------------------------------------------------------ */

/* What of a group one transaction writes. */
typedef enum record_fault (*parts_cb)(struct record_group *group,
                                      struct record_store *store);

static enum record_fault transaction(struct record_group *group,
                                     struct record_store *store, parts_cb parts)
{
    enum record_fault fault = record_begin(store);

    if (fault == RECORD_FINE) {
        fault = parts(group, store);
    }
    if (fault == RECORD_FINE) {
        fault = record_commit(store);
    }
    if (fault != RECORD_FINE) {
        record_rollback(store);
    }
    return fault;
}

static void group_record(struct record_group *group, struct record_store *store)
{
    group->fault = transaction(group, store, parts_write);
    group->is_recorded = group->fault == RECORD_FINE;
}

static void group_pass(struct record_group *group, struct record_store *store,
                       struct outlet *outlet)
{
    struct outgoing *outgoing = &group->outgoing;

    if (!outgoing_init(outgoing, group->row_count)) {
        sink_reason(store->why, sizeof(store->why), "out of memory");
        group->fault = RECORD_DOUBT;
        return;
    }
    group_record(group, store);
    if (group->is_recorded && outgoing->batch_count > 0) {
        outlet->type->deliver(outlet, outgoing->batches, outgoing->batch_count);
        group->fault = transaction(group, store, parts_note_out);
    }
}

void group_write(struct record_group *group, struct record_store *store,
                 struct outlet *outlet)
{
    if (outlet != NULL && group->deliveries.first != NULL) {
        group_pass(group, store, outlet);
    } else {
        group_record(group, store);
    }
}
