#include "daemon/observe/resends.h"

#include <stdlib.h>
#include <string.h>

/* Both are well mixed already: one is a hash, the other a multiple of it. */
static uint64_t hash_of(const void *queue, const uint8_t key[16])
{
    uint64_t hash;
    memcpy(&hash, key, sizeof hash);
    hash ^= (uint64_t)(uintptr_t)queue * UINT64_C(0x9E3779B97F4A7C15);
    return hash == 0 ? 1 : hash;
}

bool resends_note(struct resends *resends, const void *queue,
                  const uint8_t key[16])
{
    uint64_t hash = hash_of(queue, key);
    if (resends->hashes == NULL) {
        resends->hashes = calloc(RESENDS_COUNT_MAX, sizeof *resends->hashes);
        if (resends->hashes == NULL) {
            return false;
        }
    }
    uint64_t *slot = &resends->hashes[hash % RESENDS_COUNT_MAX];
    bool is_known = *slot == hash;
    *slot = hash;
    return is_known;
}

void resends_free(struct resends *resends)
{
    free(resends->hashes);
    resends->hashes = NULL;
}
