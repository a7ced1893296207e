/*
 * writer.c - the connection that writes an inbox. How commits become durable:
 *
 *   - The journal is a WAL and synchronous is FULL: each COMMIT returns after
 *     the fsync() of the WAL, and SQLite syncs the folder when it creates the
 *     WAL.
 *   - Opening syncs the folder as well. The file, or the WAL of a process that
 *     died, may have been created without a sync.
 *   - Before and after each transaction, the file, its WAL and its shared
 *     memory must still be the files with these names. A commit to a file that
 *     was removed or replaced is not reported as a success, since nobody would
 *     find it.
 *
 * Another thread does the checkpoints (checkpoint.c), so that no commit waits
 * for one.
 */
#include "inbox/sqlite/writer.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "inbox/sqlite/connection.h"
#include "inbox/sqlite/db_error.h"
#include "inbox/sqlite/schema.h"

#define WAL_SIZE_MAX (64LL * 1024 * 1024) /* it may keep that much space */
#define WAL_STEP (32LL * 1024 * 1024)     /* and loses so much at a time */

static const char *const statement_sql[WRITER_STATEMENT_COUNT] = {
    [WRITER_BEGIN] = "BEGIN IMMEDIATE",
    [WRITER_COMMIT] = "COMMIT",
    [WRITER_ROLLBACK] = "ROLLBACK",
    [WRITER_QUEUE_BY_ID] =
        "SELECT id, unconfirmed, unconfirmed_from, newest_batch, state"
        " FROM queues WHERE id = ?1",
    [WRITER_QUEUE_BY_NAME] =
        "SELECT id, unconfirmed, unconfirmed_from, newest_batch, state"
        " FROM queues WHERE server = ?1 AND queue = ?2",
    [WRITER_QUEUE_ADD] =
        "INSERT INTO queues (server, queue, unconfirmed, unconfirmed_from,"
        " newest_batch, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [WRITER_QUEUE_SET] =
        "UPDATE queues SET unconfirmed = ?3, unconfirmed_from = ?4,"
        " newest_batch = ?5, state = ?6 WHERE id = ?1",
    [WRITER_BATCH_ADD] =
        "INSERT INTO batches (first_arrival, queue, count, format, older,"
        " fetched_at, stored_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [WRITER_BATCH_MARK] = "UPDATE batches SET marked_at = ?2"
                          " WHERE first_arrival = ?1 AND marked_at IS NULL",
    [WRITER_BATCH_GET] =
        "SELECT count, older FROM batches WHERE first_arrival = ?1",
    [WRITER_BATCH_BODIES] = "SELECT body FROM stored"
                            " WHERE arrival BETWEEN ?1 AND ?2 AND queue = ?3",
    [WRITER_OUTLET_GET] = "SELECT id, cursor FROM outlets WHERE name = ?1",
    [WRITER_OUTLET_ADD] = "INSERT INTO outlets (name, cursor) VALUES (?1, ?2)",
    [WRITER_OUTLET_SET] = "UPDATE outlets SET cursor = ?2 WHERE id = ?1",
    [WRITER_DEFER] = "INSERT INTO deferred (outlet, queue, arrival)"
                     " VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
    [WRITER_SETTLE] = "DELETE FROM deferred"
                      " WHERE outlet = ?1 AND queue = ?2 AND arrival = ?3",
    [WRITER_DEAD_LETTER] =
        "INSERT INTO dead_letters (outlet, arrival, queue, why, at)"
        " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
};

/* Opening */

static int open_error(struct writer *writer, int code)
{
    return db_explain(writer->db, writer->path, code, &writer->why);
}

/* Requests a WAL; SQLite returns the journal mode that it really uses. */
static int ask_wal(sqlite3 *db, bool *is_wal)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db, "PRAGMA journal_mode = WAL", -1,
                                  &statement, NULL);
    const unsigned char *mode;
    int end;

    *is_wal = false;
    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
    }
    if (code == SQLITE_ROW) {
        mode = sqlite3_column_text(statement, 0);
        *is_wal = mode != NULL && strcmp((const char *)mode, "wal") == 0;
        code = SQLITE_OK;
    }
    end = sqlite3_finalize(statement);
    return code != SQLITE_OK ? code : end;
}

static int on_commit(void *data, sqlite3 *db, const char *name, int frames)
{
    struct writer *writer = data;

    (void)db;
    (void)name;
    writer->wal_frames = (size_t)frames;
    return SQLITE_OK;
}

/* Configures the connection for durable commits. */
static int set_journal(struct writer *writer)
{
    bool is_wal = false;
    /* Both have an effect on a new file only. Pages of 16 KiB take 10 % less
     * CPU time where many batches share a commit, but nearly double what is
     * written where few do: each commit writes some ten pages that it changes
     * only a little. */
    int code = connection_run(writer->db, "PRAGMA page_size = 8192;"
                                          "PRAGMA auto_vacuum = INCREMENTAL");

    if (code == SQLITE_OK) {
        code = ask_wal(writer->db, &is_wal);
    }
    if (code == SQLITE_OK && !is_wal) {
        return reason_set(&writer->why, HAPLO_EINVAL,
                          "%s: its file system cannot share memory, which an "
                          "inbox needs: put it on a local disk",
                          writer->path);
    }
    if (code == SQLITE_OK) {
        code = connection_run(writer->db, "PRAGMA synchronous = FULL");
    }
    if (code != SQLITE_OK) {
        return open_error(writer, code);
    }
    (void)sqlite3_wal_hook(writer->db, on_commit, writer);
    return 0;
}

