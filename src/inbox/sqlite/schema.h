/*
 * schema.h - the tables and views of an inbox, and the upgrade of older
 * inboxes.
 */
#ifndef INBOX_SQLITE_SCHEMA_H
#define INBOX_SQLITE_SCHEMA_H

#include <sqlite3.h>

#include "base/reason.h"

#define SCHEMA_APPLICATION_ID 0x4850494e /* "HPIN" */

/* A member of the object of a global observation message, in the table `s`. The
 * condition is here and not in a WHERE, because SQLite may evaluate those in
 * any order. */
#define SCHEMA_OBJECT_MEMBER(name)                             \
    "CASE WHEN typeof(s.body) = 'text' AND json_valid(s.body)" \
    " THEN json_extract(s.body, '$.object." name "') END"

/* Each step upgrades one version (PRAGMA user_version) to the next; the first
 * one creates version 1 in an empty file. */
extern const char *const schema_steps[];
extern const int schema_step_count;

/* Checks a file without writing to it. Returns 0 for an inbox or an empty
 * file, or HAPLO_E* with why set if it is anything else, or an inbox of a
 * newer version. */
int schema_check(sqlite3 *db, const char *path, struct reason *why);

/* Runs the missing steps in one transaction. */
int schema_migrate(sqlite3 *db, const char *const *steps, int step_count,
                   const char *path, struct reason *why);

/* Checks that the inbox still has every table, index and view as the steps
 * create it. A definition is text in the file, and a damaged view may hide
 * messages that are stored. What was added beside them does not matter. */
int schema_verify(sqlite3 *db, const char *path, struct reason *why);

#endif
