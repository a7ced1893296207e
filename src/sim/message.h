/*
 * message.h - one message: its data, and the exact bytes that a fetch returns.
 */
#ifndef SIM_MESSAGE_H
#define SIM_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/buffer.h"

#define SIM_DATE_SIZE 32 /* enough for 2019-02-15T10:32:01Z */

struct sim_message {
    struct sim_queue *queue; /* borrowed */
    uint64_t id;             /* unique within the application */
    int64_t date_s;          /* creation, in seconds since 1970 */
    char *data;              /* owned; compact JSON; NULL: raw message */
    size_t data_size;
    char *bytes; /* owned; the object as a fetch returns it */
    size_t size;
    bool sent;                 /* marked, and not unsent since */
    uint64_t returned_count;   /* fetches that contained it */
    uint64_t marked_count;     /* marks that changed it to sent */
    uint64_t unsent_count;     /* times made unread again */
    int64_t returned_first_ms; /* monotonic; 0: never */
    int64_t returned_last_ms;
    int64_t marked_first_ms;
    int64_t marked_last_ms;
};

/* Creates a message whose data (valid JSON of any type) is merged over id and
 * datetime, as the server does it. */
struct sim_message *sim_message_new(uint64_t id, int64_t date_s,
                                    const char *data, size_t size);

/* Creates a message that fetches return byte for byte. */
struct sim_message *sim_message_new_raw(uint64_t id, int64_t date_s,
                                        const char *bytes, size_t size);

void sim_message_free(struct sim_message *message);

/* Appends the data of a generated message. The same seed, names and number
 * give the same data. `size` pads it to about that many bytes. */
void sim_message_generate(struct sim_buffer *to, uint64_t seed, const char *app,
                          const char *queue, uint64_t number, uint64_t size);

/* Data that exercises every known quirk of the protocol; NULL past the last. */
const char *sim_message_edge(size_t index);

/* Formats a date like 2019-02-15T10:32:01Z. */
void sim_date_format(int64_t date_s, char to[SIM_DATE_SIZE]);

#endif
