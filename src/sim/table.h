/*
 * table.h - a hash table from names to pointers. It borrows the names; entries
 * are never removed.
 */
#ifndef SIM_TABLE_H
#define SIM_TABLE_H

#include <stddef.h>

struct sim_table_entry {
    const char *name; /* borrowed; NULL: free */
    size_t size;      /* bytes of the name */
    void *value;      /* borrowed */
};

struct sim_table {
    struct sim_table_entry *entries; /* owned */
    size_t capacity;                 /* a power of two, or 0 */
    size_t count;                    /* entries in use */
};

void sim_table_free(struct sim_table *table);

/* Adds a name that is not in the table yet. */
void sim_table_add(struct sim_table *table, const char *name, void *value);

/* Returns the value, or NULL if the name is unknown. */
void *sim_table_find(const struct sim_table *table, const char *name,
                     size_t size);

#endif
