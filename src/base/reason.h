/*
 * reason.h - one line that says what went wrong and what to do about it.
 */
#ifndef CORE_REASON_H
#define CORE_REASON_H

#include <stddef.h>

#include "haplopoll.h"

struct reason {
    char text[HAPLO_TEXT_SIZE_MAX]; /* NUL-terminated; "": none */
};

/* Sets the text, truncated if necessary. Parts of it may come from a server,
 * so control characters and invalid UTF-8 become '?'. Returns error, so that a
 * failure is one statement: return reason_set(why, HAPLO_EDOCUMENT, "...").
 * why may be NULL. */
int reason_set(struct reason *why, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
