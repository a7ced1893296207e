/*
 * schema_verify.c - compares the definitions in an inbox with those in an empty
 * database in memory, which the same steps have created.
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
                          bool *is_same)
{
    const char *name = (const char *)sqlite3_column_text(expected, 0);
    int code = name != NULL
                   ? sqlite3_bind_text(find, 1, name, -1, SQLITE_STATIC)
                   : SQLITE_NOMEM;

    *is_same = false;
    if (code == SQLITE_OK) {
        code = sqlite3_step(find);
    }
    if (code == SQLITE_ROW) {
        code = texts_compare(expected, find, is_same);
    }
    if (code == SQLITE_OK || code == SQLITE_DONE) {
        code = sqlite3_reset(find);
    }
    return code;
}

/* Compares all objects; *is_same is false from the first that differs, whose
 * name is then in expected's column 0. */
static int objects_compare(sqlite3_stmt *expected, sqlite3_stmt *find,
                           bool *is_same)
{
    int code = sqlite3_step(expected);

    *is_same = true;
    while (code == SQLITE_ROW) {
        code = object_compare(expected, find, is_same);
        if (code != SQLITE_OK || !*is_same) {
            return code;
        }
        code = sqlite3_step(expected);
    }
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

int schema_verify(sqlite3 *db, const char *path, struct reason *why)
{
    static const char all_sql[] = "SELECT name, sql FROM sqlite_master";
    static const char one_sql[] =
        "SELECT name, sql FROM sqlite_master WHERE name = ?1";
    sqlite3 *model = NULL;
    sqlite3_stmt *expected = NULL;
    sqlite3_stmt *find = NULL;
    bool is_same = false;
    int error = 0;
    int code = model_open(&model);

    if (code == SQLITE_OK) {
        code = sqlite3_prepare_v2(model, all_sql, -1, &expected, NULL);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_prepare_v2(db, one_sql, -1, &find, NULL);
    }
    if (code == SQLITE_OK) {
        code = objects_compare(expected, find, &is_same);
    }
    if (code != SQLITE_OK) {
        error = db_explain(db, path, code, why);
    } else if (!is_same) {
        error =
            reason_set(why, HAPLO_EINVAL,
                       "%s: the definition of %s is damaged, or was "
                       "changed: restore a backup, or see \"DAMAGED INBOXES\" "
                       "in haplo-inbox(5)",
                       path, (const char *)sqlite3_column_text(expected, 0));
    }
    /* They repeat the error of the last step, which is known. */
    (void)sqlite3_finalize(find);
    (void)sqlite3_finalize(expected);
    (void)sqlite3_close(model);
    return error;
}
