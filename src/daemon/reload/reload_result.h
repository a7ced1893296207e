/*
 * reload_result.h - what has become of a reload, in lines for operators.
 */
#ifndef DAEMON_RELOAD_RESULT_H
#define DAEMON_RELOAD_RESULT_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config_diff.h"
#include "config/config_errors.h"
#include "daemon/reload/reload_change.h"

#define RELOAD_LINE_COUNT_MAX 50 /* lines kept of each list */

/* Zeroed: empty. */
struct reload_lines {
    char *lines[RELOAD_LINE_COUNT_MAX]; /* owned; the first ones */
    size_t line_count;                  /* length of lines */
    size_t count;                       /* of all; above line_count, the rest
                                           was left out */
};

/* Zeroed: empty. */
struct reload_result {
    bool is_accepted;            /* false: nothing has changed */
    unsigned generation;         /* that is at work now */
    const char *digest;          /* of it; borrowed from the gather */
    struct reload_lines added;   /* "queue a/b" */
    struct reload_lines changed; /* "queue a/b: interval"; also moved ones */
    struct reload_lines removed; /* "outlet site" */
    struct reload_lines waiting; /* what has not finished, and why */
    struct reload_lines held;    /* which queues are not polled, and why */
    struct reload_lines errors;  /* why it was rejected */
};

void reload_lines_add(struct reload_lines *lines, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Fills the lists of what has changed. */
void reload_result_take_diff(struct reload_result *result,
                             const struct config_diff *diff);

/* Fills the errors of a configuration that was rejected. */
void reload_result_take_errors(struct reload_result *result,
                               const struct config_errors *errors);

/* Lists again what waits now. */
void reload_result_take_waiting(struct reload_result *result,
                                const struct reload_changes *changes);

/* Lists the queues that cannot be polled now, one line for each cause. */
void reload_result_take_held(struct reload_result *result,
                             const struct gather *gather);

/* One line: "generation 2, digest 1f2e3d4c5b6a; added: 1, changed: 2". */
void reload_result_summary(const struct reload_result *result, char *text,
                           size_t text_size);

/* Writes summary and lists, a line each, separated by `separator`; what does
 * not fit is left out and counted. */
void reload_result_print(const struct reload_result *result, char separator,
                         char *text, size_t text_size);

void reload_result_free(struct reload_result *result);

#endif
