/*
 * schema_error.h - one clear line out of what libcyaml logs when a file does
 * not fit the schema.
 *
 * It logs what is wrong, and then the way to it from the inside out:
 *
 *   Load: Unexpected key: intervall
 *   Load: Backtrace:
 *     in mapping (line: 3, column: 11)
 *     in sequence entry '1' (line: 3, column: 5)
 *     in mapping field 'servers' (line: 3, column: 3)
 *
 * Its lines are those of the token before; following the way through the
 * tree of nodes gives the right one, and the name of the server.
 */
#ifndef DAEMON_SCHEMA_ERROR_H
#define DAEMON_SCHEMA_ERROR_H

#include <stddef.h>

#include "config/config_errors.h"
#include "config/config_lines.h"

#define SCHEMA_ERROR_LINE_SIZE 256
#define SCHEMA_ERROR_DEPTH_MAX 8 /* the schema has 5 levels */

struct schema_step {
    char field[64]; /* of a mapping; "" for an entry of a list */
    size_t entry;   /* counted from 1 */
};

struct schema_error {
    char what[SCHEMA_ERROR_LINE_SIZE];                /* the first line */
    struct schema_step steps[SCHEMA_ERROR_DEPTH_MAX]; /* innermost first */
    size_t depth;                                     /* of steps */
};

void schema_error_collect(struct schema_error *error, const char *line);

/* Prints it. Returns -1. */
int schema_error_print(const struct schema_error *error,
                       const struct config_lines *lines,
                       struct config_errors *errors);

#endif
