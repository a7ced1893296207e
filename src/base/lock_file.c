/*
 * lock_file.c - locks with flock(), which ends with the process.
 *
 *   - The file is opened or created, and locked.
 *   - If it was removed or replaced meanwhile, the lock means nothing, and this
 *     begins again.
 *   - The line is written. That is only information for operators, so nothing
 *     depends on it.
 *
 * If another process holds the lock, its line is read. A process that has just
 * taken the lock is about to write it, and one that was killed has left it, so
 * it is read several times.
 */
#include "base/lock_file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/errno_reason.h"
#include "base/file_mode.h"
#include "base/wall_clock.h"
#include "haplopoll.h"

#define READ_TRY_COUNT 20    /* the holder may be about to write its line */
#define READ_PAUSE_MS 5      /* between them */
#define REPLACED_COUNT_MAX 8 /* files that were removed while being locked */

/* Who holds it */

static void line_write(int descriptor, const char *used_by)
{
    char line[LOCK_FILE_HOLDER_SIZE];
    char host[65] = "";
    char since[WALL_CLOCK_TEXT_SIZE];
    int size;

    if (gethostname(host, sizeof(host) - 1) != 0) {
        (void)snprintf(host, sizeof(host), "this host");
    }
    size = snprintf(line, sizeof(line), "process %ld on %s (%s, since %s)\n",
                    (long)getpid(), host, used_by,
                    wall_clock_text(wall_clock_ms(), since));
    if (size >= (int)sizeof(line)) {
        size = (int)sizeof(line) - 1;
    }
    if (ftruncate(descriptor, 0) != 0 ||
        pwrite(descriptor, line, (size_t)size, 0) < 0) {
        return;
    }
}

/* True if the line is complete, and its process, if it is on this host, is not
 * one that died without emptying the file. */
static bool line_read(int descriptor, char line[LOCK_FILE_HOLDER_SIZE])
{
    char process[64];
    long pid = 0;
    ssize_t size = pread(descriptor, line, LOCK_FILE_HOLDER_SIZE - 1, 0);

    line[size > 0 ? size : 0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    reason_clean(line);
    if (sscanf(line, "process %ld", &pid) != 1) {
        return false;
    }
    (void)snprintf(process, sizeof(process), "/proc/%ld", pid);
    return access(process, F_OK) == 0;
}

static void holder_read(int descriptor, char holder[LOCK_FILE_HOLDER_SIZE])
{
    for (int i = 0; !line_read(descriptor, holder) && i < READ_TRY_COUNT; i++) {
        (void)poll(NULL, 0, READ_PAUSE_MS);
    }
    if (holder[0] == '\0') {
        (void)snprintf(holder, LOCK_FILE_HOLDER_SIZE, "another process");
    }
}

/* Taking it */

/* Another user may have created it. Reading suffices for locking. */
static int file_open(const char *path, mode_t mode)
{
    const int flags = O_CLOEXEC | O_NOFOLLOW | O_NOCTTY;
    int descriptor = open(path, O_RDWR | O_CREAT | flags, mode);

    if (descriptor < 0 && errno == EACCES) {
        descriptor = open(path, O_RDONLY | flags);
        if (descriptor < 0) {
            errno = EACCES;
        }
    }
    return descriptor;
}

/* A name that cannot be looked up just now is assumed to be. */
bool lock_file_is_in_place(const char *path, int descriptor)
{
    struct stat named;
    struct stat held;

    if (stat(path, &named) != 0 || fstat(descriptor, &held) != 0) {
        return errno != ENOENT;
    }
    return named.st_dev == held.st_dev && named.st_ino == held.st_ino;
}

static int lock_once(const char *path, mode_t mode, int *result,
                     char holder[LOCK_FILE_HOLDER_SIZE], struct reason *why)
{
    int error = HAPLO_EEXIST;
    int descriptor = file_open(path, mode);

    *result = -1;
    if (descriptor < 0) {
        return errno_reason_classify(why, path, "cannot be opened", errno);
    }
    (void)file_mode_set(descriptor, mode); /* only for whoever reads it */
    if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) {
        *result = descriptor;
        return 0;
    }
    if (errno == EWOULDBLOCK) {
        holder_read(descriptor, holder);
    } else {
        error = errno_reason_classify(why, path, "cannot be locked", errno);
    }
    (void)close(descriptor);
    return error;
}

int lock_file_take(const char *path, mode_t mode, const char *used_by,
                   int *descriptor, char holder[LOCK_FILE_HOLDER_SIZE],
                   struct reason *why)
{
    int error = lock_once(path, mode, descriptor, holder, why);

    for (int i = 0; error == 0 && !lock_file_is_in_place(path, *descriptor);
         i++) {
        (void)close(*descriptor);
        *descriptor = -1;
        if (i == REPLACED_COUNT_MAX) {
            return reason_set(why, HAPLO_EINVAL,
                              "%s: is removed again and again: stop what does "
                              "that",
                              path);
        }
        error = lock_once(path, mode, descriptor, holder, why);
    }
    if (error == 0) {
        line_write(*descriptor, used_by);
    }
    return error;
}

void lock_file_release(int descriptor)
{
    if (descriptor >= 0) {
        /* Errors do not matter: the line is only for operators. */
        int result = ftruncate(descriptor, 0);

        result = close(descriptor) != 0 ? -1 : result;
        (void)result;
    }
}
