/*
 * db_file.h - the file of an inbox: creates it durably, and watches it, so
 * that nothing is accepted into a file that has been removed or replaced.
 */
#ifndef INBOX_SQLITE_DB_FILE_H
#define INBOX_SQLITE_DB_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include <sqlite3.h>
#include <sys/types.h>

#include "base/reason.h"

/* Identifies the file that a path referred to. */
struct db_file_id {
    dev_t device; /* of its file system */
    ino_t inode;  /* within that */
};

/* The files that SQLite keeps next to it while it is in use. */
struct db_file_watch {
    struct db_file_id wal; /* PATH-wal */
    struct db_file_id shm; /* PATH-shm */
};

/* Creates an empty file if there is none, without following a symbolic link.
 * Returns 0; or with why set HAPLO_EINVAL, or HAPLO_EDELIVERY if the disk
 * failed, is full or read-only. */
int db_file_prepare(const char *path, struct reason *why);

/* Makes the names in the folder of path durable. Returns the same. */
int db_file_sync_folder(const char *path, struct reason *why);

/* Remembers the files of a database in WAL mode, which must have been read
 * once. Returns the same. */
int db_file_watch(sqlite3 *db, struct db_file_watch *watch, struct reason *why);

/* True if the database and the files next to it are still the ones that are
 * open. Otherwise why names the one that is not. */
bool db_file_in_place(sqlite3 *db, const struct db_file_watch *watch,
                      struct reason *why);

#endif
