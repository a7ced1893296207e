/*
 * inbox_file.h - the inbox as a file: made, made durable, and watched, so that
 * nothing is accepted into a file that has been taken away.
 */
#ifndef SINKS_INBOX_FILE_H
#define SINKS_INBOX_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include <sqlite3.h>
#include <sys/types.h>

/* Which file a path led to, when it was asked. */
struct inbox_file_id {
    dev_t device; /* */
    ino_t inode;  /* */
};

/* The files that SQLite writes beside the inbox while it is in use. */
struct inbox_file_watch {
    struct inbox_file_id wal; /* PATH-wal */
    struct inbox_file_id shm; /* PATH-shm */
};

/* Makes an empty file if there is none, never following a link to make it.
 * 0, or HAPLO_EINVAL with why set. */
int inbox_file_prepare(const char *path, char *why, size_t why_size);

/* Makes the names in the folder of path durable. 0, or HAPLO_EINVAL. */
int inbox_file_sync_folder(const char *path, char *why, size_t why_size);

/* Remembers the files of a database in WAL mode that has been read once.
 * 0, or HAPLO_EINVAL. */
int inbox_file_watch(sqlite3 *db, struct inbox_file_watch *watch, char *why,
                     size_t why_size);

/* True if the database and the files beside it are still the ones that are
 * open; else why tells which is not. */
bool inbox_file_in_place(sqlite3 *db, const struct inbox_file_watch *watch,
                         char *why, size_t why_size);

#endif
