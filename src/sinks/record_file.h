/*
 * record_file.h - a record as a file: made, made durable, and watched, so that
 * nothing is accepted into a file that has been taken away.
 */
#ifndef SINKS_RECORD_FILE_H
#define SINKS_RECORD_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include <sqlite3.h>
#include <sys/types.h>

/* Which file a path led to, when it was asked. */
struct record_file_id {
    dev_t device; /* */
    ino_t inode;  /* */
};

/* The files that SQLite writes beside it while it is in use. */
struct record_file_watch {
    struct record_file_id wal; /* PATH-wal */
    struct record_file_id shm; /* PATH-shm */
};

/* Makes an empty file if there is none, never following a link to make it.
 * 0, or HAPLO_EINVAL with why set. */
int record_file_prepare(const char *path, char *why, size_t why_size);

/* Makes the names in the folder of path durable. 0, or HAPLO_EINVAL. */
int record_file_sync_folder(const char *path, char *why, size_t why_size);

/* Remembers the files of a database in WAL mode that has been read once.
 * 0, or HAPLO_EINVAL. */
int record_file_watch(sqlite3 *db, struct record_file_watch *watch, char *why,
                      size_t why_size);

/* True if the database and the files beside it are still the ones that are
 * open; else why tells which is not. */
bool record_file_in_place(sqlite3 *db, const struct record_file_watch *watch,
                          char *why, size_t why_size);

#endif
