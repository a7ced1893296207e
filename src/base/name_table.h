/*
 * name_table.h - finds an object by its name, at once among a million: a hash
 * table with open addressing, of about 12 bytes an object.
 */
#ifndef BASE_NAME_TABLE_H
#define BASE_NAME_TABLE_H

#include <stddef.h>

/* Zeroed but for name_of, it is empty. */
struct name_table {
    const char *(*name_of)(const void *object); /* the same for its life */
    void **slots;    /* owned; NULL where free, else a borrowed object */
    size_t count;    /* objects in it */
    size_t capacity; /* slots: a power of 2, more than count; or 0 */
};

/* NULL if there is none of that name. */
void *name_table_find(const struct name_table *table, const char *name);

/* Adds an object whose name is not in the table yet, and borrows it until it
 * is removed: 0 or HAPLO_ENOMEM. */
int name_table_add(struct name_table *table, void *object);

/* Removes an object that is in the table. */
void name_table_remove(struct name_table *table, const void *object);

/* Goes through the objects, in no order; *cursor begins as 0. NULL at the end.
 * Nothing may be added or removed until then. */
void *name_table_next(const struct name_table *table, size_t *cursor);

/* Frees its memory; it is then empty. */
void name_table_free(struct name_table *table);

#endif
