/*
 * crash_at.c - preloaded into a program, it counts the system calls that make
 * something durable, and lets the program die at the Nth.
 *
 *   CRASH_BELOW  the folder that counts, an absolute path
 *   CRASH_AT     N, from 1; without it the calls are only counted
 *   CRASH_LOG    a file: gets a line for each step, "N CALL PATH"
 *   CRASH_GRAVE  a folder on the same disk, of this run alone. If it is set,
 *                the power fails: all that was not synced is undone, as if
 *                the disk had not had it yet
 *
 * Steps are: before a file or folder is made, written to, cut, synced, renamed
 * or removed. Without CRASH_GRAVE a write is two steps: before it, and when
 * half of it is done.
 *
 * Undoing is strict: what is in a file stays if the file was synced, a name
 * stays if its folder was.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HOOK __attribute__((visibility("default")))

/* The real calls */

static int real_openat(int folder, const char *path, int flags, mode_t mode)
{
    return (int)syscall(SYS_openat, folder, path, flags, mode);
}

static ssize_t real_pwrite(int fd, const void *data, size_t size, off_t offset)
{
    return syscall(SYS_pwrite64, fd, data, size, offset);
}

static int real_unlinkat(int folder, const char *path, int flags)
{
    return (int)syscall(SYS_unlinkat, folder, path, flags);
}

static int real_renameat(int from_folder, const char *from, int to_folder,
                         const char *to)
{
    return (int)syscall(SYS_renameat, from_folder, from, to_folder, to);
}

static int real_ftruncate(int fd, off_t size)
{
    return (int)syscall(SYS_ftruncate, fd, size);
}

/* What is not durable yet */

enum undo_kind {
    UNDO_WRITE,
    UNDO_MAKE,
    UNDO_MAKE_FOLDER,
    UNDO_REMOVE,
    UNDO_RENAME
};

struct undo {
    struct undo *older;   /* */
    enum undo_kind kind;  /* */
    dev_t device;         /* of what is to be synced: */
    ino_t inode;          /* the file, or the folder of the name */
    int file;             /* descriptor of the written file */
    off_t offset;         /* */
    off_t old_size;       /* of the file */
    size_t size;          /* of the old bytes */
    char *data;           /* the old bytes */
    char path[PATH_MAX];  /* of the name, now */
    char from[PATH_MAX];  /* before it was renamed */
    char grave[PATH_MAX]; /* a link to what had the name before, or "" */
};

static struct {
    pthread_mutex_t mutex; /* */
    const char *below;     /* */
    const char *grave;     /* NULL: the power does not fail */
    long at;               /* 0: never */
    int log;               /* descriptor, or -1 */
    long step;             /* the newest */
    long grave_count;      /* names given out */
    struct undo *undos;    /* newest first */
} crash = {.mutex = PTHREAD_MUTEX_INITIALIZER, .log = -1};

static void fail(const char *what)
{
    dprintf(STDERR_FILENO, "crash_at: %s: %s\n", what, strerror(errno));
    _exit(99);
}

static struct undo *undo_add(enum undo_kind kind, const char *of)
{
    struct stat status;
    struct undo *undo = calloc(1, sizeof(*undo));

    if (undo == NULL || stat(of, &status) != 0) {
        fail(of);
    }
    undo->kind = kind;
    undo->device = status.st_dev;
    undo->inode = status.st_ino;
    undo->file = -1;
    undo->older = crash.undos;
    crash.undos = undo;
    return undo;
}

static struct undo *undo_add_name(enum undo_kind kind, const char *path)
{
    char folder[PATH_MAX];
    struct undo *undo;

    snprintf(folder, sizeof(folder), "%s", path);
    *strrchr(folder, '/') = '\0';
    undo = undo_add(kind, folder);
    snprintf(undo->path, sizeof(undo->path), "%s", path);
    return undo;
}

static void grave_name(char name[PATH_MAX])
{
    snprintf(name, PATH_MAX, "%s/%ld", crash.grave, ++crash.grave_count);
}

