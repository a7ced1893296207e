#include "core/repeats.h"

#include <string.h>

#include "base/alloc.h"

#define SEARCHED_COUNT_MAX 32 /* linear search is faster up to this */
#define NO_MESSAGE UINT32_MAX

/* One key in an open-addressing hash table. */
struct repeats_slot {
    uint32_t first; /* first message with it; NO_MESSAGE: free slot */
    uint32_t left;  /* first one not yet a repeat, or NO_MESSAGE */
};

static bool has_key(const struct haplo_message *message, const uint8_t *key)
{
    return memcmp(message->key, key, sizeof message->key) == 0;
}

/* The slot of the key, or the free one it would take. There always is one,
 * since the table is at most half full. */
static struct repeats_slot *slot_find(const struct repeats *repeats,
                                      const uint8_t *key)
{
    uint64_t hash;
    memcpy(&hash, key, sizeof hash);
    size_t at = (size_t)hash & repeats->mask;
    while (repeats->slots[at].first != NO_MESSAGE &&
           !has_key(&repeats->messages[repeats->slots[at].first], key)) {
        at = (at + 1) & repeats->mask;
    }
    return &repeats->slots[at];
}

/* Runs backwards, so that messages with the same key are chained in their
 * order. */
static void table_fill(struct repeats *repeats)
{
    for (size_t i = 0; i <= repeats->mask; i++) {
        repeats->slots[i].first = NO_MESSAGE;
        repeats->slots[i].left = NO_MESSAGE;
    }
    for (size_t i = repeats->count; i-- > 0;) {
        struct repeats_slot *slot =
            slot_find(repeats, repeats->messages[i].key);
        repeats->next[i] = slot->left;
        slot->first = (uint32_t)i;
        slot->left = (uint32_t)i;
    }
}

static int table_make(struct repeats *repeats)
{
    size_t capacity = SEARCHED_COUNT_MAX;
    while (capacity < 2 * repeats->count) {
        capacity *= 2;
    }
    size_t slot_bytes = capacity * sizeof *repeats->slots;
    repeats->slots =
        alloc_bytes(slot_bytes + repeats->count * sizeof *repeats->next);
    if (repeats->slots == NULL) {
        return HAPLO_ENOMEM;
    }
    repeats->next = (uint32_t *)(repeats->slots + capacity);
    repeats->mask = capacity - 1;
    table_fill(repeats);
    return 0;
}

int repeats_init(struct repeats *repeats, struct haplo_message *messages,
                 size_t count)
{
    *repeats = (struct repeats){.messages = messages, .count = count};
    for (size_t i = 0; i < count; i++) {
        messages[i].is_repeat = false;
    }
    return count > SEARCHED_COUNT_MAX ? table_make(repeats) : 0;
}

static bool take_by_search(struct repeats *repeats, const uint8_t *key)
{
    for (size_t i = 0; i < repeats->count; i++) {
        struct haplo_message *message = &repeats->messages[i];
        if (!message->is_repeat && has_key(message, key)) {
            message->is_repeat = true;
            return true;
        }
    }
    return false;
}

bool repeats_take(struct repeats *repeats, const uint8_t *key)
{
    if (repeats->slots == NULL) {
        return take_by_search(repeats, key);
    }
    struct repeats_slot *slot = slot_find(repeats, key);
    if (slot->left == NO_MESSAGE) {
        return false;
    }
    repeats->messages[slot->left].is_repeat = true;
    slot->left = repeats->next[slot->left];
    return true;
}

void repeats_free(struct repeats *repeats)
{
    alloc_free(repeats->slots);
    repeats->slots = NULL;
}
