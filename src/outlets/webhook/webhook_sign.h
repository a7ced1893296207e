/*
 * webhook_sign.h - signs requests as Standard Webhooks does. Pure.
 *
 * The header webhook-signature has "v1," and the base64 of
 * HMAC-SHA256(key, "ID.TIMESTAMP.BODY"). A key is written as "whsec_" and its
 * base64. While a key is being replaced there are two, separated by white
 * space; then the header has a signature with each, separated by a space, and a
 * receiver accepts either.
 */
#ifndef OUTLETS_WEBHOOK_SIGN_H
#define OUTLETS_WEBHOOK_SIGN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/reason.h"

#define WEBHOOK_KEY_COUNT_MAX 2
#define WEBHOOK_KEY_SIZE_MIN                        \
    24 /* bytes; Standard Webhooks has these bounds \
        */
#define WEBHOOK_KEY_SIZE_MAX 64
#define WEBHOOK_SIGNATURE_SIZE_MAX (WEBHOOK_KEY_COUNT_MAX * 48) /* with NUL */

struct webhook_key {
    unsigned char bytes[WEBHOOK_KEY_SIZE_MAX + 3]; /* room for decoding */
    size_t size;                                   /* in bytes */
};

struct webhook_keys {
    struct webhook_key keys[WEBHOOK_KEY_COUNT_MAX]; /* the newest first */
    size_t count;                                   /* 0: do not sign */
};

/* Reads one or two keys. Returns 0, or HAPLO_EINVAL with why set and count
 * 0; why never has any part of a key. */
int webhook_keys_read(struct webhook_keys *keys, const char *text,
                      struct reason *why);

void webhook_keys_wipe(struct webhook_keys *keys);

/* Writes the value of the header. content: "ID.TIMESTAMP.BODY". Returns false
 * if memory runs out. */
bool webhook_sign(const struct webhook_keys *keys, const char *content,
                  size_t content_size,
                  char signature[WEBHOOK_SIGNATURE_SIZE_MAX]);

#endif
