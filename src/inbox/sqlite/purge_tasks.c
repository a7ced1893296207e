/*
 * purge_tasks.c - erases messages, in steps.
 *
 *   - All messages are read, in order of arrival, some per step. Those that
 *     match are deleted with what was derived from them, and leave a row in
 *     `purged`, in the same transaction. What is stored meanwhile is read as
 *     well.
 *   - The pages of what is deleted are overwritten. Free pages may contain
 *     other copies, from before: all of them are returned to the file system.
 *   - The WAL is copied to the file and cut to nothing. Before that, it
 *     contains the messages as they were stored.
 *
 * Failures:
 *
 *   - The process dies: what was committed is done, but the WAL and free pages
 *     may still have copies. The same purge, carried out again, finds no more
 *     messages and cleans up.
 *   - Another program reads the inbox, so that the WAL cannot be cut: after
 *     some tries the result says so.
 */
#include <string.h>

#include <uv.h>

#include "core/identity.h"
#include "inbox/sqlite/connection.h"
#include "inbox/sqlite/db_query.h"
#include "inbox/sqlite/db_value.h"
#include "inbox/sqlite/free_pages.h"
#include "inbox/sqlite/task_write.h"

#define STEP_NS UINT64_C(3000000) /* after this, no more rows in a step */
#define MATCHES_MAX 64            /* per step */
#define LOG_TRIES_MAX 50
#define LOG_WAIT_MS 50 /* for readers, per try; commits wait as well */
#define RETURNS_MAX 16 /* of free pages, per step */

/* A message to be erased. */
struct match {
    uint64_t arrival;               /* which one */
    uint64_t queue;                 /* id of its queue */
    uint8_t key[IDENTITY_KEY_SIZE]; /* of its bytes */
};

/* Searching */

#define MESSAGES_AFTER                                                    \
    "SELECT s.arrival, s.queue, s.body, coalesce(q.server, '?'),"         \
    " coalesce(q.queue, '?'), coalesce(b.fetched_at, 0)"                  \
    " FROM stored AS s LEFT JOIN queues AS q ON q.id = s.queue"           \
    " LEFT JOIN batches AS b ON b.first_arrival = s.arrival - s.position" \
    " WHERE s.arrival > ?1 AND s.arrival <= ?2 ORDER BY s.arrival"

static int filter_row(const struct inbox_filter *filter, sqlite3_stmt *row,
                      bool *is_wanted)
{
    const char *server = (const char *)sqlite3_column_text(row, 3);
    const char *queue = (const char *)sqlite3_column_text(row, 4);

    if (server == NULL || queue == NULL) {
        return SQLITE_NOMEM;
    }
    *is_wanted =
        inbox_filter_takes_queue(filter, server, queue) &&
        inbox_filter_takes_time(filter, (uint64_t)sqlite3_column_int64(row, 5));
    return SQLITE_OK;
}

/* Adds the current row if it is to be erased. */
static int row_examine(struct inbox_task *task, sqlite3_stmt *row,
                       struct match *matches, size_t *count)
{
    struct match *match = &matches[*count];
    struct haplo_slice body;
    bool is_wanted = false;
    int error = 0;
    int code = filter_row(&task->filter, row, &is_wanted);

    task->position = (uint64_t)sqlite3_column_int64(row, 0);
    if (code != SQLITE_OK || !is_wanted) {
        return code;
    }
    code = db_column_bytes(row, 2, &body);
    if (code != SQLITE_OK || !inbox_purge_matches(task->purge, body, &error)) {
        return error != 0 ? SQLITE_NOMEM : code;
    }
    match->arrival = task->position;
    match->queue = (uint64_t)sqlite3_column_int64(row, 1);
    identity_key(body, match->key);
    (*count)++;
    return SQLITE_OK;
}

/* Reads on from the position. *is_end: there are no more messages. */
static enum inbox_fault matches_find(struct writer *writer,
                                     struct inbox_task *task,
                                     struct match *matches, size_t *count,
                                     bool *is_end)
{
    uint64_t first = task->filter.arrival;
    uint64_t after = first > 0 ? first - 1 : task->position;
    uint64_t began_ns = uv_hrtime();
    sqlite3_stmt *select;
    int code = db_query(writer->db, &select, MESSAGES_AFTER, "ii", after,
                        first > 0 ? first : (uint64_t)INT64_MAX);

    *count = 0;
    while (code == SQLITE_OK && *count < MATCHES_MAX &&
           uv_hrtime() - began_ns < STEP_NS) {
        code = sqlite3_step(select);
        if (code == SQLITE_ROW) {
            code = row_examine(task, select, matches, count);
        }
    }
    *is_end = code == SQLITE_DONE;
    (void)sqlite3_finalize(select); /* repeats the error above */
    return writer_fault(writer, code);
}

/* Erasing */

/* Counts the outlets that have not passed it; its deferred rows follow. */
static int pending_count(struct writer *writer, struct inbox_task *task,
                         const struct match *match)
{
    sqlite3_stmt *select;
    int code = db_query(writer->db, &select,
                        "SELECT count(*) FROM outlets WHERE cursor < ?1", "i",
                        match->arrival);

    if (code == SQLITE_OK) {
        code = sqlite3_step(select);
    }
    if (code == SQLITE_ROW) {
        task->purge->pending_count += (uint64_t)sqlite3_column_int64(select, 0);
        code = SQLITE_OK;
    }
    (void)sqlite3_finalize(select); /* repeats the error above */
    return code;
}

