/*
 * What can go wrong with the file while it is in use: a delivery must be
 * retried, one line says why, and nothing is lost or stored twice.
 */
#include <stdio.h>

#include "inbox_scene.h"
#include "must.h"

/* The disk, other programs */

static void test_a_full_disk_is_told_and_mends(void **state)
{
    struct scene *scene = *state;
    struct parcel *parcel =
        parcel_new(feed_open(scene, "live", "a"), "x", NULL);

    atomic_store(&fault_disk_is_full, true);
    parcel_expect_retry(parcel, "disk");
    parcel_expect_retry(parcel, "disk");
    expect(scene, "SELECT count(*) FROM messages", "0");
    atomic_store(&fault_disk_is_full, false);
    parcel_store(parcel, 1, 0);
    parcel_free(parcel);
}

/* An index that somebody added must not drop messages unseen. */
static void test_a_foreign_constraint_is_told(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "a");
    struct parcel *parcel;
    struct parcel *other;

    run(scene, "CREATE UNIQUE INDEX mine ON stored (body)");
    feed_store(feed, "x");
    parcel = parcel_new(feed, "x", NULL);
    other = parcel_new(feed_open(scene, "live", "b"), "y", NULL);
    parcel_send(parcel);
    parcel_send(other);
    scene_settle(scene);
    parcel_expect_stored(other, 1, 0);
    assert_int_equal(parcel->verdict, INBOX_RETRY);
    assert_non_null(strstr(parcel->text, "UNIQUE constraint"));
    run(scene, "DROP INDEX mine");
    parcel_store(parcel, 1, 0);
    parcel_free(parcel);
    parcel_free(other);
}

/* Nor must a trigger. */
static void test_a_trigger_that_ignores_messages_is_told(void **state)
{
    struct scene *scene = *state;
    struct parcel *parcel =
        parcel_new(feed_open(scene, "live", "a"), "one", "two", NULL);

    run(scene, "CREATE TRIGGER mine BEFORE INSERT ON stored"
               " WHEN new.body = 'one' BEGIN SELECT RAISE(IGNORE); END");
    parcel_expect_retry(parcel, "remove the triggers");
    expect(scene, "SELECT count(*) FROM messages", "0");
    run(scene, "DROP TRIGGER mine");
    parcel_store(parcel, 2, 0);
    parcel_free(parcel);
}

static void test_a_lock_of_another_program_is_told(void **state)
{
    struct scene *scene = *state;
    struct parcel *parcel =
        parcel_new(feed_open(scene, "live", "a"), "x", NULL);
    sqlite3 *other = reader_open_db(scene->path);

    reader_run(other, "BEGIN IMMEDIATE");
    parcel_expect_retry(parcel, "another program holds a lock");
    reader_run(other, "ROLLBACK");
    parcel_store(parcel, 1, 0);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    parcel_free(parcel);
}

/* Consumers read while messages arrive, and see what was there before. */
static void test_a_reader_does_not_hold_up_commits(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "a");
    sqlite3 *reader = reader_open_db(scene->path);

    feed_store(feed, "one");
    reader_run(reader, "BEGIN");
    reader_expect(reader, "SELECT count(*) FROM messages", "1");
    feed_store(feed, "two");
    reader_expect(reader, "SELECT count(*) FROM messages", "1");
    reader_run(reader, "COMMIT");
    reader_expect(reader, "SELECT count(*) FROM messages", "2");
    assert_int_equal(sqlite3_close(reader), SQLITE_OK);
}

/* A consumer deletes what it has read while messages arrive. */
static void test_two_writers_share_an_inbox(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "a");
    sqlite3 *other = reader_open_db(scene->path);

    for (int i = 0; i < 20; i++) {
        feed_store(feed, "x");
        reader_run(other, "DELETE FROM stored");
    }
    assert_int_equal(scene->warning_count, 0);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
}

/* A consumer that keeps the last arrival it saw must not miss a row, not even
 * after the newest rows were deleted. */
static void test_arrival_only_goes_up(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "student");
    int64_t newest;

    feed_store(feed, "one");
    feed_store(feed, "two");
    newest = query_int64(scene, "SELECT max(arrival) FROM messages");
    run(scene, "DELETE FROM stored; DELETE FROM batches");
    scene_reopen(scene);
    feed_store(feed, "three");
    assert_true(query_int64(scene, "SELECT arrival FROM messages") > newest);
}

