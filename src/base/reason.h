/*
 * reason.h - one line that tells an operator what went wrong and what to do.
 */
#ifndef CORE_REASON_H
#define CORE_REASON_H

#include <stddef.h>

#include "haplopoll.h"

struct reason {
    char text[HAPLO_TEXT_SIZE_MAX]; /* always ends in NUL; "" is none */
};

/* Sets the text, cut to size; control characters, and what is no UTF-8, become
 * '?', as part of it may come from a server. Returns error, so that a failure
 * is one statement: return reason_set(why, HAPLO_EDOCUMENT, "..."). why may be
 * NULL. */
int reason_set(struct reason *why, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
