/*
 * What a message becomes in an SQLite inbox: rows that other programs read, as
 * haplo-inbox(5) has it.
 */
#include <stdio.h>

#include "inbox_scene.h"

static void store(struct feed *feed, const char *body)
{
    const struct haplo_slice slice = {body, strlen(body)};
    struct parcel *parcel = parcel_of(feed, &slice, 1);

    parcel_store(parcel, 1, 0);
    parcel_confirm(parcel, false);
    scene_settle(feed->scene);
}

/* The view messages */

/* Its columns are the interface for people and programs. */
static void test_a_message_becomes_a_row(void **state)
{
    struct scene *scene = *state;

    store(feed_open(scene, "live", "student"),
          "{\"id\":7,\"datetime\":\"2019-02-15T10:32:01Z\"}");
    expect(scene, "SELECT * FROM messages",
           "1|live|student|7|2019-02-15T10:32:01Z|2019-02-15T10:32:01.250Z|"
           "{\"id\":7,\"datetime\":\"2019-02-15T10:32:01Z\"}");
    expect(scene,
           "SELECT group_concat(name) FROM"
           " pragma_table_info('messages')",
           "arrival,server,queue,id,datetime,received_at,body");
    expect(scene, "PRAGMA journal_mode", "wal");
    expect(scene, "PRAGMA user_version", "1");
    expect(scene, "PRAGMA application_id", "1213221198");
    expect(scene, "PRAGMA auto_vacuum", "2");
}

/* One row for each stored batch, linked to the one before of its queue. */
static void test_a_batch_becomes_a_row(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "student");
    struct parcel *parcel = parcel_new(feed, "one", "two", "three", NULL);

    parcel_store(parcel, 3, 0);
    parcel_lose(parcel);
    store(feed_open(scene, "live", "other"), "four");
    parcel = parcel_new(feed, "one", "five", NULL);
    parcel->delivery.format = HAPLO_FORMAT_RAW;
    parcel_store(parcel, 1, 1);
    parcel_confirm(parcel, false);
    scene_settle(scene);
    expect(scene,
           "SELECT first_arrival, queue, count, format, older, fetched_at,"
           " stored_at > fetched_at, marked_at >= stored_at FROM batches",
           "1|1|3|0|NULL|1550226721250|1|NULL;"
           "4|2|1|0|NULL|1550226721250|1|1;"
           "5|1|1|1|1|1550226721250|1|1");
    expect(scene, "SELECT arrival, queue, position FROM stored",
           "1|1|0;2|1|1;3|1|2;4|2|0;5|1|0");
}

struct bytes_case {
    struct haplo_slice body; /* as sent */
    const char *type;        /* of the column */
};

/* What the server sent is what a consumer reads, whatever it is; text where
 * that is safe, as SQLite's JSON functions refuse blobs. */
static void test_bodies_are_exact_bytes(void **state)
{
#define CASE(text, type)               \
    {                                  \
        {text, sizeof(text) - 1}, type \
    }
    static const struct bytes_case cases[] = {
        CASE("{\"n\":1e+21,\"s\":\"\\u0000\"}", "text"),
        CASE("\xef\xbb\xbf{}", "text"), /* a byte order mark stays */
        CASE("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80", "text"),
        CASE("\xf4\x8f\xbf\xbf \xed\x9f\xbf \xee\x80\x80", "text"),
        CASE("", "text"),
        CASE("7", "text"),
        CASE("line\r\nfeed\t\x01\x7f", "text"),
        CASE("nul\0inside", "blob"),
        CASE("\0", "blob"),
        CASE("12345678\0", "blob"),
        CASE("latin \xe9t\xe9", "blob"),
        CASE("overlong \xc0\xaf", "blob"),
        CASE("overlong \xe0\x80\xaf", "blob"),
        CASE("overlong \xf0\x80\x80\xaf", "blob"),
        CASE("surrogate \xed\xa0\x80", "blob"),
        CASE("too far \xf4\x90\x80\x80", "blob"),
        CASE("too far \xf5\x80\x80\x80", "blob"),
        CASE("cut \xe2\x82", "blob"),
        CASE("cut \xf0\x9f\x98", "blob"),
        CASE("broken \xe2\x82(", "blob"),
        CASE("lone \x80", "blob"),
        CASE("\xff\xfe\xfd", "blob"),
    };
#undef CASE
    enum { COUNT = sizeof(cases) / sizeof(cases[0]) };
    struct scene *scene = *state;
    struct haplo_slice bodies[COUNT];
    struct parcel *parcel;
    sqlite3_stmt *statement = NULL;
    sqlite3 *db;

    for (size_t i = 0; i < COUNT; i++) {
        bodies[i] = cases[i].body;
    }
    parcel = parcel_of(feed_open(scene, "live", "raw"), bodies, COUNT);
    parcel_store(parcel, COUNT, 0);
    parcel_confirm(parcel, true);
    db = reader_open_db(scene->path);
    assert_int_equal(
        sqlite3_prepare_v2(db,
                           "SELECT typeof(body), CAST(body AS BLOB), body"
                           " FROM messages ORDER BY arrival",
                           -1, &statement, NULL),
        SQLITE_OK);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
        assert_string_equal(sqlite3_column_text(statement, 0), cases[i].type);
        for (int column = 1; column <= 2; column++) {
            int size = sqlite3_column_bytes(statement, column);

            assert_int_equal(size, cases[i].body.size);
            if (size > 0) {
                assert_memory_equal(sqlite3_column_blob(statement, column),
                                    cases[i].body.data, (size_t)size);
            }
        }
    }
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Ids are looked up as plain values: 7 and "7" differ, a string has no
 * quotes, and anything else stays JSON. */
