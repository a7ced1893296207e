#include "inbox/sqlite/moved_mark.h"

#include <stdio.h>

#include "inbox/sqlite/db_error.h"
#include "inbox/sqlite/db_query.h"

int moved_mark_read(sqlite3 *db, char uuid[INBOX_UUID_SIZE])
{
    sqlite3_stmt *select;
    int code =
        db_query(db, &select, "SELECT coalesce(moved_to, '') FROM inbox", "");
    const char *text = NULL;

    if (code == SQLITE_OK) {
        code = sqlite3_step(select);
    }
    if (code == SQLITE_ROW) {
        text = (const char *)sqlite3_column_text(select, 0);
        code = text != NULL ? SQLITE_OK : SQLITE_NOMEM;
    }
    (void)snprintf(uuid, INBOX_UUID_SIZE, "%s", text != NULL ? text : "");
    (void)sqlite3_finalize(select); /* repeats the error above */
    return code == SQLITE_DONE ? SQLITE_CORRUPT : code;
}

int moved_mark_write(sqlite3 *db, const char *uuid)
{
    int code = db_query_run(db, "UPDATE queues SET state = CAST(?1 AS BLOB)",
                            "t", INBOX_NOTE_MOVED);

    return code == SQLITE_OK
               ? db_query_run(db, "UPDATE inbox SET moved_to = ?1", "t", uuid)
               : code;
}

int moved_mark_check(sqlite3 *db, const char *path, struct reason *why)
{
    char uuid[INBOX_UUID_SIZE];
    int code = moved_mark_read(db, uuid);

    if (code != SQLITE_OK) {
        return db_explain(db, path, code, why);
    }
    return uuid[0] == '\0'
               ? 0
               : reason_set(why, HAPLO_EINVAL,
                            "%s: everything in it was moved to another inbox: "
                            "remove it from the configuration",
                            path);
}
