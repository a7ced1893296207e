#include "inbox/sqlite/db_error.h"

#include <errno.h>
#include <unistd.h>

#include <uv.h>

#include "base/errno_reason.h"

enum inbox_fault db_fault(int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return INBOX_FINE;
    case SQLITE_TOOBIG:
        return INBOX_NEVER;
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
        return INBOX_OUTAGE;
    default:
        /* SQLITE_FULL and SQLITE_NOMEM as well: small batches may still fit
         * where a large one does not. */
        return INBOX_PART;
    }
}

bool db_is_damage(int code)
{
    return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
}

/* What to do about it; NULL: only SQLite's own text is available. */
static const char *code_advice(int code)
{
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return "another program holds a lock on it (fuser shows which)";
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        return "it, or a file beside it, cannot be opened: check the "
               "permissions of the file and its folder";
    case SQLITE_CORRUPT:
        return "the file is damaged: stop haplo-poll, and do as \"DAMAGED "
               "INBOXES\" in haplo-inbox(5) says before another program opens "
               "it";
    case SQLITE_FULL:
        return "the disk is full, or the file has reached its limit";
    case SQLITE_IOERR:
        return "the disk or its file system reports an error";
    case SQLITE_NOMEM:
        return "out of memory";
    case SQLITE_NOTADB:
        return "not an SQLite database: another file is in its place, or its "
               "beginning was overwritten: see \"DAMAGED INBOXES\" in "
               "haplo-inbox(5)";
    case SQLITE_READONLY:
        return "it cannot be written: check the permissions of the file and "
               "its folder, and whether the file system is read-only";
    case SQLITE_TOOBIG:
        return "a message is larger than SQLite can hold (1,000,000,000 "
               "bytes)";
    default:
        return NULL;
    }
}

/* number: the errno behind it, or 0. */
static int code_error(const char *path, int code, int number)
{
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return HAPLO_EBUSY;
    case SQLITE_NOMEM:
        return HAPLO_ENOMEM;
    case SQLITE_FULL:
    case SQLITE_IOERR:
        return HAPLO_EDELIVERY;
    case SQLITE_CANTOPEN:
        /* The file is there: db_file.c has seen to that. If another cannot be
         * created beside it, SQLite tries to read that, so the number may be
         * ENOENT although there was no room. */
        number = number == ENOENT ? ENOSPC : number;
        break;
    case SQLITE_READONLY:
        /* It does not say whether the file or its file system is. */
        number = access(path, W_OK) != 0 ? errno : 0;
        break;
    default:
        break;
    }
    return errno_is_outage(number) ? HAPLO_EDELIVERY : HAPLO_EINVAL;
}

int db_explain(sqlite3 *db, const char *path, int code, struct reason *why)
{
    const char *advice = code_advice(code);
    int primary = code & 0xff;
    int number = 0;
    char system[128];

    if (db != NULL && (primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN)) {
        number = sqlite3_system_errno(db);
    }
    int error = code_error(path, code, number);

    if (advice == NULL) {
        return reason_set(why, error, "%s: %s", path,
                          db != NULL ? sqlite3_errmsg(db)
                                     : sqlite3_errstr(code));
    }
    if (number == 0) {
        return reason_set(why, error, "%s: %s", path, advice);
    }
    uv_strerror_r(uv_translate_sys_error(number), system, sizeof(system));
    return reason_set(why, error, "%s: %s: %s", path, advice, system);
}
