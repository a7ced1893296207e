/*
 * progress_write.c - stores the progress of an outlet: its cursor, which never
 * moves backwards; one row for each message that it has passed without
 * delivering it; its dead letters. Writing any of this twice does no harm.
 */
#include "inbox/sqlite/progress_write.h"

static enum inbox_fault outlet_get(struct writer *writer,
                                   const struct inbox_progress *progress,
                                   int64_t *id, int64_t *cursor)
{
    sqlite3_stmt *get = writer->statements[WRITER_OUTLET_GET];
    int code =
        sqlite3_bind_text(get, 1, progress->outlet->name, -1, SQLITE_STATIC);
    int reset;

    *id = 0;
    *cursor = 0;
    if (code == SQLITE_OK) {
        code = sqlite3_step(get);
    }
    if (code == SQLITE_ROW) {
        *id = sqlite3_column_int64(get, 0);
        *cursor = sqlite3_column_int64(get, 1);
    }
    reset = sqlite3_reset(get);
    return writer_fault(
        writer, code != SQLITE_ROW && code != SQLITE_DONE ? code : reset);
}

static enum inbox_fault outlet_add(struct writer *writer,
                                   const struct inbox_progress *progress,
                                   int64_t *id)
{
    sqlite3_stmt *add = writer->statements[WRITER_OUTLET_ADD];
    int code =
        sqlite3_bind_text(add, 1, progress->outlet->name, -1, SQLITE_STATIC);
    enum inbox_fault fault;

    if (code == SQLITE_OK) {
        code = sqlite3_bind_int64(add, 2, (sqlite3_int64)progress->cursor);
    }
    fault = code != SQLITE_OK ? writer_fault(writer, code)
                              : writer_run(writer, WRITER_OUTLET_ADD);
    *id = sqlite3_last_insert_rowid(writer->db);
    return fault;
}

/* Runs a statement with up to three numbers as parameters. */
static enum inbox_fault run_numbers(struct writer *writer,
                                    enum writer_statement which,
                                    const int64_t *values, int count)
{
    sqlite3_stmt *statement = writer->statements[which];
    int code = SQLITE_OK;

    for (int i = 0; code == SQLITE_OK && i < count; i++) {
        code = sqlite3_bind_int64(statement, i + 1, values[i]);
    }
    return code != SQLITE_OK ? writer_fault(writer, code)
                             : writer_run(writer, which);
}

static enum inbox_fault cursor_write(struct writer *writer,
                                     struct inbox_progress *progress)
{
    int64_t id;
    int64_t cursor;
    enum inbox_fault fault = outlet_get(writer, progress, &id, &cursor);

    if (fault == INBOX_FINE && id == 0) {
        fault = outlet_add(writer, progress, &id);
        cursor = (int64_t)progress->cursor;
    } else if (fault == INBOX_FINE && (int64_t)progress->cursor > cursor) {
        cursor = (int64_t)progress->cursor;
        fault = run_numbers(writer, WRITER_OUTLET_SET,
                            (const int64_t[]){id, cursor}, 2);
    }
    progress->outlet_id = (uint64_t)id;
    progress->stored_cursor = (uint64_t)cursor;
    return fault;
}

static enum inbox_fault places_write(struct writer *writer,
                                     enum writer_statement which,
                                     uint64_t outlet_id,
                                     const struct inbox_place *places,
                                     size_t count)
{
    enum inbox_fault fault = INBOX_FINE;

    for (size_t i = 0; fault == INBOX_FINE && i < count; i++) {
        const int64_t values[] = {(int64_t)outlet_id,
                                  (int64_t)places[i].queue_id,
                                  (int64_t)places[i].arrival};

        fault = run_numbers(writer, which, values, 3);
    }
    return fault;
}

static enum inbox_fault dead_letter_write(
    struct writer *writer, uint64_t outlet_id,
    const struct inbox_dead_letter *letter, uint64_t now_ms)
{
    sqlite3_stmt *add = writer->statements[WRITER_DEAD_LETTER];
    const int64_t values[] = {(int64_t)outlet_id, (int64_t)letter->arrival,
                              (int64_t)letter->queue_id};
    int code = sqlite3_bind_text(add, 4, letter->why, -1, SQLITE_STATIC);

    if (code == SQLITE_OK) {
        code = sqlite3_bind_int64(add, 5, (sqlite3_int64)now_ms);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_bind_int64(add, 6, (sqlite3_int64)letter->attempts);
    }
    return code != SQLITE_OK
               ? writer_fault(writer, code)
               : run_numbers(writer, WRITER_DEAD_LETTER, values, 3);
}

enum inbox_fault progress_write(struct writer *writer,
                                struct inbox_progress *progress,
                                uint64_t now_ms)
{
    enum inbox_fault fault = cursor_write(writer, progress);

    if (fault == INBOX_FINE) {
        fault = places_write(writer, WRITER_DEFER, progress->outlet_id,
                             progress->deferred, progress->deferred_count);
    }
    if (fault == INBOX_FINE) {
        fault = places_write(writer, WRITER_SETTLE, progress->outlet_id,
                             progress->settled, progress->settled_count);
    }
    for (size_t i = 0; fault == INBOX_FINE && i < progress->dead_letter_count;
         i++) {
        fault = dead_letter_write(writer, progress->outlet_id,
                                  &progress->dead_letters[i], now_ms);
    }
    return fault;
}
