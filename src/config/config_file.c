#include "config/config_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PIECE_SIZE 65536 /* holds most files */

static const struct config_place whole_file;

/* Up to one byte more than a file may have. NULL when there is no memory. */
static unsigned char *bytes_read(FILE *file, size_t *size)
{
    size_t capacity = PIECE_SIZE;
    unsigned char *data = malloc(capacity);
    *size = 0;
    while (data != NULL) {
        *size += fread(data + *size, 1, capacity - *size, file);
        if (*size < capacity || *size > CONFIG_FILE_SIZE_MAX) {
            return data;
        }
        capacity *= 2;
        unsigned char *larger = realloc(data, capacity);
        if (larger == NULL) {
            free(data);
        }
        data = larger;
    }
    return NULL;
}

static int too_large(struct config_errors *errors)
{
    return config_errors_add(errors, whole_file,
                             "larger than %d bytes: split it",
                             CONFIG_FILE_SIZE_MAX);
}

static int file_read(FILE *file, struct config_errors *errors,
                     unsigned char **text, size_t *size)
{
    struct stat status;
    /* Spares reading gigabytes where the path is wrong. */
    if (fstat(fileno(file), &status) == 0 &&
        status.st_size > CONFIG_FILE_SIZE_MAX) {
        return too_large(errors);
    }
    unsigned char *data = bytes_read(file, size);
    if (data == NULL) {
        return config_errors_add(errors, whole_file, "out of memory");
    }
    if (ferror(file)) {
        config_errors_add(
            errors, whole_file, "cannot be read: %s: %s", strerror(errno),
            errno == EISDIR ? "give the path of a file" : "try again");
    } else if (*size > CONFIG_FILE_SIZE_MAX) {
        too_large(errors);
    } else {
        *text = data;
        return 0;
    }
    free(data);
    return -1;
}

int config_file_read(const char *path, struct config_errors *errors,
                     unsigned char **text, size_t *size)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        const char *advice = errno == ENOENT ? "create it, or give its path"
                             : errno == EACCES
                                 ? "give this user permission to read it"
                                 : "try again";
        return config_errors_add(errors, whole_file, "cannot be opened: %s: %s",
                                 strerror(errno), advice);
    }
    int result = file_read(file, errors, text, size);
    fclose(file);
    return result;
}
