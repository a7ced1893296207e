#include "inbox/sqlite/queue_row.h"

#include <stdlib.h>
#include <string.h>

#include "inbox/sqlite/db_value.h"

/* Copies the stored state from the current row. */
static int copy_state(struct haplo_slice stored, struct queue_row *row)
{
    char *copy = malloc(stored.size + 1);

    if (copy == NULL) {
        return SQLITE_NOMEM;
    }
    if (stored.size > 0) {
        memcpy(copy, stored.data, stored.size);
    }
    row->stored = (struct haplo_slice){copy, stored.size};
    return SQLITE_OK;
}

static int64_t column_or(sqlite3_stmt *statement, int column, int64_t fallback)
{
    return sqlite3_column_type(statement, column) == SQLITE_NULL
               ? fallback
               : sqlite3_column_int64(statement, column);
}

/* Returns SQLITE_ROW, SQLITE_DONE or an error. */
static int step_row(sqlite3_stmt *select, struct haplo_slice state,
                    bool copy_stale, struct queue_row *row)
{
    struct haplo_slice stored = {"", 0};
    int code = sqlite3_step(select);
    int read = SQLITE_OK;

    memset(row, 0, sizeof(*row));
    if (code == SQLITE_ROW) {
        row->id = sqlite3_column_int64(select, 0);
        row->unconfirmed.count = column_or(select, 1, UNCONFIRMED_UNKNOWN);
        row->unconfirmed.first = column_or(select, 2, 0);
        row->newest_batch = column_or(select, 3, 0);
        read = db_column_bytes(select, 4, &stored);
    }
    if (read == SQLITE_OK && (code == SQLITE_ROW || code == SQLITE_DONE)) {
        row->compare = haplo_state_compare(state, stored);
        if (row->compare == HAPLO_COMPARE_STALE && copy_stale) {
            read = copy_state(stored, row);
        }
    }
    return read != SQLITE_OK ? read : code;
}

static int find(sqlite3_stmt *select, struct haplo_slice state, bool copy_stale,
                struct queue_row *row)
{
    int code = step_row(select, state, copy_stale, row);
    int reset = sqlite3_reset(select);

    return code != SQLITE_ROW && code != SQLITE_DONE ? code
           : reset != SQLITE_OK                      ? reset
                                                     : code;
}

enum inbox_fault queue_row_read(struct writer *writer,
                                const struct inbox_queue *queue, uint64_t id,
                                struct haplo_slice state, bool copy_stale,
                                struct queue_row *row)
{
    sqlite3_stmt *by_id = writer->statements[WRITER_QUEUE_BY_ID];
    sqlite3_stmt *by_name = writer->statements[WRITER_QUEUE_BY_NAME];
    int code = SQLITE_DONE;

    memset(row, 0, sizeof(*row));
    if (id != 0) {
        code = sqlite3_bind_int64(by_id, 1, (sqlite3_int64)id);
        if (code == SQLITE_OK) {
            code = find(by_id, state, copy_stale, row);
        }
    }
    if (code == SQLITE_DONE) { /* new, or removed by another program */
        free((char *)row->stored.data);
        row->stored = (struct haplo_slice){NULL, 0};
        code = sqlite3_bind_text(by_name, 1, queue->server, -1, SQLITE_STATIC);
        if (code == SQLITE_OK) {
            code =
                sqlite3_bind_text(by_name, 2, queue->name, -1, SQLITE_STATIC);
        }
        if (code == SQLITE_OK) {
            code = find(by_name, state, copy_stale, row);
        }
    }
    return writer_fault(writer, code);
}

static int bind_or_null(sqlite3_stmt *statement, int index, int64_t value,
                        int64_t null_value)
{
    return value == null_value ? sqlite3_bind_null(statement, index)
                               : sqlite3_bind_int64(statement, index, value);
}

static int bind_names(sqlite3_stmt *statement, const struct inbox_queue *queue)
{
    int code =
        sqlite3_bind_text(statement, 1, queue->server, -1, SQLITE_STATIC);

    return code == SQLITE_OK
               ? sqlite3_bind_text(statement, 2, queue->name, -1, SQLITE_STATIC)
               : code;
}

enum inbox_fault queue_row_write(struct writer *writer,
                                 const struct inbox_queue *queue,
                                 struct queue_row *row,
                                 struct haplo_slice state)
{
    enum writer_statement which =
        row->id == 0 ? WRITER_QUEUE_ADD : WRITER_QUEUE_SET;
    sqlite3_stmt *statement = writer->statements[which];
    int code = row->id == 0 ? bind_names(statement, queue)
                            : sqlite3_bind_int64(statement, 1, row->id);
    enum inbox_fault fault;

    if (code == SQLITE_OK) {
        code = bind_or_null(statement, 3, row->unconfirmed.count,
                            UNCONFIRMED_UNKNOWN);
    }
    if (code == SQLITE_OK) {
        code = bind_or_null(statement, 4, row->unconfirmed.first, 0);
    }
    if (code == SQLITE_OK) {
        code = bind_or_null(statement, 5, row->newest_batch, 0);
    }
    if (code == SQLITE_OK) {
        code =
            sqlite3_bind_blob64(statement, 6, state.size > 0 ? state.data : "",
                                state.size, SQLITE_STATIC);
    }
    fault = writer_fault(writer, code);
    if (fault == INBOX_FINE) {
        fault = writer_run(writer, which);
    }
    if (fault == INBOX_FINE && row->id == 0) {
        row->id = sqlite3_last_insert_rowid(writer->db);
    }
    return fault;
}
