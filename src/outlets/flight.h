/*
 * flight.h - a parcel in flight: which of its messages have been acknowledged,
 * and what became of the others. For carriers that acknowledge messages one by
 * one. Acknowledgements may come in any order, and while later messages are
 * still being sent. Pure; the caller keeps threads apart.
 *
 * Only the messages from the first one on that are all acknowledged count as
 * delivered. What is acknowledged after a failed one is sent again, with the
 * same identity.
 */
#ifndef OUTLETS_FLIGHT_H
#define OUTLETS_FLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "outlets/outlet.h"

struct flight {
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
int flight_init(struct flight *flight, struct outlet_parcel *parcel);

void flight_free(struct flight *flight);

/* The next message is about to be published: its response may come at once. */
void flight_sent(struct flight *flight);

/* The response to a message that was sent; or why it could not be sent. A
 * second one for the same message is ignored. */
void flight_note(struct flight *flight, size_t index,
                 enum outlet_verdict verdict, const struct reason *why);

/* No response will come any more for what has none. */
void flight_give_up(struct flight *flight, enum outlet_verdict verdict,
                    const char *why);

/* Nothing more can happen to it. */
bool flight_is_over(const struct flight *flight);

/* Sets what an outlet sets in a parcel. */
void flight_report(const struct flight *flight);

#endif
