/*
 * Erasing messages from an SQLite inbox: no byte of them is left in its files,
 * and everything else behaves as before. Also outlets that are forgotten.
 */
#include <stdio.h>

#include "inbox/inbox_task.h"
#include "inbox_scene.h"

#define BODY(ref, text) \
    "{\"id\":7,\"object\":{\"ref\":\"" ref "\",\"title\":\"" text "\"}}"

/* Helpers */

static struct inbox_task task;
static struct inbox_purge purge;
static int task_error; /* its result; 1: none yet */
static char task_why[HAPLO_TEXT_SIZE_MAX];

static void on_done(struct inbox_task *done, int error, const char *why)
{
    assert_ptr_equal(done, &task);
    task_error = error;
    (void)snprintf(task_why, sizeof(task_why), "%s", why);
}

static void task_begin(struct scene *scene, enum inbox_task_kind kind)
{
    task.kind = kind;
    task.purge = &purge;
    task.done_cb = on_done;
    task_error = 1;
    assert_int_equal(inbox_task_start(scene->inbox, &task), 0);
}

static void task_do(struct scene *scene, enum inbox_task_kind kind)
{
    task_begin(scene, kind);
    scene_settle(scene);
    assert_string_equal(task_why, "");
    assert_int_equal(task_error, 0);
}

static void purge_set(const char *pointer, const char *value)
{
    struct reason reason;

    inbox_purge_free(&purge);
    task.filter = (struct inbox_filter){.until_ms = INBOX_FILTER_NO_END};
    assert_int_equal(
        inbox_purge_init(&purge, pointer, value, "ticket 12", &reason), 0);
}

static void purge_do(struct scene *scene, const char *pointer,
                     const char *value)
{
    purge_set(pointer, value);
    task_do(scene, INBOX_TASK_PURGE);
}

static int teardown(void **state)
{
    inbox_purge_free(&purge);
    return scene_teardown(state);
}

static bool file_contains(const char *path, const char *text)
{
    static char bytes[64 << 20];
    FILE *file = fopen(path, "rb");
    size_t size;

    if (file == NULL) {
        return false;
    }
    size = fread(bytes, 1, sizeof(bytes), file);
    assert_true(size < sizeof(bytes));
    assert_int_equal(fclose(file), 0);
    return memmem(bytes, size, text, strlen(text)) != NULL;
}

/* In the inbox or its WAL, as they are on the disk. */
static bool disk_contains(const struct scene *scene, const char *text)
{
    char wal[128];

    (void)snprintf(wal, sizeof(wal), "%s-wal", scene->path);
    return file_contains(scene->path, text) || file_contains(wal, text);
}

/* Which messages */

struct match_case {
    const char *body;
    const char *pointer;
    const char *value;
    bool matches;
};

/* To erase too much is a loss, to erase too little a breach of law. */
static void test_messages_are_found_by_the_value_at_a_pointer(void **state)
{
    static const struct match_case cases[] = {
        {"{\"a\":\"x\"}", "/a", "x", true},
        {"{\"a\":\"x\"}", "/a", "X", false},
        {"{\"a\":\"xy\"}", "/a", "x", false},
        {"{\"b\":\"x\"}", "/a", "x", false},
        {"{\"a\":{\"b\":[1,\"x\"]}}", "/a/b/1", "x", true},
        {"{\"a\":17}", "/a", "17", true},
        {"{\"a\":\"17\"}", "/a", "17", true},
        {"{\"a\":17.0}", "/a", "17", false},
        {"{\"a\":true}", "/a", "true", true},
        {"{\"a\":\"\\u0078\"}", "/a", "x", true},
        {"{\"a\":\"\xc3\xa9\"}", "/a", "\xc3\xa9", true},
        {"{\"a\":\"\\u00e9\"}", "/a", "\xc3\xa9", true},
        {"{\"a\":\"x\"", "/b", "x", false}, /* not JSON */
        {"x", "/a", "x", false},
        {"", "/a", "x", false},
        {"anything", NULL, NULL, true},
    };
    struct reason reason;
    int error;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct haplo_slice body = {cases[i].body, strlen(cases[i].body)};

        assert_int_equal(inbox_purge_init(&purge, cases[i].pointer,
                                          cases[i].value, "", &reason),
                         0);
        if (inbox_purge_matches(&purge, body, &error) != cases[i].matches) {
            fail_msg("case %zu", i);
        }
        assert_int_equal(error, 0);
        inbox_purge_free(&purge);
    }
    assert_int_equal(inbox_purge_init(&purge, "/a", "x", "", &reason), 0);
    assert_false(
        inbox_purge_matches(&purge, (struct haplo_slice){"<x/>", 4}, &error));
    assert_int_equal(purge.unread_count, 1); /* somebody should look at it */
    inbox_purge_free(&purge);
    assert_int_equal(inbox_purge_init(&purge, "no/slash", "x", "", &reason),
                     HAPLO_EINVAL);
    inbox_purge_free(&purge);
}

/* What remains */

