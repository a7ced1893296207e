/*
 * gather_key.h - reads the API keys of queues, and detects when one has changed
 * since it was read.
 */
#ifndef DAEMON_GATHER_KEY_H
#define DAEMON_GATHER_KEY_H

#include "config/api_key.h"
#include "daemon/gather/gather.h"

/* Reads a key that successive queues share only once. Zeroed: ready for use.
 * Wipe it afterwards. */
struct gather_key_reader {
    const struct config_key *from; /* source of key; NULL: none */
    uint32_t stamp;                /* of the file before it was read */
    struct api_key key;            /* the key */
};

/* Reads the key of the queue. Returns 0; or HAPLO_EINVAL or HAPLO_ENOMEM, or
 * HAPLO_EBUSY if its command has not printed it yet, with why set. */
int gather_key_read(struct gather_key_reader *reader,
                    struct gather_queue *queue, char *why, size_t why_size);

void gather_key_reader_wipe(struct gather_key_reader *reader);

/* True if the key file has changed since the key was read, or its command has
 * printed another one. Runs the command again, unless it has only just run. */
bool gather_key_has_changed(const struct gather_queue *queue);

/* For those who ask about many queues within a moment, of which many share a
 * key. Zeroed: nothing was looked at. */
struct gather_key_look {
    const struct config_key *key; /* the newest one; borrowed */
    uint32_t stamp;               /* what it looks like now */
};

/* The same; looks at a key only if it is not the newest one. */
bool gather_key_look(struct gather_key_look *look,
                     const struct gather_queue *queue);

/* True if its command has printed another key; does not run it. */
bool gather_key_was_printed(const struct gather_queue *queue);

/* Reads the key of a queue that is polled again, and uses it if it is valid;
 * the old one stays otherwise. Returns 0, or HAPLO_E* with why set, unless
 * memory has run out. */
int gather_key_replace(struct gather_queue *queue, char *why, size_t why_size);

/* The same, and logs it. Does nothing if the queue is held. */
void gather_key_reread(struct gather_queue *queue);

#endif
