#include "outlets/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/input_file.h"
#include "base/key_shape.h"

bool secret_is_given(const struct secret_source *source)
{
    return source->file != NULL || source->env != NULL ||
           source->credential != NULL;
}

void secret_init(struct secret *secret, const struct secret_source *source,
                 const char *option)
{
    *secret = (struct secret){.option = option, .source = source};
}

static void text_free(char *text)
{
    if (text != NULL) {
        explicit_bzero(text, strlen(text));
    }
    free(text);
}

void secret_free(struct secret *secret)
{
    text_free(secret->revealed);
    free(secret->path);
    secret->revealed = NULL;
    secret->path = NULL;
    secret->size = 0;
}

/* Reading */

/* The option that names its place, for reasons: "password_file". */
static const char *option_name(const struct secret *secret, char *name,
                               size_t name_size)
{
    (void)snprintf(name, name_size, "%s_%s", secret->option,
                   secret->source->file != NULL  ? "file"
                   : secret->source->env != NULL ? "env"
                                                 : "credential");
    return name;
}

static int fail(const struct secret *secret, int error, const char *what,
                struct reason *why)
{
    const struct secret_source *source = secret->source;
    const char *place = source->file != NULL  ? source->file
                        : source->env != NULL ? source->env
                                              : source->credential;
    char name[64];

    return reason_set(why, error, "%s %s: %s",
                      option_name(secret, name, sizeof(name)),
                      api_key_hide(place), what);
}

/* Sets the path of its file; no path: it is in the environment. */
static int path_find(struct secret *secret, struct reason *why)
{
    const struct secret_source *source = secret->source;
    const char *folder = getenv("CREDENTIALS_DIRECTORY");

    if (secret->path != NULL || source->env != NULL) {
        return 0;
    }
    if (source->file != NULL) {
        secret->path = strdup(source->file);
    } else if (folder == NULL) {
        return fail(secret, HAPLO_EINVAL,
                    "CREDENTIALS_DIRECTORY is not set: run it by systemd with "
                    "LoadCredential=, or name a file",
                    why);
    } else if (strchr(source->credential, '/') != NULL) {
        return fail(secret, HAPLO_EINVAL,
                    "not the name of a credential: write it without slashes",
                    why);
    } else {
        secret->path = malloc(strlen(folder) + strlen(source->credential) + 2);
        if (secret->path != NULL) {
            (void)strcpy(stpcpy(stpcpy(secret->path, folder), "/"),
                         source->credential);
        }
    }
    return secret->path != NULL
               ? 0
               : fail(secret, HAPLO_ENOMEM, "out of memory", why);
}

static int file_read(struct secret *secret, char *text, struct reason *why)
{
    char what[HAPLO_TEXT_SIZE_MAX];
    size_t size = 0;
    int fd;
    int error = input_file_open(secret->path, true, &fd, what, sizeof(what));

    if (error != 0) {
        return fail(secret, error, what, why);
    }
    if (fstat(fd, &secret->seen) != 0) {
        memset(&secret->seen, 0, sizeof(secret->seen)); /* read it again */
    }
    error = input_file_read(fd, text, SECRET_SIZE_MAX + 1, &size, what,
                            sizeof(what));
    close(fd);
    if (error != 0) {
        return fail(secret, error, what, why);
    }
    text[size] = '\0';
    if (size > SECRET_SIZE_MAX) {
        return fail(secret, HAPLO_EINVAL,
                    "too long for a secret: correct the path", why);
    }
    if (strlen(text) != size) {
        return fail(secret, HAPLO_EINVAL,
                    "it contains a NUL byte: write it as text", why);
    }
    return 0;
}

static int environment_read(const struct secret *secret, char *text,
                            struct reason *why)
{
    const char *value = getenv(secret->source->env);

    if (value == NULL) {
        return fail(secret, HAPLO_EINVAL,
                    "no such variable in the environment: set it, or name a "
                    "file",
                    why);
    }
    if (strlen(value) > SECRET_SIZE_MAX) {
        return fail(secret, HAPLO_EINVAL, "too long for a secret", why);
    }
    strcpy(text, value);
    return 0;
}

static size_t newlines_cut(char *text)
{
    size_t size = strlen(text);

    while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == '\r')) {
        text[--size] = '\0';
    }
    return size;
}

int secret_read(struct secret *secret, struct reason *why)
{
    char *text;
    size_t size;
    int error;

    if (!secret_is_given(secret->source)) {
        return 0;
    }
    error = path_find(secret, why);
    if (error != 0) {
        return error;
    }
    text = calloc(1, SECRET_SIZE_MAX + 2);
    if (text == NULL) {
        return fail(secret, HAPLO_ENOMEM, "out of memory", why);
    }
    error = secret->path != NULL ? file_read(secret, text, why)
                                 : environment_read(secret, text, why);
    size = newlines_cut(text);
    if (error == 0 && size == 0) {
        error = fail(secret, HAPLO_EINVAL, "it is empty: write it there", why);
    }
    if (error != 0) {
        explicit_bzero(text, SECRET_SIZE_MAX + 2);
        free(text);
        return error;
    }
    text_free(secret->revealed);
    secret->revealed = text;
    secret->size = size;
    return 0;
}

/* Checking */

static bool is_line(const char *text)
{
    while (*text != '\0' && (unsigned char)*text >= ' ' && *text != 0x7f) {
        text++;
    }
    return *text == '\0';
}

static int check(const struct secret_source *source, const char *option,
                 bool must_be_line, char *why, size_t why_size)
{
    struct secret secret;
    struct reason reason = {""};
    int error;

    if ((source->file != NULL) + (source->env != NULL) +
            (source->credential != NULL) >
        1) {
        return reason_write(why, why_size, HAPLO_EINVAL,
                            "%s_file, %s_env and %s_credential: keep one of "
                            "them",
                            option, option, option);
    }
    secret_init(&secret, source, option);
    error = secret_read(&secret, &reason);
    if (error == 0 && must_be_line && secret.revealed != NULL &&
        !is_line(secret.revealed)) {
        error = fail(&secret, HAPLO_EINVAL,
                     "it has a line break or another control character inside: "
                     "write it in one line",
                     &reason);
    }
    secret_free(&secret);
    return error == 0
               ? 0
               : reason_write(why, why_size, HAPLO_EINVAL, "%s", reason.text);
}

int secret_check(const struct secret_source *source, const char *option,
                 char *why, size_t why_size)
{
    return check(source, option, false, why, why_size);
}

int secret_check_line(const struct secret_source *source, const char *option,
                      char *why, size_t why_size)
{
    return check(source, option, true, why, why_size);
}

/* Changes */

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
           a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
           a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

bool secret_refresh(struct secret *secret, uint64_t now_ms, struct reason *why)
{
    struct stat now;

    why->text[0] = '\0';
    if (secret->path == NULL || now_ms < secret->look_next_ms) {
        return false;
    }
    secret->look_next_ms = now_ms + SECRET_LOOK_MS;
    if (stat(secret->path, &now) == 0 && is_same_file(&now, &secret->seen)) {
        return false;
    }
    if (secret_read(secret, why) != 0) {
        memset(&secret->seen, 0, sizeof(secret->seen)); /* try again */
        return false;
    }
    return true;
}
