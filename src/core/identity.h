/*
 * identity.h - what tells messages apart: a hash of their bytes, for ids and
 * dates are no identity (a message's own data may override them), and an
 * ordinal among equal ones, for a server may well queue the same twice.
 */
#ifndef CORE_IDENTITY_H
#define CORE_IDENTITY_H

#include <stddef.h>

#include "haplopoll.h"

/* Fills key and ordinal of messages, in their order, from their bodies. 0,
 * or HAPLO_ENOMEM when there are many and no memory to count them with. */
int identity_fill(struct haplo_message *messages, size_t count);

#endif
