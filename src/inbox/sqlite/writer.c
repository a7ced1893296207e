/*
 * writer.c - the connection that writes an inbox: its statements and
 * transactions, and how it is closed.
 *
 *   - Before and after each transaction, the files must be as SQLite left them
 *     (db_watch.c). A commit to a file that was removed, replaced or truncated
 *     is not reported as a success, since nobody would find it.
 *   - Another thread does the checkpoints (checkpoint.c), so that no commit
 *     waits for one. Closing does the last one.
 *
 * If the inbox is damaged, nothing more is copied from the WAL, not even
 * when closing, so that both files stay as they were found.
 */
#include "inbox/sqlite/writer.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "inbox/sqlite/arrival_mark.h"
#include "inbox/sqlite/connection.h"
#include "inbox/sqlite/db_error.h"

#define WAL_SIZE_MAX (64LL * 1024 * 1024) /* it may keep that much space */
#define WAL_STEP (32LL * 1024 * 1024)     /* and loses so much at a time */

void writer_close(struct writer *writer)
{
    for (int i = 0; i < WRITER_STATEMENT_COUNT; i++) {
        /* Repeats an error of the statement that was reported before. */
        (void)sqlite3_finalize(writer->statements[i]);
    }
    for (int i = 0; i < WRITER_ROWS_MAX; i++) {
        (void)sqlite3_finalize(writer->adds[i]);
    }
    if (writer->db != NULL &&
        (writer->is_suspect || writer->watch.is_damaged)) {
        int code = connection_keep_wal(writer->db, true);

        assert(code == SQLITE_OK);
        (void)code;
    }
    connection_close(writer->db);
    writer->db = NULL;
    db_lock_release(&writer->lock);
}

/* Statements */

enum inbox_fault writer_fault(struct writer *writer, int code)
{
    enum inbox_fault fault = db_fault(code);

    if (fault != INBOX_FINE) {
        (void)db_explain(writer->db, writer->path, code, &writer->why);
        writer->is_suspect |= db_is_damage(code);
    }
    return fault;
}

enum inbox_fault writer_run(struct writer *writer,
                            enum writer_statement statement)
{
    int code = sqlite3_step(writer->statements[statement]);
    int reset = sqlite3_reset(writer->statements[statement]);

    return writer_fault(writer, code != SQLITE_DONE ? code : reset);
}

/* "INSERT ... VALUES (?1, ?2, ?3), (?1, ?2 + 1, ?4) ...": the id of the queue,
 * the position of the first message, and the bodies. With OR FAIL, as a failure
 * rolls back the whole transaction: to undo the statement alone, SQLite would
 * write a temporary file that is as large as the messages. */
static void add_sql(size_t count, char *sql, size_t sql_size)
{
    int size =
        snprintf(sql, sql_size,
                 "INSERT OR FAIL INTO stored (queue, position, body) VALUES ");

    for (size_t i = 0; i < count; i++) {
        size += snprintf(sql + size, sql_size - (size_t)size,
                         "%s(?1, ?2 + %zu, ?%zu)", i > 0 ? ", " : "", i, i + 3);
        assert((size_t)size < sql_size);
    }
}

sqlite3_stmt *writer_add_statement(struct writer *writer, size_t count,
                                   enum inbox_fault *fault)
{
    sqlite3_stmt **add = &writer->adds[count - 1];
    char sql[64 + 24 * WRITER_ROWS_MAX];
    int code;

    *fault = INBOX_FINE;
    if (*add == NULL) {
        add_sql(count, sql, sizeof(sql));
        code = sqlite3_prepare_v3(writer->db, sql, -1,
                                  SQLITE_PREPARE_PERSISTENT, add, NULL);
        *fault = writer_fault(writer, code);
    }
    return *add;
}

/* Transactions */

static bool is_sound(struct writer *writer)
{
    enum db_watch_state state =
        db_watch_check(writer->db, &writer->watch, &writer->why);

    if (state == DB_WATCH_AWAY) {
        /* If the WAL was removed, accepted messages are in a file without a
         * name; if the inbox was moved, they are in a WAL that stayed behind.
         * A checkpoint copies them to the inbox, wherever it is. */
        writer_checkpoint(writer);
    }
    return state == DB_WATCH_FINE;
}

/* When SQLite begins a WAL again from its start, which any transaction may do,
 * it cuts the file to a limit. One that a long reader has made grow is cut in
 * steps: to free gigabytes at once would hold up a commit for seconds. */
static void limit_wal(struct writer *writer)
{
    char sql[64];
    long long limit = WAL_SIZE_MAX;

    if (writer->watch.wal_size - WAL_STEP > limit) {
        limit = writer->watch.wal_size - WAL_STEP;
    }
    if (limit == writer->wal_limit) {
        return;
    }
    (void)snprintf(sql, sizeof(sql), "PRAGMA journal_size_limit = %lld", limit);
    if (connection_run(writer->db, sql) == SQLITE_OK) {
        writer->wal_limit = limit;
    }
}

/* Another process that stores into this inbox would fetch what this one
 * fetches. If the lock cannot be taken for another reason, storing continues:
 * states are compared in any case. */
static bool is_alone(struct writer *writer)
{
    return db_lock_keep(&writer->lock, &writer->why) != HAPLO_EEXIST;
}

static enum inbox_fault raise_sequence(struct writer *writer)
{
    int code = arrival_raise(writer->db, writer->newest_arrival);

    writer->is_sequence_behind = code != SQLITE_OK;
    return writer_fault(writer, code);
}

enum inbox_fault writer_begin(struct writer *writer)
{
    enum inbox_fault fault;

    writer->added_to = 0;
    if (!is_sound(writer) || !is_alone(writer)) {
        return INBOX_OUTAGE;
    }
    limit_wal(writer);
    fault = writer_run(writer, WRITER_BEGIN);
    return fault == INBOX_FINE && writer->is_sequence_behind
               ? raise_sequence(writer)
               : fault;
}

enum inbox_fault writer_commit(struct writer *writer)
{
    enum inbox_fault fault = writer_run(writer, WRITER_COMMIT);

    if (fault != INBOX_FINE) {
        /* Its frames may be in the WAL, and become valid after a crash.
         * Writing the parts again does no harm, since states are compared
         * again. */
        return fault == INBOX_PART ? INBOX_PART : INBOX_DOUBT;
    }
    db_watch_committed(&writer->watch, writer->wal_frames);
    if (!is_sound(writer)) {
        return INBOX_DOUBT;
    }
    writer->is_suspect = false;
    if (writer->added_to > writer->newest_arrival) {
        writer->newest_arrival = writer->added_to;
    }
    return INBOX_FINE;
}

void writer_rollback(struct writer *writer)
{
    struct reason why = writer->why;

    if (sqlite3_get_autocommit(writer->db)) {
        return;
    }
    /* If it fails, the next BEGIN reports it. */
    (void)writer_run(writer, WRITER_ROLLBACK);
    writer->why = why;
}

void writer_checkpoint(struct writer *writer)
{
    int code;

    if (writer->is_suspect || writer->watch.is_damaged) {
        return;
    }
    code = sqlite3_wal_checkpoint_v2(writer->db, "main",
                                     SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    (void)code; /* it is retried later */
}
