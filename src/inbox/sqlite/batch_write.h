/*
 * batch_write.h - a batch's new messages as rows, inside a transaction.
 */
#ifndef INBOX_SQLITE_BATCH_WRITE_H
#define INBOX_SQLITE_BATCH_WRITE_H

#include "inbox/sqlite/queue_row.h"

/* Compares the delivery's state with the stored one; if it may follow, adds
 * the messages that are not stored yet, and the batch's row, and the state. */
enum inbox_fault batch_write(struct writer *writer,
                             struct inbox_delivery *delivery, uint64_t now_ms);

#endif