/* The row that takes its place explains the gap and the identity. */
static void test_a_purged_message_leaves_a_row(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "global");

    feed_store(feed, BODY("80q22", "one"));
    feed_store(feed, BODY("80q23", "two"));
    feed_store(feed, BODY("80q22", "three"));
    feed_store(feed_open(scene, "other", "global"), BODY("80q22", "four"));
    purge_set("/object/ref", "80q22");
    task.filter.queue = "live/*";
    task_do(scene, INBOX_TASK_PURGE);
    assert_int_equal(task.count, 2);
    assert_false(purge.is_log_left);
    expect(scene, "SELECT arrival FROM messages", "2;4");
    expect(scene,
           "SELECT arrival, queue, why, length(key), at > 1600000000000"
           " FROM purged",
           "1|1|ticket 12|16|1;3|1|ticket 12|16|1");
    feed_store(feed, BODY("80q22", "one")); /* unsent: a new message */
    expect(scene, "SELECT arrival FROM messages", "2;4;5");
}

/* Also what was in the WAL only, filled pages of its own, or was deleted before
 * and is in a free page. */
static void test_no_byte_is_left_on_the_disk(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "global");
    static char large[100000];

    (void)snprintf(large, sizeof(large), BODY("80q22", "needle %90000d needle"),
                   1);
    feed_store(feed, BODY("80q22", "needle in the file"));
    feed_store(feed, large);
    feed_store(feed, large);
    scene_reopen(scene);
    feed_store(feed, BODY("80q22", "needle in the log"));
    feed_store(feed, BODY("80q23", "stays"));
    run(scene, "PRAGMA secure_delete = OFF;"
               "DELETE FROM stored WHERE arrival = 3");
    run(scene, "INSERT INTO outlets VALUES (1, 'out', 1);"
               "INSERT INTO dead_letters VALUES (1, 1, 1, 'needle?', 7, 1);"
               "INSERT INTO deferred VALUES (1, 1, 1)");
    assert_true(disk_contains(scene, "needle"));
    purge_do(scene, "/object/ref", "80q22");
    assert_int_equal(task.count, 3);
    assert_int_equal(purge.letter_count, 1);
    assert_int_equal(purge.pending_count, 3); /* one deferred, two ahead */
    assert_false(disk_contains(scene, "needle"));
    assert_false(disk_contains(scene, "80q22"));
    expect(scene, "SELECT arrival FROM stored", "5");
    expect(scene, "SELECT count(*) FROM dead_letters, deferred", "0");
    scene_reopen(scene);
    assert_false(disk_contains(scene, "needle"));
    assert_true(disk_contains(scene, "stays"));
    expect(scene, "PRAGMA integrity_check", "ok");
}

/* Small messages share pages, which SQLite rearranges when others are deleted.
 * It must not leave copies behind. */
static void test_no_copy_is_left_in_pages_that_were_rearranged(void **state)
{
    enum { COUNT = 400 };
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "global");
    static char bodies[COUNT][256];
    struct haplo_slice slices[COUNT];
    struct parcel *parcel;

    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(bodies[i], sizeof(bodies[i]),
                       "{\"object\":{\"ref\":\"%s\"},\"text\":\"%s %*d\"}",
                       i % 7 == 3 ? "80q22" : "80q23",
                       i % 7 == 3 ? "needle" : "other", i % 97, i);
        slices[i] = (struct haplo_slice){bodies[i], strlen(bodies[i])};
    }
    parcel = parcel_of(feed, slices, COUNT);
    parcel_store(parcel, COUNT, 0);
    parcel_confirm(parcel, true);
    scene_settle(scene);
    for (int i = 1; i < 6; i++) { /* pages become empty and are merged */
        char sql[128];

        (void)snprintf(sql, sizeof(sql),
                       "DELETE FROM stored WHERE arrival %% 7 = %d",
                       (i + 4) % 7);
        run(scene, sql);
    }
    scene_reopen(scene);
    assert_true(disk_contains(scene, "needle"));
    purge_do(scene, "/object/ref", "80q22");
    assert_true(task.count > 40);
    assert_false(disk_contains(scene, "needle"));
}

/* The mark of the message was lost: the server sends it again, and it must not
 * be stored again. */
static void test_a_repeat_of_a_purged_message_stays_purged(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "global");
    struct parcel *parcel =
        parcel_new(feed, BODY("80q22", "one"), BODY("80q23", "two"), NULL);

    parcel_store(parcel, 2, 0);
    parcel_lose(parcel);
    purge_do(scene, "/object/ref", "80q22");
    parcel = parcel_new(feed, BODY("80q22", "one"), BODY("80q23", "two"), NULL);
    parcel_store(parcel, 0, 2);
    parcel_confirm(parcel, true);
    scene_settle(scene);
    assert_int_equal(scene->warning_count, 0);
    expect(scene, "SELECT arrival FROM stored", "2");
    parcel = parcel_new(feed, BODY("80q22", "one"), NULL);
    parcel_store(parcel, 1, 0); /* was marked: an administrator resends it */
    parcel_confirm(parcel, true);
    scene_settle(scene);
    expect(scene, "SELECT arrival FROM stored", "2;3");
}

