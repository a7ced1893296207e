/*
 * db_lock.c - locks an inbox against other processes that would store into it.
 *
 *   - The file next to the inbox, PATH.lock, is opened or created, and locked
 *     with flock(). Symbolic links are resolved first, so that an inbox has one
 *     lock whatever it is called.
 *   - A line in it says who holds it. It is emptied at the end; the file stays,
 *     because removing it would race with a process that is opening it.
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
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/errno_reason.h"
#include "base/file_mode.h"
#include "base/wall_clock.h"
#include "haplopoll.h"

#define LOCK_MODE 0644       /* it contains no message */
#define LINE_SIZE_MAX 512    /* of who holds it */
#define READ_TRY_COUNT 20    /* the holder may be about to write its line */
#define READ_PAUSE_MS 5      /* between them */
#define REPLACED_COUNT_MAX 8 /* files that were removed while being locked */

static int lock_error(struct reason *why, const char *path, const char *what,
                      int number)
{
    return errno_reason_set(
        why, errno_is_outage(number) ? HAPLO_EDELIVERY : HAPLO_EINVAL, path,
        what, number);
}

/* Who holds it */

static void line_write(const struct db_lock *lock)
{
    char line[LINE_SIZE_MAX];
    char host[65] = "";
    char since[WALL_CLOCK_TEXT_SIZE];
    int size;

    if (gethostname(host, sizeof(host) - 1) != 0) {
        (void)snprintf(host, sizeof(host), "this host");
    }
    size = snprintf(line, sizeof(line), "process %ld on %s (%s, since %s)\n",
                    (long)getpid(), host, lock->used_by,
                    wall_clock_text(wall_clock_ms(), since));
    if (size >= (int)sizeof(line)) {
        size = (int)sizeof(line) - 1;
    }
    /* Only information for operators; the kernel enforces the lock. */
    if (ftruncate(lock->descriptor, 0) != 0 ||
        pwrite(lock->descriptor, line, (size_t)size, 0) < 0) {
        return;
    }
}

/* True if the line is complete, and its process, if it is on this host, is not
 * one that died without emptying the file. */
static bool line_read(int descriptor, char line[LINE_SIZE_MAX])
{
    char process[64];
    long pid = 0;
    ssize_t size = pread(descriptor, line, LINE_SIZE_MAX - 1, 0);

    line[size > 0 ? size : 0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    reason_clean(line);
    if (sscanf(line, "process %ld", &pid) != 1) {
        return false;
    }
    (void)snprintf(process, sizeof(process), "/proc/%ld", pid);
    return access(process, F_OK) == 0;
}

static int tell_in_use(const char *path, int descriptor, struct reason *why)
{
    char line[LINE_SIZE_MAX];

    for (int i = 0; !line_read(descriptor, line) && i < READ_TRY_COUNT; i++) {
        (void)poll(NULL, 0, READ_PAUSE_MS);
    }
    return reason_set(why, HAPLO_EEXIST,
                      "%.*s: is in use by %s: stop that one first",
                      (int)(strlen(path) - strlen(DB_LOCK_SUFFIX)), path,
                      line[0] != '\0' ? line : "another process");
}

/* Taking it */

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
        return lock_error(why, path, "cannot be created", errno);
    }
    return size < (int)sizeof(lock->path)
               ? 0
               : lock_error(why, path, "cannot be opened", ENAMETOOLONG);
}

/* Another user may have created it. Reading suffices for locking. */
static int file_open(const char *path)
{
    const int flags = O_CLOEXEC | O_NOFOLLOW | O_NOCTTY;
    int descriptor = open(path, O_RDWR | O_CREAT | flags, LOCK_MODE);

    if (descriptor < 0 && errno == EACCES) {
        descriptor = open(path, O_RDONLY | flags);
        if (descriptor < 0) {
            errno = EACCES;
        }
    }
    return descriptor;
}

/* A name that cannot be looked up just now is assumed to be. */
static bool is_in_place(const char *path, int descriptor)
{
    struct stat named;
    struct stat held;

    if (stat(path, &named) != 0 || fstat(descriptor, &held) != 0) {
        return errno != ENOENT;
    }
    return named.st_dev == held.st_dev && named.st_ino == held.st_ino;
}

/* Closing the descriptor of a lock file harms no lock of SQLite. */
static int lock_once(struct db_lock *lock, struct reason *why)
{
    int error = 0;
    int descriptor = file_open(lock->path);

    if (descriptor < 0) {
        return lock_error(why, lock->path, "cannot be opened", errno);
    }
    (void)file_mode_set(descriptor, LOCK_MODE); /* only for whoever reads it */
    if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
        error = errno == EWOULDBLOCK
                    ? tell_in_use(lock->path, descriptor, why)
                    : lock_error(why, lock->path, "cannot be locked", errno);
        (void)close(descriptor);
        return error;
    }
    lock->descriptor = descriptor;
    return 0;
}

static int lock_file(struct db_lock *lock, struct reason *why)
{
    int error = lock_once(lock, why);

    for (int i = 0; error == 0 && !is_in_place(lock->path, lock->descriptor);
         i++) {
        (void)close(lock->descriptor);
        lock->descriptor = -1;
        if (i == REPLACED_COUNT_MAX) {
            return reason_set(why, HAPLO_EINVAL,
                              "%s: is removed again and again", lock->path);
        }
        error = lock_once(lock, why);
    }
    if (error == 0) {
        line_write(lock);
    }
    return error;
}

int db_lock_take(struct db_lock *lock, const char *path, const char *used_by,
                 struct reason *why)
{
    int error = path_set(lock, path, why);

    lock->descriptor = -1;
    lock->used_by = used_by;
    return error == 0 ? lock_file(lock, why) : error;
}

int db_lock_keep(struct db_lock *lock, struct reason *why)
{
    struct db_lock again;
    int error;

    if (is_in_place(lock->path, lock->descriptor)) {
        return 0;
    }
    again = *lock;
    error = lock_file(&again, why);
    if (error == 0) {
        (void)close(lock->descriptor); /* of a file without a name */
        *lock = again;
    }
    return error;
}

void db_lock_release(struct db_lock *lock)
{
    if (lock->descriptor >= 0) {
        /* Errors do not matter: the line is only for operators. */
        int result = ftruncate(lock->descriptor, 0);

        result = close(lock->descriptor) != 0 ? -1 : result;
        (void)result;
        lock->descriptor = -1;
    }
}
