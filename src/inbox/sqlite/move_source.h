/*
 * move_source.h - an SQLite inbox that is moved to another database.
 */
#ifndef INBOX_SQLITE_MOVE_SOURCE_H
#define INBOX_SQLITE_MOVE_SOURCE_H

#include "inbox/inbox_move.h"

/* See struct inbox_type. */
int move_source_open(const void *options, const char *environment,
                     struct inbox_source **out, struct reason *why);

#endif
