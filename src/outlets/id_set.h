/*
 * id_set.h - a set of small integers, such as the ids of queues, as a bit map.
 * Pure.
 */
#ifndef OUTLETS_ID_SET_H
#define OUTLETS_ID_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ID_SET_ID_MAX 67108863 /* 8 MB of bits */

/* Zeroed: empty. */
struct id_set {
    uint8_t *bits;   /* owned */
    size_t capacity; /* bytes of bits */
};

bool id_set_has(const struct id_set *set, uint64_t id);

/* Adds or removes a number. A number above ID_SET_ID_MAX, or for which memory
 * runs out, is not added. */
void id_set_put(struct id_set *set, uint64_t id, bool is_in);

void id_set_free(struct id_set *set);

#endif
