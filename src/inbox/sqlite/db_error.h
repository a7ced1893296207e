/*
 * db_error.h - translates result codes of SQLite into the outcome of a group,
 * and into one line that says what to do.
 */
#ifndef INBOX_SQLITE_DB_ERROR_H
#define INBOX_SQLITE_DB_ERROR_H

#include <stdbool.h>

#include <sqlite3.h>

#include "base/reason.h"
#include "inbox/inbox_store.h"

/* For a result code (extended or not) of any statement except COMMIT. */
enum inbox_fault db_fault(int code);

/* True if SQLite has found that the file is damaged, or another file. */
bool db_is_damage(int code);

/* Describes a failure on path in one line, and returns HAPLO_EBUSY,
 * HAPLO_ENOMEM, HAPLO_EDELIVERY (the disk failed, is full or read-only) or
 * HAPLO_EINVAL. Gets details from db (may be NULL), so call it before the next
 * call on db. */
int db_explain(sqlite3 *db, const char *path, int code, struct reason *why);

#endif
