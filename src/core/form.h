/*
 * form.h - the body of a mark: "token=" and the token, percent-encoded in
 * full, for the server takes an unencoded '+' for a space and answers 500.
 */
#ifndef CORE_FORM_H
#define CORE_FORM_H

#include <stddef.h>

#include "core/batch.h"

/* Writes the form for a token, which may hold any byte, into the batch. An
 * empty token leaves no form, as it must never be posted. 0, HAPLO_ETOOBIG
 * above HAPLO_TOKEN_SIZE_MAX, or HAPLO_ENOMEM. */
int form_set(struct haplo_batch *batch, const char *token, size_t size);

#endif
