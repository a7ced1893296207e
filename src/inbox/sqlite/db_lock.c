/*
 * db_lock.c - locks an inbox against other processes that would store into it.
 *
 *   - The file next to the inbox, PATH.lock, is locked (base/lock_file.c).
 *     Symbolic links are resolved first, so that an inbox has one lock whatever
 *     it is called.
 *
 * Failures:
 *
 *   - Another process holds it: the line of that process is reported.
 *   - The file is removed while it is held: it is noticed before the next
 *     transaction, and taken again. If another process was faster, this one
 *     stores nothing until that has ended. A transaction that had begun is no
 *     danger: it compares the states of queues, so nothing is stored twice.
 *
 * The database file itself cannot be locked: closing a descriptor of it would
 * drop the locks of SQLite.
 */
#include "inbox/sqlite/db_lock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/errno_reason.h"
#include "base/lock_file.h"
#include "haplopoll.h"

#define LOCK_MODE 0644 /* it contains no message */

/* Resolves symbolic links, also for an inbox that does not exist yet. */
static int path_set(struct db_lock *lock, const char *path, struct reason *why)
{
    char real[PATH_MAX];
    char folder[PATH_MAX];
    const char *name = strrchr(path, '/'); /* there is one: connection_path() */
    int size;

    (void)snprintf(folder, sizeof(folder), "%.*s", (int)(name - path + 1),
                   path);
    if (realpath(path, real) != NULL) {
        size =
            snprintf(lock->path, sizeof(lock->path), "%s" DB_LOCK_SUFFIX, real);
    } else if (errno == ENOENT && realpath(folder, real) != NULL) {
        size = snprintf(lock->path, sizeof(lock->path), "%s%s" DB_LOCK_SUFFIX,
                        real, name);
    } else {
        return errno_reason_classify(why, path, "cannot be created", errno);
    }
    return size < (int)sizeof(lock->path)
               ? 0
               : errno_reason_classify(why, path, "cannot be opened",
                                       ENAMETOOLONG);
}

static int file_take(struct db_lock *lock, struct reason *why)
{
    char holder[LOCK_FILE_HOLDER_SIZE];
    int error = lock_file_take(lock->path, LOCK_MODE, lock->used_by,
                               &lock->descriptor, holder, why);

    return error != HAPLO_EEXIST
               ? error
               : reason_set(why, error,
                            "%.*s: is in use by %s: stop that one first",
                            (int)(strlen(lock->path) - strlen(DB_LOCK_SUFFIX)),
                            lock->path, holder);
}

int db_lock_take(struct db_lock *lock, const char *path, const char *used_by,
                 struct reason *why)
{
    int error = path_set(lock, path, why);

    lock->descriptor = -1;
    lock->used_by = used_by;
    return error == 0 ? file_take(lock, why) : error;
}

int db_lock_keep(struct db_lock *lock, struct reason *why)
{
    struct db_lock again;
    int error;

    if (lock_file_is_in_place(lock->path, lock->descriptor)) {
        return 0;
    }
    again = *lock;
    error = file_take(&again, why);
    if (error == 0) {
        (void)close(lock->descriptor); /* of a file without a name */
        *lock = again;
    }
    return error;
}

void db_lock_release(struct db_lock *lock)
{
    lock_file_release(lock->descriptor);
    lock->descriptor = -1;
}
