/*
 * repeat_set.h - the repeats of a batch, to find out whether their rows are
 * still there. They are sorted by key, with one entry for each of equal
 * messages. Each stored body is hashed and looked up, and ticks off one.
 */
#ifndef INBOX_REPEAT_SET_H
#define INBOX_REPEAT_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inbox/inbox.h"

struct repeat {
    const uint8_t *key; /* key of the message */
    size_t index;       /* in the batch */
    bool is_found;      /* its row was found */
};

struct repeat_set {
    struct repeat *items; /* owned; sorted by key */
    size_t count;         /* number of items */
    size_t left;          /* not found yet */
};

/* Borrows the messages. False if memory runs out: there is nothing to free. */
bool repeat_set_make(struct repeat_set *repeats,
                     const struct inbox_delivery *delivery);

/* Ticks off a repeat with this stored body, if one is left. */
void repeat_set_tick(struct repeat_set *repeats, struct haplo_slice body);

/* The same for the key of a message whose body was purged; bytes that are no
 * key tick off nothing. */
void repeat_set_tick_key(struct repeat_set *repeats, struct haplo_slice key);

/* Sets is_missing, by index in the batch, for those that were not found.
 * Returns their number. */
size_t repeat_set_missing(const struct repeat_set *repeats, bool *is_missing);

void repeat_set_free(struct repeat_set *repeats);

#endif
