/*
 * name_table.h - a hash table that finds objects by name, using open
 * addressing and about 12 bytes per object. It is fast even with a million of
 * them.
 */
#ifndef BASE_NAME_TABLE_H
#define BASE_NAME_TABLE_H

#include <stddef.h>

/* Empty if zeroed except for name_of. */
struct name_table {
    const char *(*name_of)(
        const void *object); /* its name, which must not change */
    void **slots;            /* owned; borrowed objects; NULL: free slot */
    size_t count;            /* objects in it */
    size_t capacity;         /* number of slots: a power of 2, or 0 */
};

/* NULL if there is no object with that name. */
void *name_table_find(const struct name_table *table, const char *name);

/* Makes room for so many objects in all, which spares whoever knows their
 * number from growing the table step by step. Returns 0 or HAPLO_ENOMEM. */
int name_table_reserve(struct name_table *table, size_t count);

/* Adds an object whose name is not in the table yet. Borrows it until it is
 * removed. Returns 0 or HAPLO_ENOMEM. */
int name_table_add(struct name_table *table, void *object);

/* Removes an object that is in the table. */
void name_table_remove(struct name_table *table, const void *object);

/* Iterates over the objects, in no particular order: start with *cursor 0,
 * until it returns NULL. Do not add or remove objects in between. */
void *name_table_next(const struct name_table *table, size_t *cursor);

/* The cursor after an object in the table; 0 for NULL. */
size_t name_table_cursor(const struct name_table *table, const void *object);

/* Frees its memory; the table is empty afterwards. */
void name_table_free(struct name_table *table);

#endif
