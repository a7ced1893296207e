/*
 * writer.h - the connection that writes an inbox, with its statements; used by
 * the writer's thread. group_write.h says what is written.
 */
#ifndef INBOX_SQLITE_WRITER_H
#define INBOX_SQLITE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "inbox/inbox_store.h"
#include "inbox/sqlite/db_file.h"

#define WRITER_ROWS_MAX 16 /* messages of one INSERT */

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
    WRITER_OUTLET_GET,
    WRITER_OUTLET_ADD,
    WRITER_OUTLET_SET,
    WRITER_DEFER,
    WRITER_SETTLE,
    WRITER_DEAD_LETTER,
    WRITER_STATEMENT_COUNT
};

struct writer {
    const char *path;                                 /* borrowed; for texts */
    sqlite3 *db;                                      /* NULL: not open */
    sqlite3_stmt *statements[WRITER_STATEMENT_COUNT]; /* prepared once */
    sqlite3_stmt *adds[WRITER_ROWS_MAX]; /* of 1 to that many messages; NULL
                                            until it is used */
    struct db_file_watch watch;          /* of the files beside it */
    size_t wal_frames;                   /* after the newest commit */
    struct reason why;                   /* about the newest fault */
};

/* Opens, creates or upgrades the inbox. Zeroed but for path. 0, or HAPLO_E*
 * with why set, and it is to be closed all the same. */
int writer_open(struct writer *writer);

/* Checkpoints, if no other connection has it open. */
void writer_close(struct writer *writer);

/* Durable when writer_commit() returns INBOX_FINE. After any fault: rollback,
 * which does nothing where no transaction is open. Each leaves one line about
 * a fault in writer->why. */
enum inbox_fault writer_begin(struct writer *writer);
enum inbox_fault writer_commit(struct writer *writer);
void writer_rollback(struct writer *writer);

/* Of a result code: sets why unless it is fine. */
enum inbox_fault writer_fault(struct writer *writer, int code);

/* Runs a statement whose parameters are bound, and which returns no row. */
enum inbox_fault writer_run(struct writer *writer,
                            enum writer_statement statement);

/* The INSERT of so many messages, or NULL with why set. */
sqlite3_stmt *writer_add_statement(struct writer *writer, size_t count,
                                   enum inbox_fault *fault);

/* Copies what is left of the WAL into the file, if that can be done at once. */
void writer_checkpoint(struct writer *writer);

#endif
