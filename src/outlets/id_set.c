#include "outlets/id_set.h"

#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN 64

static bool id_set_grow(struct id_set *set, size_t byte)
{
    size_t capacity = set->capacity > 0 ? set->capacity : CAPACITY_MIN;
    uint8_t *bits;

    while (capacity <= byte) {
        capacity *= 2;
    }
    bits = realloc(set->bits, capacity);
    if (bits == NULL) {
        return false;
    }
    memset(bits + set->capacity, 0, capacity - set->capacity);
    set->bits = bits;
    set->capacity = capacity;
    return true;
}

bool id_set_has(const struct id_set *set, uint64_t id)
{
    return id / 8 < set->capacity && (set->bits[id / 8] >> (id % 8) & 1) != 0;
}

void id_set_put(struct id_set *set, uint64_t id, bool is_in)
{
    uint8_t bit = (uint8_t)(1u << (id % 8));

    if (id_set_has(set, id) == is_in || id > ID_SET_ID_MAX) {
        return;
    }
    if (id / 8 >= set->capacity && !id_set_grow(set, id / 8)) {
        return;
    }
    set->bits[id / 8] ^= bit;
}

void id_set_free(struct id_set *set)
{
    free(set->bits);
    set->bits = NULL;
    set->capacity = 0;
}
