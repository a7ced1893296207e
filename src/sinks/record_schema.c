#include "sinks/record_schema.h"

#include <assert.h>
#include <stdio.h>

#include "haplopoll.h"
#include "sinks/record_error.h"
#include "sinks/sink_reason.h"

int record_schema_error(sqlite3 *db, const char *path, int code, char *why,
                        size_t why_size)
{
    record_explain(db, path, code, why, why_size);
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return HAPLO_EBUSY;
    case SQLITE_NOMEM:
        return HAPLO_ENOMEM;
    default:
        return HAPLO_EINVAL;
    }
}

/* The first column of the first row, 0 if there is none. */
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
    code = record_fault_of(code) == RECORD_FINE ? SQLITE_OK : code;
    end = sqlite3_finalize(statement);
    return code != SQLITE_OK ? code : end;
}

/* What a file is before it is known to be a record of this kind. */
struct file_facts {
    int application_id; /* 0 if nobody has set it */
    int version;        /* 0 if nobody has set it */
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

static int check_facts(sqlite3 *db, const struct record_schema *schema,
                       const char *path, struct file_facts *facts, char *why,
                       size_t why_size)
{
    int code = facts_read(db, facts);

    if (code != SQLITE_OK) {
        return record_schema_error(db, path, code, why, why_size);
    }
    if (facts->application_id == 0 && facts->version == 0 &&
        facts->object_count == 0) {
        return 0;
    }
    if (facts->application_id != schema->application_id || facts->version < 1) {
        sink_reason(why, why_size,
                    "%s: an SQLite database, but not %s of haplo-poll", path,
                    schema->noun);
        return HAPLO_EINVAL;
    }
    if (facts->version > schema->step_count) {
        sink_reason(why, why_size,
                    "%s: %s of version %d, made by a newer haplo-poll; "
                    "this one knows version %d",
                    path, schema->noun, facts->version, schema->step_count);
        return HAPLO_EINVAL;
    }
    return 0;
}

int record_schema_check(sqlite3 *db, const struct record_schema *schema,
                        const char *path, char *why, size_t why_size)
{
    struct file_facts facts;

    return check_facts(db, schema, path, &facts, why, why_size);
}

/* Inside the transaction: another program may have been here first, so the
 * facts are read again. */
static int run_steps(sqlite3 *db, const struct record_schema *schema,
                     const char *path, char *why, size_t why_size)
{
    struct file_facts facts;
    char sql[96];
    int code = SQLITE_OK;
    int result = check_facts(db, schema, path, &facts, why, why_size);

    if (result != 0 || facts.version == schema->step_count) {
        return result;
    }
    for (int i = facts.version; i < schema->step_count; i++) {
        code = sqlite3_exec(db, schema->steps[i], NULL, NULL, NULL);
        if (code != SQLITE_OK) {
            return record_schema_error(db, path, code, why, why_size);
        }
    }
    (void)snprintf(sql, sizeof(sql),
                   "PRAGMA application_id = %d; PRAGMA user_version = %d",
                   schema->application_id, schema->step_count);
    code = sqlite3_exec(db, sql, NULL, NULL, NULL);
    if (code != SQLITE_OK) {
        return record_schema_error(db, path, code, why, why_size);
    }
    return 0;
}

int record_schema_migrate(sqlite3 *db, const struct record_schema *schema,
                          const char *path, char *why, size_t why_size)
{
    int code;
    int result;

    assert(sqlite3_get_autocommit(db));
    code = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (code != SQLITE_OK) {
        return record_schema_error(db, path, code, why, why_size);
    }
    result = run_steps(db, schema, path, why, why_size);
    if (result == 0) {
        code = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
        if (code != SQLITE_OK) {
            result = record_schema_error(db, path, code, why, why_size);
        }
    }
    if (!sqlite3_get_autocommit(db) &&
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL) != SQLITE_OK) {
        /* Closing the connection, which comes next, rolls back as well. */
        assert(result != 0);
    }
    return result;
}
