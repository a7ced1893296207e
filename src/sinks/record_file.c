/*
 * Opening and closing the record's own path by hand would drop the locks that
 * SQLite holds on it in this process (POSIX locks go with any descriptor), so
 * this file opens only a file that it has just made, and else asks by name.
 */
#include "sinks/record_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/durable.h"
#include "haplopoll.h"
#include "sinks/sink_reason.h"

/* Messages are private: sharing them is the operator's decision. SQLite gives
 * the files beside it the same mode. */
#define RECORD_FILE_MODE 0600

static int file_error(const char *what, const char *path, int number, char *why,
                      size_t why_size)
{
    sink_reason_errno(why, why_size, path, what, number);
    return HAPLO_EINVAL;
}

/* A WAL beside a file that is missing, or empty, belongs to another, and may
 * hold messages that are nowhere else: SQLite would throw it away. */
static int refuse_lost_wal(const char *path, char *why, size_t why_size)
{
    char real[PATH_MAX];
    char wal[PATH_MAX + sizeof("-wal")];
    struct stat status;
    bool is_there = realpath(path, real) != NULL;

    if ((!is_there && errno != ENOENT) ||
        (is_there && stat(real, &status) != 0)) {
        return file_error("cannot be opened", path, errno, why, why_size);
    }
    if (is_there && (!S_ISREG(status.st_mode) || status.st_size > 0)) {
        return 0;
    }
    (void)snprintf(wal, sizeof(wal), "%s-wal", is_there ? real : path);
    if (stat(wal, &status) != 0) {
        return errno == ENOENT
                   ? 0
                   : file_error("cannot be opened", wal, errno, why, why_size);
    }
    if (status.st_size == 0) {
        return 0;
    }
    sink_reason(
        why, why_size,
        "%s: is missing or empty, but its -wal is there and may hold "
        "what is nowhere else: put the file back, or move the -wal away",
        path);
    return HAPLO_EINVAL;
}

int record_file_prepare(const char *path, char *why, size_t why_size)
{
    struct stat status;
    int descriptor;

    if (strlen(path) >= PATH_MAX - sizeof("./-wal")) {
        return file_error("open", path, ENAMETOOLONG, why, why_size);
    }
    if (refuse_lost_wal(path, why, why_size) != 0) {
        return HAPLO_EINVAL;
    }
    descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY,
                      RECORD_FILE_MODE);
    if (descriptor >= 0) {
        if (close(descriptor) != 0) {
            return file_error("close", path, errno, why, why_size);
        }
        return 0;
    }
    if (errno != EEXIST) {
        return file_error("cannot be made", path, errno, why, why_size);
    }
    if (stat(path, &status) != 0) {
        return file_error("cannot be opened", path, errno, why, why_size);
    }
    if (!S_ISREG(status.st_mode)) {
        sink_reason(why, why_size, "%s: is %s, not a file", path,
                    S_ISDIR(status.st_mode) ? "a folder" : "something else");
        return HAPLO_EINVAL;
    }
    return 0;
}

int record_file_sync_folder(const char *path, char *why, size_t why_size)
{
    char copy[PATH_MAX];
    const char *folder;
    int error;

    (void)snprintf(copy, sizeof(copy), "%s", path);
    folder = dirname(copy);
    error = durable_folder_path(folder);
    if (error != 0) {
        return file_error("its names cannot be made durable", folder, error,
                          why, why_size);
    }
    return 0;
}

static bool file_id(const char *path, struct record_file_id *id)
{
    struct stat status;

    if (stat(path, &status) != 0) {
        return false;
    }
    id->device = status.st_dev;
    id->inode = status.st_ino;
    return true;
}

static void shm_path(sqlite3 *db, char *path, size_t path_size)
{
    (void)snprintf(path, path_size, "%s-shm", sqlite3_db_filename(db, "main"));
}

int record_file_watch(sqlite3 *db, struct record_file_watch *watch, char *why,
                      size_t why_size)
{
    const char *wal = sqlite3_filename_wal(sqlite3_db_filename(db, "main"));
    char shm[PATH_MAX];

    shm_path(db, shm, sizeof(shm));
    if (!file_id(wal, &watch->wal)) {
        return file_error("stat", wal, errno, why, why_size);
    }
    if (!file_id(shm, &watch->shm)) {
        return file_error("stat", shm, errno, why, why_size);
    }
    return 0;
}

static bool file_is(const char *path, const struct record_file_id *id)
{
    struct record_file_id now;

    return file_id(path, &now) && now.device == id->device &&
           now.inode == id->inode;
}

bool record_file_in_place(sqlite3 *db, const struct record_file_watch *watch,
                          char *why, size_t why_size)
{
    const char *path = sqlite3_db_filename(db, "main");
    const char *wal = sqlite3_filename_wal(path);
    const char *gone = NULL;
    char shm[PATH_MAX];
    int moved = 0;

    shm_path(db, shm, sizeof(shm));
    if (sqlite3_file_control(db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) !=
            SQLITE_OK ||
        moved != 0) {
        gone = path;
    } else if (!file_is(wal, &watch->wal)) {
        gone = wal;
    } else if (!file_is(shm, &watch->shm)) {
        gone = shm;
    }
    if (gone == NULL) {
        return true;
    }
    sink_reason(why, why_size,
                "%s: was removed or replaced while in use: put it back, or "
                "restart haplo-poll to use what is there now",
                gone);
    return false;
}