/* Keeps what has the name now. */
static void undo_keep(struct undo *undo, const char *path)
{
    char grave[PATH_MAX];

    grave_name(grave);
    if (link(path, grave) == 0) {
        memcpy(undo->grave, grave, sizeof(grave));
    } else if (errno != ENOENT) {
        fail(grave);
    }
}

static void undo_add_write(const char *path, off_t offset, size_t size)
{
    struct stat status;
    struct undo *undo = undo_add(UNDO_WRITE, path);

    undo->file = real_openat(AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
    undo->data = malloc(size + 1);
    if (undo->file < 0 || undo->data == NULL ||
        fstat(undo->file, &status) != 0) {
        fail(path);
    }
    undo->offset = offset;
    undo->old_size = status.st_size;
    if (offset < status.st_size) {
        ssize_t count = pread(undo->file, undo->data, size, offset);

        undo->size = count > 0 ? (size_t)count : 0;
    }
}

static void undo_free(struct undo *undo)
{
    if (undo->file >= 0) {
        syscall(SYS_close, undo->file);
    }
    if (undo->grave[0] != '\0') {
        real_unlinkat(AT_FDCWD, undo->grave, 0);
    }
    free(undo->data);
    free(undo);
}

/* The file or folder was synced. */
static void undos_forget(int fd)
{
    struct stat status;

    if (fstat(fd, &status) != 0) {
        fail("fstat");
    }
    for (struct undo **at = &crash.undos; *at != NULL;) {
        struct undo *undo = *at;

        if (undo->device == status.st_dev && undo->inode == status.st_ino) {
            *at = undo->older;
            undo_free(undo);
        } else {
            at = &undo->older;
        }
    }
}

static int undo_apply(const struct undo *undo)
{
    switch (undo->kind) {
    case UNDO_WRITE:
        if (real_pwrite(undo->file, undo->data, undo->size, undo->offset) < 0) {
            return -1;
        }
        return real_ftruncate(undo->file, undo->old_size);
    case UNDO_MAKE:
        return real_unlinkat(AT_FDCWD, undo->path, 0);
    case UNDO_MAKE_FOLDER:
        /* With all that is in it, synced or not. */
        return real_renameat(AT_FDCWD, undo->path, AT_FDCWD, undo->grave);
    case UNDO_REMOVE:
        return link(undo->grave, undo->path);
    case UNDO_RENAME:
        if (real_renameat(AT_FDCWD, undo->path, AT_FDCWD, undo->from) != 0) {
            return -1;
        }
        return undo->grave[0] != '\0' ? link(undo->grave, undo->path) : 0;
    }
    return -1;
}

static void undos_apply(void)
{
    for (struct undo *undo = crash.undos; undo != NULL; undo = undo->older) {
        if (undo_apply(undo) != 0) {
            fail(undo->path);
        }
    }
}

/* Steps */

__attribute__((constructor)) static void crash_start(void)
{
    const char *at = getenv("CRASH_AT");
    const char *log = getenv("CRASH_LOG");

    crash.below = getenv("CRASH_BELOW");
    crash.grave = getenv("CRASH_GRAVE");
    crash.at = at != NULL ? strtol(at, NULL, 10) : 0;
    if (log != NULL) {
        crash.log = real_openat(
            AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    }
}

static void die(void)
{
    if (crash.grave != NULL) {
        undos_apply();
    }
    kill(getpid(), SIGKILL);
    for (;;) {
        pause();
    }
}

/* SQLite's index of the WAL is memory that programs share: what it holds is
 * created again by the process that opens the database first. */
static bool is_memory(const char *path)
{
    size_t size = strlen(path);

    return size > 4 && strcmp(path + size - 4, "-shm") == 0;
}

static bool is_below(const char *path)
{
    size_t size = crash.below != NULL ? strlen(crash.below) : 0;

    return size > 0 && strncmp(path, crash.below, size) == 0 &&
           path[size] == '/' && !is_memory(path);
}

/* One step; true if the program is to die at it. */
static bool is_last_step(const char *call, const char *path)
{
    char line[PATH_MAX + 64];
    int size;

    crash.step++;
    size = snprintf(line, sizeof(line), "%ld %s %s\n", crash.step, call, path);
    if (crash.log >= 0 &&
        syscall(SYS_write, crash.log, line, (size_t)size) != size) {
        fail("log");
    }
    return crash.step == crash.at;
}

static void step(const char *call, const char *path)
{
    if (is_last_step(call, path)) {
        die();
    }
}

static const char *fd_path(int fd, char path[PATH_MAX])
{
    char link[64];
    ssize_t size;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    size = readlink(link, path, PATH_MAX - 1);
    path[size > 0 ? size : 0] = '\0';
    return path;
}

static const char *full_path(int folder, const char *path, char full[PATH_MAX])
{
    char base[PATH_MAX];

    if (path[0] == '/') {
        snprintf(full, PATH_MAX, "%s", path);
        return full;
    }
    if (folder == AT_FDCWD) {
        if (getcwd(base, sizeof(base)) == NULL) {
            fail("getcwd");
        }
    } else {
        fd_path(folder, base);
    }
    if (snprintf(full, PATH_MAX, "%s/%s", base, path) >= PATH_MAX) {
        full[0] = '\0';
    }
    return full;
}

static void lock(void)
{
    pthread_mutex_lock(&crash.mutex);
}

/* Leaves errno as it is. */
static void unlock(void)
{
    int error = errno;

    pthread_mutex_unlock(&crash.mutex);
    errno = error;
}

static bool power_fails(void)
{
    return crash.grave != NULL;
}

/* Hooks */

static int hooked_open(int folder, const char *path, int flags, mode_t mode)
{
    char full[PATH_MAX];
    int fd;

    if ((flags & O_CREAT) == 0 || !is_below(full_path(folder, path, full)) ||
        faccessat(AT_FDCWD, full, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        return real_openat(folder, path, flags, mode);
    }
    lock();
    step("make", full);
    fd = real_openat(folder, path, flags, mode);
    if (fd >= 0 && power_fails()) {
        undo_add_name(UNDO_MAKE, full);
    }
    unlock();
    return fd;
}

#define OPEN_HOOK(name, folder, ...)                     \
    HOOK int name(__VA_ARGS__, int flags, ...)           \
    {                                                    \
        va_list arguments;                               \
        mode_t mode = 0;                                 \
        va_start(arguments, flags);                      \
        if ((flags & (O_CREAT | O_TMPFILE)) != 0) {      \
            mode = va_arg(arguments, mode_t);            \
        }                                                \
        va_end(arguments);                               \
        return hooked_open((folder), path, flags, mode); \
    }

OPEN_HOOK(open, AT_FDCWD, const char *path)
OPEN_HOOK(open64, AT_FDCWD, const char *path)
OPEN_HOOK(openat, at, int at, const char *path)
OPEN_HOOK(openat64, at, int at, const char *path)

/* offset: -1 for that of the descriptor. */
static ssize_t hooked_write(int fd, const void *data, size_t size, off_t offset)
{
    char path[PATH_MAX];
    ssize_t result;

    if (!is_below(fd_path(fd, path))) {
        return offset < 0 ? syscall(SYS_write, fd, data, size)
                          : real_pwrite(fd, data, size, offset);
    }
    lock();
    step("write", path);
    if (power_fails()) {
        undo_add_write(path, offset < 0 ? lseek(fd, 0, SEEK_CUR) : offset,
                       size);
    } else if (is_last_step("half", path)) {
        (void)(offset < 0 ? syscall(SYS_write, fd, data, size / 2)
                          : real_pwrite(fd, data, size / 2, offset));
        die();
    }
    result = offset < 0 ? syscall(SYS_write, fd, data, size)
                        : real_pwrite(fd, data, size, offset);
    unlock();
    return result;
}

HOOK ssize_t write(int fd, const void *data, size_t size)
{
    return hooked_write(fd, data, size, -1);
}

HOOK ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    return hooked_write(fd, data, size, offset);
}

HOOK ssize_t pwrite64(int fd, const void *data, size_t size, off_t offset)
{
    return hooked_write(fd, data, size, offset);
}

static int hooked_truncate(int fd, off_t size)
{
    char path[PATH_MAX];
    struct stat status;
    int result;

    if (!is_below(fd_path(fd, path))) {
        return real_ftruncate(fd, size);
    }
    lock();
    step("cut", path);
    if (power_fails() && fstat(fd, &status) == 0) {
        undo_add_write(path, size < status.st_size ? size : status.st_size,
                       size < status.st_size ? (size_t)(status.st_size - size)
                                             : 0);
    }
    result = real_ftruncate(fd, size);
    unlock();
    return result;
}

HOOK int ftruncate(int fd, off_t size)
{
    return hooked_truncate(fd, size);
}

HOOK int ftruncate64(int fd, off_t size)
{
    return hooked_truncate(fd, size);
}

static int hooked_sync(int fd, long number)
{
    char path[PATH_MAX];
    int result;

    if (!is_below(fd_path(fd, path)) && strcmp(path, crash.below) != 0) {
        return (int)syscall(number, fd);
    }
    lock();
    step("sync", path);
    result = (int)syscall(number, fd);
    if (result == 0 && power_fails()) {
        undos_forget(fd);
    }
    unlock();
    return result;
}

HOOK int fsync(int fd)
{
    return hooked_sync(fd, SYS_fsync);
}

HOOK int fdatasync(int fd)
{
    return hooked_sync(fd, SYS_fdatasync);
}

static int hooked_rename(int from_folder, const char *from, int to_folder,
                         const char *to)
{
    char full_from[PATH_MAX];
    char full[PATH_MAX];
    struct undo *undo = NULL;
    int result;

    full_path(from_folder, from, full_from);
    if (!is_below(full_path(to_folder, to, full))) {
        return real_renameat(from_folder, from, to_folder, to);
    }
    lock();
    step("rename", full);
    if (power_fails()) {
        undo = undo_add_name(UNDO_RENAME, full);
        snprintf(undo->from, sizeof(undo->from), "%s", full_from);
        undo_keep(undo, full);
    }
    result = real_renameat(from_folder, from, to_folder, to);
    if (result != 0 && undo != NULL) {
        crash.undos = undo->older;
        undo_free(undo);
    }
    unlock();
    return result;
}

HOOK int rename(const char *from, const char *to)
{
    return hooked_rename(AT_FDCWD, from, AT_FDCWD, to);
}

HOOK int renameat(int from_folder, const char *from, int to_folder,
                  const char *to)
{
    return hooked_rename(from_folder, from, to_folder, to);
}

static int hooked_unlink(int folder, const char *path, int flags)
{
    char full[PATH_MAX];
    struct undo *undo = NULL;
    int result;

    if (!is_below(full_path(folder, path, full)) ||
        faccessat(AT_FDCWD, full, F_OK, AT_SYMLINK_NOFOLLOW) != 0) {
        return real_unlinkat(folder, path, flags);
    }
    lock();
    step("remove", full);
    if (power_fails()) {
        undo = undo_add_name(UNDO_REMOVE, full);
        undo_keep(undo, full);
    }
    result = real_unlinkat(folder, path, flags);
    if (result != 0 && undo != NULL) {
        crash.undos = undo->older;
        undo_free(undo);
    }
    unlock();
    return result;
}

HOOK int unlink(const char *path)
{
    return hooked_unlink(AT_FDCWD, path, 0);
}

HOOK int unlinkat(int folder, const char *path, int flags)
{
    return hooked_unlink(folder, path, flags);
}

HOOK int mkdir(const char *path, mode_t mode)
{
    char full[PATH_MAX];
    int result;

    if (!is_below(full_path(AT_FDCWD, path, full)) ||
        faccessat(AT_FDCWD, full, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        return (int)syscall(SYS_mkdir, path, mode);
    }
    lock();
    step("mkdir", full);
    result = (int)syscall(SYS_mkdir, path, mode);
    if (result == 0 && power_fails()) {
        struct undo *undo = undo_add_name(UNDO_MAKE_FOLDER, full);

        grave_name(undo->grave);
    }
    unlock();
    return result;
}
