/*
 * options.h - shared handling of the public options structs: sizes, defaults,
 * names.
 */
#ifndef POLLER_OPTIONS_H
#define POLLER_OPTIONS_H

#include <string.h>

#include "base/reason.h"

/* Copies as much of an options struct as the application has: one that was
 * built against an older header has a shorter struct. */
#define OPTIONS_COPY(to, from)                                      \
    memcpy((to), (from),                                            \
           (from)->struct_size < sizeof *(to) ? (from)->struct_size \
                                              : sizeof *(to))

#define DEFAULT_TO(field, value) \
    do {                         \
        if ((field) == 0) {      \
            (field) = (value);   \
        }                        \
    } while (0)

/* What validation.c says of a server's or queue's name, of an API key, and of
 * a server's URL and proxy: 0, or HAPLO_EINVAL with why set. */
int options_check_name(const char *what, const char *name, struct reason *why);
int options_check_key(const char *key, struct reason *why);
int options_check_urls(const struct haplo_server_options *options,
                       struct reason *why);

/* For options that are NULL or lack struct_size: HAPLO_EINVAL, sets why. */
int options_missing(char *why, size_t why_size);

/* Copies the reason to the application; why may be NULL. */
void options_copy_why(char *why, size_t why_size, const struct reason *reason);

#endif
