/*
 * environment_mark.h - an inbox remembers the environment in which it is used,
 * in the column `environment` of its table `inbox`: "" for none, NULL while it
 * has not been used.
 */
#ifndef INBOX_SQLITE_ENVIRONMENT_MARK_H
#define INBOX_SQLITE_ENVIRONMENT_MARK_H

#include <sqlite3.h>

#include "base/reason.h"

/* Compares the environment with that of the inbox; one that has none yet
 * remembers it from now on. Returns 0, or HAPLO_E* with why set: HAPLO_EINVAL
 * if it is another one. path is for messages. */
int environment_mark_claim(sqlite3 *db, const char *path,
                           const char *environment, struct reason *why);

#endif
