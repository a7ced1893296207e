#include "config/config_path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/reason.h"

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
    const char *slash = strrchr(config->path, '/');
    if (path[0] != '/' && slash != NULL) {
        return config_path_join(config, config->path,
                                (size_t)(slash - config->path), path, name);
    }
    const char *copy = arena_string(&config->arena, path);
    if (copy != NULL && name != NULL) {
        *name = copy;
    }
    return copy;
}

int config_path_open(const char *path, bool is_secret, int *fd, char *why,
                     size_t why_size)
{
    struct stat status;
    /* O_NONBLOCK: a FIFO must not block the start. */
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (*fd < 0) {
        return reason_write(why, why_size, HAPLO_EINVAL,
                            "cannot be read: %s: %s", strerror(errno),
                            errno == EACCES
                                ? "give this user permission to read it"
                                : "create the file, or correct the path");
    }
    if (fstat(*fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        (void)reason_write(why, why_size, 0,
                           "not a regular file: correct the path");
    } else if (is_secret && (status.st_mode & S_IRWXO) != 0) {
        (void)reason_write(why, why_size, 0,
                           "accessible to others (mode %04o): run chmod 600 %s",
                           (unsigned)(status.st_mode & 07777), path);
    } else {
        return 0;
    }
    close(*fd);
    return HAPLO_EINVAL;
}
