/*
 * Arrivals are never used twice, even if an older copy of the inbox is put
 * back: a reader that remembers the last one it has seen misses nothing. And a
 * line says what has happened.
 */
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "inbox_scene.h"
#include "must.h"

#define NEWEST "SELECT max(arrival) FROM messages"

static char mark_path[128]; /* of the file that remembers */

static void shell(const char *format, const char *a, const char *b)
{
    char command[512];

    (void)snprintf(command, sizeof(command), format, a, b);
    assert_int_equal(system(command), 0);
}

static int setup_marked(void **state)
{
    int result = scene_setup(state);
    struct scene *scene = *state;

    (void)snprintf(mark_path, sizeof(mark_path), "%s/arrivals", scene->folder);
    scene->arrivals_path = mark_path;
    inbox_scene_open(scene);
    return result;
}

/* Opens the inbox with a queue that stores this message; returns its
 * arrival. */
static int64_t store_one(struct scene *scene, const char *text)
{
    struct feed *feed;

    if (scene->inbox == NULL) {
        inbox_scene_open(scene);
    }
    feed = feed_open(scene, "live", text);
    feed_store(feed, text);
    return query_int64(scene, NEWEST);
}

/* What a copy of the files was made of while they were in use, or after. */
static void copy_away(const struct scene *scene)
{
    shell("cp '%s' '%s.copy'", scene->path, scene->path);
}

static void restore(const struct scene *scene)
{
    char format[256];

    (void)snprintf(format, sizeof(format),
                   "rm -f '%s-wal' '%s-shm' && cp '%%s.copy' '%%s'",
                   scene->path, scene->path);
    shell(format, scene->path, scene->path);
}

/* A clean end remembers exactly, so nothing is skipped. */
static void test_clean_starts_leave_no_gap(void **state)
{
    struct scene *scene = *state;

    for (int i = 1; i <= 3; i++) {
        char text[2] = {(char)('0' + i), '\0'};

        assert_int_equal(store_one(scene, text), i);
        inbox_scene_close(scene);
    }
    assert_int_equal(scene->warning_count, 0);
}

/* The disk was lost, and the copy of yesterday put back. */
static void test_an_older_copy_uses_no_arrival_again(void **state)
{
    struct scene *scene = *state;
    int64_t newest;

    (void)store_one(scene, "one");
    inbox_scene_close(scene);
    copy_away(scene);
    (void)store_one(scene, "two");
    newest = store_one(scene, "three");
    inbox_scene_close(scene);
    restore(scene);
    assert_int_equal(store_one(scene, "four"), newest + 1);
    expect(scene, "SELECT body FROM messages", "one;four");
    assert_int_equal(scene->warning_count, 1);
    assert_non_null(strstr(scene->warning, "is an older copy: it ends at "
                                           "arrival 1, but arrivals up to 3"));
    inbox_scene_close(scene);
    assert_int_equal(store_one(scene, "five"), newest + 2);
    assert_int_equal(scene->warning_count, 1); /* told once */
}

/* Numbers of a transaction that failed were not used, also if another commit
 * follows it. */
static void test_a_failed_commit_is_no_older_copy(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "a");
    struct feed *other = feed_open(scene, "live", "b");
    struct parcel *parcel = parcel_new(feed, "two", "three", NULL);
    struct parcel *first = parcel_new(other, "one", NULL);

    parcel_store(first, 1, 0);
    run(scene, "CREATE TABLE mine (x UNIQUE); INSERT INTO mine VALUES (1);"
               "CREATE TRIGGER mine_too AFTER INSERT ON batches BEGIN"
               " INSERT INTO mine VALUES (1); END");
    parcel_expect_retry(parcel, "UNIQUE constraint");
    parcel_free(parcel);
    parcel_confirm(first, true);
    scene_settle(scene);
    scene_reopen(scene);
    assert_int_equal(scene->warning_count, 0);
}

