#include "config/config_path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct config_string {
    struct config_string *next; /* in the config's list */
    char text[];                /* */
};

const char *config_path_join(struct config *config, const char *folder,
                             size_t folder_size, const char *name)
{
    size_t size = folder_size + 1 + strlen(name) + 1;
    struct config_string *string = malloc(sizeof *string + size);
    if (string == NULL) {
        return NULL;
    }
    snprintf(string->text, size, "%.*s/%s", (int)folder_size, folder, name);
    string->next = config->strings;
    config->strings = string;
    return string->text;
}

const char *config_path(struct config *config, const char *path)
{
    const char *slash = strrchr(config->path, '/');
    if (path[0] == '/' || slash == NULL) {
        return path;
    }
    return config_path_join(config, config->path,
                            (size_t)(slash - config->path), path);
}

void config_strings_free(struct config *config)
{
    while (config->strings != NULL) {
        struct config_string *next = config->strings->next;
        free(config->strings);
        config->strings = next;
    }
}

int config_path_open(const char *path, bool is_secret, int *fd, char *why,
                     size_t why_size)
{
    struct stat status;
    /* A FIFO must not hold up the start. */
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (*fd < 0) {
        snprintf(why, why_size, "cannot be read: %s: %s", strerror(errno),
                 errno == EACCES ? "let this user read it"
                                 : "make the file, or mend the path");
        return -1;
    }
    if (fstat(*fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        snprintf(why, why_size, "it is no file: give a file's path");
    } else if (is_secret && (status.st_mode & S_IRWXO) != 0) {
        snprintf(why, why_size,
                 "others can get at it (mode %04o): chmod 600 %s",
                 (unsigned)(status.st_mode & 07777), path);
    } else {
        return 0;
    }
    close(*fd);
    return -1;
}
