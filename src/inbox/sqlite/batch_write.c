/*
 * batch_write.c - stores a batch.
 *
 *   - Reads the row of the queue and compares its state with that of the
 *     batch.
 *   - Looks up the repeats, if there are any.
 *   - Inserts what is not stored, WRITER_ROWS_MAX messages per statement.
 *   - Adds a row for the batch, and stores the new state in the row of the
 *     queue.
 *
 * If the state may not follow the stored one, or is already stored, it writes
 * nothing.
 */
#include "inbox/sqlite/batch_write.h"

#include <stdlib.h>

#include "inbox/sqlite/db_value.h"
#include "inbox/sqlite/repeat_check.h"

/* Messages being inserted into `stored`. */
struct adding {
    struct writer *writer;                              /* inserts them */
    int64_t queue;                                      /* id of its row */
    const struct haplo_message *chunk[WRITER_ROWS_MAX]; /* for one statement */
    size_t chunk_count;                                 /* length of chunk */
    size_t count;                                       /* added so far */
    int64_t first_arrival; /* arrival of the first */
};

static int bind_chunk(sqlite3_stmt *add, const struct adding *adding)
{
    int code = sqlite3_bind_int64(add, 1, adding->queue);

    if (code == SQLITE_OK) {
        code = sqlite3_bind_int64(add, 2, (sqlite3_int64)adding->count);
    }
    for (size_t i = 0; code == SQLITE_OK && i < adding->chunk_count; i++) {
        code = db_bind_bytes(add, (int)i + 3, adding->chunk[i]->body);
    }
    return code;
}

/* A trigger that somebody added may have dropped a row. */
static enum inbox_fault check_added(struct writer *writer, size_t count)
{
    if (sqlite3_changes(writer->db) == (int)count) {
        return INBOX_FINE;
    }
    (void)reason_set(&writer->why, 0,
                     "%s: inserted messages have disappeared: remove "
                     "the triggers from the table stored",
                     writer->path);
    return INBOX_PART;
}

static enum inbox_fault run_chunk(struct adding *adding, sqlite3_stmt *add)
{
    int code = bind_chunk(add, adding);
    int reset;

    if (code == SQLITE_OK) {
        code = sqlite3_step(add);
    }
    reset = sqlite3_reset(add);
    /* The bodies are borrowed; do not leave pointers to them behind. */
    (void)sqlite3_clear_bindings(add);
    return writer_fault(adding->writer, code != SQLITE_DONE ? code : reset);
}

static enum inbox_fault add_chunk(struct adding *adding)
{
    struct writer *writer = adding->writer;
    enum inbox_fault fault;
    sqlite3_stmt *add =
        writer_add_statement(writer, adding->chunk_count, &fault);

    if (fault == INBOX_FINE) {
        fault = run_chunk(adding, add);
    }
    if (fault == INBOX_FINE) {
        fault = check_added(writer, adding->chunk_count);
    }
    if (adding->count == 0) {
        adding->first_arrival = sqlite3_last_insert_rowid(writer->db) -
                                (int64_t)adding->chunk_count + 1;
    }
    adding->count += adding->chunk_count;
    adding->chunk_count = 0;
    return fault;
}

static enum inbox_fault add_messages(struct adding *adding,
                                     const struct inbox_delivery *delivery,
                                     const bool *is_missing)
{
    enum inbox_fault fault = INBOX_FINE;

    for (size_t i = 0; fault == INBOX_FINE && i < delivery->count; i++) {
        const struct haplo_message *message = &delivery->messages[i];

        if (message->is_repeat && (is_missing == NULL || !is_missing[i])) {
            continue;
        }
        adding->chunk[adding->chunk_count++] = message;
        if (adding->chunk_count == WRITER_ROWS_MAX) {
            fault = add_chunk(adding);
        }
    }
    if (fault == INBOX_FINE && adding->chunk_count > 0) {
        fault = add_chunk(adding);
    }
    return fault;
}

static enum inbox_fault add_batch_row(struct writer *writer,
                                      const struct adding *adding,
                                      const struct inbox_delivery *delivery,
                                      int64_t older, uint64_t now_ms)
{
    const int64_t values[] = {adding->first_arrival,
                              adding->queue,
                              (int64_t)adding->count,
                              (int64_t)delivery->format,
                              older,
                              (int64_t)delivery->fetched_at_ms,
                              (int64_t)now_ms};
    sqlite3_stmt *add = writer->statements[WRITER_BATCH_ADD];
    int code = SQLITE_OK;

    for (int i = 0; code == SQLITE_OK && i < 7; i++) {
        code = i == 4 && older == 0 ? sqlite3_bind_null(add, i + 1)
                                    : sqlite3_bind_int64(add, i + 1, values[i]);
    }
    return code != SQLITE_OK ? writer_fault(writer, code)
                             : writer_run(writer, WRITER_BATCH_ADD);
}

