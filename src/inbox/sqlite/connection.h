/*
 * connection.h - a connection to an inbox file, used by one thread at a time.
 */
#ifndef INBOX_SQLITE_CONNECTION_H
#define INBOX_SQLITE_CONNECTION_H

#include <stdbool.h>

#include <sqlite3.h>

#include "base/reason.h"

/* How long a call waits for a lock held by another program. */
#define CONNECTION_BUSY_MS 2000

/* Makes SQLite take a path literally: it would treat "file:" as a URI and
 * ":memory:" not as a file. From malloc(); NULL if memory runs out. */
char *connection_path(const char *path);

/* Opens an existing file, without reading it yet. vfs is NULL for SQLite's own.
 * Returns 0, or HAPLO_E* with why set and *db NULL. */
int connection_open(const char *path, const char *vfs, sqlite3 **db,
                    struct reason *why);

/* Sets whether closing leaves the WAL as it is. Otherwise the connection that
 * is closed last copies it to the file and removes it. Returns SQLite's code.
 */
int connection_keep_wal(sqlite3 *db, bool is_kept);

/* All its statements must be finalized. db may be NULL. */
void connection_close(sqlite3 *db);

/* Runs statements and ignores rows they return. Returns SQLite's code. */
int connection_run(sqlite3 *db, const char *sql);

#endif
