#include "sim/table.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "sim/memory.h"

void sim_table_free(struct sim_table *table)
{
    free(table->entries);
    *table = (struct sim_table){0};
}

/* The entry with this name, or the free one where it would go. */
static struct sim_table_entry *table_slot(const struct sim_table *table,
                                          const char *name, size_t size)
{
    size_t mask = table->capacity - 1;
    size_t at = (size_t)XXH3_64bits(name, size) & mask;
    for (;; at = (at + 1) & mask) {
        struct sim_table_entry *entry = &table->entries[at];
        if (entry->name == NULL ||
            (entry->size == size && memcmp(entry->name, name, size) == 0)) {
            return entry;
        }
    }
}

static void table_grow(struct sim_table *table)
{
    struct sim_table old = *table;
    table->capacity = old.capacity == 0 ? 16 : old.capacity * 2;
    table->entries = sim_new(table->capacity * sizeof *table->entries);
    for (size_t i = 0; i < old.capacity; i++) {
        struct sim_table_entry *entry = &old.entries[i];
        if (entry->name != NULL) {
            *table_slot(table, entry->name, entry->size) = *entry;
        }
    }
    free(old.entries);
}

void sim_table_add(struct sim_table *table, const char *name, void *value)
{
    if (table->count * 2 >= table->capacity) {
        table_grow(table);
    }
    size_t size = strlen(name);
    struct sim_table_entry *entry = table_slot(table, name, size);
    table->count += entry->name == NULL;
    *entry = (struct sim_table_entry){name, size, value};
}

void *sim_table_find(const struct sim_table *table, const char *name,
                     size_t size)
{
    if (table->capacity == 0) {
        return NULL;
    }
    return table_slot(table, name, size)->value;
}
