/*
 * Ids and dates of messages as values of SQLite. The input is the value: what
 * is bound must be what SQLite's own JSON functions make of it.
 */
#include <sqlite3.h>
#include <string.h>

#include "core/json_reader.h"
#include "fuzz.h"
#include "sinks/inbox_value.h"

static bool on_value(void *context, enum json_kind kind, const char *text,
                     size_t size)
{
    (void)context;
    (void)kind;
    (void)text;
    (void)size;
    return true;
}

static bool on_key(void *context, const char *name, size_t size)
{
    (void)context;
    (void)name;
    (void)size;
    return true;
}

static bool on_close(void *context)
{
    (void)context;
    return true;
}

/* Only values that a batch has had are bound: no white space around them. */
static bool is_json_value(const char *value, size_t size)
{
    static const struct json_events events = {on_value, on_key, on_close};
    struct json_reader reader;
    if (size == 0 || (unsigned char)value[0] <= ' ' ||
        (unsigned char)value[size - 1] <= ' ') {
        return false;
    }
    json_reader_init(&reader, &events, NULL);
    int error = json_reader_finish(&reader, value, size, NULL);
    json_reader_free(&reader);
    return error == 0;
}

static sqlite3_stmt *statement_make(void)
{
    static sqlite3 *database;
    static sqlite3_stmt *statement;
    if (statement == NULL) {
        FUZZ_CHECK(sqlite3_open(":memory:", &database) == SQLITE_OK);
        FUZZ_CHECK(sqlite3_prepare_v2(
                       database,
                       "SELECT ?1, json_valid(?2), CASE WHEN json_valid(?2) "
                       "THEN json_extract(?2, '$') END",
                       -1, &statement, NULL) == SQLITE_OK);
    }
    return statement;
}

static void column_read(sqlite3_stmt *statement, int column, const char **data,
                        size_t *size)
{
    *data = sqlite3_column_blob(statement, column);
    *size = (size_t)sqlite3_column_bytes(statement, column);
}

static bool is_same(const char *a, size_t a_size, const char *b, size_t b_size)
{
    return a_size == b_size && (a_size == 0 || memcmp(a, b, a_size) == 0);
}

/* A string is its text, or as it was sent if it cannot be text. */
static void check_string(sqlite3_stmt *statement, const char *value,
                         size_t value_size)
{
    const char *bound;
    const char *extracted;
    size_t bound_size;
    size_t extracted_size;
    int type = sqlite3_column_type(statement, 0);
    FUZZ_CHECK(type == SQLITE_TEXT || type == SQLITE_BLOB);
    column_read(statement, 0, &bound, &bound_size);
    if (is_same(bound, bound_size, value, value_size) || type == SQLITE_BLOB ||
        !sqlite3_column_int(statement, 1)) {
        return;
    }
    FUZZ_CHECK(sqlite3_column_type(statement, 2) == SQLITE_TEXT);
    column_read(statement, 2, &extracted, &extracted_size);
    FUZZ_CHECK(is_same(bound, bound_size, extracted, extracted_size));
}

static void check_bound(sqlite3_stmt *statement, const char *value, size_t size)
{
    const char *bound;
    size_t bound_size;
    if (value[0] == '"') {
        check_string(statement, value, size);
    } else if (sqlite3_column_type(statement, 0) == SQLITE_INTEGER) {
        char text[24];
        (void)snprintf(text, sizeof text, "%lld",
                       (long long)sqlite3_column_int64(statement, 0));
        FUZZ_CHECK(is_same(text, strlen(text), value, size));
    } else {
        column_read(statement, 0, &bound, &bound_size);
        FUZZ_CHECK(is_same(bound, bound_size, value, size));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char decoded[INBOX_DECODED_SIZE_MAX];
    struct fuzz_input input = {data, size};
    size_t value_size;
    char *value = input_rest(&input, &value_size);
    sqlite3_stmt *statement = statement_make();
    if (is_json_value(value, value_size)) {
        FUZZ_CHECK(inbox_bind_json(statement, 1,
                                   (struct haplo_slice){value, value_size},
                                   decoded) == SQLITE_OK);
        FUZZ_CHECK(sqlite3_bind_text64(statement, 2, value, value_size,
                                       SQLITE_STATIC,
                                       SQLITE_UTF8) == SQLITE_OK);
        FUZZ_CHECK(sqlite3_step(statement) == SQLITE_ROW);
        check_bound(statement, value, value_size);
        FUZZ_CHECK(sqlite3_reset(statement) == SQLITE_OK);
        FUZZ_CHECK(sqlite3_clear_bindings(statement) == SQLITE_OK);
    }
    free(value);
    return 0;
}
