/*
 * source_excerpt.h - the line of a configuration file that a diagnostic is
 * about, with the word in question underlined:
 *
 *     8 |     intervall: 5m
 *       |     ^~~~~~~~~
 *
 * A file may hold what nobody should see in a terminal or a log: somebody has
 * pasted an API key, or written a password in place of the path of its file.
 * So what looks like a key, what precedes the @ of a URL, and the value of an
 * option that has to do with secrets are replaced by "(hidden)".
 */
#ifndef DAEMON_SOURCE_EXCERPT_H
#define DAEMON_SOURCE_EXCERPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define SOURCE_LINE_MAX 8192     /* bytes of a line that are looked at */
#define SOURCE_COLUMNS_MAX 100   /* columns of it that are shown */
#define SOURCE_EXCERPT_SIZE 1024 /* bytes; a column may take several */

struct source_excerpt {
    char line[SOURCE_EXCERPT_SIZE];  /* as it may be shown */
    char marks[SOURCE_EXCERPT_SIZE]; /* blanks, then "^~~~", below it */
};

/* Makes an excerpt of a line without its line feed. `column` starts at 1 and
 * counts characters. Returns false if the line ends before it. Pure. */
bool source_excerpt_make(struct source_excerpt *excerpt, const char *line,
                         unsigned column);

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
