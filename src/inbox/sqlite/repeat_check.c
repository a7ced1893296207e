/*
 * repeat_check.c - finds the rows of repeated messages.
 *
 *   - The rows of the newest batch of the queue are read. Each ticks off one
 *     repeat (repeat_set.h). So do the keys of those that were purged.
 *   - The same is done with earlier batches until all repeats are ticked off.
 *     Nearly always one batch suffices, the one that is repeated.
 *   - The search ends after the oldest batch that may contain an unconfirmed
 *     message. The rows of the remaining repeats are then missing or damaged.
 *
 * Some rows of a queue that came from another inbox are still there. So
 * nothing is looked up until its messages are known to be confirmed.
 */
#include "inbox/sqlite/repeat_check.h"

#include "inbox/repeat_set.h"
#include "inbox/sqlite/db_value.h"

/* Gets the number of messages in the batch that begins at `first`, and the
 * first arrival of the batch before it. */
static enum inbox_fault batch_get(struct writer *writer, int64_t first,
                                  int64_t *count, int64_t *older)
{
    sqlite3_stmt *get = writer->statements[WRITER_BATCH_GET];
    int code = sqlite3_bind_int64(get, 1, first);
    int reset;

    *count = 0;
    *older = 0;
    if (code == SQLITE_OK) {
        code = sqlite3_step(get);
    }
    if (code == SQLITE_ROW) {
        *count = sqlite3_column_int64(get, 0);
        *older = sqlite3_column_int64(get, 1);
    }
    reset = sqlite3_reset(get);
    return writer_fault(writer, code == SQLITE_ROW ? reset : code);
}

/* Ticks off what a statement finds for a batch: bodies or keys. */
static enum inbox_fault rows_tick(
    struct writer *writer, enum writer_statement which, int64_t queue,
    int64_t first, int64_t count, struct repeat_set *repeats,
    void (*tick)(struct repeat_set *repeats, struct haplo_slice value))
{
    sqlite3_stmt *select = writer->statements[which];
    struct haplo_slice value;
    int code = sqlite3_bind_int64(select, 1, first);
    int reset;

    if (code == SQLITE_OK) {
        code = sqlite3_bind_int64(select, 2, first + count - 1);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_bind_int64(select, 3, queue);
    }
    while (code == SQLITE_OK || code == SQLITE_ROW) {
        code = sqlite3_step(select);
        if (code == SQLITE_ROW) {
            code = db_column_bytes(select, 0, &value);
            if (code != SQLITE_OK) {
                break;
            }
            tick(repeats, value);
        }
    }
    reset = sqlite3_reset(select);
    return writer_fault(writer, code != SQLITE_DONE ? code : reset);
}

static enum inbox_fault batch_tick(struct writer *writer, int64_t queue,
                                   int64_t first, int64_t count,
                                   struct repeat_set *repeats)
{
    enum inbox_fault fault = rows_tick(writer, WRITER_BATCH_BODIES, queue,
                                       first, count, repeats, repeat_set_tick);

    return fault == INBOX_FINE && repeats->left > 0
               ? rows_tick(writer, WRITER_BATCH_PURGED, queue, first, count,
                           repeats, repeat_set_tick_key)
               : fault;
}

static enum inbox_fault batches_tick(struct writer *writer,
                                     const struct queue_row *row,
                                     struct repeat_set *repeats)
{
    enum inbox_fault fault = INBOX_FINE;
    int64_t first = row->newest_batch;
    int64_t count;
    int64_t older;

    while (fault == INBOX_FINE && repeats->left > 0 && first > 0 &&
           first >= row->unconfirmed.first) {
        fault = batch_get(writer, first, &count, &older);
        if (fault == INBOX_FINE) {
            fault = batch_tick(writer, row->id, first, count, repeats);
        }
        first = older < first ? older
                              : 0; /* a damaged link must not cause a loop */
    }
    return fault;
}

enum inbox_fault repeat_check(struct writer *writer,
                              const struct queue_row *row,
                              const struct inbox_delivery *delivery,
                              bool *is_missing, size_t *missing_count)
{
    struct repeat_set repeats;
    enum inbox_fault fault;

    *missing_count = 0;
    if (row->unconfirmed.count == UNCONFIRMED_UNKNOWN) {
        return INBOX_FINE;
    }
    if (!repeat_set_make(&repeats, delivery)) {
        return writer_fault(writer, SQLITE_NOMEM);
    }
    fault = batches_tick(writer, row, &repeats);
    if (fault == INBOX_FINE) {
        *missing_count = repeat_set_missing(&repeats, is_missing);
    }
    repeat_set_free(&repeats);
    return fault;
}
