/*
 * log.h - lines for operators, on stderr. With a time of day, or, where
 * systemd's journal takes them and adds it, with the journal's level.
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

/* Call it once, before the first line. With is_timed, lines have a time. */
void log_open(bool is_verbose, bool is_timed);

/* True if lines of this level are printed. */
bool log_takes(enum log_level level);

/* Prints one line; a newline is added, control characters become '?'. */
void log_line(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
