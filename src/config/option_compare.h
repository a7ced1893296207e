/*
 * option_compare.h - compares structs that option rows have filled, and turns
 * them into text for a digest. Pure.
 */
#ifndef CONFIG_OPTION_COMPARE_H
#define CONFIG_OPTION_COMPARE_H

#include <stdbool.h>
#include <stdio.h>

#include "config/config_options.h"

/* Text that grows; zeroed: empty. */
struct option_names {
    char text[HAPLO_TEXT_SIZE_MAX]; /* "interval, backoff" */
    size_t size;                    /* bytes in it; what does not fit is left
                                       out */
};

/* Appends a name. */
void option_names_add(struct option_names *names, const char *name);

/* True if two values of a row are equal; always, if src/config reads it itself
 * (OPTION_REFERENCE, OPTION_GROUP). */
bool option_value_equals(const struct option_row *row, const void *a,
                         const void *b);

/* Appends the names of the rows that differ between two structs. names may be
 * NULL. True if all are equal. */
bool option_table_equals(const struct option_table *table, const void *a,
                         const void *b, struct option_names *names);

/* Writes "NAME=VALUE" and a NUL for each row, without secrets and without what
 * src/config reads itself. Paths as option_path_write() does. */
void option_table_write(const struct option_table *table, const void *values,
                        const char *base, FILE *file);

/* Writes a path; one that is in the folder of the file `base`, relative to it,
 * so that the same file says the same wherever it is. */
void option_path_write(const char *path, const char *base, FILE *file);

#endif
