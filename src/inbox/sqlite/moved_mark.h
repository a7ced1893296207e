/*
 * moved_mark.h - what an inbox remembers after everything in it was moved to
 * another inbox (inbox_move.h).
 */
#ifndef INBOX_SQLITE_MOVED_MARK_H
#define INBOX_SQLITE_MOVED_MARK_H

#include <sqlite3.h>

#include "base/reason.h"
#include "inbox/inbox.h"

/* Reads it: "" if it was not moved. Returns SQLITE_OK or SQLite's code. */
int moved_mark_read(sqlite3 *db, char uuid[INBOX_UUID_SIZE]);

/* Writes it, and leaves a note in place of the state of each queue, so that a
 * process that has the inbox open is stale. To be called in a transaction.
 * Returns SQLITE_OK or SQLite's code. */
int moved_mark_write(sqlite3 *db, const char *uuid);

/* Refuses an inbox that was moved. Returns 0, or HAPLO_E* with why set. */
int moved_mark_check(sqlite3 *db, const char *path, struct reason *why);

#endif
