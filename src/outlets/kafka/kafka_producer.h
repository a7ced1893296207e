/*
 * kafka_producer.h - an idempotent producer of librdkafka, from its creation
 * until it fails or is no longer wanted. It is never used again after that:
 * what it still had to send goes with it, so that nothing is sent out of turn
 * later.
 *
 * Creating and freeing it blocks. Everything else is called on the loop.
 */
#ifndef OUTLETS_KAFKA_PRODUCER_H
#define OUTLETS_KAFKA_PRODUCER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "outlets/kafka/kafka.h"
#include "outlets/message_headers.h"

struct kafka_producer;
struct kafka_topic; /* of a producer */

/* Creates a producer, which writes to the eventfd `descriptor` when there is
 * something to poll. is_single: each message is sent in a request of its own.
 * Borrows options. Returns 0, or HAPLO_E* with why set. Blocks. */
int kafka_producer_new(struct kafka_producer **out,
                       const struct kafka_options *options, int descriptor,
                       bool is_single, struct reason *why);

/* Discards what was not sent, and frees it. Blocks, but not for long once
 * is_ending is set: librdkafka may be looking up a name, and is then left
 * behind. */
void kafka_producer_free(struct kafka_producer *producer,
                         const atomic_bool *is_ending);

/* A topic. Free it after use, and before the producer. Returns NULL with why
 * set if it cannot be had. */
struct kafka_topic *kafka_topic_new(struct kafka_producer *producer,
                                    const char *name, struct reason *why);

/* topic may be NULL. */
void kafka_topic_free(struct kafka_topic *topic);

/* A message to be produced. */
struct kafka_record {
    struct kafka_topic *topic;             /* where to */
    const char *key;                       /* chooses the partition */
    const struct message_headers *headers; /* its metadata */
    struct haplo_slice body;               /* exact bytes; copied */
    void *ticket;                          /* for its report */
};

/* Produces a message. Returns OUTLET_DELIVERED if its report will come, which
 * proves nothing yet; OUTLET_RETRY with *is_full set if the queue of librdkafka
 * is full for now; or any other verdict with why set. */
enum outlet_verdict kafka_producer_send(struct kafka_producer *producer,
                                        const struct kafka_record *record,
                                        bool *is_full, struct reason *why);

/* What kafka_producer_poll() reports. */
struct kafka_listener {
    /* What became of a message. */
    void (*reported)(void *data, void *ticket, enum outlet_verdict verdict,
                     bool is_of_request, const struct reason *why);
    /* The producer is of no use any more. */
    void (*failed)(void *data, enum outlet_verdict verdict,
                   const struct reason *why);
    /* No broker can be reached at the moment. */
    void (*unreachable)(void *data, const struct reason *why);
    void *data; /* for all of them */
};

/* Reports everything that has happened. */
void kafka_producer_poll(struct kafka_producer *producer,
                         const struct kafka_listener *listener);

/* Discards what is not on its way to a broker; it is reported. */
void kafka_producer_stop(struct kafka_producer *producer);

#endif
