/*
 * repeat_check.c - finds the rows of repeated messages.
 *
 *   - The rows of the newest batch of the queue are read. Each ticks off one
 *     repeat (repeat_set.h).
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

static enum inbox_fault batch_tick(struct writer *writer, int64_t queue,
                                   int64_t first, int64_t count,
                                   struct repeat_set *repeats)
{
    sqlite3_stmt *bodies = writer->statements[WRITER_BATCH_BODIES];
    struct haplo_slice body;
    int code = sqlite3_bind_int64(bodies, 1, first);
    int reset;

    if (code == SQLITE_OK) {
        code = sqlite3_bind_int64(bodies, 2, first + count - 1);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_bind_int64(bodies, 3, queue);
    }
    while (code == SQLITE_OK || code == SQLITE_ROW) {
        code = sqlite3_step(bodies);
        if (code == SQLITE_ROW) {
            code = db_column_bytes(bodies, 0, &body);
            if (code != SQLITE_OK) {
                break;
            }
            repeat_set_tick(repeats, body);
        }
    }
    reset = sqlite3_reset(bodies);
    return writer_fault(writer, code != SQLITE_DONE ? code : reset);
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
           first >= row->unconfirmed_from) {
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
    if (row->unconfirmed == QUEUE_ROW_UNKNOWN) {
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
