/*
 * db_source.h - opens an inbox that may be in use, to read from it.
 */
#ifndef INBOX_SQLITE_DB_SOURCE_H
#define INBOX_SQLITE_DB_SOURCE_H

#include <stdbool.h>

#include <sqlite3.h>

#include "base/reason.h"

/* The file must exist and be an inbox. Its WAL is left as it is, even when it
 * is closed. Returns 0, or HAPLO_E* with why set; *db must be closed in either
 * case. */
int db_source_open(const char *path, sqlite3 **db, struct reason *why);

/* Sets whether closing leaves the WAL as it is. Returns 0, or HAPLO_E* with why
 * set. */
int db_source_keep_wal(sqlite3 *db, bool is_kept, const char *path,
                       struct reason *why);

#endif
