/*
 * explain_print.h - how an explanation looks: a sentence, then lines with a
 * label.
 */
#ifndef DAEMON_EXPLAIN_PRINT_H
#define DAEMON_EXPLAIN_PRINT_H

#include <stdint.h>

#include "daemon/text/json_tree.h"

#define EXPLAIN_LINE_SIZE 4096

/* A line with a label, broken where it is too long. Nothing if the text is
 * empty. */
void explain_line(const char *label, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A command line to be copied, never broken. */
void explain_command(const char *label, const char *command);

/* "2026-11-30T06:29:46Z, 3 min 12 s ago", or "in 3 min 12 s". Returns text. */
#define EXPLAIN_TIME_SIZE 96
const char *explain_time(uint64_t at_ms, uint64_t now_ms,
                         char text[EXPLAIN_TIME_SIZE]);

/* The last transitions of an object. */
void explain_transitions(const struct json_tree *transitions);

#endif
