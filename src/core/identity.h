/*
 * identity.h - what tells messages apart: a hash of their bytes, for ids and
 * dates are no identity, as a message's own data may override them.
 */
#ifndef CORE_IDENTITY_H
#define CORE_IDENTITY_H

#include <stddef.h>

#include "haplopoll.h"

/* Fills the keys of messages from their bodies. */
void identity_fill(struct haplo_message *messages, size_t count);

#endif
