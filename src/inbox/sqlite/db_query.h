/*
 * db_query.h - statements that are too rare to be kept prepared.
 */
#ifndef INBOX_SQLITE_DB_QUERY_H
#define INBOX_SQLITE_DB_QUERY_H

#include <sqlite3.h>

/*
 * Prepares a statement and binds its parameters, in order; types has a letter
 * for each: 'i' a uint64_t, 't' a text, which is borrowed until the statement
 * is finalized. Numbers that SQLite cannot represent become its largest one.
 * Returns SQLITE_OK, or SQLite's code with *out NULL.
 */
int db_query(sqlite3 *db, sqlite3_stmt **out, const char *sql,
             const char *types, ...);

/* The same for a statement that returns no row: runs it to its end. Returns
 * SQLITE_OK or SQLite's code. */
int db_query_run(sqlite3 *db, const char *sql, const char *types, ...);

#endif
