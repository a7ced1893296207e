/*
 * writer_open.c - opens the inbox for writing, so that commits are durable:
 *
 *   - The lock of the inbox is taken before anything else is looked at: what
 *     another process is just creating would look damaged.
 *   - A file is not written to before it is known to be an inbox.
 *   - The journal is a WAL and synchronous is FULL: each COMMIT returns after
 *     the fsync() of the WAL, and SQLite syncs the folder when it creates the
 *     WAL.
 *   - The folder is synced once all files exist. The file, or the WAL of a
 *     process that died, may have been created without a sync.
 */
#include <stdio.h>
#include <string.h>

#include "inbox/sqlite/connection.h"
#include "inbox/sqlite/db_error.h"
#include "inbox/sqlite/db_file.h"
#include "inbox/sqlite/schema.h"
#include "inbox/sqlite/writer.h"

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
    [WRITER_BATCH_PURGED] = "SELECT key FROM purged"
                            " WHERE arrival BETWEEN ?1 AND ?2 AND queue = ?3",
    [WRITER_OUTLET_GET] = "SELECT id, cursor FROM outlets WHERE name = ?1",
    [WRITER_OUTLET_ADD] = "INSERT INTO outlets (name, cursor) VALUES (?1, ?2)",
    [WRITER_OUTLET_SET] = "UPDATE outlets SET cursor = ?2 WHERE id = ?1",
    [WRITER_DEFER] = "INSERT INTO deferred (outlet, queue, arrival)"
                     " VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
    [WRITER_SETTLE] = "DELETE FROM deferred"
                      " WHERE outlet = ?1 AND queue = ?2 AND arrival = ?3",
    [WRITER_DEAD_LETTER] =
        "INSERT INTO dead_letters (outlet, arrival, queue, why, at, attempts)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
    [WRITER_RETAIN_OUTLETS] = "SELECT name, cursor FROM outlets",
    [WRITER_RETAIN_NEXT] =
        "SELECT b.first_arrival, b.count, b.fetched_at, b.queue,"
        " q.unconfirmed, q.unconfirmed_from"
        " FROM batches AS b LEFT JOIN queues AS q ON q.id = b.queue"
        " WHERE b.first_arrival > ?1 ORDER BY b.first_arrival LIMIT 1",
    [WRITER_RETAIN_DELETE] =
        "DELETE FROM stored WHERE arrival BETWEEN ?1 AND ?2 AND queue = ?3"
        " AND NOT EXISTS (SELECT 1 FROM outlets AS o CROSS JOIN deferred AS d"
        "  ON d.outlet = o.id AND d.queue = ?3 AND d.arrival = stored.arrival)"
        " AND NOT EXISTS (SELECT 1 FROM outlets AS o CROSS JOIN dead_letters"
        "  AS d ON d.outlet = o.id AND d.arrival = stored.arrival)"
        " AND (NOT ?4 OR NOT EXISTS"
        "  (SELECT 1 FROM latest AS l WHERE l.arrival = stored.arrival))",
    [WRITER_LATEST_ADD] =
        "INSERT INTO latest (queue, ref, version, arrival)"
        " SELECT queue, ref, coalesce(version, -1), arrival FROM"
        "  (SELECT s.queue, s.arrival, " SCHEMA_OBJECT_MEMBER(
            "ref") " AS ref,"
                   "   CAST(" SCHEMA_OBJECT_MEMBER(
                       "recordVersion") " AS NUMERIC)"
                                        "    AS version FROM stored AS s WHERE "
                                        "s.arrival BETWEEN ?1 AND ?2"
                                        "   AND s.queue IN (SELECT id FROM "
                                        "queues WHERE queue = 'global'))"
                                        " WHERE ref IS NOT NULL ORDER BY "
                                        "arrival"
                                        " ON CONFLICT (queue, ref) DO UPDATE "
                                        "SET version = excluded.version,"
                                        "  arrival = excluded.arrival"
                                        "  WHERE excluded.version >= "
                                        "latest.version",
    [WRITER_LATEST_KNOWN] = "SELECT arrival FROM latest_known",
    [WRITER_LATEST_SET_KNOWN] = "UPDATE latest_known SET arrival = ?1",
    [WRITER_NEWEST] = "SELECT coalesce(max(arrival), 0) FROM stored",
    [WRITER_RETAIN_BATCH] =
        "DELETE FROM batches WHERE first_arrival = ?1 AND NOT EXISTS"
        " (SELECT 1 FROM stored WHERE arrival BETWEEN ?1 AND ?2)",
    [WRITER_FREE_COUNT] = "PRAGMA freelist_count",
    [WRITER_PAGE_COUNT] = "PRAGMA page_count",
    [WRITER_RECLAIM] = "PRAGMA incremental_vacuum(32)",
};

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
        code = mode != NULL ? SQLITE_OK : SQLITE_NOMEM;
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
    if (code == SQLITE_OK) {
        /* FAST overwrites what is deleted within pages that are written
         * anyway. Debian's SQLite would otherwise write all others too. */
        code = connection_run(writer->db, writer->has_secure_delete
                                              ? "PRAGMA secure_delete = ON"
                                              : "PRAGMA secure_delete = FAST");
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
    int code = connection_keep_wal(writer->db, is_kept);

    return code != SQLITE_OK ? open_error(writer, code) : 0;
}

static int files_prepare(struct writer *writer)
{
    int error = db_file_check(writer->path, &writer->why);

    if (error == 0) {
        error = db_lock_take(&writer->lock, writer->path, writer->used_by,
                             &writer->why);
    }
    return error == 0 ? db_file_prepare(writer->path, &writer->why) : error;
}

static int tables_prepare(struct writer *writer)
{
    int error = keep_wal(writer, true);

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
    return error == 0 ? schema_verify(writer->db, writer->path, &writer->why)
                      : error;
}

int writer_open(struct writer *writer)
{
    int error;

    writer->lock.descriptor = -1;
    error = files_prepare(writer);
    if (error == 0) {
        error = connection_open(writer->path, NULL, &writer->db, &writer->why);
    }
    if (error == 0) {
        error = tables_prepare(writer);
    }
    if (error == 0) {
        error = prepare_all(writer);
    }
    if (error == 0) {
        error = db_watch_start(writer->db, &writer->watch, &writer->why);
    }
    if (error == 0) {
        error = db_file_sync_folder(sqlite3_db_filename(writer->db, "main"),
                                    &writer->why);
    }
    return error;
}
