/*
 * identity.h - identifies messages by a hash of their bytes. Ids and dates do
 * not identify a message, because its own data may override them.
 */
#ifndef CORE_IDENTITY_H
#define CORE_IDENTITY_H

#include <stddef.h>

#include "haplopoll.h"

/* Computes the keys of messages from their bodies. */
void identity_fill(struct haplo_message *messages, size_t count);

#endif
