/*
 * queue_load.h - what an inbox's file knows of queues when it is opened.
 */
#ifndef INBOX_SQLITE_QUEUE_LOAD_H
#define INBOX_SQLITE_QUEUE_LOAD_H

#include <sqlite3.h>

#include "inbox/inbox_store.h"

/* Hands all queues to the inbox, and reads its UUID. 0, or HAPLO_E* with why
 * set. path is for texts. */
int queue_load(sqlite3 *db, const char *path, struct inbox *inbox,
               char uuid[INBOX_UUID_SIZE], struct reason *why);

#endif
