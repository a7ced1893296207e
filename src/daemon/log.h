/*
 * log.h - log lines for operators, on stderr. They begin with the time, or
 * with a level if the journal of systemd receives them, which adds the time
 * itself.
 */
#ifndef DAEMON_LOG_H
#define DAEMON_LOG_H

#include <stdbool.h>

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_INFO,
    LOG_LEVEL_TRACE
};

/* To be called once, before the first line. is_timed: lines have a time. */
void log_open(bool is_verbose, bool is_timed);

/* True if lines of this level are printed. */
bool log_takes(enum log_level level);

/* Prints one line. Adds a newline; replaces control characters by '?'. */
void log_line(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
