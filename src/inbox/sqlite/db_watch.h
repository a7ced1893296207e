/*
 * db_watch.h - watches the file of an inbox and the two next to it, so that
 * nothing is accepted into a file that was removed, replaced, truncated or
 * overwritten by something other than SQLite. One per connection.
 */
#ifndef INBOX_SQLITE_DB_WATCH_H
#define INBOX_SQLITE_DB_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>
#include <sys/types.h>

#include "base/reason.h"

#define DB_HEADER_SIZE 100 /* of a database file */

/* Identifies the file that a path referred to. */
struct db_file_id {
    dev_t device; /* of its file system */
    ino_t inode;  /* within that */
};

struct db_watch {
    struct db_file_id file;         /* the database */
    struct db_file_id wal;          /* PATH-wal */
    struct db_file_id shm;          /* PATH-shm */
    off_t size;                     /* of the database when last checked */
    off_t wal_size;                 /* of the WAL when last checked */
    off_t wal_used;                 /* of it known to contain commits */
    off_t shm_size;                 /* of the shared memory */
    uint8_t header[DB_HEADER_SIZE]; /* when last checked */
    bool is_damaged;                /* found once, which is final */
    struct reason damage;           /* text of is_damaged */
};

enum db_watch_state {
    DB_WATCH_FINE,
    DB_WATCH_AWAY,   /* a file is not the one with its name, for now */
    DB_WATCH_DAMAGED /* no checkpoint may follow, not even by closing */
};

/* Starts watching a database in WAL mode, which must have been read once.
 * Returns 0; or with why set HAPLO_EDELIVERY if the disk failed, or
 * HAPLO_EINVAL. */
int db_watch_start(sqlite3 *db, struct db_watch *watch, struct reason *why);

/* To be called outside of transactions. Sets why unless the result is
 * DB_WATCH_FINE. */
enum db_watch_state db_watch_check(sqlite3 *db, struct db_watch *watch,
                                   struct reason *why);

/* To be called after a commit, with the number of frames in the WAL. */
void db_watch_committed(struct db_watch *watch, size_t wal_frames);

#endif
