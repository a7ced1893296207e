/*
 * sink_reason.h - the one line that tells an operator what is wrong with a
 * file or a folder, and what to do.
 */
#ifndef SINKS_SINK_REASON_H
#define SINKS_SINK_REASON_H

#include <stddef.h>

/* snprintf() that leaves one line: control characters become spaces. */
void sink_reason(char *why, size_t why_size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "PATH: WHAT: the system's words", and what to do where that is known.
 * number: of errno. */
void sink_reason_errno(char *why, size_t why_size, const char *path,
                       const char *what, int number);

#endif
