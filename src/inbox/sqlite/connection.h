/*
 * connection.h - a connection to an inbox's file, used by one thread at a time.
 */
#ifndef INBOX_SQLITE_CONNECTION_H
#define INBOX_SQLITE_CONNECTION_H

#include <sqlite3.h>

#include "base/reason.h"

/* How long one call waits for another program's lock. */
#define CONNECTION_BUSY_MS 2000

/* The path for SQLite, which sees more in some names: "file:" begins a URI, and
 * ":memory:" is no file. From malloc(); NULL when there is no memory. */
char *connection_path(const char *path);

/* Opens a file that is there; nothing is read yet. 0, or HAPLO_E* with why set
 * and *db NULL. */
int connection_open(const char *path, sqlite3 **db, struct reason *why);

/* All its statements are finalized. NULL is fine. */
void connection_close(sqlite3 *db);

/* Runs statements that return no rows of interest. Returns SQLite's code. */
int connection_run(sqlite3 *db, const char *sql);

#endif
