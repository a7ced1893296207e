/*
 * webhook_body.h - the body of a request. Pure.
 *
 * It is the document that Haplo's own push sends, with the exact bytes of the
 * messages:
 *
 *     {"version":0,"messages":[{"id":1,...},{"id":2,...}]}
 *
 * or a bare message: with "batch: 1", and always for format raw, whose messages
 * are not JSON.
 */
#ifndef OUTLETS_WEBHOOK_BODY_H
#define OUTLETS_WEBHOOK_BODY_H

#include <stdbool.h>
#include <stddef.h>

#include "inbox/inbox.h"

/* The size of the body of these messages. is_bare: there is only one. */
size_t webhook_body_size(const struct inbox_message *messages, size_t count,
                         bool is_bare);

/* Writes it, and returns its end. */
char *webhook_body_write(const struct inbox_message *messages, size_t count,
                         bool is_bare, char *out);

/* The value of Content-Type. */
const char *webhook_body_type(const struct inbox_message *message);

#endif