/* Somebody emptied the tables: the library hears that nothing is stored. */
static void test_emptied_tables_are_stale(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "student");
    struct parcel *parcel;

    feed_store(feed, "one");
    run(scene, "DELETE FROM queues");
    parcel = parcel_new(feed, "two", NULL);
    parcel_send(parcel);
    parcel_wait(parcel);
    assert_int_equal(parcel->verdict, INBOX_STALE);
    assert_int_equal(parcel->stored_size, 0);
    parcel_free(parcel);
    feed_adopt(feed, (struct haplo_slice){NULL, 0});
    feed_store(feed, "two");
    expect(scene, "SELECT server, body FROM messages WHERE arrival = 2",
           "live|two");
}

/* Files that are taken away */

/* A commit into a file without a name would be lost with the process. */
static void test_nothing_is_accepted_into_a_removed_file(void **state)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "a");
    struct parcel *parcel;
    char from[128];
    char to[128];

    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(from, sizeof(from), "%s%s", scene->path, endings[i]);
        (void)snprintf(to, sizeof(to), "%s/aside", scene->folder);
        assert_int_equal(rename(from, to), 0);
        parcel = parcel_new(feed, "x", NULL);
        parcel_expect_retry(parcel, "was removed or replaced");
        assert_non_null(strstr(parcel->text, from));
        assert_int_not_equal(access(from, F_OK), 0);
        assert_int_equal(rename(to, from), 0);
        parcel_store(parcel, 1, 0);
        parcel_confirm(parcel, true);
        scene_settle(scene);
    }
    expect(scene, "PRAGMA integrity_check", "ok");
}

static void test_nothing_is_accepted_beside_a_replaced_file(void **state)
{
    struct scene *scene = *state;
    struct parcel *parcel =
        parcel_new(feed_open(scene, "live", "a"), "x", NULL);
    FILE *file;

    assert_int_equal(unlink(scene->path), 0);
    file = fopen(scene->path, "wx");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    parcel_expect_retry(parcel, "was removed or replaced");
    parcel_free(parcel);
}

/* Also when that happens between the transaction's begin and its end. */
static void test_nothing_is_accepted_if_the_file_goes_in_between(void **state)
{
    struct scene *scene = *state;
    struct parcel *parcel =
        parcel_new(feed_open(scene, "live", "a"), "x", NULL);

    fault_removed_at_commit = scene->path;
    parcel_expect_retry(parcel, "was removed or replaced");
    parcel_free(parcel);
}

/* What was accepted before somebody removed the WAL is saved. */
static void test_a_removed_wal_loses_nothing(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "a");
    struct parcel *parcel;
    char path[128];
    char command[256];
    sqlite3 *copy;

    feed_store(feed, "x");
    (void)snprintf(path, sizeof(path), "%s-wal", scene->path);
    assert_int_equal(unlink(path), 0);
    parcel = parcel_new(feed, "y", NULL);
    parcel_expect_retry(parcel, "-wal");
    parcel_free(parcel);
    /* Already in the inbox alone, should the process die now. */
    (void)snprintf(command, sizeof(command), "cp '%s' '%s/copy'", scene->path,
                   scene->folder);
    assert_int_equal(system(command), 0);
    (void)snprintf(path, sizeof(path), "%s/copy", scene->folder);
    copy = reader_open_db(path);
    reader_expect(copy, "SELECT body FROM messages", "x");
    assert_int_equal(sqlite3_close(copy), SQLITE_OK);
    scene_reopen(scene);
    expect(scene, "SELECT body FROM messages", "x");
    feed_store(feed, "y");
}

/* Damaged rows */

/* A state says that a message is stored; its row may be gone all the same. */
static void test_a_repeat_without_its_row_is_stored_again(void **state)
{
    static const char *const damages[] = {
        "DELETE FROM stored WHERE body = 'two'",
        "UPDATE stored SET body = 'tvo' WHERE body = 'two'",
        "UPDATE stored SET queue = 99 WHERE body = 'two'",
    };
    struct scene *scene = *state;
    char name[2] = "a";

    for (size_t i = 0; i < 3; i++) {
        struct feed *feed;
        struct parcel *parcel;

        name[0] = (char)('a' + i);
        feed = feed_open(scene, "live", name);
        feed_store(feed, "zero");
        parcel = parcel_new(feed, "one", "two", "three", NULL);
        parcel_store(parcel, 3, 0);
        parcel_lose(parcel);
        run(scene, damages[i]);
        parcel = parcel_new(feed, "two", "four", "three", "one", NULL);
        parcel_store(parcel, 2, 2);
        assert_int_equal(scene->warning_count, i + 1);
        assert_non_null(strstr(scene->warning, "1 repeated messages were"));
        parcel_lose(parcel);
        /* It is found from now on. */
        parcel = parcel_new(feed, "two", "four", "three", "one", NULL);
        parcel_store(parcel, 0, 4);
        assert_int_equal(scene->warning_count, i + 1);
        parcel_confirm(parcel, true);
        scene_settle(scene);
        run(scene, "DELETE FROM stored");
    }
}

