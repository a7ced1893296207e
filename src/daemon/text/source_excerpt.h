/*
 * source_excerpt.h - the line of a configuration file that a diagnostic is
 * about, with the word in question underlined:
 *
 *     8 |     intervall: 5m
 *       |     ^~~~~~~~~
 *
 * A file may hold what nobody should see in a terminal or a log: somebody has
 * pasted an API key, or written a password in place of the path of its file.
 * So what source_secret.h finds is replaced by "(hidden)".
 */
#ifndef DAEMON_SOURCE_EXCERPT_H
#define DAEMON_SOURCE_EXCERPT_H

#include <stdbool.h>

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

#endif
