/*
 * db_file.c - creates the file of an inbox, or checks the one that is there.
 *
 * The program must not open and close this file itself: closing any descriptor
 * drops the POSIX locks that SQLite holds on it in this process. So this file
 * opens only files that it has just created, and otherwise uses stat().
 */
#include "inbox/sqlite/db_file.h"

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
#include "base/errno_reason.h"
#include "base/file_mode.h"
#include "haplopoll.h"

/* Messages are private; sharing them is up to the operator. SQLite uses the
 * same mode for the -wal and -shm files. */
#define DB_FILE_MODE 0600

/* A WAL next to a missing or empty file belongs to another database. It may
 * contain messages that exist nowhere else, and SQLite would delete it. */
int db_file_refuse_lost_wal(const char *path, struct reason *why)
{
    char real[PATH_MAX];
    char wal[PATH_MAX + sizeof("-wal")];
    struct stat status;
    bool is_there = realpath(path, real) != NULL;

    if ((!is_there && errno != ENOENT) ||
        (is_there && stat(real, &status) != 0)) {
        return errno_reason_classify(why, path, "cannot be opened", errno);
    }
    if (is_there && (!S_ISREG(status.st_mode) || status.st_size > 0)) {
        return 0;
    }
    (void)snprintf(wal, sizeof(wal), "%s-wal", is_there ? real : path);
    if (stat(wal, &status) != 0) {
        return errno == ENOENT
                   ? 0
                   : errno_reason_classify(why, wal, "cannot be opened", errno);
    }
    if (status.st_size == 0) {
        return 0;
    }
    return reason_set(
        why, HAPLO_EINVAL,
        "%s: is missing or empty, but its -wal exists and may contain "
        "messages that are nowhere else: put back the file that belongs to it, "
        "or move the -wal to another folder: see \"DAMAGED INBOXES\" in "
        "haplo-inbox(5)",
        path);
}

int db_file_check(const char *path, struct reason *why)
{
    struct stat status;

    if (strlen(path) >= PATH_MAX - sizeof("./-wal")) {
        return errno_reason_classify(why, path, "cannot be opened",
                                     ENAMETOOLONG);
    }
    if (stat(path, &status) != 0) {
        return errno == ENOENT ? 0
                               : errno_reason_classify(
                                     why, path, "cannot be opened", errno);
    }
    if (!S_ISREG(status.st_mode)) {
        return reason_set(why, HAPLO_EINVAL, "%s: is %s, not a file", path,
                          S_ISDIR(status.st_mode) ? "a folder"
                                                  : "something else");
    }
    return 0;
}

static int created_file_close(int descriptor, const char *path,
                              struct reason *why)
{
    int error = file_mode_set(descriptor, DB_FILE_MODE);

    if (close(descriptor) != 0 && error == 0) {
        error = errno;
    }
    return error == 0
               ? 0
               : errno_reason_classify(why, path, "cannot be created", error);
}

int db_file_prepare(const char *path, struct reason *why)
{
    struct stat status;
    int descriptor;
    int error;

    error = db_file_refuse_lost_wal(path, why);
    if (error != 0) {
        return error;
    }
    descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY,
                      DB_FILE_MODE);
    if (descriptor >= 0) {
        return created_file_close(descriptor, path, why);
    }
    if (errno != EEXIST) {
        return errno_reason_classify(why, path, "cannot be created", errno);
    }
    /* A symbolic link may point nowhere. */
    return stat(path, &status) == 0
               ? 0
               : errno_reason_classify(why, path, "cannot be opened", errno);
}

int db_file_sync_folder(const char *path, struct reason *why)
{
    char copy[PATH_MAX];
    const char *folder;
    int error;

    (void)snprintf(copy, sizeof(copy), "%s", path);
    folder = dirname(copy);
    error = durable_folder_path(folder);
    if (error != 0) {
        return errno_reason_classify(why, folder,
                                     "its names cannot be made durable", error);
    }
    return 0;
}
