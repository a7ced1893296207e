/*
 * message_id.h - the identity of a message for receivers, by which they
 * recognise a repeat:
 *
 *   550e8400-e29b-41d4-a716-446655440000-17-93d1a5ee3c52f8b0
 *
 * It consists of the UUID of the inbox, the arrival of the message and 64 bits
 * of its hash. The hash keeps a message of a restored inbox, which may use an
 * arrival again, from passing for another one. A replay that was told to make
 * new identities appends its own number: "-r3". There is no "." in it. Pure.
 */
#ifndef OUTLETS_MESSAGE_ID_H
#define OUTLETS_MESSAGE_ID_H

#include "inbox/inbox.h"

#define MESSAGE_ID_SIZE_MAX (INBOX_UUID_SIZE + 61) /* with the NUL */

/* Writes the identity; returns its length. replay_id: 0, or the number of the
 * replay that makes new identities. */
size_t message_id_write(char text[MESSAGE_ID_SIZE_MAX],
                        const struct inbox_message *message,
                        const char *inbox_uuid, uint64_t replay_id);

/* 64 bits that identify messages as a whole, with their order and their inbox,
 * for what is derived from all of them. */
uint64_t message_id_hash(const struct inbox_message *messages, size_t count,
                         const char *inbox_uuid);

/* The same as message_id_write() for a batch as a whole: with the arrival of
 * its first message, and message_id_hash(). */
size_t message_id_write_batch(char text[MESSAGE_ID_SIZE_MAX],
                              const struct inbox_message *messages,
                              size_t count, const char *inbox_uuid,
                              uint64_t replay_id);

#endif
