#include "core/identity.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>
#include <xxhash.h>

#include "base/alloc.h"

#define PAIRWISE_COUNT_MAX 32 /* up to here comparing all pairs is cheapest */

/* A key that has been seen, in a table with open addresses. */
struct identity_entry {
    const struct haplo_message *first; /* with this key; NULL: free */
    uint32_t count;                    /* of messages with it so far */
};

static void key_fill(struct haplo_message *message)
{
    XXH128_hash_t hash = XXH3_128bits(message->body.data, message->body.size);
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, hash);
    static_assert(sizeof canonical.digest == sizeof message->key,
                  "a key is a whole canonical hash");
    memcpy(message->key, canonical.digest, sizeof message->key);
}

/* The newest earlier message with the same key knows how many came before. */
static void ordinals_fill_pairwise(struct haplo_message *messages, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        messages[i].ordinal = 0;
        for (size_t j = i; j-- > 0;) {
            if (memcmp(messages[i].key, messages[j].key,
                       sizeof messages[i].key) == 0) {
                messages[i].ordinal = messages[j].ordinal + 1;
                break;
            }
        }
    }
}

/* The entry of the message's key, or the free one that it should take. The
 * table is at most half full, so there is always one. */
static struct identity_entry *table_find(struct identity_entry *table,
                                         size_t mask,
                                         const struct haplo_message *message)
{
    uint64_t hash;
    memcpy(&hash, message->key, sizeof hash);
    size_t at = (size_t)hash & mask;
    while (table[at].first != NULL && memcmp(table[at].first->key, message->key,
                                             sizeof message->key) != 0) {
        at = (at + 1) & mask;
    }
    return &table[at];
}

static int ordinals_fill_by_table(struct haplo_message *messages, size_t count)
{
    size_t capacity = PAIRWISE_COUNT_MAX;
    while (capacity < 2 * count) {
        capacity *= 2;
    }
    struct identity_entry *table = alloc_zeroed(capacity, sizeof *table);
    if (table == NULL) {
        return HAPLO_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        struct identity_entry *entry =
            table_find(table, capacity - 1, &messages[i]);
        if (entry->first == NULL) {
            entry->first = &messages[i];
        }
        messages[i].ordinal = entry->count++;
    }
    alloc_free(table);
    return 0;
}

int identity_fill(struct haplo_message *messages, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        key_fill(&messages[i]);
    }
    if (count > PAIRWISE_COUNT_MAX) {
        return ordinals_fill_by_table(messages, count);
    }
    ordinals_fill_pairwise(messages, count);
    return 0;
}
