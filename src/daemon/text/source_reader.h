/*
 * source_reader.h - reads the lines of configuration files that diagnostics are
 * about.
 */
#ifndef DAEMON_SOURCE_READER_H
#define DAEMON_SOURCE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "daemon/text/source_excerpt.h"

#define SOURCE_LINE_MAX 8192 /* bytes of a line that are looked at */

/* Reads lines of files, in ascending order if possible: going back reads a
 * file again. Zeroed: nothing is open. */
struct source_reader {
    FILE *file;                 /* or NULL */
    const char *path;           /* of file; borrowed */
    uint32_t number;            /* of the line in `line`; 0: none yet */
    size_t secret_indent;       /* columns before the option with a secret */
    bool is_in_secret;          /* lines that are indented further are of it */
    bool is_hidden;             /* this line is */
    char line[SOURCE_LINE_MAX]; /* NUL-terminated */
};

/* Makes an excerpt of a line of a file. Returns false if the line cannot be
 * had: the file is a pipe, has changed since, or cannot be read any more. */
bool source_reader_excerpt(struct source_reader *reader, const char *path,
                           uint32_t line, unsigned column,
                           struct source_excerpt *excerpt);

/* Closes the file, and forgets what was read. */
void source_reader_close(struct source_reader *reader);

#endif
