#include "inbox/sqlite/db_query.h"

#include <assert.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

static sqlite3_int64 number_of(uint64_t value)
{
    return value > (uint64_t)INT64_MAX ? INT64_MAX : (sqlite3_int64)value;
}

static int bind_list(sqlite3_stmt *statement, const char *types,
                     va_list arguments)
{
    int code = SQLITE_OK;

    for (int i = 0; code == SQLITE_OK && types[i] != '\0'; i++) {
        if (types[i] == 'i') {
            code = sqlite3_bind_int64(statement, i + 1,
                                      number_of(va_arg(arguments, uint64_t)));
        } else {
            assert(types[i] == 't');
            code = sqlite3_bind_text(statement, i + 1,
                                     va_arg(arguments, const char *), -1,
                                     SQLITE_STATIC);
        }
    }
    return code;
}

static int query_list(sqlite3 *db, sqlite3_stmt **out, const char *sql,
                      const char *types, va_list arguments)
{
    int code;

    *out = NULL;
    code = sqlite3_prepare_v2(db, sql, -1, out, NULL);
    if (code == SQLITE_OK) {
        code = bind_list(*out, types, arguments);
    }
    if (code != SQLITE_OK) {
        (void)sqlite3_finalize(*out); /* repeats the error above */
        *out = NULL;
    }
    return code;
}

int db_query(sqlite3 *db, sqlite3_stmt **out, const char *sql,
             const char *types, ...)
{
    va_list arguments;
    int code;

    va_start(arguments, types);
    code = query_list(db, out, sql, types, arguments);
    va_end(arguments);
    return code;
}

int db_query_run(sqlite3 *db, const char *sql, const char *types, ...)
{
    sqlite3_stmt *statement;
    va_list arguments;
    int code;

    va_start(arguments, types);
    code = query_list(db, &statement, sql, types, arguments);
    va_end(arguments);
    if (code != SQLITE_OK) {
        return code;
    }
    code = sqlite3_step(statement);
    (void)sqlite3_finalize(statement); /* repeats the error of the step */
    return code == SQLITE_DONE || code == SQLITE_ROW ? SQLITE_OK : code;
}