/* A message that is not JSON has no pointer, but an arrival. */
static void test_one_message_can_be_named(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "raw");

    feed_store(feed, "<one/>");
    feed_store(feed, "<two/>");
    feed_store(feed, "<three/>");
    purge_set(NULL, NULL);
    task.filter.arrival = 2;
    task_do(scene, INBOX_TASK_PURGE);
    assert_int_equal(task.count, 1);
    expect(scene, "SELECT arrival FROM stored", "1;3");
    assert_false(disk_contains(scene, "<two/>"));
    task_do(scene, INBOX_TASK_PURGE); /* again: nothing more */
    assert_int_equal(task.count, 0);
}

/* A reader keeps the old version of the database alive; what can be done is
 * done, and the rest is told. */
static void test_a_reader_keeps_the_log_and_is_told(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "global");
    sqlite3 *reader;

    feed_store(feed, BODY("80q22", "needle"));
    reader = reader_open_db(scene->path);
    reader_run(reader, "BEGIN; SELECT * FROM stored");
    purge_do(scene, "/object/ref", "80q22");
    assert_int_equal(task.count, 1);
    assert_true(purge.is_log_left);
    expect(scene, "SELECT count(*) FROM stored", "0");
    reader_run(reader, "COMMIT");
    assert_int_equal(sqlite3_close(reader), SQLITE_OK);
    purge_do(scene, "/object/ref", "80q22");
    assert_int_equal(task.count, 0);
    assert_false(purge.is_log_left);
    assert_false(disk_contains(scene, "needle"));
}

/* Messages go on being stored meanwhile, and those that match are erased as
 * well. */
static void test_storing_goes_on_during_a_purge(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "global");
    struct parcel *parcel;

    for (int i = 0; i < 300; i++) {
        feed_store(feed, BODY("80q22", "old"));
    }
    purge_set("/object/ref", "80q22");
    task_begin(scene, INBOX_TASK_PURGE);
    parcel = parcel_new(feed, BODY("80q22", "new"), BODY("80q23", "x"), NULL);
    parcel_store(parcel, 2, 0);
    parcel_confirm(parcel, true);
    scene_settle(scene);
    assert_int_equal(task_error, 0);
    assert_int_equal(task.count, 301);
    expect(scene, "SELECT arrival FROM stored", "302");
}

/* Closing ends it between two steps; it can be asked for again. */
static void test_closing_ends_a_purge(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "global");

    for (int i = 0; i < 300; i++) {
        feed_store(feed, BODY("80q22", "old"));
    }
    purge_set("/object/ref", "80q22");
    task_begin(scene, INBOX_TASK_PURGE);
    scene_reopen(scene);
    assert_int_equal(task_error, HAPLO_ECANCELED);
    purge_do(scene, "/object/ref", "80q22");
    expect(scene, "SELECT count(*) FROM stored", "0");
    expect(scene, "SELECT count(*) FROM purged", "300");
}

/* Outlets */

/* Its row holds retention, and thousands of deferred rows are not deleted in
 * one transaction. */
static void test_an_outlet_is_forgotten(void **state)
{
    struct scene *scene = *state;

    run(scene, "INSERT INTO outlets VALUES (1, 'gone', 7), (2, 'stays', 9);"
               "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL"
               " SELECT i + 1 FROM n WHERE i < 1200)"
               " INSERT INTO deferred SELECT 1 + i % 2, 1, i FROM n;"
               "INSERT INTO dead_letters VALUES (1, 1, 1, 'bad', 1, 1),"
               " (2, 1, 1, 'bad', 1, 1)");
    task.filter = (struct inbox_filter){.outlet = "gone"};
    task_do(scene, INBOX_TASK_OUTLET_FORGET);
    assert_int_equal(task.count, 601);
    expect(scene, "SELECT name, cursor FROM outlets", "stays|9");
    expect(scene, "SELECT outlet, count(*) FROM deferred GROUP BY 1", "2|600");
    expect(scene, "SELECT outlet FROM dead_letters", "2");
    task_begin(scene, INBOX_TASK_OUTLET_FORGET);
    scene_settle(scene);
    assert_int_equal(task_error, HAPLO_ENOTFOUND);
    assert_non_null(strstr(task_why, "gone"));
}

int main(void)
{
#define OPEN(test) \
    cmocka_unit_test_setup_teardown(test, scene_setup_open, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_are_found_by_the_value_at_a_pointer),
        OPEN(test_a_purged_message_leaves_a_row),
        OPEN(test_no_byte_is_left_on_the_disk),
        OPEN(test_no_copy_is_left_in_pages_that_were_rearranged),
        OPEN(test_a_repeat_of_a_purged_message_stays_purged),
        OPEN(test_one_message_can_be_named),
        OPEN(test_a_reader_keeps_the_log_and_is_told),
        OPEN(test_storing_goes_on_during_a_purge),
        OPEN(test_closing_ends_a_purge),
        OPEN(test_an_outlet_is_forgotten),
    };

    faults_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
