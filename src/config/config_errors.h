/*
 * config_errors.h - what is wrong with a configuration file, one line each.
 */
#ifndef CONFIG_CONFIG_ERRORS_H
#define CONFIG_CONFIG_ERRORS_H

#include <stdarg.h>
#include <stdio.h>

#include "config/config.h"

#define CONFIG_ERRORS_MAX 20 /* that are printed; the rest is counted */
#define CONFIG_SHOW_SIZE 140 /* of a value in an error */
#define CONFIG_HIDDEN "(hidden)"

struct config_error {
    struct config_place place; /* line 0: of the whole file */
    char *text;                /* owned; NULL: there was no memory for it */
};

/* Zeroed, it is empty. */
struct config_errors {
    struct config_error list[CONFIG_ERRORS_MAX]; /* by place */
    int count;                                   /* also of those not kept */
};

/* Keeps an error, without control characters, or only counts it if there are
 * too many. Returns -1. */
int config_errors_add(struct config_errors *errors, struct config_place place,
                      const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Forgets all of them. */
void config_errors_clear(struct config_errors *errors);

/* Prints "PATH:LINE:COLUMN: text" for each, by place ("PATH: text" for the
 * whole file), and how many more there are. Clears them. Returns the number of
 * all. */
int config_errors_end(struct config_errors *errors, const char *path,
                      FILE *file);

/* A value as it may be shown: short and without control characters. Quoted, it
 * has quotes around it, or is CONFIG_HIDDEN if it looks like an API key. Never
 * give it anything that might be a password. */
const char *config_show(const char *value, char text[CONFIG_SHOW_SIZE]);
const char *config_quote(const char *value, char text[CONFIG_SHOW_SIZE]);

#endif
