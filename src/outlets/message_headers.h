/*
 * message_headers.h - what is known about a message besides its bytes, as
 * headers for carriers that have such: Kafka and NATS. Pure.
 *
 *     haplo-server: example
 *     haplo-queue: student
 *     haplo-arrival: 17
 *     haplo-id: 550e8400-e29b-41d4-a716-446655440000-17-93d1a5ee3c52f8b0
 *     haplo-received-at: 2026-11-28T20:49:16Z
 *     haplo-replay: 3                  (only if it is sent by a replay)
 */
#ifndef OUTLETS_MESSAGE_HEADERS_H
#define OUTLETS_MESSAGE_HEADERS_H

#include <stddef.h>

#include "base/wall_clock.h"
#include "outlets/message_id.h"
#include "outlets/outlet.h"

#define MESSAGE_HEADER_COUNT_MAX 6
#define MESSAGE_NUMBER_SIZE 21 /* of 64 bits, NUL included */

struct message_header {
    const char *name;  /* "haplo-id" */
    const char *value; /* NUL-terminated */
};

/* Zeroed at first, and used for the messages of a parcel one after the other,
 * which mostly have the same times. */
struct message_headers {
    struct message_header list[MESSAGE_HEADER_COUNT_MAX]; /* all of them */
    size_t count;                                         /* of list */
    char id[MESSAGE_ID_SIZE_MAX];                         /* its identity */
    char arrival[MESSAGE_NUMBER_SIZE];                    /* memory of list */
    char replay[MESSAGE_NUMBER_SIZE];                     /* the same */
    char received_at[WALL_CLOCK_TEXT_SIZE];               /* the same */
    uint64_t received_at_ms; /* that received_at shows; 0: none */
};

/* The headers of the message at index. Borrows the names of its server and
 * queue. */
void message_headers_set(struct message_headers *headers,
                         const struct outlet_parcel *parcel, size_t index,
                         const char *inbox_uuid);

#endif
