#include "inbox/sqlite/environment_mark.h"

#include <stdbool.h>
#include <stdio.h>

#include "base/environment.h"
#include "haplopoll.h"
#include "inbox/sqlite/db_error.h"

#define NAME_SIZE (HAPLO_NAME_SIZE_MAX + 1)

/* Sets *is_new if the inbox has none yet. */
static int mark_read(sqlite3 *db, char name[NAME_SIZE], bool *is_new)
{
    sqlite3_stmt *select = NULL;
    int code = sqlite3_prepare_v2(db, "SELECT environment FROM inbox", -1,
                                  &select, NULL);

    if (code == SQLITE_OK) {
        code = sqlite3_step(select);
    }
    if (code == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(select, 0);

        *is_new = sqlite3_column_type(select, 0) == SQLITE_NULL;
        code = text != NULL || *is_new ? SQLITE_OK : SQLITE_NOMEM;
        (void)snprintf(name, NAME_SIZE, "%s", text != NULL ? text : "");
    }
    (void)sqlite3_finalize(select); /* repeats the error above */
    return code == SQLITE_DONE ? SQLITE_CORRUPT : code;
}

static int mark_write(sqlite3 *db, const char *environment)
{
    sqlite3_stmt *update = NULL;
    int code = sqlite3_prepare_v2(db, "UPDATE inbox SET environment = ?1", -1,
                                  &update, NULL);

    if (code == SQLITE_OK) {
        code = sqlite3_bind_text(update, 1, environment, -1, SQLITE_STATIC);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_step(update);
    }
    (void)sqlite3_finalize(update); /* repeats the error above */
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* No other process writes: the inbox is locked. */
int environment_mark_claim(sqlite3 *db, const char *path,
                           const char *environment, struct reason *why)
{
    char name[NAME_SIZE] = "";
    bool is_new = false;
    int code = mark_read(db, name, &is_new);

    if (code == SQLITE_OK && is_new) {
        code = mark_write(db, environment);
    }
    if (code != SQLITE_OK) {
        return db_explain(db, path, code, why);
    }
    return is_new ? 0 : environment_compare(path, name, environment, why);
}
