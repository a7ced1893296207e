/*
 * What makes a connection's commits stay:
 *
 *   - the journal is a WAL and synchronous is FULL: each COMMIT returns after
 *     the fsync() of the WAL, and SQLite syncs the folder when it makes one;
 *   - opening syncs the folder too, as the file itself, or the WAL of a
 *     process that died, may have been made and never synced.
 *
 * Failures, each in one line: no permission, a folder, no database, another
 * program's database, a newer record, a file system without shared memory,
 * locked by another program for RECORD_BUSY_MS.
 */
#include "sinks/record_store.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sinks/record_error.h"
#include "sinks/record_schema.h"
#include "sinks/sink_reason.h"

/* Those of the kind are added to them. */
static const char *const statement_sql[RECORD_STATEMENT_COUNT] = {
    [RECORD_BEGIN] = "BEGIN IMMEDIATE",
    [RECORD_COMMIT] = "COMMIT",
    [RECORD_ROLLBACK] = "ROLLBACK",
    [RECORD_COUNT] = "SELECT count(*) FROM messages"
                     " WHERE server = ?1 AND queue = ?2 AND epoch >= ?3",
    [RECORD_CARRY_OVER] = "UPDATE OR IGNORE messages SET epoch = ?3 + 1"
                          " WHERE server = ?1 AND queue = ?2 AND epoch = ?3",
    [RECORD_TAKE_BACK] =
        "UPDATE OR IGNORE messages SET epoch = ?3"
        " WHERE server = ?1 AND queue = ?2 AND epoch = ?3 + 1 AND key = ?4",
    [RECORD_FIND_LEFTOVERS] =
        "SELECT 1 FROM messages"
        " WHERE server = ?1 AND queue = ?2 AND epoch = ?3 + 1 LIMIT 1",
    [RECORD_RAISE_EPOCH] =
        "INSERT INTO queues (server, queue, epoch) VALUES (?1, ?2, ?3)"
        " ON CONFLICT (server, queue) DO UPDATE SET epoch = excluded.epoch"
        " WHERE excluded.epoch > epoch",
};

/* -- Opening -------------------------------------------------------------- */

/* The file name for SQLite, which sees more in some: "file:" begins a URI and
 * ":memory:" is none. NULL when there is no memory. */
static char *plain_path(const char *path)
{
    const char *prefix = path[0] == '/' ? "" : "./";
    size_t size = strlen(prefix) + strlen(path) + 1;
    char *plain = malloc(size);

    if (plain != NULL) {
        (void)snprintf(plain, size, "%s%s", prefix, path);
    }
    return plain;
}

/* Asks for a WAL; SQLite answers with the journal that it could have. */
static int store_ask_wal(sqlite3 *db, bool *is_wal)
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

/* Makes this a connection whose commits are durable. */
static int store_set_journal(struct record_store *store, char *why,
                             size_t why_size)
{
    bool is_wal = false;
    int code;

    /* Of a new file only. A quarter faster here than the default of 4096. */
    code = sqlite3_exec(store->db, "PRAGMA page_size = 8192", NULL, NULL, NULL);
    if (code == SQLITE_OK) {
        code = store_ask_wal(store->db, &is_wal);
    }
    if (code == SQLITE_OK && !is_wal) {
        sink_reason(why, why_size,
                    "%s: its file system cannot share memory, which %s "
                    "needs: put it on a local disk",
                    store->path, store->kind->schema->noun);
        return HAPLO_EINVAL;
    }
    if (code == SQLITE_OK) {
        /* The limit cuts a WAL that a long reader has made grow. */
        code = sqlite3_exec(store->db,
                            "PRAGMA synchronous = FULL;"
                            "PRAGMA journal_size_limit = 67108864",
                            NULL, NULL, NULL);
    }
    if (code != SQLITE_OK) {
        return record_schema_error(store->db, store->path, code, why, why_size);
    }
    return 0;
}

static const char *store_sql(const struct record_store *store,
                             enum record_statement which)
{
    switch (which) {
    case RECORD_ADD_MESSAGE:
        return store->kind->add_sql;
    case RECORD_OUT:
        return store->kind->out_sql;
    case RECORD_FORGET:
        return store->kind->forget_sql;
    default:
        return statement_sql[which];
    }
}

static int store_prepare(struct record_store *store, char *why, size_t why_size)
{
    for (int i = 0; i < RECORD_STATEMENT_COUNT; i++) {
        const char *sql = store_sql(store, (enum record_statement)i);
        int code = SQLITE_OK;

        if (sql != NULL) {
            code = sqlite3_prepare_v3(store->db, sql, -1,
                                      SQLITE_PREPARE_PERSISTENT,
                                      &store->statements[i], NULL);
        }

        if (code != SQLITE_OK) {
            return record_schema_error(store->db, store->path, code, why,
                                       why_size);
        }
    }
    return 0;
}

