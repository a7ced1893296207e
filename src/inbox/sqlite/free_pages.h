/*
 * free_pages.h - the pages of the file that are not in use. New messages use
 * them again; or they are returned to the file system, a few at a time. Each
 * returns SQLITE_OK or an error.
 */
#ifndef INBOX_SQLITE_FREE_PAGES_H
#define INBOX_SQLITE_FREE_PAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "inbox/sqlite/writer.h"

int free_pages_count(struct writer *writer, uint64_t *count);

/* Sets *are_many if more are free than should stay for new messages. */
int free_pages_are_many(struct writer *writer, bool *are_many);

/* Inside a transaction: returns some of them. */
int free_pages_return(struct writer *writer);

#endif
