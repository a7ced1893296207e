#include "inbox/sqlite/latest_index.h"

#include <uv.h>

#define ROWS 64 /* per statement: well below a millisecond */

static int number_read(struct writer *writer, enum writer_statement which,
                       uint64_t *number)
{
    sqlite3_stmt *select = writer->statements[which];
    int code = sqlite3_step(select);

    *number =
        code == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(select, 0) : 0;
    (void)sqlite3_reset(select); /* repeats the error above */
    return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

int latest_index_known(struct writer *writer, uint64_t *arrival)
{
    return number_read(writer, WRITER_LATEST_KNOWN, arrival);
}

enum inbox_fault latest_index_is_due(struct writer *writer, bool *is_due)
{
    uint64_t known;
    uint64_t newest = 0;
    int code = latest_index_known(writer, &known);

    if (code == SQLITE_OK) {
        code = number_read(writer, WRITER_NEWEST, &newest);
    }
    *is_due = newest > known;
    return writer_fault(writer, code);
}

static enum inbox_fault range_add(struct writer *writer, uint64_t first,
                                  uint64_t last)
{
    sqlite3_stmt *add = writer->statements[WRITER_LATEST_ADD];
    int code = sqlite3_bind_int64(add, 1, (sqlite3_int64)first);

    if (code == SQLITE_OK) {
        code = sqlite3_bind_int64(add, 2, (sqlite3_int64)last);
    }
    return code != SQLITE_OK ? writer_fault(writer, code)
                             : writer_run(writer, WRITER_LATEST_ADD);
}

static enum inbox_fault known_set(struct writer *writer, uint64_t arrival)
{
    int code = sqlite3_bind_int64(writer->statements[WRITER_LATEST_SET_KNOWN],
                                  1, (sqlite3_int64)arrival);

    return code != SQLITE_OK ? writer_fault(writer, code)
                             : writer_run(writer, WRITER_LATEST_SET_KNOWN);
}

enum inbox_fault latest_index_add(struct writer *writer, uint64_t time_ns)
{
    uint64_t began_ns = uv_hrtime();
    uint64_t known;
    uint64_t newest = 0;
    int code = latest_index_known(writer, &known);
    enum inbox_fault fault;

    if (code == SQLITE_OK) {
        code = number_read(writer, WRITER_NEWEST, &newest);
    }
    fault = writer_fault(writer, code);
    while (fault == INBOX_FINE && known < newest &&
           uv_hrtime() - began_ns < time_ns) {
        uint64_t last = newest - known < ROWS ? newest : known + ROWS;

        fault = range_add(writer, known + 1, last);
        known = last;
    }
    return fault == INBOX_FINE ? known_set(writer, known) : fault;
}
