#include "inbox/repeat_set.h"

#include <stdlib.h>
#include <string.h>

#include "core/identity.h"

static int compare_keys(const void *a, const void *b)
{
    const struct repeat *first = a;
    const struct repeat *second = b;

    return memcmp(first->key, second->key,
                  sizeof(((struct haplo_message *)NULL)->key));
}

bool repeat_set_make(struct repeat_set *repeats,
                     const struct inbox_delivery *delivery)
{
    repeats->count = 0;
    repeats->items = malloc(delivery->count * sizeof(*repeats->items));
    if (repeats->items == NULL) {
        return false;
    }
    for (size_t i = 0; i < delivery->count; i++) {
        if (delivery->messages[i].is_repeat) {
            repeats->items[repeats->count++] =
                (struct repeat){delivery->messages[i].key, i, false};
        }
    }
    qsort(repeats->items, repeats->count, sizeof(*repeats->items),
          compare_keys);
    repeats->left = repeats->count;
    return true;
}

static void tick(struct repeat_set *repeats, const uint8_t *key)
{
    struct repeat wanted = {.key = key};
    struct repeat *end = repeats->items + repeats->count;
    struct repeat *found = bsearch(&wanted, repeats->items, repeats->count,
                                   sizeof(*repeats->items), compare_keys);

    if (found == NULL) {
        return;
    }
    while (found > repeats->items && compare_keys(found - 1, &wanted) == 0) {
        found--;
    }
    while (found < end && compare_keys(found, &wanted) == 0) {
        if (!found->is_found) {
            found->is_found = true;
            repeats->left--;
            return;
        }
        found++;
    }
}

void repeat_set_tick(struct repeat_set *repeats, struct haplo_slice body)
{
    uint8_t key[IDENTITY_KEY_SIZE];

    identity_key(body, key);
    tick(repeats, key);
}

void repeat_set_tick_key(struct repeat_set *repeats, struct haplo_slice key)
{
    if (key.size == IDENTITY_KEY_SIZE) {
        tick(repeats, (const uint8_t *)key.data);
    }
}

size_t repeat_set_missing(const struct repeat_set *repeats, bool *is_missing)
{
    for (size_t i = 0; i < repeats->count; i++) {
        if (!repeats->items[i].is_found) {
            is_missing[repeats->items[i].index] = true;
        }
    }
    return repeats->left;
}

void repeat_set_free(struct repeat_set *repeats)
{
    free(repeats->items);
}
