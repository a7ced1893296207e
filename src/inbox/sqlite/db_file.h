/*
 * db_file.h - an inbox as a file: made, made durable, and watched, so that
 * nothing is accepted into a file that has been taken away.
 */
#ifndef INBOX_SQLITE_DB_FILE_H
#define INBOX_SQLITE_DB_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include <sqlite3.h>
#include <sys/types.h>

#include "base/reason.h"

/* Which file a path led to, when it was asked. */
struct db_file_id {
    dev_t device; /* of its file system */
    ino_t inode;  /* within that */
};

/* The files that SQLite writes beside it while it is in use. */
struct db_file_watch {
    struct db_file_id wal; /* PATH-wal */
    struct db_file_id shm; /* PATH-shm */
};

/* Makes an empty file if there is none, never following a link to make it.
 * 0, or HAPLO_EINVAL with why set. */
int db_file_prepare(const char *path, struct reason *why);

/* Makes the names in the folder of path durable. 0, or HAPLO_EINVAL. */
int db_file_sync_folder(const char *path, struct reason *why);

/* Remembers the files of a database in WAL mode that has been read once.
 * 0, or HAPLO_EINVAL. */
int db_file_watch(sqlite3 *db, struct db_file_watch *watch, struct reason *why);

/* True if the database and the files beside it are still the ones that are
 * open; else why tells which is not. */
bool db_file_in_place(sqlite3 *db, const struct db_file_watch *watch,
                      struct reason *why);

#endif