static void test_ids_are_plain_values(void **state)
{
    static const char *const cases[][2] = {
        {"7", "integer|7"},
        {"\"7\"", "text|7"},
        {"0", "integer|0"},
        {"-0", "text|-0"},
        {"-12", "integer|-12"},
        {"9223372036854775807", "integer|9223372036854775807"},
        {"-9223372036854775808", "integer|-9223372036854775808"},
        {"9223372036854775808", "text|9223372036854775808"},
        {"1e3", "text|1e3"},
        {"1.50", "text|1.50"},
        {"true", "text|true"},
        {"null", "text|null"},
        {"[1, \"a\"]", "text|[1,\"a\"]"},
        {"{\"a\": 1}", "text|{\"a\":1}"},
        {"\"\"", "text|"},
        {"\"a\\/b\\\\\\\"\"", "text|a/b\\\""},
        {"\"\\b\\f\\n\\r\\t\"", "text|\b\f\n\r\t"},
        {"\"\\u0041\\u00e9\\u20aC\"", "text|A\xc3\xa9\xe2\x82\xac"},
        {"\"\\ud83d\\ude00!\"", "text|\xf0\x9f\x98\x80!"},
    };
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "student");
    char body[128];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        (void)snprintf(body, sizeof(body), "{\"id\":%s,\"datetime\":%s}",
                       cases[i][0], cases[i][0]);
        store(feed, body);
        expect(scene,
               "SELECT typeof(id), id FROM messages WHERE datetime IS id"
               " ORDER BY arrival DESC LIMIT 1",
               cases[i][1]);
    }
}

/* Nor may a message that is no JSON break a query over all of them. */
static void test_messages_without_ids(void **state)
{
    static const char *const bodies[] = {"{}",      "[7]",      "7", "\"id\"",
                                         "no JSON", "{\"id\":", "",  "\xff{}"};
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "student");
    struct parcel *parcel;

    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        store(feed, bodies[i]);
    }
    parcel = parcel_new(feed, "{\"id\":7}", NULL);
    parcel->delivery.format = HAPLO_FORMAT_RAW; /* one message, not parsed */
    parcel_store(parcel, 1, 0);
    parcel_confirm(parcel, true);
    expect(scene, "SELECT count(*), count(id), count(datetime) FROM messages",
           "9|0|0");
}

/* What queries cost */

static const char *plan_of(struct scene *scene, const char *query)
{
    static char plan[1024];
    sqlite3 *db = reader_open_db(scene->path);
    sqlite3_stmt *statement = NULL;
    char sql[512];
    size_t size = 0;

    (void)snprintf(sql, sizeof(sql), "EXPLAIN QUERY PLAN %s", query);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL),
                     SQLITE_OK);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        size += (size_t)snprintf(plan + size, sizeof(plan) - size, "%s%s",
                                 size > 0 ? "; " : "",
                                 sqlite3_column_text(statement, 3));
        assert_true(size < sizeof(plan));
    }
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return plan;
}

static void expect_plan(struct scene *scene, const char *query,
                        const char *expected)
{
    assert_string_equal(plan_of(scene, query), expected);
}

/* The manual page promises these; each is a range of the table by its key, with
 * no sorting and no table built on the way. */
static void test_queries_cost_what_the_manual_says(void **state)
{
    struct scene *scene = *state;

    expect_plan(scene,
                "SELECT arrival, server, queue, body FROM messages"
                " WHERE arrival > 5 ORDER BY arrival LIMIT 100",
                "SEARCH s USING INTEGER PRIMARY KEY (rowid>?); "
                "SEARCH q USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN");
    expect_plan(scene, "SELECT body FROM messages WHERE arrival = 7",
                "SEARCH s USING INTEGER PRIMARY KEY (rowid=?)");
    expect_plan(scene,
                "SELECT received_at FROM messages ORDER BY arrival DESC"
                " LIMIT 1",
                "SCAN s; SEARCH b USING INTEGER PRIMARY KEY (rowid=?)"
                " LEFT-JOIN");
    expect_plan(scene, "SELECT count(*) FROM stored", "SCAN stored");
    expect_plan(scene,
                "SELECT body FROM messages WHERE server = 'a' AND queue = 'b'"
                " ORDER BY arrival",
                "SEARCH q USING COVERING INDEX sqlite_autoindex_queues_1"
                " (server=? AND queue=?); SCAN s");
    expect_plan(scene,
                "SELECT body FROM messages WHERE server = 'a' AND queue = 'b'"
                " AND arrival > 5 ORDER BY arrival LIMIT 100",
                "SEARCH q USING COVERING INDEX sqlite_autoindex_queues_1"
                " (server=? AND queue=?); "
                "SEARCH s USING INTEGER PRIMARY KEY (rowid>?)");
    expect_plan(scene, "SELECT body FROM messages WHERE server = 'a'",
                "SCAN s; SEARCH q USING INTEGER PRIMARY KEY (rowid=?)");
}

