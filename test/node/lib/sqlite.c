/* sqlite.c - what the application of a test needs of node:sqlite, which Node.js
 * 18 and 20 do not have: DatabaseSync is in sqlite.js. Objects are never freed,
 * as the application keeps them until it is killed. */
#include <sqlite3.h>

#define NAPI_VERSION 8
#include <node_api.h>

static napi_value fail(napi_env env, const char *text)
{
    napi_throw_error(env, NULL, text);
    return NULL;
}

static void *external(napi_env env, napi_value value)
{
    void *pointer = NULL;
    if (napi_get_value_external(env, value, &pointer) != napi_ok) {
        fail(env, "not an object of SQLite");
    }
    return pointer;
}

static napi_value external_of(napi_env env, void *pointer)
{
    napi_value value = NULL;
    return napi_create_external(env, pointer, NULL, NULL, &value) == napi_ok
               ? value
               : fail(env, "out of memory");
}

/* The arguments: two at most, the second a string. */
static bool arguments(napi_env env, napi_callback_info info,
                      napi_value values[2], char *text, size_t size)
{
    size_t count = 2, length;
    return napi_get_cb_info(env, info, &count, values, NULL, NULL) == napi_ok &&
           napi_get_value_string_utf8(env, values[1], text, size, &length) ==
               napi_ok;
}

static napi_value open_database(napi_env env, napi_callback_info info)
{
    char path[4096];
    napi_value values[2];
    sqlite3 *db = NULL;
    if (!arguments(env, info, values, path, sizeof(path)) ||
        sqlite3_open(path, &db) != SQLITE_OK) {
        return fail(env, "the database cannot be opened");
    }
    return external_of(env, db);
}

static napi_value execute(napi_env env, napi_callback_info info)
{
    char sql[4096];
    napi_value values[2];
    if (!arguments(env, info, values, sql, sizeof(sql))) {
        return fail(env, "not a string");
    }
    sqlite3 *db = external(env, values[0]);
    if (db != NULL && sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        return fail(env, sqlite3_errmsg(db));
    }
    return NULL;
}

static napi_value prepare(napi_env env, napi_callback_info info)
{
    char sql[4096];
    napi_value values[2];
    sqlite3_stmt *statement = NULL;
    if (!arguments(env, info, values, sql, sizeof(sql))) {
        return fail(env, "not a string");
    }
    sqlite3 *db = external(env, values[0]);
    if (db == NULL ||
        sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) {
        return fail(env, sqlite3_errmsg(db));
    }
    return external_of(env, statement);
}

static int bind(napi_env env, sqlite3_stmt *statement, napi_value value)
{
    void *bytes = NULL;
    size_t size = 0;
    if (sqlite3_bind_parameter_count(statement) == 0) {
        return SQLITE_OK;
    }
    if (napi_get_buffer_info(env, value, &bytes, &size) != napi_ok) {
        return SQLITE_MISUSE;
    }
    return sqlite3_bind_blob64(statement, 1, bytes, size, SQLITE_TRANSIENT);
}

static napi_value column(napi_env env, sqlite3_stmt *statement)
{
    napi_value buffer = NULL;
    const void *bytes = sqlite3_column_blob(statement, 0);
    size_t size = (size_t)sqlite3_column_bytes(statement, 0);
    return napi_create_buffer_copy(env, size, bytes, NULL, &buffer) == napi_ok
               ? buffer
               : fail(env, "out of memory");
}

/* (statement, the blob to bind): the blob of the first row, if there is one. */
static napi_value step(napi_env env, napi_callback_info info)
{
    size_t count = 2;
    napi_value values[2], row = NULL;
    if (napi_get_cb_info(env, info, &count, values, NULL, NULL) != napi_ok) {
        return NULL;
    }
    sqlite3_stmt *statement = external(env, values[0]);
    if (statement == NULL) {
        return NULL;
    }
    int result = bind(env, statement, values[1]);
    result = result == SQLITE_OK ? sqlite3_step(statement) : result;
    if (result == SQLITE_ROW) {
        row = column(env, statement);
    } else if (result != SQLITE_DONE) {
        fail(env, sqlite3_errmsg(sqlite3_db_handle(statement)));
    }
    sqlite3_reset(statement);
    return row;
}

NAPI_MODULE_INIT()
{
    static const struct {
        const char *name;
        napi_callback callback;
    } functions[] = {{"open", open_database},
                     {"execute", execute},
                     {"prepare", prepare},
                     {"step", step}};
    for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++) {
        napi_value function;
        if (napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH,
                                 functions[i].callback, NULL,
                                 &function) != napi_ok ||
            napi_set_named_property(env, exports, functions[i].name,
                                    function) != napi_ok) {
            return NULL;
        }
    }
    return exports;
}
