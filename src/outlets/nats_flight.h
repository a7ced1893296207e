/*
 * nats_flight.h - a parcel in flight: which of its messages the stream has
 * acknowledged, and what became of the others. Acknowledgements may come in any
 * order, and while later messages are still being published. Pure; the caller
 * keeps threads apart.
 *
 * Only the messages from the first one on that are all acknowledged count as
 * delivered. What is acknowledged after a failed one is published again, with
 * the same identity.
 */
#ifndef OUTLETS_NATS_FLIGHT_H
#define OUTLETS_NATS_FLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "outlets/outlet.h"

struct nats_flight {
    struct outlet_parcel *parcel; /* borrowed */
    size_t sent_count;            /* messages published so far */
    bool is_sent;                 /* no more will be published */
    size_t answered_count;        /* of those, acknowledged or failed */
    bool *is_answered;            /* owned; for each message */
    size_t failed_index;          /* of the first failure; SIZE_MAX: none */
    enum outlet_verdict verdict;  /* of that message */
    struct reason why;            /* the same */
    bool has_stranger;            /* somebody else responded to a message */
};

/* Returns 0 or HAPLO_ENOMEM. Borrows parcel. */
int nats_flight_init(struct nats_flight *flight, struct outlet_parcel *parcel);

void nats_flight_free(struct nats_flight *flight);

/* The next message is about to be published: its response may come at once. */
void nats_flight_sent(struct nats_flight *flight);

/* The response to a message that was sent; or why it could not be sent. A
 * second one for the same message is ignored. */
void nats_flight_note(struct nats_flight *flight, size_t index,
                      enum outlet_verdict verdict, const struct reason *why);

/* No response will come any more for what has none. */
void nats_flight_give_up(struct nats_flight *flight,
                         enum outlet_verdict verdict, const char *why);

/* Nothing more can happen to it. */
bool nats_flight_is_over(const struct nats_flight *flight);

/* Sets what an outlet sets in a parcel. */
void nats_flight_report(const struct nats_flight *flight);

#endif
