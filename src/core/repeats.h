/*
 * repeats.h - finds the repeats in a batch. For each stored key it looks for a
 * message with this key. Equal messages are counted: each stored key makes
 * only one of them a repeat, in their order.
 */
#ifndef CORE_REPEATS_H
#define CORE_REPEATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "haplopoll.h"

struct repeats {
    struct haplo_message *messages; /* borrowed */
    size_t count;                   /* number of messages */
    struct repeats_slot *slots;     /* owned; hash table of keys; NULL: too
                                       few messages, searched linearly */
    uint32_t *next;                 /* after the slots: for each message the
                                       next one with the same key */
    size_t mask;                    /* number of slots - 1 */
};

/* Borrows the messages, none of which is a repeat yet, until repeats_free().
 * Returns 0, or HAPLO_ENOMEM if there are many and their table cannot be
 * allocated. */
int repeats_init(struct repeats *repeats, struct haplo_message *messages,
                 size_t count);

/* Marks the first message with this key that is not a repeat yet as one.
 * Returns false if there is none. */
bool repeats_take(struct repeats *repeats, const uint8_t *key);

void repeats_free(struct repeats *repeats);

#endif
