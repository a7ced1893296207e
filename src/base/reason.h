/*
 * reason.h - one line that says what went wrong and what to do about it.
 *
 * Parts of it may come from a server, so control characters and invalid UTF-8
 * become '?'; a line that is too long is truncated.
 */
#ifndef BASE_REASON_H
#define BASE_REASON_H

#include <stdarg.h>
#include <stddef.h>

#include "haplopoll.h"

struct reason {
    char text[HAPLO_TEXT_SIZE_MAX]; /* NUL-terminated; "": none */
};

/* Sets the text. Returns error, so that a failure is one statement:
 * return reason_set(why, HAPLO_EDOCUMENT, "..."). why may be NULL. */
int reason_set(struct reason *why, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int reason_set_list(struct reason *why, int error, const char *format,
                    va_list arguments) __attribute__((format(printf, 3, 0)));

/* The same into a caller's buffer, as public functions have it: why may be
 * NULL, or of size 0. */
int reason_write(char *why, size_t why_size, int error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
int reason_write_list(char *why, size_t why_size, int error, const char *format,
                      va_list arguments) __attribute__((format(printf, 4, 0)));

/* Makes any text one line, in place. */
void reason_clean(char *text);

#endif
