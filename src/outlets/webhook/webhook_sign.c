#include "outlets/webhook/webhook_sign.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#define KEY_PREFIX "whsec_"
#define SPACES " \t\r\n"
#define BASE64_SIZE_MAX ((size_t)(WEBHOOK_KEY_SIZE_MAX + 2) / 3 * 4)
#define DIGEST_SIZE 32

/* The keys */

static int fail(struct webhook_keys *keys, const char *what, struct reason *why)
{
    webhook_keys_wipe(keys);
    return reason_set(why, HAPLO_EINVAL,
                      "signing_secret: %s: write whsec_ and the base64 of 24 "
                      "to 64 random bytes (openssl rand -base64 32)",
                      what);
}

/* Decodes base64, padded or not. Returns the number of bytes; 0: it is not
 * base64. */
static size_t base64_read(const char *text, size_t size,
                          unsigned char bytes[WEBHOOK_KEY_SIZE_MAX + 3])
{
    unsigned char padded[BASE64_SIZE_MAX + 1];
    size_t pad_count = 0;
    int decoded;

    while (size > 0 && text[size - 1] == '=') {
        size--;
    }
    if (size > BASE64_SIZE_MAX || size % 4 == 1) {
        return 0;
    }
    memcpy(padded, text, size);
    while ((size + pad_count) % 4 != 0) {
        padded[size + pad_count++] = '=';
    }
    decoded = EVP_DecodeBlock(bytes, padded, (int)(size + pad_count));
    explicit_bzero(padded, sizeof(padded));
    return decoded > (int)pad_count ? (size_t)decoded - pad_count : 0;
}

static int key_read(struct webhook_keys *keys, const char *text, size_t size,
                    struct reason *why)
{
    struct webhook_key *key = &keys->keys[keys->count];
    const size_t prefix_size = strlen(KEY_PREFIX);

    if (size < prefix_size || memcmp(text, KEY_PREFIX, prefix_size) != 0) {
        return fail(keys, "a key does not begin with whsec_", why);
    }
    key->size = base64_read(text + prefix_size, size - prefix_size, key->bytes);
    if (key->size < WEBHOOK_KEY_SIZE_MIN || key->size > WEBHOOK_KEY_SIZE_MAX) {
        return fail(keys, "a key is not base64 of 24 to 64 bytes", why);
    }
    keys->count++;
    return 0;
}

int webhook_keys_read(struct webhook_keys *keys, const char *text,
                      struct reason *why)
{
    int error = 0;

    memset(keys, 0, sizeof(*keys));
    text += strspn(text, SPACES);
    while (error == 0 && *text != '\0') {
        size_t size = strcspn(text, SPACES);

        if (keys->count == WEBHOOK_KEY_COUNT_MAX) {
            return fail(keys, "it has more than two keys", why);
        }
        error = key_read(keys, text, size, why);
        text += size;
        text += strspn(text, SPACES);
    }
    if (error == 0 && keys->count == 0) {
        error = fail(keys, "it has no key", why);
    }
    return error;
}

void webhook_keys_wipe(struct webhook_keys *keys)
{
    explicit_bzero(keys, sizeof(*keys));
}

/* The signature */

bool webhook_sign(const struct webhook_keys *keys, const char *content,
                  size_t content_size,
                  char signature[WEBHOOK_SIGNATURE_SIZE_MAX])
{
    char *out = signature;

    for (size_t i = 0; i < keys->count; i++) {
        const struct webhook_key *key = &keys->keys[i];
        unsigned char digest[EVP_MAX_MD_SIZE];

        if (HMAC(EVP_sha256(), key->bytes, (int)key->size,
                 (const unsigned char *)content, content_size, digest,
                 NULL) == NULL) {
            return false;
        }
        out = stpcpy(out, i > 0 ? " v1," : "v1,");
        out += EVP_EncodeBlock((unsigned char *)out, digest, DIGEST_SIZE);
    }
    *out = '\0';
    return true;
}
