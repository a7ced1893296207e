/*
 * db_lock.h - the lock of an inbox: a file next to it, which a process that
 * stores messages keeps locked, and which says who that is.
 */
#ifndef INBOX_SQLITE_DB_LOCK_H
#define INBOX_SQLITE_DB_LOCK_H

#include <limits.h>

#include "base/reason.h"

#define DB_LOCK_SUFFIX ".lock"

struct db_lock {
    char path[PATH_MAX]; /* of the lock file */
    const char *used_by; /* borrowed; what to say about this process */
    int descriptor;      /* locked; -1: not held */
};

/* Takes the lock of the inbox at path (of connection_path()), which need not
 * exist yet. used_by says who takes it. Returns 0; or with why set HAPLO_EEXIST
 * if another process holds it, HAPLO_EDELIVERY if the disk failed, or
 * HAPLO_EINVAL. */
int db_lock_take(struct db_lock *lock, const char *path, const char *used_by,
                 struct reason *why);

/* Takes the lock again if its file was removed or replaced. Returns 0; or
 * HAPLO_E* with why set, if another process holds it now, or it cannot be
 * taken. */
int db_lock_keep(struct db_lock *lock, struct reason *why);

void db_lock_release(struct db_lock *lock);

#endif
