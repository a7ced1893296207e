/*
 * envelope.h - a message as one line of JSON, with what is known about it:
 *
 *   {"server":"example","queue":"student","arrival":17,
 *    "id":"550e8400-e29b-41d4-a716-446655440000-17-93d1a5ee3c52f8b0",
 *    "received_at":"2026-11-28T20:49:16Z","message":{...}}
 *
 * The message stands there as the server sent it, without the white space
 * between its tokens, otherwise byte for byte. What is not JSON (format raw) is
 * "message_base64" instead. Pure.
 */
#ifndef OUTLETS_ENVELOPE_H
#define OUTLETS_ENVELOPE_H

#include <stddef.h>

#include "inbox/inbox.h"

/* The bytes of its line at most. */
size_t envelope_size_max(const struct inbox_message *message,
                         const char *inbox_uuid);

/* Writes the line with its newline, without a NUL; returns its size. */
size_t envelope_write(const struct inbox_message *message,
                      const char *inbox_uuid, char *line);

#endif
