/*
 * catalogue.h - what is known about each code of codes.h: `haplo-poll explain`
 * prints it.
 */
#ifndef CONFIG_CATALOGUE_H
#define CONFIG_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>

#include "config/codes.h"

#define CODE_TEXT_SIZE 8 /* "HP0201" */

struct catalogue_entry {
    enum diagnostic_code code; /* never HP_NONE */
    bool is_warning;           /* unless a check is strict */
    bool is_fragment;          /* what the example does not show is fine */
    const char *title;         /* a few words, for lists */
    const char *meaning;       /* what it means, and why it matters */
    const char *advice;        /* what to do */
    const char *wrong;         /* an example that has it; or NULL */
    const char *right;         /* the same, corrected; or NULL */
};

/* The entry of a code, or NULL. */
const struct catalogue_entry *catalogue_find(enum diagnostic_code code);

/* The entries in ascending order; NULL: there are no more. */
const struct catalogue_entry *catalogue_at(size_t index);

/* Reads "HP0201", in upper or lower case, with or without "HP" and leading
 * zeros. HP_NONE: it is no code, but may have another meaning. */
enum diagnostic_code code_parse(const char *text);

/* Writes "HP0201". */
const char *code_format(enum diagnostic_code code, char text[CODE_TEXT_SIZE]);

#endif
