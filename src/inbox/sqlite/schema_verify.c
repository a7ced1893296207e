/*
 * schema_verify.c - compares the definitions in an inbox with those in an empty
 * database in memory, which the same steps have created.
 *
 * What differs may be damaged. But SQLite has read it, so that it is more often
 * an inbox of a haplo-poll from before the first release, whose tables were
 * others and had the same version. Nothing upgrades those.
 */
#include "inbox/sqlite/schema.h"

#include <stdio.h>
#include <string.h>

#include "inbox/sqlite/db_error.h"

/* Creates an empty inbox in memory. */
static int model_open(sqlite3 **model)
{
    int code = sqlite3_open_v2(
        ":memory:", model, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

    for (int i = 0; code == SQLITE_OK && i < schema_step_count; i++) {
        code = sqlite3_exec(*model, schema_steps[i], NULL, NULL, NULL);
    }
    return code;
}

struct comparison {
    bool is_there; /* an object of this name is in the inbox */
    bool is_same;  /* and its definition is the same */
};

/* Compares column 1, which is a text or NULL, of both rows. Returns SQLITE_OK
 * or SQLITE_NOMEM: a text that cannot be read is not a different one. */
static int texts_compare(sqlite3_stmt *a, sqlite3_stmt *b, bool *is_same)
{
    bool is_null = sqlite3_column_type(a, 1) == SQLITE_NULL;
    const char *a_text;
    const char *b_text;

    *is_same = is_null == (sqlite3_column_type(b, 1) == SQLITE_NULL);
    if (is_null || !*is_same) {
        return SQLITE_OK;
    }
    a_text = (const char *)sqlite3_column_text(a, 1);
    b_text = (const char *)sqlite3_column_text(b, 1);
    if (a_text == NULL || b_text == NULL) {
        return SQLITE_NOMEM;
    }
    *is_same = strcmp(a_text, b_text) == 0;
    return SQLITE_OK;
}

/* Looks for the object of the model's row. */
static int object_compare(sqlite3_stmt *expected, sqlite3_stmt *find,
                          struct comparison *found)
{
    const char *name = (const char *)sqlite3_column_text(expected, 0);
    int code = name != NULL
                   ? sqlite3_bind_text(find, 1, name, -1, SQLITE_STATIC)
                   : SQLITE_NOMEM;

    *found = (struct comparison){false, false};
    if (code == SQLITE_OK) {
        code = sqlite3_step(find);
    }
    if (code == SQLITE_ROW) {
        found->is_there = true;
        code = texts_compare(expected, find, &found->is_same);
    }
    if (code == SQLITE_OK || code == SQLITE_DONE) {
        code = sqlite3_reset(find);
    }
    return code;
}

/* Compares all objects up to the first that differs, which is then in
 * expected's row. */
static int objects_compare(sqlite3_stmt *expected, sqlite3_stmt *find,
                           struct comparison *found)
{
    int code = sqlite3_step(expected);

    *found = (struct comparison){true, true};
    while (code == SQLITE_ROW) {
        code = object_compare(expected, find, found);
        if (code != SQLITE_OK || !found->is_same) {
            return code;
        }
        code = sqlite3_step(expected);
    }
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

static int explain(sqlite3_stmt *expected, const struct comparison *found,
                   const char *path, struct reason *why)
{
    const char *name = (const char *)sqlite3_column_text(expected, 0);
    const char *type = (const char *)sqlite3_column_text(expected, 2);

    return reason_set(
        why, HAPLO_EINVAL,
        "%s: the %s %s %s: was it made by a haplo-poll from before the first "
        "release? Then export its messages with that one, and move its files "
        "away. Otherwise it is damaged: restore a backup, or see \"DAMAGED "
        "INBOXES\" in haplo-inbox(5)",
        path, type != NULL ? type : "object", name != NULL ? name : "",
        found->is_there ? "is not as it should be" : "is missing");
}

int schema_verify(sqlite3 *db, const char *path, struct reason *why)
{
    static const char all_sql[] = "SELECT name, sql, type FROM sqlite_master";
    static const char one_sql[] =
        "SELECT name, sql FROM sqlite_master WHERE name = ?1";
    sqlite3 *model = NULL;
    sqlite3_stmt *expected = NULL;
    sqlite3_stmt *find = NULL;
    struct comparison found = {false, false};
    int error = 0;
    int code = model_open(&model);

    if (code == SQLITE_OK) {
        code = sqlite3_prepare_v2(model, all_sql, -1, &expected, NULL);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_prepare_v2(db, one_sql, -1, &find, NULL);
    }
    if (code == SQLITE_OK) {
        code = objects_compare(expected, find, &found);
    }
    if (code != SQLITE_OK) {
        error = db_explain(db, path, code, why);
    } else if (!found.is_same) {
        error = explain(expected, &found, path, why);
    }
    /* They repeat the error of the last step, which is known. */
    (void)sqlite3_finalize(find);
    (void)sqlite3_finalize(expected);
    (void)sqlite3_close(model);
    return error;
}
