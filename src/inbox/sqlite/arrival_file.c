/*
 * arrival_file.c - reads and writes the file. It has one line after its first:
 *
 *     550e8400-e29b-41d4-a716-446655440000 1234 65536
 *
 * A new one is written next to it, synced and renamed, so that the file is
 * complete at any moment.
 */
#include "inbox/sqlite/arrival_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/durable.h"
#include "base/errno_reason.h"
#include "base/file_mode.h"
#include "inbox/sqlite/db_file.h"

#define FIRST_LINE "haplo-poll arrivals 1\n"
#define TEXT_SIZE_MAX 256 /* of the whole file */
#define FILE_MODE 0600

static int file_error(const char *path, const char *what, int number,
                      struct reason *why)
{
    return errno_reason_set(why, HAPLO_EINVAL, path, what, number);
}

/* Sets *size, or returns errno. No file is an empty one. */
static int text_read(const char *path, char *text, size_t *size)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    ssize_t count;
    int error;

    *size = 0;
    if (descriptor < 0) {
        return errno == ENOENT ? 0 : errno;
    }
    count = read(descriptor, text, TEXT_SIZE_MAX - 1);
    error = count < 0 ? errno : 0;
    *size = count > 0 ? (size_t)count : 0;
    (void)close(descriptor); /* of a file that was only read */
    return error;
}

static bool record_parse(const char *text, struct arrival_record *record)
{
    int end = -1;

    return strncmp(text, FIRST_LINE, strlen(FIRST_LINE)) == 0 &&
           sscanf(text + strlen(FIRST_LINE), "%36s %" SCNu64 " %" SCNu64 "%n",
                  record->uuid, &record->newest, &record->reserved,
                  &end) == 3 &&
           strcmp(text + strlen(FIRST_LINE) + end, "\n") == 0 &&
           record->newest <= record->reserved &&
           record->reserved <= INT64_MAX / 2;
}

int arrival_file_read(const char *path, struct arrival_record *record,
                      struct reason *why)
{
    char text[TEXT_SIZE_MAX];
    size_t size;
    int error = text_read(path, text, &size);

    memset(record, 0, sizeof(*record));
    if (error != 0) {
        return file_error(path, "cannot be read", error, why);
    }
    text[size] = '\0';
    if (size == 0 || record_parse(text, record)) {
        return 0;
    }
    memset(record, 0, sizeof(*record));
    return reason_set(why, HAPLO_EINVAL, "%s: is damaged", path);
}

/* Returns 0 or errno. */
static int text_write(const char *path, const char *text, size_t size)
{
    int descriptor = open(
        path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY,
        FILE_MODE);
    ssize_t count;
    int error;

    if (descriptor < 0) {
        return errno;
    }
    do {
        count = write(descriptor, text, size);
    } while (count < 0 && errno == EINTR);
    error = count == (ssize_t)size ? file_mode_set(descriptor, FILE_MODE)
            : count < 0            ? errno
                                   : ENOSPC;
    if (error == 0) {
        error = durable_file(descriptor);
    }
    if (close(descriptor) != 0 && error == 0) {
        error = errno;
    }
    return error;
}

int arrival_file_write(const char *path, const struct arrival_record *record,
                       struct reason *why)
{
    char new_path[PATH_MAX];
    char text[TEXT_SIZE_MAX];
    int size =
        snprintf(text, sizeof(text), FIRST_LINE "%s %" PRIu64 " %" PRIu64 "\n",
                 record->uuid, record->newest, record->reserved);
    int error = ENAMETOOLONG;

    if (snprintf(new_path, sizeof(new_path), "%s.new", path) <
        (int)sizeof(new_path)) {
        error = text_write(new_path, text, (size_t)size);
    }
    if (error == 0 && rename(new_path, path) != 0) {
        error = errno;
    }
    return error != 0 ? file_error(path, "cannot be written", error, why)
                      : db_file_sync_folder(path, why);
}
