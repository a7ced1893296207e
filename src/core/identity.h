/*
 * identity.h - identifies messages by a hash of their bytes. Ids and dates do
 * not identify a message, because its own data may override them.
 */
#ifndef CORE_IDENTITY_H
#define CORE_IDENTITY_H

#include <stddef.h>
#include <stdint.h>

#include "haplopoll.h"

#define IDENTITY_KEY_SIZE 16 /* of haplo_message.key */

/* The key of a message with these bytes. */
void identity_key(struct haplo_slice body, uint8_t key[IDENTITY_KEY_SIZE]);

/* Its first 8 bytes, read as a big-endian number. */
uint64_t identity_hash(struct haplo_slice body);

/* Computes the keys of messages from their bodies. */
void identity_fill(struct haplo_message *messages, size_t count);

#endif
