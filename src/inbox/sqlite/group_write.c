/*
 * group_write.c - writes a group in one transaction.
 *
 *   - BEGIN takes the write lock of SQLite, so no later statement fails
 *     because of another program.
 *   - Confirmed states, replaced states, batches and progress are written.
 *   - COMMIT returns when everything is on disk.
 *
 * Failures:
 *
 *   - Locked by another program: waits for CONNECTION_BUSY_MS, then fails.
 *   - Disk full, I/O errors, out of memory: rolled back. A later transaction
 *     may succeed on the same connection.
 *   - A message too large for SQLite: INBOX_NEVER.
 *   - A constraint or a trigger that somebody has added: fails, so that no
 *     such rule can drop a message unnoticed.
 *   - COMMIT fails, or the file is not in place afterwards: INBOX_DOUBT.
 */
#include "inbox/sqlite/group_write.h"

#include <stdlib.h>

#include "base/wall_clock.h"
#include "inbox/sqlite/batch_write.h"
#include "inbox/sqlite/progress_write.h"

/* Confirmed and replaced states */

static enum inbox_fault mark_batch(struct writer *writer, int64_t first_arrival,
                                   uint64_t now_ms)
{
    sqlite3_stmt *mark = writer->statements[WRITER_BATCH_MARK];
    int code = sqlite3_bind_int64(mark, 1, first_arrival);

    if (code == SQLITE_OK) {
        code = sqlite3_bind_int64(mark, 2, (sqlite3_int64)now_ms);
    }
    return code != SQLITE_OK ? writer_fault(writer, code)
                             : writer_run(writer, WRITER_BATCH_MARK);
}

static enum inbox_fault confirm_write(struct writer *writer,
                                      struct inbox_confirm *confirm,
                                      uint64_t now_ms)
{
    struct queue_row row;
    enum inbox_fault fault = queue_row_read(
        writer, confirm->queue, confirm->queue_id, confirm->state, false, &row);

    confirm->compare = row.compare;
    if (fault != INBOX_FINE || row.compare != HAPLO_COMPARE_CURRENT) {
        confirm->queue_id = (uint64_t)row.id;
        return fault;
    }
    unconfirmed_confirm(&row.unconfirmed, confirm->message_count);
    fault = queue_row_write(writer, confirm->queue, &row, confirm->state);
    if (fault == INBOX_FINE && row.newest_batch != 0) {
        fault = mark_batch(writer, row.newest_batch, now_ms);
    }
    confirm->queue_id = (uint64_t)row.id;
    return fault;
}

/* Unconfirmed messages may now be in another inbox. */
static enum inbox_fault replace_write(struct writer *writer,
                                      struct inbox_replace *replace)
{
    struct queue_row row;
    enum inbox_fault fault =
        queue_row_read(writer, replace->queue, replace->queue_id,
                       replace->state, replace->is_expected, &row);

    free((char *)replace->stored.data);
    replace->stored = row.stored;
    replace->compare = row.compare == HAPLO_COMPARE_STALE
                           ? inbox_replace_compare(replace, row.stored)
                           : row.compare;
    if (fault == INBOX_FINE && replace->compare != HAPLO_COMPARE_STALE) {
        free((char *)replace->stored.data);
        replace->stored = (struct haplo_slice){NULL, 0};
        unconfirmed_lose(&row.unconfirmed);
        fault = queue_row_write(writer, replace->queue, &row, replace->state);
    }
    replace->queue_id = (uint64_t)row.id;
    return fault;
}

/* The group */

static enum inbox_fault write_parts(struct writer *writer,
                                    struct inbox_group *group, uint64_t now_ms)
{
    enum inbox_fault fault = INBOX_FINE;
    struct inbox_confirm *confirm;
    struct inbox_replace *replace;
    struct inbox_delivery *delivery;
    struct inbox_progress *progress;

    STAILQ_FOREACH (confirm, &group->confirms, link) {
        fault = fault == INBOX_FINE ? confirm_write(writer, confirm, now_ms)
                                    : fault;
    }
    STAILQ_FOREACH (replace, &group->replaces, link) {
        fault = fault == INBOX_FINE ? replace_write(writer, replace) : fault;
    }
    STAILQ_FOREACH (delivery, &group->deliveries, link) {
        fault =
            fault == INBOX_FINE ? batch_write(writer, delivery, now_ms) : fault;
    }
    STAILQ_FOREACH (progress, &group->progress, link) {
        fault = fault == INBOX_FINE ? progress_write(writer, progress, now_ms)
                                    : fault;
    }
    return fault;
}

void group_write(struct writer *writer, struct inbox_group *group)
{
    group->fault = writer_begin(writer);
    if (group->fault == INBOX_FINE) {
        group->fault = write_parts(writer, group, wall_clock_ms());
    }
    if (group->fault == INBOX_FINE) {
        group->fault = writer_commit(writer);
    }
    writer_rollback(writer);
    if (group->fault != INBOX_FINE) {
        group->why = writer->why;
    }
}
