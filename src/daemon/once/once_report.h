/*
 * once_report.h - the output of `once`: a line of progress while it runs, and
 * a table of the servers at the end.
 */
#ifndef DAEMON_ONCE_REPORT_H
#define DAEMON_ONCE_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "daemon/text/terminal.h"

struct once;

struct once_report {
    const struct once *once;       /* borrowed */
    uv_timer_t timer;              /* updates the progress */
    uint64_t started_ms;           /* in loop time */
    bool is_quiet;                 /* no progress, no table */
    struct progress_line progress; /* on a terminal */
    bool has_told;                 /* progress was told at least once */
    size_t told_settled;           /* queues done, as told last */
    uint64_t told_messages;        /* messages stored, as told last */
    char *table;                   /* owned: what is to be printed, or NULL */
    bool has_failed;               /* no memory for the table */
};

/* is_quiet must be set. */
void once_report_start(struct once_report *report, const struct once *once);

/* Prints a line about a failure, after clearing the progress. */
void once_report_line(struct once_report *report, const char *text);

/* Formats the table while the statistics exist, and closes the timer. */
void once_report_end(struct once_report *report);

/* Prints the table to stdout, which may block: nothing else may be left to do.
 * Returns false if it could not be formatted. */
bool once_report_print(struct once_report *report);

#endif