static int tombstone_add(struct writer *writer, const struct match *match,
                         const char *why, uint64_t now_ms)
{
    sqlite3_stmt *insert;
    int code = db_query(writer->db, &insert,
                        "INSERT INTO purged (arrival, queue, at, why, key)"
                        " VALUES (?1, ?2, ?3, ?4, ?5)",
                        "iiit", match->arrival, match->queue, now_ms, why);

    if (code == SQLITE_OK) {
        code = sqlite3_bind_blob64(insert, 5, match->key, IDENTITY_KEY_SIZE,
                                   SQLITE_STATIC);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_step(insert);
    }
    (void)sqlite3_finalize(insert); /* repeats the error above */
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

static int erase_rows(struct writer *writer, const struct match *match,
                      const char *sql, uint64_t *count)
{
    int code =
        db_query_run(writer->db, sql, "ii", match->arrival, match->queue);

    if (code == SQLITE_OK) {
        *count += (uint64_t)sqlite3_changes(writer->db);
    }
    return code;
}

static int erase(struct writer *writer, struct inbox_task *task,
                 const struct match *match, uint64_t now_ms)
{
    struct inbox_purge *purge = task->purge;
    uint64_t count = 0;
    int code = pending_count(writer, task, match);

    if (code == SQLITE_OK) {
        code = tombstone_add(writer, match, purge->why, now_ms);
    }
    if (code == SQLITE_OK) {
        code = erase_rows(writer, match,
                          "DELETE FROM stored WHERE arrival = ?1"
                          " AND queue = ?2",
                          &count);
    }
    if (code == SQLITE_OK) {
        code = erase_rows(writer, match,
                          "DELETE FROM deferred WHERE queue = ?2 AND arrival ="
                          " ?1 AND outlet IN (SELECT id FROM outlets)",
                          &purge->pending_count);
    }
    if (code == SQLITE_OK) {
        code = erase_rows(writer, match,
                          "DELETE FROM dead_letters WHERE arrival = ?1 AND"
                          " queue = ?2 AND outlet IN (SELECT id FROM outlets)",
                          &purge->letter_count);
    }
    if (code == SQLITE_OK) {
        code = erase_rows(writer, match,
                          "DELETE FROM latest WHERE arrival = ?1"
                          " AND queue = ?2",
                          &count);
    }
    task->count += code == SQLITE_OK ? 1 : 0;
    return code;
}

static enum inbox_fault search_step(struct writer *writer,
                                    struct inbox_task *task, uint64_t now_ms)
{
    struct match matches[MATCHES_MAX];
    size_t count = 0;
    bool is_end = false;
    enum inbox_fault fault = writer_fault(
        writer, connection_run(writer->db, "PRAGMA secure_delete = ON"));

    if (fault == INBOX_FINE) {
        fault = matches_find(writer, task, matches, &count, &is_end);
    }
    for (size_t i = 0; fault == INBOX_FINE && i < count; i++) {
        fault = writer_fault(writer, erase(writer, task, &matches[i], now_ms));
    }
    if (fault == INBOX_FINE && (is_end || task->filter.arrival > 0)) {
        task->purge->phase = INBOX_PURGE_RECLAIM;
    }
    return fault;
}

/* Cleaning up */

static enum inbox_fault reclaim_step(struct writer *writer,
                                     struct inbox_task *task)
{
    uint64_t began_ns = uv_hrtime();
    uint64_t count = 1;
    int code = SQLITE_OK;

    for (int i = 0; i < RETURNS_MAX && code == SQLITE_OK && count > 0 &&
                    uv_hrtime() - began_ns < STEP_NS;
         i++) {
        code = free_pages_return(writer);
        if (code == SQLITE_OK) {
            code = free_pages_count(writer, &count);
        }
    }
    if (code == SQLITE_OK && count == 0) {
        task->purge->phase = INBOX_PURGE_LOG;
    }
    return writer_fault(writer, code);
}

bool purge_is_at_log(const struct inbox_task *task)
{
    return task->kind == INBOX_TASK_PURGE &&
           task->purge->phase == INBOX_PURGE_LOG;
}

/* The database itself no longer changes, so that this may fail without harm. */
void purge_log_step(struct writer *writer, struct inbox_task *task)
{
    int code = sqlite3_busy_timeout(writer->db, LOG_WAIT_MS);

    if (code == SQLITE_OK) {
        code = sqlite3_wal_checkpoint_v2(
            writer->db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    }
    (void)sqlite3_busy_timeout(writer->db, CONNECTION_BUSY_MS);
    if (code == SQLITE_OK) {
        writer->wal_frames = 0;
    }
    task->purge->log_tries++;
    task->is_done =
        code == SQLITE_OK || task->purge->log_tries >= LOG_TRIES_MAX;
    task->purge->is_log_left = code != SQLITE_OK;
    if (task->is_done && !writer->has_secure_delete) {
        /* If it fails, deleting stays slower than it need be. */
        (void)connection_run(writer->db, "PRAGMA secure_delete = FAST");
    }
}

enum inbox_fault purge_step(struct writer *writer, struct inbox_task *task,
                            uint64_t now_ms)
{
    return task->purge->phase == INBOX_PURGE_SEARCH
               ? search_step(writer, task, now_ms)
               : reclaim_step(writer, task);
}
