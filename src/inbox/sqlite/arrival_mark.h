/*
 * arrival_mark.h - remembers outside of an inbox which arrivals may have been
 * used, so that none is used twice even if an older copy of the inbox is
 * restored.
 */
#ifndef INBOX_SQLITE_ARRIVAL_MARK_H
#define INBOX_SQLITE_ARRIVAL_MARK_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

#include "inbox/inbox_store.h"
#include "inbox/sqlite/arrival_file.h"

struct arrival_mark {
    char *path;                   /* of the file, owned; NULL: none */
    struct inbox *inbox;          /* borrowed; gets the warnings */
    struct worker *helper;        /* borrowed; writes the file */
    struct arrival_record record; /* in the file, as far as is known */
    struct arrival_record next;   /* being written */
    uint64_t block;               /* arrivals reserved at a time */
    uint64_t reserved_at_ms;      /* when it was last done, in loop time */
    struct worker_job job;        /* writes next */
    struct reason why;            /* what to tell after opening or writing */
    bool is_writing;              /* the helper has the job */
    bool has_failed;              /* the file could not be written */
};

/* Blocking, in the thread of the writer: reads the file, makes arrivals of the
 * inbox continue after all that may have been used, and reserves the first
 * block. Sets *newest to the last arrival used so far. Returns 0, or HAPLO_E*
 * with why set if the inbox cannot be written. */
int arrival_mark_open(struct arrival_mark *mark, sqlite3 *db, const char *path,
                      const char *uuid, uint64_t *newest, struct reason *why);

/* To be called from the loop after that: logs what opening has found. */
void arrival_mark_tell(struct arrival_mark *mark);

/* To be called from the loop after each commit: reserves more before it is
 * needed. */
void arrival_mark_consider(struct arrival_mark *mark, uint64_t newest,
                           uint64_t now_ms);

/* Blocking, in the thread of the writer: remembers exact arrivals, the last one
 * that was committed, and the last one that may have been used. */
void arrival_mark_close(struct arrival_mark *mark, uint64_t newest,
                        uint64_t used);

/* Makes the next message get an arrival above this one. Returns SQLite's
 * code. */
int arrival_raise(sqlite3 *db, uint64_t arrival);

#endif
