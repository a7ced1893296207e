/*
 * record_error.h - what SQLite's result codes mean for a delivery, and the one
 * line that tells an operator what to do.
 */
#ifndef SINKS_RECORD_ERROR_H
#define SINKS_RECORD_ERROR_H

#include <stddef.h>

#include <sqlite3.h>

enum record_fault {
    RECORD_FINE = 0,
    RECORD_OUTAGE, /* file, disk or lock: nothing can be stored for now */
    RECORD_DOUBT,  /* perhaps one delivery's own fault: try each alone */
    RECORD_NEVER   /* one message is such that it can never be stored */
};

/* Of a result code, extended or not; SQLITE_OK, ROW and DONE are fine. */
enum record_fault record_fault_of(int code);

/* Writes one line about a failure on path. db (may be NULL) is asked for
 * details, so call it before the next call on db. */
void record_explain(sqlite3 *db, const char *path, int code, char *why,
                    size_t why_size);

#endif
