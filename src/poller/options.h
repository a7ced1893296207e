/*
 * options.h - what the public options structs have in common: sizes, defaults
 * and names.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <string.h>

#include "base/reason.h"

/* Copies what the application knows of an options struct; a caller built
 * against an older header has a shorter one. */
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

/* A server's or queue's name: 0, or HAPLO_EINVAL with why set. */
int options_check_name(const char *what, const char *name, struct reason *why);

/* No options, or none that tell their size: HAPLO_EINVAL with why set. */
int options_missing(char *why, size_t why_size);

/* Hands the reason to the application; why may be NULL. */
void options_copy_why(char *why, size_t why_size, const struct reason *reason);

#endif
