#include "daemon/state_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/durable.h"
#include "base/file_mode.h"
#include "base/reason.h"

#define PATH_SIZE_MAX 4096
#define READ_TRY_COUNT 20
#define READ_PAUSE_MS 5
#define LOCK_MODE 0600

/* The process that holds the lock, as written by itself. One that has just
 * locked it is about to do that. */
static long read_owner(int lock)
{
    long pid = 0;
    for (int i = 0; pid == 0 && i < READ_TRY_COUNT; i++) {
        char text[32] = "";
        if (pread(lock, text, sizeof text - 1, 0) <= 0 ||
            sscanf(text, "%ld", &pid) != 1) {
            pid = 0;
            (void)poll(NULL, 0, READ_PAUSE_MS);
        }
    }
    return pid;
}

static void write_owner(int lock)
{
    char text[32];
    int size = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    /* Only information for operators; the kernel enforces the lock. */
    if (file_mode_set(lock, LOCK_MODE) != 0 || ftruncate(lock, 0) != 0 ||
        pwrite(lock, text, (size_t)size, 0) < 0) {
        return;
    }
}

static void tell_not_locked(const char *path, int lock, char *why,
                            size_t why_size)
{
    if (errno == EWOULDBLOCK) {
        (void)reason_write(
            why, why_size, 0,
            "state_dir %s is in use by process %ld: stop it first, or "
            "give this one its own state_dir",
            path, read_owner(lock));
    } else {
        (void)reason_write(why, why_size, 0, "state_dir %s can't be locked: %s",
                           path, strerror(errno));
    }
}

/* False if the file was removed or replaced while it was being locked: another
 * process may then have locked the new one. */
static bool is_in_place(const char *lock_path, int lock)
{
    struct stat named;
    struct stat held;
    if (stat(lock_path, &named) != 0 || fstat(lock, &held) != 0) {
        return errno != ENOENT;
    }
    return named.st_dev == held.st_dev && named.st_ino == held.st_ino;
}

/* Returns a descriptor, or -1 with why set, and errno. */
static int lock_file(const char *path, const char *lock_path, char *why,
                     size_t why_size)
{
    int lock =
        open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, LOCK_MODE);
    if (lock < 0) {
        int error = errno;
        (void)reason_write(why, why_size, 0, "%s can't be opened: %s",
                           lock_path, strerror(error));
        errno = error;
        return -1;
    }
    if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
        int error = errno;
        tell_not_locked(path, lock, why, why_size);
        close(lock);
        errno = error;
        return -1;
    }
    return lock;
}

int state_dir_lock(const char *path, char *why, size_t why_size)
{
    char lock_path[PATH_SIZE_MAX];
    const char *what;
    int made = durable_make_folder(path, 0700, &what);
    if (made != 0) {
        (void)reason_write(
            why, why_size, 0,
            "state_dir %s %s: %s: make its parent folder, or give "
            "another path",
            path, what, strerror(made));
        errno = made;
        return -1;
    }
    int size = snprintf(lock_path, sizeof lock_path, "%s/lock", path);
    if (size < 0 || (size_t)size >= sizeof lock_path) {
        (void)reason_write(why, why_size, 0,
                           "the path of state_dir is too long");
        errno = ENAMETOOLONG;
        return -1;
    }
    int lock = lock_file(path, lock_path, why, why_size);
    while (lock >= 0 && !is_in_place(lock_path, lock)) {
        close(lock);
        lock = lock_file(path, lock_path, why, why_size);
    }
    if (lock >= 0) {
        write_owner(lock);
    }
    return lock;
}

void state_dir_unlock(int lock)
{
    if (lock >= 0) {
        int result = ftruncate(lock, 0); /* nobody is to be named any more */
        result = close(lock) != 0 ? -1 : result;
        (void)result;
    }
}
