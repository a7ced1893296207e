/*
 * arrival_mark.c - keeps arrivals unique when an older copy of an inbox is
 * restored. A reader that remembers the last arrival it has seen would
 * otherwise miss messages that got a lower number once more.
 *
 *   - The file, which should be on another disk than the inbox, says up to
 *     which arrival numbers are reserved, and how many were known to be used
 *     when it was written (arrival_file.c).
 *   - Opening reads it, skips what was reserved, and reserves a block.
 *   - Before half of the block has been used, the helper writes a new
 *     reservation, so that no commit waits for it. The block grows while it is
 *     used up quickly.
 *   - A clean end writes the exact number, so that a clean start skips none.
 *
 * Failures:
 *
 *   - The process dies: the next one skips the rest of the block.
 *   - The inbox ends before what was known to be used: it is an older copy,
 *     which is logged.
 *   - The inbox has another UUID: it is a new one, since the disk was lost or
 *     is not mounted, or another one; this is logged. Its arrivals also begin
 *     above, so that readers of the former miss nothing.
 *   - The file cannot be read or written: logged. Storing goes on, and only
 *     this protection is missing.
 *   - Messages arrive faster than the helper writes: the same, for a moment.
 */
#include "inbox/sqlite/arrival_mark.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container_of.h"
#include "inbox/sqlite/db_error.h"

#define BLOCK_MIN UINT64_C(65536)
#define BLOCK_MAX (BLOCK_MIN << 10)
#define BLOCK_GROWTH 4
#define BUSY_MS 10000 /* a block that is used up faster was too small */

/* The database */

/* The table is SQLite's own, and may be written. */
int arrival_raise(sqlite3 *db, uint64_t arrival)
{
    char sql[320];

    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO sqlite_sequence (name, seq) SELECT 'stored', 0"
                   " WHERE NOT EXISTS"
                   " (SELECT 1 FROM sqlite_sequence WHERE name = 'stored');"
                   "UPDATE sqlite_sequence SET seq = max(seq, %" PRIu64 ")"
                   " WHERE name = 'stored'",
                   arrival);
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static int newest_load(sqlite3 *db, uint64_t *newest)
{
    sqlite3_stmt *select = NULL;
    int code = sqlite3_prepare_v2(
        db, "SELECT seq FROM sqlite_sequence WHERE name = 'stored'", -1,
        &select, NULL);

    *newest = 0;
    if (code == SQLITE_OK) {
        code = sqlite3_step(select);
    }
    if (code == SQLITE_ROW) {
        *newest = (uint64_t)sqlite3_column_int64(select, 0);
    }
    (void)sqlite3_finalize(select); /* repeats the error above */
    return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

/* In a transaction, so that both statements are one commit. */
static int raise_alone(sqlite3 *db, uint64_t arrival)
{
    int code = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);

    if (code != SQLITE_OK) {
        return code;
    }
    code = arrival_raise(db, arrival);
    if (code == SQLITE_OK) {
        code = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    }
    if (code != SQLITE_OK && !sqlite3_get_autocommit(db)) {
        /* If it fails, closing rolls back. */
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    }
    return code;
}

/* Opening */

/* Sets what to log about the inbox, whose last arrival is `newest`. */
static void compare(struct arrival_mark *mark, const char *path,
                    const char *uuid, uint64_t newest)
{
    const struct arrival_record *known = &mark->record;

    if (known->uuid[0] == '\0') {
        return;
    }
    if (strcmp(known->uuid, uuid) == 0) {
        if (newest < known->newest) {
            (void)reason_set(
                &mark->why, 0,
                "%s is an older copy: it ends at arrival %" PRIu64
                ", but arrivals up to %" PRIu64 " were used. New messages get "
                "higher ones. Have the messages that are missing marked as "
                "unsent",
                path, newest, known->newest);
        }
        return;
    }
    (void)reason_set(&mark->why, 0,
                     "%s is %s inbox, %s: until now this was %s, with messages "
                     "up to arrival %" PRIu64
                     ". Is its disk mounted? New messages get higher arrivals",
                     path, newest == 0 ? "a new" : "another", uuid, known->uuid,
                     known->newest);
}

