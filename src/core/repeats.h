/*
 * repeats.h - which messages of a batch are repeats: finds, for one stored key
 * after the other, a message with this key. Equal messages are counted, so
 * that one stored key makes one of them a repeat, the first one first.
 */
#ifndef CORE_REPEATS_H
#define CORE_REPEATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "haplopoll.h"

struct repeats {
    struct haplo_message *messages; /* borrowed */
    size_t count;                   /* of them */
    struct repeats_slot *slots;     /* owned; the keys, hashed; NULL: few
                                       messages, which are searched in turn */
    uint32_t *next;                 /* behind the slots: for each message, the
                                       next one with its key */
    size_t mask;                    /* slots - 1 */
};

/* Borrows the messages until repeats_free(); none is a repeat yet. 0, or
 * HAPLO_ENOMEM when there are many and no memory for their table. */
int repeats_init(struct repeats *repeats, struct haplo_message *messages,
                 size_t count);

/* Makes the first message with this key that is no repeat yet one, and tells
 * whether there was any. */
bool repeats_take(struct repeats *repeats, const uint8_t *key);

void repeats_free(struct repeats *repeats);

#endif
