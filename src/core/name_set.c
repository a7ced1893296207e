#include "core/name_set.h"

#include <assert.h>
#include <string.h>
#include <xxhash.h>

#include "base/alloc.h"
#include "haplopoll.h"

#define CAPACITY_MIN 8

/* The slot where a name is looked for first. */
static size_t home_of(const struct name_set *set, const char *name)
{
    return XXH3_64bits(name, strlen(name)) & (set->capacity - 1);
}

static size_t slot_after(const struct name_set *set, size_t slot)
{
    return (slot + 1) & (set->capacity - 1);
}

/* The name's slot, or the free one where it would go. */
static size_t slot_find(const struct name_set *set, const char *name)
{
    size_t slot = home_of(set, name);
    while (set->slots[slot] != NULL && strcmp(set->slots[slot], name) != 0) {
        slot = slot_after(set, slot);
    }
    return slot;
}

static int name_set_grow(struct name_set *set)
{
    struct name_set larger = {
        .count = set->count,
        .capacity = set->capacity == 0 ? CAPACITY_MIN : 2 * set->capacity,
    };
    larger.slots = alloc_zeroed(larger.capacity, sizeof *larger.slots);
    if (larger.slots == NULL) {
        return HAPLO_ENOMEM;
    }
    for (size_t i = 0; i < set->capacity; i++) {
        if (set->slots[i] != NULL) {
            larger.slots[slot_find(&larger, set->slots[i])] = set->slots[i];
        }
    }
    name_set_free(set);
    *set = larger;
    return 0;
}

bool name_set_has(const struct name_set *set, const char *name)
{
    return set->count > 0 && set->slots[slot_find(set, name)] != NULL;
}

int name_set_add(struct name_set *set, const char *name)
{
    /* Three quarters full at most, or searches would become long. */
    if (set->count + 1 > set->capacity / 4 * 3 && name_set_grow(set) != 0) {
        return HAPLO_ENOMEM;
    }
    size_t slot = slot_find(set, name);
    assert(set->slots[slot] == NULL);
    set->slots[slot] = name;
    set->count++;
    return 0;
}

/* Moves up what was put behind the name's slot only because that was taken:
 * a search ends at the first free slot. */
void name_set_remove(struct name_set *set, const char *name)
{
    size_t gap = slot_find(set, name);
    assert(set->slots[gap] != NULL);
    set->count--;
    for (size_t slot = slot_after(set, gap); set->slots[slot] != NULL;
         slot = slot_after(set, slot)) {
        size_t mask = set->capacity - 1;
        size_t way = (slot - home_of(set, set->slots[slot])) & mask;
        if (way >= ((slot - gap) & mask)) {
            set->slots[gap] = set->slots[slot];
            gap = slot;
        }
    }
    set->slots[gap] = NULL;
}

const char *name_set_next(const struct name_set *set, size_t *cursor)
{
    const char *name = NULL;
    while (name == NULL && *cursor < set->capacity) {
        name = set->slots[(*cursor)++];
    }
    return name;
}

void name_set_free(struct name_set *set)
{
    alloc_free(set->slots);
    *set = (struct name_set){0};
}