/* The same, but it was killed, so only the reservation is known. */
static void test_after_a_crash_the_reserved_ones_are_skipped(void **state)
{
    struct scene *scene = *state;
    int64_t newest;

    (void)store_one(scene, "one");
    shell("cp '%s' '%s.crash'", mark_path, mark_path);
    newest = store_one(scene, "two");
    inbox_scene_close(scene);
    shell("mv '%s.crash' '%s'", mark_path, mark_path);
    assert_true(store_one(scene, "three") > newest + 10000);
    assert_int_equal(scene->warning_count, 0); /* it is nothing unusual */
}

/* The disk is not mounted: a new inbox is created below its mount point. */
static void test_a_new_inbox_in_the_place_of_another_is_told(void **state)
{
    struct scene *scene = *state;
    char uuid[INBOX_UUID_SIZE];

    memcpy(uuid, inbox_uuid(scene->inbox), sizeof(uuid));
    (void)store_one(scene, "one");
    (void)store_one(scene, "two");
    inbox_scene_close(scene);
    assert_int_equal(unlink(scene->path), 0);
    assert_int_equal(store_one(scene, "three"), 3);
    assert_int_equal(scene->warning_count, 1);
    assert_non_null(strstr(scene->warning, "is a new inbox"));
    assert_non_null(strstr(scene->warning, uuid));
    assert_non_null(strstr(scene->warning, "up to arrival 2"));
}

/* The paths of two inboxes were mixed up. */
static void test_another_inbox_is_told(void **state)
{
    struct scene *scene = *state;

    (void)store_one(scene, "one");
    inbox_scene_close(scene);
    shell("mv '%s' '%s.first'", scene->path, scene->path);
    scene->arrivals_path = NULL;
    (void)store_one(scene, "other");
    inbox_scene_close(scene);
    scene->arrivals_path = mark_path;
    (void)store_one(scene, "two");
    assert_int_equal(scene->warning_count, 1);
    assert_non_null(strstr(scene->warning, "is another inbox"));
}

static void restore_through_sqlite(const struct scene *scene)
{
    char path[128];
    sqlite3 *from;
    sqlite3 *to = reader_open_db(scene->path);
    sqlite3_backup *backup;

    (void)snprintf(path, sizeof(path), "%s.copy", scene->path);
    from = reader_open_db(path);
    backup = sqlite3_backup_init(to, "main", from, "main");
    assert_non_null(backup);
    assert_int_equal(sqlite3_backup_step(backup, -1), SQLITE_DONE);
    assert_int_equal(sqlite3_backup_finish(backup), SQLITE_OK);
    assert_int_equal(sqlite3_close(from), SQLITE_OK);
    assert_int_equal(sqlite3_close(to), SQLITE_OK);
}

/* ".restore" of the sqlite3 shell, while messages arrive. */
static void test_a_copy_restored_through_sqlite_while_in_use(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "a");
    struct parcel *parcel;
    int64_t newest;

    feed_store(feed, "one");
    run(scene, "PRAGMA wal_checkpoint(TRUNCATE)");
    copy_away(scene);
    feed_store(feed, "two");
    feed_store(feed, "three");
    newest = query_int64(scene, NEWEST);
    restore_through_sqlite(scene);
    feed_adopt(feed, (struct haplo_slice){NULL, 0});
    parcel = parcel_new(feed, "four", NULL);
    parcel_send(parcel);
    parcel_wait(parcel);
    assert_int_equal(parcel->verdict, INBOX_STALE);
    feed_adopt(feed, (struct haplo_slice){parcel->stored, parcel->stored_size});
    parcel_free(parcel);
    parcel = parcel_new(feed, "four", NULL);
    parcel_expect_retry(parcel, "was replaced by an older copy while in use");
    parcel_store(parcel, 1, 0);
    parcel_confirm(parcel, true);
    assert_true(query_int64(scene, NEWEST) > newest);
    expect(scene, "SELECT body FROM messages", "one;four");
}

/* The file */

