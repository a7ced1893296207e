#include "core/identity.h"

#include <assert.h>
#include <string.h>
#include <xxhash.h>

static void key_fill(struct haplo_message *message)
{
    XXH128_hash_t hash = XXH3_128bits(message->body.data, message->body.size);
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, hash);
    static_assert(sizeof canonical.digest == sizeof message->key,
                  "a key is a whole canonical hash");
    memcpy(message->key, canonical.digest, sizeof message->key);
}

void identity_fill(struct haplo_message *messages, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        key_fill(&messages[i]);
    }
}
