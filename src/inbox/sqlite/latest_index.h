/*
 * latest_index.h - which message is the newest one of each object of the queues
 * `global`: the one with the highest recordVersion, or of several the one that
 * arrived last, as in the view latest_objects. The table `latest` has one row
 * per object, and is filled between the commits of messages, in steps.
 */
#ifndef INBOX_SQLITE_LATEST_INDEX_H
#define INBOX_SQLITE_LATEST_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "inbox/sqlite/writer.h"

/* Everything up to this arrival is in the table. Returns SQLite's code. */
int latest_index_known(struct writer *writer, uint64_t *arrival);

/* True if there are messages after that. */
enum inbox_fault latest_index_is_due(struct writer *writer, bool *is_due);

/* Within a transaction: adds some of them, until this time has passed. */
enum inbox_fault latest_index_add(struct writer *writer, uint64_t time_ns);

#endif