static void store_count(struct feed *feed, size_t count)
{
    struct haplo_slice *bodies = calloc(count, sizeof(*bodies));
    struct parcel *parcel;

    MUST(bodies != NULL);
    for (size_t i = 0; i < count; i++) {
        bodies[i] = (struct haplo_slice){"x", 1};
    }
    parcel = parcel_of(feed, bodies, count);
    parcel_store(parcel, count, 0);
    parcel_confirm(parcel, true);
    scene_settle(feed->scene);
    free(bodies);
}

static uint64_t reserved(void)
{
    char line[160] = "";
    uint64_t number = 0;
    FILE *file = fopen(mark_path, "re");

    MUST(file != NULL);
    MUST(fgets(line, sizeof(line), file) != NULL);
    MUST(fscanf(file, "%*s %*u %" SCNu64, &number) == 1);
    assert_int_equal(fclose(file), 0);
    return number;
}

/* More are reserved before they are needed, and more at a time if they are used
 * up quickly. */
static void test_more_are_reserved_ahead(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "a");
    uint64_t before = reserved();
    uint64_t block = 0;

    for (int i = 0; i < 12; i++) {
        store_count(feed, 20000);
        assert_true((uint64_t)query_int64(scene, NEWEST) < reserved());
        if (reserved() > before) {
            assert_true(reserved() - before > block / 2);
            block = reserved() - before;
            before = reserved();
        }
    }
    assert_true(block > 65536);
    inbox_scene_close(scene);
    assert_int_equal(reserved(), 240000);
}

/* The state directory is full, gone or read-only: messages are stored all the
 * same, and only this protection is missing. */
static void test_a_file_that_cannot_be_written_is_told(void **state)
{
    struct scene *scene = *state;
    struct feed *feed;

    inbox_scene_close(scene);
    scene->arrivals_path = "/no/such/folder/arrivals";
    inbox_scene_open(scene);
    assert_int_equal(scene->warning_count, 1);
    assert_non_null(strstr(scene->warning, "no such file or directory"));
    assert_non_null(strstr(scene->warning, "used again if an older copy"));
    feed = feed_open(scene, "live", "a");
    for (int i = 0; i < 5; i++) {
        store_count(feed, 30000);
    }
    assert_int_equal(scene->warning_count, 1);
}

/* Half a line, or another program's file. */
static void test_a_damaged_file_is_told_and_replaced(void **state)
{
    static const char *const texts[] = {"garbage",
                                        "haplo-poll arrivals 1\\nabc 5 1\\n",
                                        "haplo-poll arrivals 1\\nabc 5 99"};
    struct scene *scene = *state;

    (void)store_one(scene, "one");
    inbox_scene_close(scene);
    for (unsigned i = 0; i < 3; i++) {
        shell("printf '%s' >'%s'", texts[i], mark_path);
        inbox_scene_open(scene);
        assert_int_equal(scene->warning_count, i + 1);
        assert_non_null(strstr(scene->warning, "is damaged"));
        inbox_scene_close(scene);
        inbox_scene_open(scene);
        assert_int_equal(scene->warning_count, i + 1);
        inbox_scene_close(scene);
    }
    assert_int_equal(store_one(scene, "two"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define MARKED(test) \
    cmocka_unit_test_setup_teardown(test, setup_marked, scene_teardown)
        MARKED(test_clean_starts_leave_no_gap),
        MARKED(test_an_older_copy_uses_no_arrival_again),
        MARKED(test_a_failed_commit_is_no_older_copy),
        MARKED(test_after_a_crash_the_reserved_ones_are_skipped),
        MARKED(test_a_new_inbox_in_the_place_of_another_is_told),
        MARKED(test_another_inbox_is_told),
        MARKED(test_a_copy_restored_through_sqlite_while_in_use),
        MARKED(test_more_are_reserved_ahead),
        MARKED(test_a_file_that_cannot_be_written_is_told),
        MARKED(test_a_damaged_file_is_told_and_replaced),
#undef MARKED
    };

    faults_install();
    return cmocka_run_group_tests_name("inbox_arrivals", tests, NULL, NULL);
}