/* Other bytes of the same length in another type are what was stored. */
static void test_a_row_of_another_type_is_no_damage(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "a");
    struct parcel *parcel = parcel_new(feed, "one", "one", NULL);

    parcel_store(parcel, 2, 0);
    parcel_lose(parcel);
    run(scene, "UPDATE stored SET body = CAST(body AS BLOB)");
    parcel = parcel_new(feed, "one", "one", NULL);
    parcel_store(parcel, 0, 2);
    assert_int_equal(scene->warning_count, 0);
    parcel_confirm(parcel, true);
}

/* Rows of confirmed messages may be deleted at any time, by the statement of
 * haplo-inbox(5). */
static void test_deleting_confirmed_rows_is_safe(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "a");
    struct parcel *parcel;

    feed_store(feed, "confirmed");
    parcel = parcel_new(feed, "not yet", NULL);
    parcel_store(parcel, 1, 0);
    parcel_lose(parcel);
    run(scene, "DELETE FROM stored WHERE arrival <= 1000 AND arrival <"
               " (SELECT CASE WHEN q.unconfirmed = 0 THEN 1000000000"
               "  ELSE coalesce(q.unconfirmed_from, 0) END FROM queues AS q"
               "  WHERE q.id = stored.queue)");
    expect(scene, "SELECT body FROM messages", "not yet");
    parcel = parcel_new(feed, "not yet", NULL);
    parcel_store(parcel, 0, 1);
    assert_int_equal(scene->warning_count, 0);
    parcel_confirm(parcel, true);
}

/* No memory */

/* Whichever allocation of SQLite fails: opening is refused, or a retry is asked
 * for, and the next delivery stores all of it once. Each fifth is tried;
 * HAPLO_ALLOCATION_STEP=1: all. */
static void test_every_allocation_may_fail(void **state)
{
    struct scene *scene = *state;
    const char *text = getenv("HAPLO_ALLOCATION_STEP");
    long step = text == NULL ? 5 : strtol(text, NULL, 10);
    char path[96];
    bool has_failed = true;

    memcpy(path, scene->path, sizeof(path));
    for (long n = 1; has_failed; n += step) {
        (void)snprintf(scene->path, sizeof(scene->path), "%s/%ld.db",
                       scene->folder, n);
        atomic_store(&fault_allocations_left, n);
        has_failed = scene_try_open(scene) != 0;
        if (has_failed) {
            assert_non_null(strstr(scene->why, scene->path));
            continue;
        }
        struct feed *feed = feed_open(scene, "live", "a");
        struct parcel *parcel = parcel_new(feed, "x", "y", NULL);

        parcel_send(parcel);
        parcel_wait(parcel);
        has_failed = parcel->verdict != INBOX_STORED;
        if (has_failed) {
            assert_int_equal(parcel->verdict, INBOX_RETRY);
            assert_non_null(strstr(parcel->text, "out of memory"));
            parcel_store(parcel, 2, 0);
        }
        has_failed = has_failed || atomic_load(&fault_allocations_left) <= 0;
        parcel_free(parcel);
        inbox_scene_close(scene);
        scene->feeds = feed->next;
        delivery_state_free(&feed->known);
        free(feed);
        atomic_store(&fault_allocations_left, -1);
    }
    memcpy(scene->path, path, sizeof(path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define OPENED(test) \
    cmocka_unit_test_setup_teardown(test, scene_setup_open, scene_teardown)
#define CLOSED(test) \
    cmocka_unit_test_setup_teardown(test, scene_setup, scene_teardown)
        OPENED(test_a_full_disk_is_told_and_mends),
        OPENED(test_a_foreign_constraint_is_told),
        OPENED(test_a_trigger_that_ignores_messages_is_told),
        OPENED(test_a_lock_of_another_program_is_told),
        OPENED(test_a_reader_does_not_hold_up_commits),
        OPENED(test_two_writers_share_an_inbox),
        OPENED(test_arrival_only_goes_up),
        OPENED(test_emptied_tables_are_stale),
        OPENED(test_nothing_is_accepted_into_a_removed_file),
        OPENED(test_nothing_is_accepted_beside_a_replaced_file),
        OPENED(test_nothing_is_accepted_if_the_file_goes_in_between),
        OPENED(test_a_removed_wal_loses_nothing),
        OPENED(test_a_repeat_without_its_row_is_stored_again),
        OPENED(test_a_row_of_another_type_is_no_damage),
        OPENED(test_deleting_confirmed_rows_is_safe),
        CLOSED(test_every_allocation_may_fail),
#undef OPENED
#undef CLOSED
    };

    faults_install();
    return cmocka_run_group_tests_name("inbox_outages", tests, NULL, NULL);
}
