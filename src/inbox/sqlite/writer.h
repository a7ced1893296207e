/*
 * writer.h - the connection that writes an inbox, with its statements. Used by
 * the writer thread. group_write.h describes what is written.
 */
#ifndef INBOX_SQLITE_WRITER_H
#define INBOX_SQLITE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "inbox/inbox_store.h"
#include "inbox/sqlite/db_lock.h"
#include "inbox/sqlite/db_watch.h"

#define WRITER_ROWS_MAX 16 /* messages per INSERT */

enum writer_statement {
    WRITER_BEGIN,
    WRITER_COMMIT,
    WRITER_ROLLBACK,
    WRITER_QUEUE_BY_ID,
    WRITER_QUEUE_BY_NAME,
    WRITER_QUEUE_ADD,
    WRITER_QUEUE_SET,
    WRITER_BATCH_ADD,
    WRITER_BATCH_MARK,
    WRITER_BATCH_GET,
    WRITER_BATCH_BODIES,
    WRITER_BATCH_PURGED,
    WRITER_OUTLET_GET,
    WRITER_OUTLET_ADD,
    WRITER_OUTLET_SET,
    WRITER_DEFER,
    WRITER_SETTLE,
    WRITER_DEAD_LETTER,
    WRITER_RETAIN_OUTLETS,
    WRITER_RETAIN_NEXT,
    WRITER_RETAIN_DELETE,
    WRITER_RETAIN_BATCH,
    WRITER_LATEST_ADD,
    WRITER_LATEST_KNOWN,
    WRITER_LATEST_SET_KNOWN,
    WRITER_NEWEST,
    WRITER_FREE_COUNT,
    WRITER_PAGE_COUNT,
    WRITER_RECLAIM,
    WRITER_STATEMENT_COUNT
};

struct writer {
    const char *path;       /* borrowed; for messages */
    const char *used_by;    /* borrowed; see db_lock.h */
    bool has_secure_delete; /* free pages are overwritten as well */
    sqlite3 *db;            /* NULL: not open */
    sqlite3_stmt *statements[WRITER_STATEMENT_COUNT]; /* prepared once */
    sqlite3_stmt *adds[WRITER_ROWS_MAX]; /* for 1 ... that many messages; NULL:
                                            not used yet */
    struct db_lock lock;                 /* keeps out other processes */
    struct db_watch watch;               /* are the files sound? */
    long long wal_limit;                 /* the WAL is cut to it; 0: not yet */
    size_t wal_frames;                   /* after the newest commit */
    bool is_suspect;                     /* SQLite has found it damaged */
    uint64_t added_to;                   /* last arrival of the transaction */
    uint64_t tried_arrival;              /* last one that may have been used */
    uint64_t newest_arrival;             /* last one that was committed */
    bool is_sequence_behind;             /* arrivals would be used again */
    struct reason why;                   /* text of the newest fault */
};

/* Locks, and opens, creates or upgrades the inbox (writer_open.c). The writer
 * must be zeroed except for path, used_by and has_secure_delete. Returns 0, or
 * HAPLO_E* with why set: HAPLO_EEXIST if another process uses it. Must be
 * closed in either case. */
int writer_open(struct writer *writer);

/* Checkpoints, unless another connection has it open, or it is damaged. */
void writer_close(struct writer *writer);

/* A transaction. It is durable if writer_commit() returns INBOX_FINE. After
 * any fault call writer_rollback(), which does nothing without a transaction.
 * Each leaves a description of a fault in writer->why. */
enum inbox_fault writer_begin(struct writer *writer);
enum inbox_fault writer_commit(struct writer *writer);
void writer_rollback(struct writer *writer);

/* The fault for a result code; sets why unless it is INBOX_FINE. */
enum inbox_fault writer_fault(struct writer *writer, int code);

/* Runs a statement that returns no row, with its parameters bound. */
enum inbox_fault writer_run(struct writer *writer,
                            enum writer_statement statement);

/* The INSERT for this many messages, or NULL with why set. */
sqlite3_stmt *writer_add_statement(struct writer *writer, size_t count,
                                   enum inbox_fault *fault);

/* Copies the rest of the WAL to the file, if that is possible right now. */
void writer_checkpoint(struct writer *writer);

#endif
