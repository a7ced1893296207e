#include "config/list.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN 16

void *list_add(struct list *list)
{
    if (list->count == list->capacity) {
        size_t capacity =
            list->capacity == 0 ? CAPACITY_MIN : 2 * list->capacity;
        void *larger = reallocarray(list->items, capacity, list->item_size);
        if (larger == NULL) {
            return NULL;
        }
        list->items = larger;
        list->capacity = capacity;
    }
    list->count++;
    return memset(list_at(list, list->count - 1), 0, list->item_size);
}

void *list_at(const struct list *list, size_t index)
{
    assert(index < list->count);
    return (char *)list->items + index * list->item_size;
}

void list_free(struct list *list)
{
    free(list->items);
    list->items = NULL;
    list->count = 0;
    list->capacity = 0;
}
