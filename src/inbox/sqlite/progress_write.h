/*
 * progress_write.h - stores the progress of an outlet, inside a transaction.
 */
#ifndef INBOX_SQLITE_PROGRESS_WRITE_H
#define INBOX_SQLITE_PROGRESS_WRITE_H

#include "inbox/sqlite/writer.h"

enum inbox_fault progress_write(struct writer *writer,
                                struct inbox_progress *progress,
                                uint64_t now_ms);

#endif
