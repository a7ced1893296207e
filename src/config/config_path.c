#include "config/config_path.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/errno_reason.h"
#include "base/key_shape.h"
#include "base/reason.h"
#include "config/config_errors.h"

const char *config_path_join(struct config *config, const char *folder,
                             size_t folder_size, const char *name,
                             const char **end)
{
    size_t size = strlen(name);
    char *path = arena_room(&config->arena, folder_size + 1 + size);
    if (path != NULL) {
        memcpy(path, folder, folder_size);
        path[folder_size] = '/';
        memcpy(path + folder_size + 1, name, size + 1);
    }
    if (path != NULL && end != NULL) {
        *end = path + folder_size + 1;
    }
    return path;
}

const char *config_path(struct config *config, const char *path,
                        const char **name)
{
    const char *file = config->files[config->path_file].path;
    const char *slash = strrchr(file, '/');
    if (path[0] != '/' && slash != NULL) {
        return config_path_join(config, file, (size_t)(slash - file), path,
                                name);
    }
    const char *copy = arena_string(&config->arena, path);
    if (copy != NULL && name != NULL) {
        *name = copy;
    }
    return copy;
}

const char *config_path_real(struct arena *arena, const char *path)
{
    char real[PATH_MAX];
    char folder[PATH_MAX];
    char name[PATH_MAX];
    char joined[2 * PATH_MAX];
    size_t size = strlen(path) + 1;
    if (realpath(path, real) != NULL) {
        return arena_string(arena, real);
    }
    if (size > PATH_MAX) {
        return path; /* which nobody can use */
    }
    memcpy(folder, path, size);
    memcpy(name, path, size);
    if (realpath(dirname(folder), real) == NULL) {
        return path;
    }
    snprintf(joined, sizeof joined, "%s/%s", real, basename(name));
    return arena_string(arena, joined);
}

/* 0 if files can be created in the folder, otherwise errno. */
static int folder_look(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0) {
        return errno;
    }
    if (!S_ISDIR(status.st_mode)) {
        return ENOTDIR;
    }
    return faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

/* The same for the folder that the path is in. */
static int parent_look(const char *path)
{
    char copy[PATH_MAX];
    if (snprintf(copy, sizeof copy, "%s", path) >= (int)sizeof copy) {
        return ENAMETOOLONG;
    }
    return folder_look(dirname(copy));
}

/* The same for an existing file. */
static int file_look(const char *path, const struct stat *status)
{
    if (!S_ISREG(status->st_mode)) {
        return S_ISDIR(status->st_mode) ? EISDIR : EINVAL;
    }
    return faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS) == 0 ? 0 : errno;
}

/* Somebody may have pasted a key in place of the path. What another user, or
 * another machine, may well have is only worth a warning. */
static enum diagnostic_code look_fail(const char *path, const char *what,
                                      int number, char *why, size_t why_size)
{
    struct reason reason;
    const char *shown = api_key_hide(path);
    bool is_hidden = shown != path;
    if (number == 0) {
        return HP_NONE;
    }
    errno_reason_set(&reason, HAPLO_EINVAL, shown, what, number);
    (void)reason_write(why, why_size, 0, "%s", reason.text);
    return is_hidden                              ? HP_SECRET_PASTED
           : number == ENOENT || number == EACCES ? HP_PATH_MISSING
                                                  : HP_PATH_UNUSABLE;
}

enum diagnostic_code config_path_may_write(const char *path, char *why,
                                           size_t why_size)
{
    struct stat status;
    bool exists = stat(path, &status) == 0;
    int number = exists ? file_look(path, &status) : errno;
    if (number == 0 || number == ENOENT) {
        number = parent_look(path);
    }
    return look_fail(path, exists ? "cannot be written" : "cannot be created",
                     number, why, why_size);
}

enum diagnostic_code config_path_may_fill(const char *path, char *why,
                                          size_t why_size)
{
    int number = folder_look(path);
    if (number != ENOENT) {
        return look_fail(path, "cannot be written", number, why, why_size);
    }
    return look_fail(path, "cannot be created", parent_look(path), why,
                     why_size);
}
