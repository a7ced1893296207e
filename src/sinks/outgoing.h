/*
 * outgoing.h - what a group has for its outlet: of each delivery, the messages
 * that are to go out, by their places.
 */
#ifndef SINKS_OUTGOING_H
#define SINKS_OUTGOING_H

#include <stdbool.h>
#include <stddef.h>

#include "haplopoll.h"
#include "sinks/outlet.h"
#include "sinks/record_write.h"
#include "sinks/sink.h"

/* Zeroed: empty. */
struct outgoing {
    struct outlet_batch *batches;          /* owned; in order of deliveries */
    size_t batch_count;                    /* */
    size_t batch_count_max;                /* room for so many */
    const struct haplo_message **messages; /* owned; of all batches */
    size_t message_count;                  /* */
    size_t message_count_max;              /* room for so many */
    struct record_new *items;              /* owned; of one delivery */
};

/* Makes room for these messages; false when there is no memory. */
bool outgoing_init(struct outgoing *outgoing, size_t message_count_max);

/* Adds the first count of outgoing->items, which are of the delivery: a batch
 * for each place, with its key, not accepted yet, and for the caller to fill
 * in is_prepared. False when there is no memory. */
bool outgoing_add(struct outgoing *outgoing, struct sink_delivery *delivery,
                  size_t count);

/* The first batch of the delivery that was not accepted, or NULL. */
const struct outlet_batch *outgoing_refused(
    const struct outgoing *outgoing, const struct sink_delivery *delivery);

/* Empties it. */
void outgoing_free(struct outgoing *outgoing);

#endif
