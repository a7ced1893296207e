/*
 * repeat_check.h - are the messages that a batch repeats still what was stored?
 * A state says that they are; only their rows show it.
 */
#ifndef INBOX_SQLITE_REPEAT_CHECK_H
#define INBOX_SQLITE_REPEAT_CHECK_H

#include <stdbool.h>

#include "inbox/sqlite/queue_row.h"

/* Reads the queue's batches, the newest first, until a row was found for each
 * repeat. Where there is none, the message's entry in is_missing, which has one
 * for each message, is set and counted in *missing_count. */
enum inbox_fault repeat_check(struct writer *writer,
                              const struct queue_row *row,
                              const struct inbox_delivery *delivery,
                              bool *is_missing, size_t *missing_count);

#endif
