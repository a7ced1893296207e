/*
 * list.h - a growing array. Items move when it grows, so keep indexes instead
 * of pointers.
 */
#ifndef CONFIG_LIST_H
#define CONFIG_LIST_H

#include <stddef.h>

/* Empty if zeroed except for item_size. */
struct list {
    void *items;      /* owned */
    size_t item_size; /* bytes of each */
    size_t count;     /* items in it */
    size_t capacity;  /* items allocated */
};

/* Appends a zeroed item; NULL if memory runs out. */
void *list_add(struct list *list);

/* The item at index, which must exist. */
void *list_at(const struct list *list, size_t index);

/* Frees the items; the list is empty afterwards. */
void list_free(struct list *list);

#endif
