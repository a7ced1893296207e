/*
 * config_errors.h - what is wrong with a configuration file, one line each.
 */
#ifndef DAEMON_CONFIG_ERRORS_H
#define DAEMON_CONFIG_ERRORS_H

#include <stdio.h>

#define CONFIG_ERRORS_MAX 20 /* that are printed; the rest is counted */
#define CONFIG_SHOW_SIZE 140 /* of a value in an error */

struct config_error {
    int line;   /* 0: none */
    char *text; /* */
};

struct config_errors {
    struct config_error list[CONFIG_ERRORS_MAX]; /* by line */
    int count;                                   /* also of those not kept */
};

/* Keeps an error, without control characters, or only counts it if there are
 * too many. Returns -1. */
int config_errors_add(struct config_errors *errors, int line,
                      const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Prints "PATH:LINE: text" for each, by line (no line number where it is 0),
 * and how many more there are. Frees them. Returns the number of all. */
int config_errors_end(struct config_errors *errors, const char *path,
                      FILE *file);

/* A value as it may be shown: short and without control characters; quoted,
 * it has quotes around it. Never give it anything that might be a key or a
 * password. */
const char *config_show(const char *value, char text[CONFIG_SHOW_SIZE]);
const char *config_quote(const char *value, char text[CONFIG_SHOW_SIZE]);

#endif
