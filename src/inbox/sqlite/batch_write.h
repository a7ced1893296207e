/*
 * batch_write.h - stores the new messages of a batch, inside a transaction.
 */
#ifndef INBOX_SQLITE_BATCH_WRITE_H
#define INBOX_SQLITE_BATCH_WRITE_H

#include "inbox/sqlite/queue_row.h"

/* Compares the state of the delivery with the stored one. If it may follow,
 * stores the messages that are not stored yet, a row for the batch, and the
 * state. */
enum inbox_fault batch_write(struct writer *writer,
                             struct inbox_delivery *delivery, uint64_t now_ms);

#endif
