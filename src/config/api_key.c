#include "config/api_key.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/input_file.h"
#include "base/key_shape.h"
#include "base/reason.h"

/* Accepts a trailing newline, which editors add. */
static int key_from_file(const char *path, struct api_key *key, char *why,
                         size_t why_size)
{
    char data[API_KEY_SIZE +
              2]; /* room to detect a longer key, a newline, NUL */
    size_t size;
    int fd;
    int error = input_file_open(path, true, &fd, why, why_size);
    if (error != 0) {
        return error;
    }
    error = input_file_read(fd, data, sizeof data - 1, &size, why, why_size);
    close(fd);
    if (error == 0) {
        size -= size > 0 && data[size - 1] == '\n';
        data[size] = '\0';
        if (strlen(data) != size) {
            /* A NUL would truncate the key: refused like any control
             * character. */
            data[strlen(data)] = ' ';
        }
        error = haplo_api_key_check(data, why, why_size);
    }
    if (error == 0) {
        memcpy(key->revealed, data, size + 1);
    }
    explicit_bzero(data, sizeof data);
    return error;
}

static int key_from_environment(const char *name, struct api_key *key,
                                char *why, size_t why_size)
{
    const char *value = getenv(name);
    if (value == NULL) {
        return reason_write(
            why, why_size, HAPLO_EINVAL,
            "no such variable in the environment: set it, or use "
            "api_key_file");
    }
    int error = haplo_api_key_check(value, why, why_size);
    if (error == 0) {
        memcpy(key->revealed, value, strlen(value) + 1);
    }
    return error;
}

bool api_key_exists(const struct config_key *key)
{
    return key->kind == CONFIG_KEY_ENV
               ? getenv(key->name) != NULL
               : key->path != NULL && access(key->path, R_OK) == 0;
}

static const char *api_key_option(enum config_key_kind kind)
{
    static const char *const names[] = {
        [CONFIG_KEY_FILE] = "api_key_file",
        [CONFIG_KEY_ENV] = "api_key_env",
        [CONFIG_KEY_CREDENTIAL] = "api_key_credential",
        [CONFIG_KEY_COMMAND] = "api_key_command",
    };
    return names[kind];
}

const char *api_key_shown(const struct config_key *key)
{
    return api_key_is_like(key->name) && !api_key_exists(key) ? API_KEY_HIDDEN
                                                              : key->name;
}

void api_key_wipe(struct api_key *text)
{
    explicit_bzero(text, sizeof *text);
}

int api_key_read(const struct config_key *key, struct api_key *text, char *why,
                 size_t why_size)
{
    char reason[HAPLO_TEXT_SIZE_MAX];
    int error = HAPLO_EINVAL;
    assert(key->kind != CONFIG_KEY_COMMAND);
    text->revealed[0] = '\0';
    if (key->kind == CONFIG_KEY_ENV) {
        error = key_from_environment(key->name, text, reason, sizeof reason);
    } else if (key->path != NULL) {
        error = key_from_file(key->path, text, reason, sizeof reason);
    } else {
        snprintf(reason, sizeof reason,
                 "CREDENTIALS_DIRECTORY is not set: run it by systemd with "
                 "LoadCredential=, or use api_key_file");
    }
    if (error == 0) {
        return 0;
    }
    if (!api_key_exists(key) && api_key_is_like(key->name)) {
        (void)reason_write(
            why, why_size, 0,
            "%s: the value looks like an API key: write the key to a "
            "file, and the file's path to api_key_file",
            api_key_option(key->kind));
    } else {
        (void)reason_write(
            why, why_size, 0, "%s %s: %s", api_key_option(key->kind),
            key->kind == CONFIG_KEY_FILE ? key->path : key->name, reason);
    }
    return error;
}
