/*
 * reader.h - the connection that outlets read through, with its statements;
 * used by the helper's thread. Each call is one short read transaction.
 */
#ifndef INBOX_SQLITE_READER_H
#define INBOX_SQLITE_READER_H

#include <stdbool.h>

#include <sqlite3.h>

#include "base/reason.h"
#include "inbox/inbox_store.h"

enum reader_statement {
    READER_AFTER,
    READER_DEFERRED,
    READER_QUEUE,
    READER_BATCH,
    READER_OUTLET,
    READER_LANES,
    READER_STATEMENT_COUNT
};

struct reader {
    const char *path;                                 /* borrowed; for texts */
    sqlite3 *db;                                      /* NULL: not open */
    sqlite3_stmt *statements[READER_STATEMENT_COUNT]; /* prepared once */
};

/* Zeroed but for path; the file is an inbox. 0, or HAPLO_E* with why set, and
 * it is to be closed all the same. */
int reader_open(struct reader *reader, struct reason *why);
void reader_close(struct reader *reader);

/* Fills messages, count, has_more and memory. The names are in memory too,
 * equal ones of one batch at the same place, until reader_names() replaces
 * them. 0, or HAPLO_E* with why set and nothing to be freed. */
int reader_read(struct reader *reader, struct inbox_read *read,
                struct reason *why);
void reader_free(struct inbox_read *read);

/* Back on the loop's thread: lets the names be the inbox's own. 0 or
 * HAPLO_ENOMEM. */
int reader_names(struct inbox *inbox, struct inbox_read *read);

/* Fill the request. */
void reader_outlet(struct reader *reader, struct inbox_outlet_request *request);
void reader_lanes(struct reader *reader, struct inbox_outlet_request *request);

/* As reader_names(), for lanes. */
void reader_lane_names(struct inbox_outlet_request *request);

#endif
