/*
 * config_errors.h - the errors in a configuration file, one line each, and
 * what each of them concerns: one queue, one server, or more than that.
 */
#ifndef CONFIG_CONFIG_ERRORS_H
#define CONFIG_CONFIG_ERRORS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include "config/config.h"
#include "config/list.h"

#define CONFIG_ERRORS_MAX 20 /* errors printed; the rest is counted */
#define CONFIG_SHOW_SIZE 140 /* bytes of a value in an error */
#define CONFIG_HIDDEN "(hidden)"
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
    struct config_error list[CONFIG_ERRORS_MAX]; /* sorted by position */
    int count;                                   /* of all errors */
    int file_count;            /* of those that concern the file */
    struct config_scope scope; /* what the next errors concern */
    bool keeps_confined;       /* also in the next list */
    bool has_no_memory;        /* one of these is missing */
    struct list confined; /* struct config_confined, in order of discovery */
};

/* Adds an error, with control characters removed, or only counts it if there
 * are too many. Returns -1. */
int config_errors_add(struct config_errors *errors, struct config_place place,
                      const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The newest error, which must be confined, also concerns another section. */
void config_errors_share(struct config_errors *errors,
                         struct config_scope scope);

/* Removes all errors. */
void config_errors_clear(struct config_errors *errors);

/* Prints "PATH:LINE:COLUMN: text" for each error in order ("PATH: text" for
 * a whole file), and the number of further ones. Removes them. Returns the
 * total number. */
int config_errors_end(struct config_errors *errors, const struct config *config,
                      FILE *file);

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
