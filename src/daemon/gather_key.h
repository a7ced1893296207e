/*
 * gather_key.h - reads the API keys of queues, and sees when a key's file is
 * another one than was read.
 */
#ifndef DAEMON_GATHER_KEY_H
#define DAEMON_GATHER_KEY_H

#include "config/api_key.h"
#include "daemon/gather.h"

/* Reads a key that many queues share only once, as long as they come in a row.
 * Zeroed, it is ready; wipe it when done. */
struct gather_key_reader {
    const struct config_key *from; /* what is in key; NULL: nothing */
    uint32_t stamp;                /* of the file, before it was read */
    char key[API_KEY_SIZE];        /* secret */
};

/* Reads the queue's key into the reader: 0, or HAPLO_EINVAL with why. */
int gather_key_read(struct gather_key_reader *reader,
                    struct gather_queue *queue, char *why, size_t why_size);

void gather_key_reader_wipe(struct gather_key_reader *reader);

/* True if the key's file is not as it was when the key was read last. */
bool gather_key_has_changed(const struct gather_queue *queue);

/* Reads the key of a queue again and, if it is valid, uses it. */
void gather_key_reread(struct gather_queue *queue);

#endif
