/*
 * repeat_check.h - checks that messages which a batch repeats are still stored
 * intact. The state says that they are stored; only their rows prove it.
 */
#ifndef INBOX_SQLITE_REPEAT_CHECK_H
#define INBOX_SQLITE_REPEAT_CHECK_H

#include <stdbool.h>

#include "inbox/sqlite/queue_row.h"

/* Reads the batches of the queue, newest first, until it has found a row for
 * each repeat. If there is none, sets the entry of the message in is_missing
 * (one per message), and counts it in *missing_count. */
enum inbox_fault repeat_check(struct writer *writer,
                              const struct queue_row *row,
                              const struct inbox_delivery *delivery,
                              bool *is_missing, size_t *missing_count);

#endif
