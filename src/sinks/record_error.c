#include "sinks/record_error.h"

#include <uv.h>

#include "sinks/sink_reason.h"

enum record_fault record_fault_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return RECORD_FINE;
    case SQLITE_TOOBIG:
        return RECORD_NEVER;
    case SQLITE_AUTH:
    case SQLITE_BUSY:
    case SQLITE_CANTOPEN:
    case SQLITE_CORRUPT:
    case SQLITE_IOERR:
    case SQLITE_LOCKED:
    case SQLITE_NOTADB:
    case SQLITE_PERM:
    case SQLITE_PROTOCOL:
    case SQLITE_READONLY:
        return RECORD_OUTAGE;
    default:
        /* SQLITE_FULL and SQLITE_NOMEM too: a large batch may find no room
         * where small ones still do. */
        return RECORD_DOUBT;
    }
}

/* What to do about it; NULL where SQLite's own words have to do. */
static const char *code_advice(int code)
{
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return "another program holds a lock on it (fuser tells which)";
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        return "it, or a file beside it, cannot be opened: check the "
               "permissions of the file and its folder";
    case SQLITE_CORRUPT:
        return "the file is damaged: stop haplo-poll, copy the file and its "
               "-wal, then try \"sqlite3 FILE .recover\"";
    case SQLITE_FULL:
        return "the disk is full, or the file has reached its limit";
    case SQLITE_IOERR:
        return "the disk, or its file system, reports an error";
    case SQLITE_NOMEM:
        return "out of memory";
    case SQLITE_NOTADB:
        return "not an SQLite database: another file is in its place";
    case SQLITE_READONLY:
        return "it cannot be written: check the permissions of the file and "
               "its folder, and whether the file system is read-only";
    case SQLITE_TOOBIG:
        return "a message is larger than SQLite can hold (1,000,000,000 "
               "bytes with its names, id and datetime)";
    default:
        return NULL;
    }
}

void record_explain(sqlite3 *db, const char *path, int code, char *why,
                    size_t why_size)
{
    const char *advice = code_advice(code);
    int primary = code & 0xff;
    int number = 0;
    char system[128];

    if (advice == NULL) {
        sink_reason(why, why_size, "%s: %s", path,
                    db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(code));
        return;
    }
    if (db != NULL && (primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN)) {
        number = sqlite3_system_errno(db);
    }
    if (number == 0) {
        sink_reason(why, why_size, "%s: %s", path, advice);
        return;
    }
    uv_strerror_r(uv_translate_sys_error(number), system, sizeof(system));
    sink_reason(why, why_size, "%s: %s: %s", path, advice, system);
}
