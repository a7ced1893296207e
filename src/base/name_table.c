#include "base/name_table.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>
#include <xxhash.h>

#include "base/alloc.h"
#include "haplopoll.h"

#define CAPACITY_MIN 8

/* The slot where the search for a name starts. */
static size_t home_of(const struct name_table *table, const char *name)
{
    return XXH3_64bits(name, strlen(name)) & (table->capacity - 1);
}

static size_t slot_after(const struct name_table *table, size_t slot)
{
    return (slot + 1) & (table->capacity - 1);
}

/* The slot of the object with this name, or the free one it would take. */
static size_t slot_find(const struct name_table *table, const char *name)
{
    size_t slot = home_of(table, name);
    while (table->slots[slot] != NULL &&
           strcmp(table->name_of(table->slots[slot]), name) != 0) {
        slot = slot_after(table, slot);
    }
    return slot;
}

/* At most three quarters full, or searches would become long. */
static bool has_room(size_t capacity, size_t count)
{
    return count <= capacity / 4 * 3;
}

int name_table_reserve(struct name_table *table, size_t count)
{
    struct name_table larger = {
        .name_of = table->name_of,
        .count = table->count,
        .capacity = table->capacity == 0 ? CAPACITY_MIN : table->capacity,
    };
    if (has_room(table->capacity, count)) {
        return 0;
    }
    while (!has_room(larger.capacity, count)) {
        larger.capacity *= 2;
    }
    larger.slots = alloc_zeroed(larger.capacity, sizeof *larger.slots);
    if (larger.slots == NULL) {
        return HAPLO_ENOMEM;
    }
    for (size_t i = 0; i < table->capacity; i++) {
        void *object = table->slots[i];
        if (object != NULL) {
            larger.slots[slot_find(&larger, table->name_of(object))] = object;
        }
    }
    name_table_free(table);
    *table = larger;
    return 0;
}

void *name_table_find(const struct name_table *table, const char *name)
{
    return table->count > 0 ? table->slots[slot_find(table, name)] : NULL;
}

int name_table_add(struct name_table *table, void *object)
{
    if (name_table_reserve(table, table->count + 1) != 0) {
        return HAPLO_ENOMEM;
    }
    size_t slot = slot_find(table, table->name_of(object));
    assert(table->slots[slot] == NULL);
    table->slots[slot] = object;
    table->count++;
    return 0;
}

/* A search ends at the first free slot. So objects that are farther back only
 * because this slot was taken move up. */
void name_table_remove(struct name_table *table, const void *object)
{
    size_t gap = slot_find(table, table->name_of(object));
    assert(table->slots[gap] == object);
    table->count--;
    for (size_t slot = slot_after(table, gap); table->slots[slot] != NULL;
         slot = slot_after(table, slot)) {
        size_t mask = table->capacity - 1;
        size_t home = home_of(table, table->name_of(table->slots[slot]));
        if (((slot - home) & mask) >= ((slot - gap) & mask)) {
            table->slots[gap] = table->slots[slot];
            gap = slot;
        }
    }
    table->slots[gap] = NULL;
}

void *name_table_next(const struct name_table *table, size_t *cursor)
{
    void *object = NULL;
    while (object == NULL && *cursor < table->capacity) {
        object = table->slots[(*cursor)++];
    }
    return object;
}

size_t name_table_cursor(const struct name_table *table, const void *object)
{
    return object != NULL ? slot_find(table, table->name_of(object)) + 1 : 0;
}

void name_table_free(struct name_table *table)
{
    alloc_free(table->slots);
    table->slots = NULL;
    table->count = 0;
    table->capacity = 0;
}