/* Who asks for one queue all the time may add an index. */
static void test_an_index_by_queue_may_be_added(void **state)
{
    struct scene *scene = *state;

    store(feed_open(scene, "live", "a"), "x");
    run(scene, "CREATE INDEX stored_by_queue ON stored (queue)");
    store(feed_open(scene, "live", "b"), "y");
    expect(scene,
           "SELECT body FROM messages WHERE server = 'live' AND queue = 'b'",
           "y");
    expect_plan(scene,
                "SELECT body FROM messages WHERE server = 'a' AND queue = 'b'"
                " ORDER BY arrival DESC LIMIT 10",
                "SEARCH q USING COVERING INDEX sqlite_autoindex_queues_1"
                " (server=? AND queue=?); "
                "SEARCH s USING INDEX stored_by_queue (queue=?)");
}

/* Without an index, a queue's batches lead from the newest to the oldest. */
static void test_a_queue_can_be_walked_backwards(void **state)
{
    struct scene *scene = *state;
    struct feed *a = feed_open(scene, "live", "a");
    struct feed *b = feed_open(scene, "live", "b");

    store(a, "1");
    store(b, "2");
    store(a, "3");
    store(b, "4");
    store(a, "5");
    expect(scene,
           "WITH RECURSIVE walk (first_arrival) AS ("
           " SELECT newest_batch FROM queues"
           "  WHERE server = 'live' AND queue = 'a'"
           " UNION ALL SELECT older FROM batches JOIN walk"
           "  USING (first_arrival) WHERE older IS NOT NULL)"
           " SELECT s.body FROM walk JOIN batches AS b USING (first_arrival)"
           " JOIN stored AS s ON s.arrival BETWEEN b.first_arrival"
           "  AND b.first_arrival + b.count - 1"
           " LIMIT 2",
           "5;3");
}

/* The view latest_objects */

/* Changes of an object come in no certain order; the highest version wins, of
 * equal ones the one that came last. */
static void test_latest_objects_have_the_highest_version(void **state)
{
    struct scene *scene = *state;
    struct feed *live = feed_open(scene, "live", "global");
    struct feed *test = feed_open(scene, "test", "global");
    struct feed *other = feed_open(scene, "live", "student");

    store(live, "{\"id\":1,\"action\":\"object:change\","
                "\"object\":{\"ref\":\"80q22\",\"recordVersion\":10}}");
    store(live, "{\"id\":2,\"object\":{\"ref\":\"80q22\","
                "\"recordVersion\":9}}");
    store(live, "{\"id\":3,\"object\":{\"ref\":\"80q33\","
                "\"recordVersion\":5}}");
    store(live, "{\"id\":4,\"object\":{\"ref\":\"80q33\","
                "\"recordVersion\":5}}");
    store(test, "{\"id\":5,\"object\":{\"ref\":\"80q22\","
                "\"recordVersion\":1}}");
    store(other, "{\"id\":6,\"object\":{\"ref\":\"80q22\","
                 "\"recordVersion\":99}}");
    store(live, "{\"id\":7,\"action\":\"plugin:other\"}");
    store(live, "no JSON");
    expect(scene,
           "SELECT server, ref, record_version, arrival, id FROM"
           " latest_objects ORDER BY server, ref",
           "live|80q22|10|1|1;live|80q33|5|4|4;test|80q22|1|5|5");
    /* Not one that would copy all bodies. */
    assert_null(
        strstr(plan_of(scene, "SELECT * FROM latest_objects"), "AUTOMATIC"));
    expect(scene,
           "SELECT json_extract(body, '$.action') FROM latest_objects"
           " WHERE ref = '80q22' AND server = 'live'",
           "object:change");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define OPENED(test) \
    cmocka_unit_test_setup_teardown(test, scene_setup_open, scene_teardown)
        OPENED(test_a_message_becomes_a_row),
        OPENED(test_a_batch_becomes_a_row),
        OPENED(test_bodies_are_exact_bytes),
        OPENED(test_ids_are_plain_values),
        OPENED(test_messages_without_ids),
        OPENED(test_queries_cost_what_the_manual_says),
        OPENED(test_an_index_by_queue_may_be_added),
        OPENED(test_a_queue_can_be_walked_backwards),
        OPENED(test_latest_objects_have_the_highest_version),
#undef OPENED
    };

    faults_install();
    return cmocka_run_group_tests_name("inbox_rows", tests, NULL, NULL);
}