/* A WAL that is not the file's own may lie beside it. Brought into the file it
 * would ruin that, so this waits until it is known what both make together. */
static int store_keep_wal(struct record_store *store, bool keep)
{
    return sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE,
                             (int)keep, NULL);
}

static int store_connect(struct record_store *store, char *why, size_t why_size)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    int code = sqlite3_open_v2(store->path, &store->db, flags, NULL);

    if (code == SQLITE_OK) {
        code = sqlite3_extended_result_codes(store->db, 1);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_busy_timeout(store->db, RECORD_BUSY_MS);
    }
    if (code == SQLITE_OK) {
        code = store_keep_wal(store, true);
    }
    if (code == SQLITE_OK && sqlite3_db_readonly(store->db, "main") != 0) {
        /* SQLite falls back to reading a file that it may not write. */
        code = SQLITE_READONLY;
    }
    if (code != SQLITE_OK) {
        return record_schema_error(store->db, store->path, code, why, why_size);
    }
    return 0;
}

/* The order matters: nothing is written to a file before it is known to be of
 * this kind, and the folder is synced when all files are there. */
static int store_setup(struct record_store *store, char *why, size_t why_size)
{
    int result = record_file_prepare(store->path, why, why_size);

    if (result == 0) {
        result = store_connect(store, why, why_size);
    }
    if (result == 0) {
        result = record_schema_check(store->db, store->kind->schema,
                                     store->path, why, why_size);
    }
    if (result == 0 && store_keep_wal(store, false) != SQLITE_OK) {
        result = HAPLO_EINVAL;
        sink_reason(why, why_size, "%s: cannot be set up", store->path);
    }
    if (result == 0) {
        result = store_set_journal(store, why, why_size);
    }
    if (result == 0) {
        result = record_schema_migrate(store->db, store->kind->schema,
                                       store->path, why, why_size);
    }
    if (result == 0) {
        result = store_prepare(store, why, why_size);
    }
    if (result == 0) {
        result = record_file_watch(store->db, &store->watch, why, why_size);
    }
    if (result == 0 &&
        !record_file_in_place(store->db, &store->watch, why, why_size)) {
        result = HAPLO_EINVAL;
    }
    if (result == 0) {
        result = record_file_sync_folder(sqlite3_db_filename(store->db, "main"),
                                         why, why_size);
    }
    return result;
}

int record_store_open(const struct record_kind *kind, const char *path,
                      struct record_store **out, char *why, size_t why_size)
{
    struct record_store *store = calloc(1, sizeof(*store) + kind->scratch_size);
    int result;

    *out = NULL;
    if (store != NULL) {
        store->kind = kind;
        store->path = plain_path(path);
    }
    if (store == NULL || store->path == NULL) {
        free(store);
        sink_reason(why, why_size, "%s: out of memory", path);
        return HAPLO_ENOMEM;
    }
    result = store_setup(store, why, why_size);
    if (result != 0) {
        record_store_close(store);
        return result;
    }
    *out = store;
    return 0;
}

void record_store_close(struct record_store *store)
{
    int code;

    for (int i = 0; i < RECORD_STATEMENT_COUNT; i++) {
        /* It repeats the fault of the statement's last use, known already. */
        (void)sqlite3_finalize(store->statements[i]);
    }
    code = sqlite3_close(store->db);
    assert(code == SQLITE_OK);
    (void)code;
    free(store->path);
    free(store);
}

int record_store_each_queue(struct record_store *store,
                            record_queue_cb queue_cb, void *data, char *why,
                            size_t why_size)
{
    static const char select[] =
        "SELECT q.server, q.queue, q.epoch,"
        " EXISTS (SELECT 1 FROM messages m WHERE m.server = q.server"
        " AND m.queue = q.queue AND m.epoch >= q.epoch) FROM queues q";
    sqlite3_stmt *statement = NULL;
    int result = 0;
    int code = sqlite3_prepare_v2(store->db, select, -1, &statement, NULL);

    while (code == SQLITE_OK && result == 0) {
        code = sqlite3_step(statement);
        if (code == SQLITE_ROW) {
            const char *server =
                (const char *)sqlite3_column_text(statement, 0);
            const char *queue = (const char *)sqlite3_column_text(statement, 1);

            code = server != NULL && queue != NULL ? SQLITE_OK : SQLITE_NOMEM;
            if (code == SQLITE_OK) {
                result = queue_cb(data, server, queue,
                                  (uint64_t)sqlite3_column_int64(statement, 2),
                                  sqlite3_column_int(statement, 3) != 0);
            }
        }
    }
    if (result == 0 && code != SQLITE_DONE) {
        result =
            record_schema_error(store->db, store->path, code, why, why_size);
    } else if (result != 0) {
        sink_reason(why, why_size, "%s: %s", store->path,
                    haplo_error_text(result));
    }
    (void)sqlite3_finalize(statement);
    return result;
}
