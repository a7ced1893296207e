#include "core/identity.h"

#include <assert.h>
#include <string.h>
#include <xxhash.h>

static_assert(IDENTITY_KEY_SIZE == sizeof(((struct haplo_message *)NULL)->key),
              "a message has the whole key");

void identity_key(struct haplo_slice body, uint8_t key[IDENTITY_KEY_SIZE])
{
    XXH128_hash_t hash = XXH3_128bits(body.data, body.size);
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, hash);
    static_assert(sizeof canonical.digest == IDENTITY_KEY_SIZE,
                  "a key is a whole canonical hash");
    memcpy(key, canonical.digest, IDENTITY_KEY_SIZE);
}

/* The canonical form begins with the high half, in big-endian order. */
uint64_t identity_hash(struct haplo_slice body)
{
    return XXH3_128bits(body.data, body.size).high64;
}

void identity_fill(struct haplo_message *messages, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        identity_key(messages[i].body, messages[i].key);
    }
}
