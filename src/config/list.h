/*
 * list.h - an array that grows. Items move when it does: keep indexes, not
 * pointers.
 */
#ifndef CONFIG_LIST_H
#define CONFIG_LIST_H

#include <stddef.h>

/* Zeroed but for item_size, it is empty. */
struct list {
    void *items;      /* owned */
    size_t item_size; /* bytes of each */
    size_t count;     /* items in it */
    size_t capacity;  /* items there is room for */
};

/* A new item at the end, zeroed; NULL when there is no memory. */
void *list_add(struct list *list);

/* The item of that index, which there is. */
void *list_at(const struct list *list, size_t index);

/* Frees the items; it is then empty. */
void list_free(struct list *list);

#endif
