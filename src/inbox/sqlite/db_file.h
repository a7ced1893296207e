/*
 * db_file.h - the file of an inbox: creates it durably. db_watch.h watches it
 * while it is in use.
 */
#ifndef INBOX_SQLITE_DB_FILE_H
#define INBOX_SQLITE_DB_FILE_H

#include "base/reason.h"

/* Checks that path is a file, or that there is none yet. Returns 0; or with why
 * set HAPLO_EINVAL, or HAPLO_EDELIVERY if the disk failed, is full or
 * read-only. */
int db_file_check(const char *path, struct reason *why);

/* Refuses a missing or empty file whose -wal exists: SQLite would delete that,
 * and the messages in it. Returns the same. */
int db_file_refuse_lost_wal(const char *path, struct reason *why);

/* Creates an empty file if there is none, after that check, without following a
 * symbolic link. Returns the same. */
int db_file_prepare(const char *path, struct reason *why);

/* Makes the names in the folder of path durable. Returns the same. */
int db_file_sync_folder(const char *path, struct reason *why);

#endif