static void tell_unwritable(struct arrival_mark *mark)
{
    struct reason cause = mark->why;

    (void)reason_set(&mark->why, 0,
                     "%s; arrivals would be used again if an older copy of the "
                     "inbox were restored",
                     cause.text);
}

/* Blocking. */
static int record_write(struct arrival_mark *mark,
                        const struct arrival_record *record)
{
    return arrival_file_write(mark->path, record, &mark->why);
}

static void reserve_first(struct arrival_mark *mark, const char *uuid,
                          uint64_t newest)
{
    struct reason found = mark->why;
    struct arrival_record first = {.newest = newest,
                                   .reserved = newest + BLOCK_MIN};

    (void)snprintf(first.uuid, sizeof(first.uuid), "%s", uuid);
    if (record_write(mark, &first) == 0) {
        mark->why = found;
        mark->record = first;
        return;
    }
    mark->has_failed = true;
    tell_unwritable(mark);
    /* Do not try again before some have been used. */
    mark->record.reserved = first.reserved;
    (void)snprintf(mark->record.uuid, sizeof(mark->record.uuid), "%s", uuid);
}

int arrival_mark_open(struct arrival_mark *mark, sqlite3 *db, const char *path,
                      const char *uuid, uint64_t *newest, struct reason *why)
{
    int code = newest_load(db, newest);

    if (code == SQLITE_OK && mark->path != NULL) {
        if (arrival_file_read(mark->path, &mark->record, &mark->why) != 0) {
            tell_unwritable(mark);
        }
        compare(mark, path, uuid, *newest);
        if (mark->record.reserved > *newest) {
            code = raise_alone(db, mark->record.reserved);
            *newest = mark->record.reserved;
        }
    }
    if (code != SQLITE_OK) {
        return db_explain(db, path, code, why);
    }
    mark->block = BLOCK_MIN;
    if (mark->path != NULL) {
        reserve_first(mark, uuid, *newest);
    }
    return 0;
}

void arrival_mark_tell(struct arrival_mark *mark)
{
    if (mark->why.text[0] != '\0') {
        inbox_warn(mark->inbox, "inbox %s: %s", inbox_name(mark->inbox),
                   mark->why.text);
        mark->why.text[0] = '\0';
    }
}

/* At work */

static void reserve_work(struct worker_job *job)
{
    struct arrival_mark *mark = container_of(job, struct arrival_mark, job);

    mark->why.text[0] = '\0';
    if (record_write(mark, &mark->next) != 0) {
        tell_unwritable(mark);
    }
}

static void reserve_done(struct worker_job *job)
{
    struct arrival_mark *mark = container_of(job, struct arrival_mark, job);
    bool has_failed = mark->why.text[0] != '\0';

    mark->is_writing = false;
    /* If it failed, it is tried again after as many: the disk may stay full. */
    mark->record = mark->next;
    if (has_failed && !mark->has_failed) {
        arrival_mark_tell(mark);
    }
    mark->has_failed = has_failed;
}

static uint64_t next_block(const struct arrival_mark *mark, uint64_t now_ms)
{
    if (now_ms - mark->reserved_at_ms >= BUSY_MS) {
        return BLOCK_MIN;
    }
    return mark->block < BLOCK_MAX ? mark->block * BLOCK_GROWTH : BLOCK_MAX;
}

void arrival_mark_consider(struct arrival_mark *mark, uint64_t newest,
                           uint64_t now_ms)
{
    if (mark->path == NULL || mark->is_writing ||
        newest + mark->block / 2 <= mark->record.reserved) {
        return;
    }
    mark->block = next_block(mark, now_ms);
    mark->reserved_at_ms = now_ms;
    mark->next = mark->record;
    mark->next.newest = newest;
    mark->next.reserved = newest + mark->block;
    mark->is_writing = true;
    mark->job.work_cb = reserve_work;
    mark->job.done_cb = reserve_done;
    worker_submit(mark->helper, &mark->job);
}

void arrival_mark_close(struct arrival_mark *mark, uint64_t newest,
                        uint64_t used)
{
    struct arrival_record last = mark->record;

    if (mark->path == NULL || last.uuid[0] == '\0') {
        return;
    }
    last.newest = newest;
    last.reserved = used > newest ? used : newest;
    /* If it fails, the next start skips the rest of the block. */
    (void)record_write(mark, &last);
}
