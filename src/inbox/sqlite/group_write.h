/*
 * group_write.h - writes a group in one transaction and sets the results
 * described in inbox_store.h. Blocking.
 */
#ifndef INBOX_SQLITE_GROUP_WRITE_H
#define INBOX_SQLITE_GROUP_WRITE_H

#include "inbox/sqlite/writer.h"

void group_write(struct writer *writer, struct inbox_group *group);

#endif
