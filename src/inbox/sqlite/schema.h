/*
 * schema.h - the tables and views of an inbox, and how an older inbox becomes
 * one of this version.
 */
#ifndef INBOX_SQLITE_SCHEMA_H
#define INBOX_SQLITE_SCHEMA_H

#include <sqlite3.h>

#include "base/reason.h"

#define SCHEMA_APPLICATION_ID 0x4850494e /* "HPIN" */

/* Each step leads from one version (PRAGMA user_version) to the next, the first
 * one from an empty file to version 1. */
extern const char *const schema_steps[];
extern const int schema_step_count;

/* Reads what the file is, and writes nothing: 0, or HAPLO_E* with why set if it
 * is not an inbox, or one of a newer version. Empty files are fine. */
int schema_check(sqlite3 *db, const char *path, struct reason *why);

/* Runs the steps that the file lacks, in one transaction. */
int schema_migrate(sqlite3 *db, const char *const *steps, int step_count,
                   const char *path, struct reason *why);

#endif
