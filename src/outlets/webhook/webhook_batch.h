/*
 * webhook_batch.h - which messages of a parcel one request carries, and the
 * identity of such a batch. Pure.
 *
 * Receivers recognise a repeated request by its webhook-id alone. So messages
 * that may have been accepted together must never be sent again in another
 * combination:
 *
 *   - A batch is cut from the first message of the parcel that is not done: as
 *     many as the options allow, of one stored batch. The next batch begins
 *     where this one ends. So cutting again from any of these places, after a
 *     failure or a crash, cuts the same batches.
 *   - A lane has one request at a time, and progress is only made by whole
 *     requests. So nothing behind a batch whose outcome is unknown has been
 *     sent, and it is repeated as it was.
 *   - A batch that is refused has been accepted nowhere. Its messages are sent
 *     one by one, each with its own identity. As long as any of them is not
 *     done, this is remembered (webhook_splits.h), so that they are not put
 *     together again while the outcome of one is unknown.
 *
 * What remains: if the process dies while the messages of a refused batch are
 * sent one by one, and the receiver has changed its mind meanwhile, it may
 * accept the batch after having accepted some of its messages. The header
 * haplo-id, which lists the identity of each message, shows these repeats as
 * well. The same holds if the options that cut batches, or that select
 * messages, are changed while a request has no known outcome.
 */
#ifndef OUTLETS_WEBHOOK_BATCH_H
#define OUTLETS_WEBHOOK_BATCH_H

#include <stddef.h>

#include "inbox/inbox.h"
#include "outlets/message_id.h"

/* So that the list of identities stays below 4 KB: servers accept header lines
 * of 8 KB, and some no more than that for all of them together. */
#define WEBHOOK_BATCH_COUNT_MAX 50

/* With the NUL. */
#define WEBHOOK_IDS_SIZE_MAX (WEBHOOK_BATCH_COUNT_MAX * MESSAGE_ID_SIZE_MAX)
#define WEBHOOK_ID_SIZE_MAX (MESSAGE_ID_SIZE_MAX + 8)

/* How many of these messages the next request carries, at least one: at most
 * count_max, with bodies of at most bytes_max together. Format raw: one. */
size_t webhook_batch_count(const struct inbox_message *messages, size_t count,
                           size_t count_max, size_t bytes_max);

/* Writes the identities of all messages, separated by commas; returns the
 * length. replay_id: see message_id.h. */
size_t webhook_ids_write(char ids[WEBHOOK_IDS_SIZE_MAX],
                         const struct inbox_message *messages, size_t count,
                         const char *inbox_uuid, uint64_t replay_id);

/* Writes the webhook-id of a batch with these identities: that of its only
 * message; or UUID-FIRST-COUNTx-HASH, which depends on all of them. */
void webhook_id_write(char id[WEBHOOK_ID_SIZE_MAX],
                      const struct inbox_message *messages, size_t count,
                      const char *inbox_uuid, const char *ids);

#endif
