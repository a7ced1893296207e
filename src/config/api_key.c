#include "config/api_key.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config_path.h"

__attribute__((format(printf, 3, 4))) static int why_set(char *why,
                                                         size_t why_size,
                                                         const char *format,
                                                         ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, why_size, format, arguments);
    va_end(arguments);
    return -1;
}

/* Haplo's keys are 44 random letters and digits; names of files and variables
 * that are as long, or that mix all three kinds, are rare. */
bool api_key_is_like(const char *text)
{
    static const char upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char lower[] = "abcdefghijklmnopqrstuvwxyz";
    static const char digits[] = "0123456789";
    size_t size = strlen(text);
    if (size < HAPLO_KEY_SIZE_MIN ||
        strspn(text, "abcdefghijklmnopqrstuvwxyz"
                     "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != size) {
        return false;
    }
    return size >= 40 ||
           (strpbrk(text, upper) != NULL && strpbrk(text, lower) != NULL &&
            strpbrk(text, digits) != NULL);
}

/* The key is `size` bytes at key, or what fitted of more. */
static int key_check(const char *key, size_t size, char *why, size_t why_size)
{
    if (size > HAPLO_KEY_SIZE_MAX) {
        return why_set(why, why_size,
                       "more than %d characters: it must hold the key and "
                       "nothing else",
                       HAPLO_KEY_SIZE_MAX);
    }
    for (size_t i = 0; i < size; i++) {
        if (key[i] == '\n' || key[i] == '\r') {
            return why_set(why, why_size,
                           "the key has a line break inside or more than one "
                           "at its end: it must hold the key in one line and "
                           "nothing else");
        }
        if (key[i] <= 0x20 || key[i] >= 0x7f) {
            return why_set(why, why_size,
                           "the key has a blank or a character inside that no "
                           "key has: copy it again from the server");
        }
    }
    if (size < HAPLO_KEY_SIZE_MIN) {
        return why_set(why, why_size,
                       "%s: copy the whole key from the server, at least %d "
                       "characters",
                       size == 0 ? "it is empty" : "the key is too short",
                       HAPLO_KEY_SIZE_MIN);
    }
    return 0;
}

/* Up to `size` bytes; stdio would leave copies of the key behind. */
static ssize_t file_read(int fd, char *data, size_t size)
{
    size_t filled = 0;
    while (filled < size) {
        ssize_t got = read(fd, data + filled, size - filled);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got < 0 ? got : (ssize_t)filled;
        }
        filled += (size_t)got;
    }
    return (ssize_t)filled;
}

static int key_from_file(const char *path, char *key, char *why,
                         size_t why_size)
{
    char data[API_KEY_SIZE + 1]; /* so that a longer one shows */
    int fd;
    if (config_path_open(path, true, &fd, why, why_size) != 0) {
        return -1;
    }
    int result;
    ssize_t size = file_read(fd, data, sizeof data);
    if (size < 0) {
        result = why_set(why, why_size, "cannot be read: %s: try again",
                         strerror(errno));
    } else {
        size -= size > 0 && data[size - 1] == '\n';
        result = key_check(data, (size_t)size, why, why_size);
    }
    close(fd);
    if (result == 0) {
        memcpy(key, data, (size_t)size);
        key[size] = '\0';
    }
    explicit_bzero(data, sizeof data);
    return result;
}

static int key_from_environment(const char *name, char *key, char *why,
                                size_t why_size)
{
    const char *value = getenv(name);
    if (value == NULL) {
        return why_set(why, why_size,
                       "there is no such variable in the environment: set "
                       "it, or use api_key_file");
    }
    size_t size = strlen(value);
    if (key_check(value, size, why, why_size) != 0) {
        return -1;
    }
    memcpy(key, value, size + 1);
    return 0;
}

int api_key_read_from(const struct config_key *from, char *key, char *why,
                      size_t why_size)
{
    static const char *const options[] = {
        [CONFIG_KEY_NONE] = "api key",
        [CONFIG_KEY_FILE] = "api_key_file",
        [CONFIG_KEY_ENV] = "api_key_env",
        [CONFIG_KEY_CREDENTIAL] = "api_key_credential",
    };
    char text[HAPLO_TEXT_SIZE_MAX];
    struct stat status;
    int result;
    key[0] = '\0';
    if (from->kind == CONFIG_KEY_ENV) {
        result = key_from_environment(from->name, key, text, sizeof text);
    } else if (from->path == NULL) {
        result = why_set(text, sizeof text,
                         "CREDENTIALS_DIRECTORY is not set: run it by "
                         "systemd with LoadCredential=, or use api_key_file");
    } else {
        result = key_from_file(from->path, key, text, sizeof text);
    }
    if (result == 0) {
        return 0;
    }
    bool exists = from->kind == CONFIG_KEY_ENV
                      ? getenv(from->name) != NULL
                      : from->path != NULL && stat(from->path, &status) == 0;
    if (!exists && api_key_is_like(from->name)) {
        return why_set(why, why_size,
                       "%s: the value looks like an API key: put that into a "
                       "file, and the file's path into api_key_file",
                       options[from->kind]);
    }
    return why_set(why, why_size, "%s %s: %s", options[from->kind],
                   from->kind == CONFIG_KEY_FILE ? from->path : from->name,
                   text);
}

int api_key_read(const struct config_queue *queue, char *key, char *why,
                 size_t why_size)
{
    return api_key_read_from(&queue->key, key, why, why_size);
}

const char *api_key_path(const struct config_queue *queue)
{
    return queue->key.path;
}
