/*
 * A message in the tables of an inbox. The input is its body: it comes out as
 * the same bytes, no query over the views fails on it, and where the body is
 * {"id":VALUE} with a VALUE that the library can read, its id is that value as
 * SQLite's own JSON functions have it.
 */
#include <sqlite3.h>
#include <string.h>

#include "core/json_reader.h"
#include "fuzz.h"
#include "inbox/sqlite/db_value.h"
#include "inbox/sqlite/schema.h"

static sqlite3 *database;
static sqlite3_stmt *add;
static sqlite3_stmt *get;
static sqlite3_stmt *latest;
static sqlite3_stmt *extract;

static void prepare(const char *sql, sqlite3_stmt **statement)
{
    FUZZ_CHECK(sqlite3_prepare_v2(database, sql, -1, statement, NULL) ==
               SQLITE_OK);
}

static void database_make(void)
{
    if (database != NULL) {
        return;
    }
    FUZZ_CHECK(sqlite3_open(":memory:", &database) == SQLITE_OK);
    FUZZ_CHECK(sqlite3_exec(database, schema_steps[0], NULL, NULL, NULL) ==
               SQLITE_OK);
    FUZZ_CHECK(sqlite3_exec(database,
                            "INSERT INTO queues (id, server, queue, state)"
                            " VALUES (1, 'live', 'global', x'');"
                            "INSERT INTO batches (first_arrival, queue, count,"
                            " format, fetched_at, stored_at)"
                            " VALUES (1, 1, 1, 0, 1550226721250, 1)",
                            NULL, NULL, NULL) == SQLITE_OK);
    prepare("INSERT OR REPLACE INTO stored (arrival, queue, position, body)"
            " VALUES (1, 1, 0, ?1)",
            &add);
    prepare("SELECT CAST(body AS BLOB), id, datetime, received_at, server,"
            " queue FROM messages",
            &get);
    prepare("SELECT ref, record_version, body FROM latest_objects", &latest);
    prepare("SELECT CASE json_type(?1, '$.id') WHEN 'text'"
            " THEN ?1 ->> '$.id' ELSE ?1 -> '$.id' END",
            &extract);
}

static void body_store(struct haplo_slice body)
{
    FUZZ_CHECK(db_bind_bytes(add, 1, body) == SQLITE_OK);
    FUZZ_CHECK(sqlite3_step(add) == SQLITE_DONE);
    FUZZ_CHECK(sqlite3_reset(add) == SQLITE_OK);
    FUZZ_CHECK(sqlite3_clear_bindings(add) == SQLITE_OK);
}

static bool column_is(sqlite3_stmt *statement, int column, const void *data,
                      size_t size)
{
    const void *value = sqlite3_column_blob(statement, column);
    return (size_t)sqlite3_column_bytes(statement, column) == size &&
           (size == 0 || memcmp(value, data, size) == 0);
}

static void check_row(struct haplo_slice body)
{
    FUZZ_CHECK(sqlite3_step(get) == SQLITE_ROW);
    FUZZ_CHECK(column_is(get, 0, body.data, body.size));
    for (int column = 1; column <= 2; column++) {
        int type = sqlite3_column_type(get, column);
        FUZZ_CHECK(type == SQLITE_NULL || type == SQLITE_TEXT ||
                   type == SQLITE_INTEGER);
    }
    FUZZ_CHECK(column_is(get, 3, "2019-02-15T10:32:01.250Z", 24));
    FUZZ_CHECK(column_is(get, 4, "live", 4));
    FUZZ_CHECK(sqlite3_reset(get) == SQLITE_OK);
    int code = sqlite3_step(latest);
    FUZZ_CHECK(code == SQLITE_ROW || code == SQLITE_DONE);
    FUZZ_CHECK(sqlite3_reset(latest) == SQLITE_OK);
}

/* A value as an id */

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

static bool is_json(struct haplo_slice text)
{
    static const struct json_events events = {on_value, on_key, on_close};
    struct json_reader reader;
    json_reader_init(&reader, &events, NULL);
    int error = json_reader_finish(&reader, text.data, text.size, NULL);
    json_reader_free(&reader);
    return error == 0;
}

/* As the text of either: an integer is one of 64 bits, or stays JSON. */
static void check_id(struct haplo_slice body)
{
    FUZZ_CHECK(sqlite3_bind_text64(extract, 1, body.data, body.size,
                                   SQLITE_STATIC, SQLITE_UTF8) == SQLITE_OK);
    FUZZ_CHECK(sqlite3_step(get) == SQLITE_ROW);
    if (sqlite3_column_type(get, 1) != SQLITE_NULL &&
        sqlite3_step(extract) == SQLITE_ROW) {
        const void *expected = sqlite3_column_text(extract, 0);
        size_t size = (size_t)sqlite3_column_bytes(extract, 0);
        (void)sqlite3_column_text(get, 1);
        FUZZ_CHECK(column_is(get, 1, expected, size));
    }
    FUZZ_CHECK(sqlite3_reset(get) == SQLITE_OK);
    (void)sqlite3_reset(extract);
    FUZZ_CHECK(sqlite3_clear_bindings(extract) == SQLITE_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char before[] = "{\"id\":";
    struct fuzz_input input = {data, size};
    struct haplo_slice value;
    value.data = input_rest(&input, &value.size);
    database_make();
    body_store(value);
    check_row(value);
    struct haplo_slice body = {.size = sizeof before - 1 + value.size + 1};
    char *bytes = malloc(body.size);
    FUZZ_CHECK(bytes != NULL);
    memcpy(bytes, before, sizeof before - 1);
    if (value.size > 0) {
        memcpy(bytes + sizeof before - 1, value.data, value.size);
    }
    bytes[body.size - 1] = '}';
    body.data = bytes;
    body_store(body);
    check_row(body);
    if (is_json(body)) {
        check_id(body);
    }
    free(bytes);
    free((char *)value.data);
    return 0;
}
