/*
 * envelope.h - formats a message as one line of JSON, with its metadata:
 *
 *   {"server":"example","queue":"student","arrival":17,
 *    "id":"550e8400-e29b-41d4-a716-446655440000-17-93d1a5ee3c52f8b0",
 *    "received_at":"2026-11-28T20:49:16Z","message":{...}}
 *
 * The message is as the server sent it, byte for byte except for the white
 * space between its tokens, which is removed. If it is not JSON (format raw),
 * it is "message_base64" instead. "replay":3 precedes it in a replay. Pure.
 */
#ifndef OUTLETS_ENVELOPE_H
#define OUTLETS_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inbox/inbox.h"

/* The maximum size of its line. */
size_t envelope_size_max(const struct inbox_message *message,
                         const char *inbox_uuid);

/* Writes the line with its newline, without a NUL; returns its size.
 * replay_id and has_new_ids are those of the parcel. */
size_t envelope_write(const struct inbox_message *message,
                      const char *inbox_uuid, uint64_t replay_id,
                      bool has_new_ids, char *line);

#endif
