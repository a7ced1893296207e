/*
 * form.h - the body of a mark: "token=", or another field that the server
 * expects, and the percent-encoded token. Every reserved byte is encoded: the
 * server would read a bare "+" as a space, which is not base64, and respond
 * with 500.
 */
#ifndef CORE_FORM_H
#define CORE_FORM_H

#include <stddef.h>

#include "base/reason.h"
#include "core/batch.h"

/* Writes the form for a token, which may contain any byte, to the batch. An
 * empty token must never be posted and yields no form. Returns 0; or
 * HAPLO_ETOOBIG above HAPLO_TOKEN_SIZE_MAX (less for a longer field), or
 * HAPLO_ENOMEM, with why set. */
int form_set(struct batch *batch, const char *token, size_t size,
             struct reason *why);

#endif
