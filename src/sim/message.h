/*
 * message.h - one message: its data, and the exact bytes a fetch returns.
 */
#ifndef SIM_MESSAGE_H
#define SIM_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/buffer.h"

#define SIM_DATE_SIZE 32 /* room for 2019-02-15T10:32:01Z */

struct sim_message {
    struct sim_queue *queue;   /* borrowed */
    uint64_t id;               /* counted for each application */
    int64_t date_s;            /* creation, seconds since 1970 */
    char *data;                /* owned; compact JSON, NULL when raw */
    size_t data_size;          /* */
    char *bytes;               /* owned; the object as fetch indents it */
    size_t size;               /* */
    bool sent;                 /* marked and not unsent since */
    uint64_t returned_count;   /* fetches that contained it */
    uint64_t marked_count;     /* */
    uint64_t unsent_count;     /* */
    int64_t returned_first_ms; /* monotonic; 0: never */
    int64_t returned_last_ms;  /* */
    int64_t marked_first_ms;   /* */
    int64_t marked_last_ms;    /* */
};

/* A message of this data (valid JSON, any type), merged over id and datetime
 * as the server does it. */
struct sim_message *sim_message_new(uint64_t id, int64_t date_s,
                                    const char *data, size_t size);

/* A message that is returned byte for byte as given. */
struct sim_message *sim_message_new_raw(uint64_t id, int64_t date_s,
                                        const char *bytes, size_t size);

void sim_message_free(struct sim_message *message);

/* Appends the data of the number-th generated message of a queue: the same for
 * the same seed and names. `size` pads it to about that many bytes. */
void sim_message_generate(struct sim_buffer *to, uint64_t seed, const char *app,
                          const char *queue, uint64_t number, uint64_t size);

/* Data with every quirk that the protocol note lists; NULL past the last. */
const char *sim_message_edge(size_t index);

/* 2019-02-15T10:32:01Z */
void sim_date_format(int64_t date_s, char to[SIM_DATE_SIZE]);

#endif
