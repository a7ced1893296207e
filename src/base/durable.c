#include "base/durable.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file_mode.h"

int durable_file(int descriptor)
{
    int result;

    do {
        result = fsync(descriptor);
    } while (result != 0 && errno == EINTR);
    return result == 0 ? 0 : errno;
}

int durable_folder(int descriptor)
{
    int error = durable_file(descriptor);

    /* Some file systems do not support fsync() on folders. */
    return error == EINVAL || error == ENOTSUP ? 0 : error;
}

int durable_folder_path(const char *path)
{
    int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error;

    if (descriptor < 0) {
        return errno;
    }
    error = durable_folder(descriptor);
    if (close(descriptor) != 0 && error == 0) {
        error = errno;
    }
    return error;
}

static int folder_mode_set(const char *path, mode_t mode)
{
    int descriptor =
        open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int error;

    if (descriptor < 0) {
        return errno;
    }
    error = file_mode_set(descriptor, mode);
    (void)close(descriptor); /* read-only, so errors do not matter */
    return error;
}

int durable_make_folder(const char *path, mode_t mode, const char **what)
{
    char copy[PATH_MAX];
    bool is_made = mkdir(path, mode) == 0;
    int error;

    *what = "cannot be made";
    if (!is_made && errno != EEXIST) {
        return errno;
    }
    *what = "its mode cannot be set";
    error = is_made ? folder_mode_set(path, mode) : 0;
    if (error != 0) {
        return error;
    }
    if (snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy)) {
        return ENAMETOOLONG;
    }
    *what = "its name cannot be made durable";
    error = durable_folder_path(dirname(copy));
    /* Without permission to read its parent, it cannot be ours to create. */
    return !is_made && error == EACCES ? 0 : error;
}
