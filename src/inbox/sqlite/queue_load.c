#include "inbox/sqlite/queue_load.h"

#include <stdio.h>

#include "inbox/sqlite/db_error.h"
#include "inbox/sqlite/db_value.h"

/* Adds the queue of the current row to the inbox. */
static int queue_add(sqlite3_stmt *select, struct inbox *inbox)
{
    const char *server = (const char *)sqlite3_column_text(select, 1);
    const char *name = (const char *)sqlite3_column_text(select, 2);
    struct haplo_slice state;

    if (server == NULL || name == NULL ||
        db_column_bytes(select, 3, &state) != SQLITE_OK ||
        inbox_store_queue(inbox, (uint64_t)sqlite3_column_int64(select, 0),
                          server, name, state) == NULL) {
        return SQLITE_NOMEM;
    }
    return SQLITE_OK;
}

static int queues_load(sqlite3 *db, struct inbox *inbox)
{
    sqlite3_stmt *select = NULL;
    int code = sqlite3_prepare_v2(
        db, "SELECT id, server, queue, state FROM queues", -1, &select, NULL);

    while (code == SQLITE_OK) {
        code = sqlite3_step(select);
        if (code == SQLITE_ROW) {
            code = queue_add(select, inbox);
        }
    }
    (void)sqlite3_finalize(select); /* repeats the error above */
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

static int uuid_load(sqlite3 *db, char uuid[INBOX_UUID_SIZE])
{
    sqlite3_stmt *select = NULL;
    int code =
        sqlite3_prepare_v2(db, "SELECT uuid FROM inbox", -1, &select, NULL);
    const char *text;

    if (code == SQLITE_OK) {
        code = sqlite3_step(select);
    }
    if (code == SQLITE_ROW) {
        text = (const char *)sqlite3_column_text(select, 0);
        code = text != NULL ? SQLITE_OK : SQLITE_NOMEM;
        (void)snprintf(uuid, INBOX_UUID_SIZE, "%s", text != NULL ? text : "");
    }
    (void)sqlite3_finalize(select); /* repeats the error above */
    return code == SQLITE_DONE ? SQLITE_CORRUPT : code;
}

int queue_load(sqlite3 *db, const char *path, struct inbox *inbox,
               char uuid[INBOX_UUID_SIZE], struct reason *why)
{
    int code = uuid_load(db, uuid);

    if (code == SQLITE_OK) {
        code = queues_load(db, inbox);
    }
    return code != SQLITE_OK ? db_explain(db, path, code, why) : 0;
}
