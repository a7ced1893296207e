/*
 * db_error.h - what SQLite's result codes mean for a group, and the one line
 * that tells an operator what to do.
 */
#ifndef INBOX_SQLITE_DB_ERROR_H
#define INBOX_SQLITE_DB_ERROR_H

#include <sqlite3.h>

#include "base/reason.h"
#include "inbox/inbox_store.h"

/* Of a result code, extended or not, of any statement but COMMIT. */
enum inbox_fault db_fault(int code);

/* Writes one line about a failure on path, and returns the HAPLO_E* of the
 * code: EBUSY, ENOMEM or EINVAL. db (may be NULL) is asked for details, so call
 * it before the next call on db. */
int db_explain(sqlite3 *db, const char *path, int code, struct reason *why);

#endif
