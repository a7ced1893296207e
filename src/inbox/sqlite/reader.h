/*
 * reader.h - the connection through which outlets read, with its statements.
 * Used by the thread of the helper. Each call is one short read transaction.
 */
#ifndef INBOX_SQLITE_READER_H
#define INBOX_SQLITE_READER_H

#include <stdbool.h>

#include <sqlite3.h>

#include "base/reason.h"
#include "inbox/inbox_store.h"
#include "inbox/sqlite/db_watch.h"

enum reader_statement {
    READER_AFTER,
    READER_DEFERRED,
    READER_REPLAY,
    READER_REPLAY_LETTERS,
    READER_QUEUE,
    READER_BATCH,
    READER_OUTLET,
    READER_LANES,
    READER_NEWEST,
    READER_SINCE,
    READER_STATEMENT_COUNT
};

struct reader {
    const char *path; /* borrowed; for messages */
    sqlite3 *db;      /* NULL: not open */
    sqlite3_stmt *statements[READER_STATEMENT_COUNT]; /* prepared once */
    struct db_watch watch;                            /* for its checkpoints */
    bool is_suspect; /* SQLite has found the inbox damaged */
};

/* Opens an inbox. The reader must be zeroed except for path. Returns 0, or
 * HAPLO_E* with why set; must be closed in either case. */
int reader_open(struct reader *reader, struct reason *why);
void reader_close(struct reader *reader);

/* Fills messages, count, has_more and memory. The names are in memory too,
 * shared within a batch, until reader_names() replaces them. Returns 0, or
 * HAPLO_E* with why set and nothing to free. */
int reader_read(struct reader *reader, struct inbox_read *read,
                struct reason *why);
void reader_free(struct inbox_read *read);

/* To be called on the thread of the loop afterwards: replaces the names by
 * those of the inbox. Returns 0 or HAPLO_ENOMEM. */
int reader_names(struct inbox *inbox, struct inbox_read *read);

/* Fill the request. */
void reader_outlet(struct reader *reader, struct inbox_outlet_request *request);
void reader_lanes(struct reader *reader, struct inbox_outlet_request *request);

/* Like reader_names(), for lanes. */
void reader_lane_names(struct inbox_outlet_request *request);

#endif
