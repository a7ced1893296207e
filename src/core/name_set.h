/*
 * name_set.h - a set of names, to find duplicates at once among a million: a
 * hash table with open addressing, of about 12 bytes a name.
 */
#ifndef CORE_NAME_SET_H
#define CORE_NAME_SET_H

#include <stdbool.h>
#include <stddef.h>

/* Zeroed, it is empty. */
struct name_set {
    const char **slots; /* owned; NULL where free, else a borrowed name */
    size_t count;       /* names in it */
    size_t capacity;    /* slots: a power of 2, more than count; or 0 */
};

bool name_set_has(const struct name_set *set, const char *name);

/* Puts in a name that is not in it, and borrows it until it is taken out: 0 or
 * HAPLO_ENOMEM. */
int name_set_add(struct name_set *set, const char *name);

/* Takes out a name that is in it. */
void name_set_remove(struct name_set *set, const char *name);

/* Goes through the names, in no order; *cursor begins as 0. NULL at the end.
 * Names may be put in or taken out only when it has come there. */
const char *name_set_next(const struct name_set *set, size_t *cursor);

void name_set_free(struct name_set *set);

#endif
