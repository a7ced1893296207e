#include "inbox/sqlite/schema.h"

#include <assert.h>
#include <stdio.h>

#include "inbox/sqlite/db_error.h"

/* The first column of the first row; 0 if there is no row. */
static int query_int(sqlite3 *db, const char *sql, int *value)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    int end;

    *value = 0;
    if (code != SQLITE_OK) {
        return code;
    }
    code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        *value = sqlite3_column_int(statement, 0);
    }
    code = db_fault(code) == INBOX_FINE ? SQLITE_OK : code;
    end = sqlite3_finalize(statement);
    return code != SQLITE_OK ? code : end;
}

/* What identifies a file as an inbox. */
struct file_facts {
    int application_id; /* 0 if unset */
    int version;        /* 0 if unset */
    int object_count;   /* tables, indexes, views, triggers */
};

static int facts_read(sqlite3 *db, struct file_facts *facts)
{
    int code = query_int(db, "PRAGMA application_id", &facts->application_id);

    if (code == SQLITE_OK) {
        code = query_int(db, "PRAGMA user_version", &facts->version);
    }
    if (code == SQLITE_OK) {
        code = query_int(db, "SELECT count(*) FROM sqlite_master",
                         &facts->object_count);
    }
    return code;
}

static int check_facts(sqlite3 *db, int step_count, const char *path,
                       struct file_facts *facts, struct reason *why)
{
    int code = facts_read(db, facts);

    if (code != SQLITE_OK) {
        return db_explain(db, path, code, why);
    }
    if (facts->application_id == 0 && facts->version == 0 &&
        facts->object_count == 0) {
        return 0;
    }
    if (facts->application_id != SCHEMA_APPLICATION_ID || facts->version < 1) {
        return reason_set(why, HAPLO_EINVAL,
                          "%s: an SQLite database, but not an inbox of "
                          "haplo-poll",
                          path);
    }
    if (facts->version > step_count) {
        return reason_set(why, HAPLO_EINVAL,
                          "%s: an inbox of version %d, made by a newer "
                          "haplo-poll; this one knows version %d",
                          path, facts->version, step_count);
    }
    return 0;
}

/* In a transaction: another program that creates the file at this moment must
 * be seen to have done nothing, or all of it. */
int schema_check(sqlite3 *db, const char *path, struct reason *why)
{
    struct file_facts facts;
    int code = sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
    int result;

    if (code != SQLITE_OK) {
        return db_explain(db, path, code, why);
    }
    result = check_facts(db, schema_step_count, path, &facts, why);
    code = sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    if (code != SQLITE_OK && !sqlite3_get_autocommit(db) && result == 0) {
        result = db_explain(db, path, code, why);
    }
    return result;
}

/* Reads the facts again, inside the transaction: another program may have
 * upgraded the file first. */
static int run_steps(sqlite3 *db, const char *const *steps, int step_count,
                     const char *path, struct reason *why)
{
    struct file_facts facts = {.version = 0};
    char sql[96];
    int code = SQLITE_OK;
    int result = check_facts(db, step_count, path, &facts, why);

    if (result != 0 || facts.version == step_count) {
        return result;
    }
    for (int i = facts.version; i < step_count; i++) {
        code = sqlite3_exec(db, steps[i], NULL, NULL, NULL);
        if (code != SQLITE_OK) {
            return db_explain(db, path, code, why);
        }
    }
    (void)snprintf(sql, sizeof(sql),
                   "PRAGMA application_id = %d; PRAGMA user_version = %d",
                   SCHEMA_APPLICATION_ID, step_count);
    code = sqlite3_exec(db, sql, NULL, NULL, NULL);
    return code != SQLITE_OK ? db_explain(db, path, code, why) : 0;
}

int schema_migrate(sqlite3 *db, const char *const *steps, int step_count,
                   const char *path, struct reason *why)
{
    int code;
    int result;

    assert(sqlite3_get_autocommit(db));
    code = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (code != SQLITE_OK) {
        return db_explain(db, path, code, why);
    }
    result = run_steps(db, steps, step_count, path, why);
    if (result == 0) {
        code = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
        result = code != SQLITE_OK ? db_explain(db, path, code, why) : 0;
    }
    if (!sqlite3_get_autocommit(db) &&
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL) != SQLITE_OK) {
        /* If this fails: closing the connection, which follows, rolls back. */
        assert(result != 0);
    }
    return result;
}
