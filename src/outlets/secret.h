/*
 * secret.h - a password, token or signing secret of an outlet.
 *
 * The configuration names a place, never the secret itself: a file
 * (password_file), an environment variable (password_env) or a credential of
 * systemd (password_credential). SECRET_ROWS() declares these three options:
 *
 *     struct nats_options {
 *         struct secret_source password;
 *     };
 *     static const struct option_row options[] = {
 *         SECRET_ROWS("password", struct nats_options, password,
 *                     "the password to log in with"),
 *     };
 *
 * The type's check() calls secret_check(), its open() calls secret_read(), and
 * whoever uses the secret for long calls secret_refresh() before. A trailing
 * newline, which editors add, is not part of a secret. No reason ever contains
 * any part of one, and its memory is wiped before it is freed.
 */
#ifndef OUTLETS_SECRET_H
#define OUTLETS_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/option.h"
#include "base/reason.h"

#define SECRET_SIZE_MAX 16384 /* in bytes; tokens may have some thousands */
#define SECRET_LOOK_MS 1000   /* its file is not looked at more often */

/* At most one of the three; all NULL: there is no secret. */
struct secret_source {
    const char *file;       /* path of a file that holds it */
    const char *env;        /* name of an environment variable */
    const char *credential; /* name in systemd's $CREDENTIALS_DIRECTORY */
};

/* Three rows. what: a phrase such as "the password to log in with". */
#define SECRET_ROWS(option, options_type, field, what)                         \
    {                                                                          \
        .name = option "_file",                                                \
        .value = OPTION_PRIVATE_FILE,                                          \
        .fallback = "none",                                                    \
        .offset = offsetof(options_type, field) +                              \
                  offsetof(struct secret_source, file),                        \
        .help = "The file with " what ". Others must not be able to read it. " \
                "A replaced file takes effect within a second.",               \
    },                                                                         \
        {                                                                      \
            .name = option "_env",                                             \
            .value = OPTION_TEXT,                                              \
            .fallback = "none",                                                \
            .word = "name",                                                    \
            .offset = offsetof(options_type, field) +                          \
                      offsetof(struct secret_source, env),                     \
            .help = "The same from this environment variable.",                \
        },                                                                     \
    {                                                                          \
        .name = option "_credential", .value = OPTION_TEXT,                    \
        .fallback = "none", .word = "name",                                    \
        .offset = offsetof(options_type, field) +                              \
                  offsetof(struct secret_source, credential),                  \
        .help = "The same from this credential of systemd.",                   \
    }

/* A secret in memory. */
struct secret {
    const char *option;                 /* "password"; borrowed */
    const struct secret_source *source; /* where it is; borrowed */
    char *path;            /* owned; the file that holds it, or NULL */
    char *revealed;        /* owned; NUL-terminated; NULL: not read yet; never
                              printed: see struct api_key */
    size_t size;           /* of it, without the NUL */
    struct stat seen;      /* the file when it was read; zeroed: never */
    uint64_t look_next_ms; /* when to look at the file again */
};

bool secret_is_given(const struct secret_source *source);

/* For check(): at most one place is named, and the secret can be read from it.
 * Returns 0, or HAPLO_EINVAL with one line in why. */
int secret_check(const struct secret_source *source, const char *option,
                 char *why, size_t why_size);

/* The same, and the secret is one line, as a password or a token is. */
int secret_check_line(const struct secret_source *source, const char *option,
                      char *why, size_t why_size);

/* Prepares a secret without reading it. Borrows source and option. */
void secret_init(struct secret *secret, const struct secret_source *source,
                 const char *option);

/* Reads it, if one is given. Returns 0; or HAPLO_EINVAL or HAPLO_ENOMEM with
 * why set, and what was read before stays as it is. */
int secret_read(struct secret *secret, struct reason *why);

/* Reads it again if its file has changed; looks once a second at most. True if
 * it was read. If the file cannot be read, the old text stays, and why is set
 * ("" otherwise). */
bool secret_refresh(struct secret *secret, uint64_t now_ms, struct reason *why);

/* Wipes and frees it. */
void secret_free(struct secret *secret);

#endif
