/*
 * queue_load.h - loads the queues when an inbox is opened.
 */
#ifndef INBOX_SQLITE_QUEUE_LOAD_H
#define INBOX_SQLITE_QUEUE_LOAD_H

#include <sqlite3.h>

#include "inbox/inbox_store.h"

/* Adds all queues to the inbox, and reads its UUID. Returns 0, or HAPLO_E*
 * with why set. path is for messages. */
int queue_load(sqlite3 *db, const char *path, struct inbox *inbox,
               char uuid[INBOX_UUID_SIZE], struct reason *why);

#endif
