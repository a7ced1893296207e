/*
 * files_options.h - the options of the outlet that writes files.
 */
#ifndef OUTLETS_FILES_OPTIONS_H
#define OUTLETS_FILES_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/option.h"

#define FILES_OPTION_COUNT 7

enum files_format { FILES_NDJSON, FILES_CSV };
enum files_per { FILES_PER_BATCH, FILES_PER_MESSAGE };
enum files_folders { FILES_FOLDERS_NONE, FILES_FOLDERS_DATE };
enum files_formulas { FILES_FORMULAS_EXACT, FILES_FORMULAS_ESCAPED };

struct files_options {
    const char *path;           /* root folder of all files */
    int format;                 /* enum files_format */
    int per;                    /* enum files_per: what a file holds */
    int folders;                /* enum files_folders: below those of queues */
    bool is_gzip;               /* files are compressed */
    const char *const *columns; /* "NAME=POINTER", see csv.h; NULL: none */
    int formulas;               /* enum files_formulas: what becomes of them */
};

extern const struct option_row files_option_rows[FILES_OPTION_COUNT];

/* See struct outlet_type. */
int files_options_check(const void *data, char *why, size_t why_size);

#endif
