/*
 * sqlite_options.h - the options of an SQLite inbox in the configuration file:
 * struct sqlite_inbox_options.
 */
#ifndef INBOX_SQLITE_SQLITE_OPTIONS_H
#define INBOX_SQLITE_SQLITE_OPTIONS_H

#include "base/option.h"

#define SQLITE_OPTION_COUNT 6

extern const struct option_row sqlite_option_rows[SQLITE_OPTION_COUNT];

#endif
