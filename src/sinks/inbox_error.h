/*
 * inbox_error.h - what SQLite's result codes mean for a delivery, and the one
 * line that tells an operator what to do.
 */
#ifndef SINKS_INBOX_ERROR_H
#define SINKS_INBOX_ERROR_H

#include <stddef.h>

#include <sqlite3.h>

enum inbox_fault {
    INBOX_FINE = 0,
    INBOX_OUTAGE, /* file, disk or lock: nothing can be stored for now */
    INBOX_DOUBT,  /* perhaps one delivery's own fault: try each alone */
    INBOX_NEVER   /* one message is such that it can never be stored */
};

/* Of a result code, extended or not; SQLITE_OK, ROW and DONE are fine. */
enum inbox_fault inbox_fault_of(int code);

/* Writes one line about a failure on path. db (may be NULL) is asked for
 * details, so call it before the next call on db. */
void inbox_explain(sqlite3 *db, const char *path, int code, char *why,
                   size_t why_size);

/* snprintf() that leaves one line: control characters become spaces. */
void inbox_line(char *why, size_t why_size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