static int prepare_all(struct writer *writer)
{
    for (int i = 0; i < WRITER_STATEMENT_COUNT; i++) {
        int code = sqlite3_prepare_v3(writer->db, statement_sql[i], -1,
                                      SQLITE_PREPARE_PERSISTENT,
                                      &writer->statements[i], NULL);

        if (code != SQLITE_OK) {
            return open_error(writer, code);
        }
    }
    return 0;
}

/* The WAL next to the file may belong to another database, and copying it
 * would corrupt the file. So closing does not copy it before both have been
 * checked together. */
static int keep_wal(struct writer *writer, bool is_kept)
{
    int code = sqlite3_db_config(writer->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE,
                                 (int)is_kept, NULL);

    return code != SQLITE_OK ? open_error(writer, code) : 0;
}

static int watch_files(struct writer *writer)
{
    int error = db_file_watch(writer->db, &writer->watch, &writer->why);

    if (error == 0 &&
        !db_file_in_place(writer->db, &writer->watch, &writer->why)) {
        error = HAPLO_EINVAL;
    }
    return error;
}

/* The order matters: a file is not written to before it is known to be an
 * inbox, and the folder is synced once all files exist. */
int writer_open(struct writer *writer)
{
    int error = db_file_prepare(writer->path, &writer->why);

    if (error == 0) {
        error = connection_open(writer->path, NULL, &writer->db, &writer->why);
    }
    if (error == 0) {
        error = keep_wal(writer, true);
    }
    if (error == 0) {
        error = schema_check(writer->db, writer->path, &writer->why);
    }
    if (error == 0) {
        error = keep_wal(writer, false);
    }
    if (error == 0) {
        error = set_journal(writer);
    }
    if (error == 0) {
        error = schema_migrate(writer->db, schema_steps, schema_step_count,
                               writer->path, &writer->why);
    }
    if (error == 0) {
        error = schema_verify(writer->db, writer->path, &writer->why);
    }
    if (error == 0) {
        error = prepare_all(writer);
    }
    if (error == 0) {
        error = watch_files(writer);
    }
    if (error == 0) {
        error = db_file_sync_folder(sqlite3_db_filename(writer->db, "main"),
                                    &writer->why);
    }
    return error;
}

void writer_close(struct writer *writer)
{
    for (int i = 0; i < WRITER_STATEMENT_COUNT; i++) {
        /* Repeats an error of the statement that was reported before. */
        (void)sqlite3_finalize(writer->statements[i]);
    }
    for (int i = 0; i < WRITER_ROWS_MAX; i++) {
        (void)sqlite3_finalize(writer->adds[i]);
    }
    connection_close(writer->db);
    writer->db = NULL;
}

/* Statements */

enum inbox_fault writer_fault(struct writer *writer, int code)
{
    enum inbox_fault fault = db_fault(code);

    if (fault != INBOX_FINE) {
        (void)db_explain(writer->db, writer->path, code, &writer->why);
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

static bool is_in_place(struct writer *writer)
{
    if (db_file_in_place(writer->db, &writer->watch, &writer->why)) {
        return true;
    }
    /* If the WAL was removed, accepted messages are in a file without a name;
     * if the inbox was moved, they are in a WAL that stayed behind. A
     * checkpoint copies them to the inbox, wherever it is. */
    writer_checkpoint(writer);
    return false;
}

/* When SQLite begins a WAL again from its start, which any transaction may do,
 * it cuts the file to a limit. One that a long reader has made grow is cut in
 * steps: to free gigabytes at once would hold up a commit for seconds. */
static void limit_wal(struct writer *writer)
{
    char sql[64];
    struct stat status;
    long long limit = WAL_SIZE_MAX;

    if (stat(sqlite3_filename_wal(sqlite3_db_filename(writer->db, "main")),
             &status) == 0 &&
        status.st_size - WAL_STEP > limit) {
        limit = status.st_size - WAL_STEP;
    }
    if (limit == writer->wal_limit) {
        return;
    }
    (void)snprintf(sql, sizeof(sql), "PRAGMA journal_size_limit = %lld", limit);
    if (connection_run(writer->db, sql) == SQLITE_OK) {
        writer->wal_limit = limit;
    }
}

enum inbox_fault writer_begin(struct writer *writer)
{
    limit_wal(writer);
    return is_in_place(writer) ? writer_run(writer, WRITER_BEGIN)
                               : INBOX_OUTAGE;
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
    return is_in_place(writer) ? INBOX_FINE : INBOX_DOUBT;
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
    int code = sqlite3_wal_checkpoint_v2(writer->db, "main",
                                         SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);

    (void)code; /* it is retried later */
}
