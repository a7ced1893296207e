/*
 * config_errors.h - the errors in a configuration file, each with its code,
 * and what each of them concerns: one queue, one server, or more than that.
 *
 * A warning says that something is missing which the machine or the user that
 * runs haplo-poll may well have, such as a key. If a check is strict, it is an
 * error.
 */
#ifndef CONFIG_CONFIG_ERRORS_H
#define CONFIG_CONFIG_ERRORS_H

#include <stdbool.h>
#include <stdio.h>

#include "base/key_shape.h"
#include "config/codes.h"
#include "config/config.h"
#include "config/list.h"

#define CONFIG_ERRORS_MAX 20   /* errors kept; the rest is counted */
#define CONFIG_WARNINGS_MAX 20 /* likewise */
#define CONFIG_SHOW_SIZE 140   /* bytes of a value in an error */
#define CONFIG_HIDDEN API_KEY_HIDDEN
#define CONFIG_PLACE_SIZE (CONFIG_SHOW_SIZE + 32) /* of config_place_show() */

enum config_scope_kind {
    CONFIG_SCOPE_FILE,   /* nothing can start */
    CONFIG_SCOPE_SERVER, /* the server is held */
    CONFIG_SCOPE_QUEUE,  /* the queue is held */
    CONFIG_SCOPE_ENTRY   /* of a list: it is neither, and only skipped */
};

/* What an error concerns. */
struct config_scope {
    enum config_scope_kind kind;
    size_t index; /* in the list of all servers or queues */
};

struct config_error {
    enum diagnostic_code code; /* what kind of error it is */
    bool is_warning;           /* not an error yet, but it may become one */
    struct config_place place; /* line 0: the whole file */
    char *text;                /* owned; NULL: out of memory */
};

/* An error that does not concern the whole file. */
struct config_confined {
    struct config_scope scope; /* what it concerns */
    struct config_scope other; /* what else; CONFIG_SCOPE_FILE: nothing */
    struct config_error error; /* its text is owned */
};

/* Zeroed: empty. */
struct config_errors {
    struct config_error
        list[CONFIG_ERRORS_MAX + CONFIG_WARNINGS_MAX]; /* sorted by position */
    int listed;                /* number of entries in list */
    int count;                 /* of all errors */
    int warning_count;         /* of all warnings */
    bool is_strict;            /* warnings are errors */
    int whole_count;           /* of those that concern the whole file */
    struct config_scope scope; /* what the next errors concern */
    bool keeps_confined;       /* also in the next list */
    bool has_no_memory;        /* one of these is missing */
    const char *path;          /* borrowed; of the main file */
    struct config_file *files; /* owned; the main one first */
    size_t file_count;         /* length of files; 0: only the main one */
    struct list confined; /* struct config_confined, in order of discovery */
};

/* Adds an error, with control characters removed, or only counts it if there
 * are too many. Returns -1, or 0 if it is only a warning. */
int config_errors_add(struct config_errors *errors, enum diagnostic_code code,
                      struct config_place place, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The newest error, which must be confined, also concerns another section. */
void config_errors_share(struct config_errors *errors,
                         struct config_scope scope);

/* Removes all errors and warnings. */
void config_errors_clear(struct config_errors *errors);

/* Keeps the names of the files, which outlive the configuration; borrows the
 * path of the main file. config may be NULL. */
void config_errors_name_files(struct config_errors *errors, const char *path,
                              const struct config *config);

/* The path of the file that a position is in. */
const char *config_errors_path(const struct config_errors *errors,
                               struct config_place place);

/* Whether a position is before another one: in the order in which the files
 * are read. */
bool config_place_is_before(struct config_place a, struct config_place b);

/* The name of a position in an error at `from`: "line 7" in the same file,
 * otherwise "PATH:7:3". */
const char *config_place_show(const struct config *config,
                              struct config_place from,
                              struct config_place place,
                              char text[CONFIG_PLACE_SIZE]);

/* Returns a value in a form that may be shown: short and without control
 * characters. config_quote() adds quotes, and returns CONFIG_HIDDEN if it
 * looks like an API key. Never pass anything that may be a password. */
const char *config_show(const char *value, char text[CONFIG_SHOW_SIZE]);
const char *config_quote(const char *value, char text[CONFIG_SHOW_SIZE]);

#endif
