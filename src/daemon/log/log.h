/*
 * log.h - log lines for operators, on stderr: as text, or as logfmt or JSON for
 * programs (log_format.h). They begin with the time, or with a level if the
 * journal of systemd receives them, which adds the time itself.
 */
#ifndef DAEMON_LOG_H
#define DAEMON_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/log/log_format.h"

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_INFO,
    LOG_LEVEL_TRACE
};

/* To be called once, before the first line. is_timed: lines have a time. */
void log_open(bool is_verbose, bool is_timed);

/* To be called once the configuration is known; until then, it is text. */
void log_use_format(enum log_format format);

/* From now on nothing below blocks, whatever stderr is. If nobody reads it,
 * lines are dropped, and a line says how many. Returns 0, or a negative error
 * of libuv: no thread can be started. */
int log_start(void);

/* True if lines of this level are printed. */
bool log_takes(enum log_level level);

/* Prints one line. Adds a newline; replaces control characters by '?'. */
void log_line(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same with fields, which only the formats for programs have. */
void log_fields(enum log_level level, const struct log_field *fields,
                size_t field_count, const char *text);

/* Prints exactly this text, for the progress on a terminal. */
void log_text(const char *text);

/* Prints what is left, within a second. Lines after that may be lost. */
void log_close(void);

#endif