/* The first batch of a queue needs the id of a row. */
static enum inbox_fault need_row(struct writer *writer,
                                 const struct inbox_delivery *delivery,
                                 struct queue_row *row)
{
    return row->id != 0 ? INBOX_FINE
                        : queue_row_write(writer, delivery->queue, row,
                                          (struct haplo_slice){NULL, 0});
}

/* Another program has put an older copy in place through SQLite, or has
 * tampered with the table of sequences. Numbers must not be used again; the
 * next transaction begins by raising them. */
static enum inbox_fault check_arrivals(struct writer *writer,
                                       const struct adding *adding)
{
    if (adding->count == 0) {
        return INBOX_FINE;
    }
    if ((uint64_t)adding->first_arrival > writer->newest_arrival) {
        writer->added_to = (uint64_t)adding->first_arrival + adding->count - 1;
        writer->tried_arrival = writer->added_to;
        return INBOX_FINE;
    }
    writer->is_sequence_behind = true;
    (void)reason_set(&writer->why, 0,
                     "%s: was replaced by an older copy while in use: arrivals "
                     "will continue after %llu",
                     writer->path, (unsigned long long)writer->newest_arrival);
    return INBOX_OUTAGE;
}

static enum inbox_fault store_new(struct writer *writer,
                                  struct inbox_delivery *delivery,
                                  struct queue_row *row, const bool *is_missing,
                                  uint64_t now_ms)
{
    struct adding adding = {.writer = writer};
    enum inbox_fault fault = need_row(writer, delivery, row);

    adding.queue = row->id;
    if (fault == INBOX_FINE) {
        fault = add_messages(&adding, delivery, is_missing);
    }
    if (fault == INBOX_FINE) {
        fault = check_arrivals(writer, &adding);
    }
    if (fault == INBOX_FINE && adding.count > 0) {
        fault =
            add_batch_row(writer, &adding, delivery, row->newest_batch, now_ms);
    }
    if (fault == INBOX_FINE) {
        unconfirmed_store(&row->unconfirmed, adding.first_arrival, adding.count,
                          delivery->mended_count);
        row->newest_batch =
            adding.count > 0 ? adding.first_arrival : row->newest_batch;
        fault = queue_row_write(writer, delivery->queue, row, delivery->state);
    }
    delivery->queue_id = (uint64_t)row->id;
    delivery->first_arrival = (uint64_t)adding.first_arrival;
    if (adding.count > 0) {
        delivery->last_arrival = delivery->first_arrival + adding.count - 1;
    }
    delivery->stored_count = adding.count;
    delivery->repeat_count = delivery->count - adding.count;
    return fault;
}

static enum inbox_fault store_checked(struct writer *writer,
                                      struct inbox_delivery *delivery,
                                      struct queue_row *row, uint64_t now_ms)
{
    bool *is_missing = calloc(delivery->count, sizeof(*is_missing));
    enum inbox_fault fault;

    if (is_missing == NULL) {
        return writer_fault(writer, SQLITE_NOMEM);
    }
    fault = repeat_check(writer, row, delivery, is_missing,
                         &delivery->mended_count);
    if (fault == INBOX_FINE) {
        fault = store_new(writer, delivery, row, is_missing, now_ms);
    }
    free(is_missing);
    return fault;
}

enum inbox_fault batch_write(struct writer *writer,
                             struct inbox_delivery *delivery, uint64_t now_ms)
{
    struct queue_row row;
    enum inbox_fault fault =
        queue_row_read(writer, delivery->queue, delivery->queue_id,
                       delivery->state, true, &row);

    delivery->compare = row.compare;
    delivery->stored = row.stored;
    if (fault != INBOX_FINE) {
        return fault;
    }
    delivery->queue_id = (uint64_t)row.id;
    switch (row.compare) {
    case HAPLO_COMPARE_CURRENT:
        return delivery->new_count < delivery->count
                   ? store_checked(writer, delivery, &row, now_ms)
                   : store_new(writer, delivery, &row, NULL, now_ms);
    case HAPLO_COMPARE_STORED:
        delivery->repeat_count = delivery->count;
        break;
    case HAPLO_COMPARE_STALE:
        break;
    }
    return INBOX_FINE;
}
