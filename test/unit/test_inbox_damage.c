/*
 * Files that something other than SQLite writes to while they are in use: it is
 * noticed before anything is reported as stored, and afterwards nothing changes
 * them any more. What SQLite does to them is no damage.
 */
#include <stdio.h>
#include <sys/stat.h>

#include "inbox/sqlite/connection.h"
#include "inbox/sqlite/paced_vfs.h"
#include "inbox_scene.h"
#include "must.h"

#define DAMAGED "was truncated or overwritten while in use"

static void path_of(const struct scene *scene, const char *suffix,
                    char path[128])
{
    (void)snprintf(path, 128, "%s%s", scene->path, suffix);
}

static long long size_of(const struct scene *scene, const char *suffix)
{
    char path[128];
    struct stat status;

    path_of(scene, suffix, path);
    return stat(path, &status) == 0 ? status.st_size : -1;
}

/* In another process, since closing the file in this one would drop the locks
 * of SQLite. %s is the path of the inbox. */
static void shell(const struct scene *scene, const char *format)
{
    char command[512];

    (void)snprintf(command, sizeof(command), format, scene->path, scene->path);
    assert_int_equal(system(command), 0);
}

static void store_many(struct feed *feed, int count)
{
    for (int i = 0; i < count; i++) {
        feed_store(feed, "a message");
    }
}

/* A database of some pages, with messages that are only in its WAL. */
static struct feed *begin(struct scene *scene)
{
    struct feed *feed = feed_open(scene, "live", "a");

    store_many(feed, 10);
    run(scene, "CREATE TABLE big (x); INSERT INTO big VALUES "
               "(zeroblob(200000))");
    run(scene, "PRAGMA wal_checkpoint");
    store_many(feed, 10);
    assert_true(size_of(scene, "") > 200000);
    assert_true(size_of(scene, "-wal") > 100000);
    return feed;
}

/* Nothing is stored, also if it is tried again; and what was found stays. */
static void expect_damaged(struct feed *feed, const char *suffix)
{
    struct scene *scene = feed->scene;
    struct parcel *parcel = parcel_new(feed, "lost", NULL);
    char path[128];
    long long size;
    long long wal_size;

    path_of(scene, suffix, path);
    parcel_expect_retry(parcel, DAMAGED);
    assert_non_null(strstr(parcel->text, path));
    assert_non_null(strstr(parcel->text, "DAMAGED INBOXES"));
    size = size_of(scene, "");
    wal_size = size_of(scene, "-wal");
    parcel_expect_retry(parcel, DAMAGED);
    parcel_free(parcel);
    inbox_scene_close(scene);
    assert_int_equal(size_of(scene, ""), size);
    assert_int_equal(size_of(scene, "-wal"), wal_size);
}

/* ": >inbox.db", by mistake or by a tool that rotates logs. */
static void test_a_truncated_inbox_accepts_nothing(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = begin(scene);

    assert_int_equal(truncate(scene->path, 0), 0);
    expect_damaged(feed, "");
    assert_int_equal(size_of(scene, ""), 0);
    assert_true(size_of(scene, "-wal") > 100000);
    scene_expect_refused(scene, HAPLO_EINVAL, "its -wal exists");
    assert_true(size_of(scene, "-wal") > 100000);
}

/* Its header is whole, so only the size tells. */
static void test_an_inbox_that_lost_its_end_accepts_nothing(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = begin(scene);

    assert_int_equal(truncate(scene->path, 100000), 0);
    expect_damaged(feed, "");
}

static const char *truncated_at_commit;

static int on_commit(void *data)
{
    (void)data;
    if (truncated_at_commit != NULL) {
        MUST(truncate(truncated_at_commit, 0) == 0);
        truncated_at_commit = NULL;
    }
    return 0;
}

/* The commit succeeds as far as SQLite knows. */
static void test_a_commit_into_a_truncated_inbox_is_not_accepted(void **state)
{
    static const char *const suffixes[] = {"", "-wal"};
    struct scene *scene = *state;
    struct feed *feed = NULL;
    char path[128];

    for (size_t i = 0; i < 2; i++) {
        feed = feed == NULL ? begin(scene) : feed;
        (void)sqlite3_commit_hook(fault_writer_db, on_commit, NULL);
        path_of(scene, suffixes[i], path);
        truncated_at_commit = path;
        expect_damaged(feed, suffixes[i]);
        shell(scene, "rm -f '%s' '%s-wal'");
        inbox_scene_open(scene);
        feed = feed_open(scene, "live", "b");
    }
}

/* Another program wrote to the wrong file. */
static void test_an_overwritten_header_is_noticed(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = begin(scene);

    shell(scene, "printf 'a note to myself' | dd of='%s' conv=notrunc "
                 "status=none");
    expect_damaged(feed, "");
    scene_expect_refused(scene, HAPLO_EINVAL, "not an SQLite database");
}

/* cp writes into the file that is open, so its inode is the same. */
static void test_a_backup_that_is_put_back_with_cp_is_noticed(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = begin(scene);
    char why[HAPLO_TEXT_SIZE_MAX];
    char to[128];

    path_of(scene, ".copy", to);
    assert_int_equal(inbox_sqlite_backup(scene->path, to, why, sizeof(why)), 0);
    run(scene, "INSERT INTO big VALUES (zeroblob(200000))");
    run(scene, "PRAGMA wal_checkpoint");
    store_many(feed, 10);
    shell(scene, "cp '%s.copy' '%s'");
    expect_damaged(feed, "");
}

/* What was committed to it and not copied is gone. */
static void test_a_truncated_wal_is_noticed(void **state)
{
    static const off_t sizes[] = {0, 16, 40, 60000};
    struct scene *scene = *state;
    struct feed *feed = begin(scene);
    char path[128];

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        path_of(scene, "-wal", path);
        assert_int_equal(truncate(path, sizes[i]), 0);
        expect_damaged(feed, "-wal");
        shell(scene, "rm -f '%s' '%s-wal'");
        inbox_scene_open(scene);
        feed = feed_open(scene, "live", "b");
        store_many(feed, 10);
    }
}

/* The file was truncated after the helper had looked at it. Its first page
 * alone would make it look sound, so that is not written. */
static void test_no_checkpoint_writes_the_first_page_anew(void **state)
{
    struct scene *scene = *state;
    struct reason why;
    sqlite3 *db;

    (void)begin(scene);
    run(scene, "CREATE TABLE more (x)"); /* changes the first page */
    assert_int_equal(connection_open(scene->path, paced_vfs_name(), &db, &why),
                     0);
    assert_int_equal(connection_run(db, "SELECT * FROM more"), SQLITE_OK);
    assert_int_equal(truncate(scene->path, 0), 0);
    assert_int_equal(sqlite3_wal_checkpoint_v2(
                         db, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL),
                     SQLITE_CORRUPT);
    connection_close(db);
    assert_int_equal(size_of(scene, ""), 0);
}

/* Using the memory would end the process by a signal. Nothing is lost, as it is
 * made of the WAL again. */
static void test_truncated_shared_memory_is_noticed(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = begin(scene);
    struct parcel *parcel = parcel_new(feed, "x", NULL);
    char path[128];

    path_of(scene, "-shm", path);
    assert_int_equal(truncate(path, 0), 0);
    parcel_expect_retry(parcel, "-shm: was truncated while in use: restart");
    scene_reopen(scene);
    parcel_send(parcel);
    parcel_wait(parcel);
    parcel_expect_stored(parcel, 1, 0);
    parcel_free(parcel);
    expect(scene, "SELECT count(*) FROM stored", "21");
}

/* SQLite found it, in a page that was overwritten: both files are evidence. */
static void test_a_wal_is_kept_when_sqlite_finds_damage(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = begin(scene);
    struct parcel *parcel = parcel_new(feed, "x", NULL);

    /* All pages but the first, also in the caches. */
    run(scene, "PRAGMA wal_checkpoint(TRUNCATE)");
    shell(scene, "dd if=/dev/urandom of='%s' bs=8192 seek=1 count=20 "
                 "conv=notrunc status=none");
    inbox_scene_close(scene);
    scene_expect_refused(scene, HAPLO_EINVAL, "DAMAGED INBOXES");
    parcel_free(parcel);
}

/* What SQLite does to the files */

/* Other programs may do all of this at any time. */
static void test_what_other_programs_may_do_is_no_damage(void **state)
{
    static const char *const statements[] = {
        "PRAGMA wal_checkpoint",
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "PRAGMA wal_checkpoint(RESTART)",
        "DELETE FROM big; PRAGMA incremental_vacuum",
        "INSERT INTO big VALUES (zeroblob(300000))",
        "DELETE FROM big",
        "DELETE FROM stored WHERE arrival % 2 = 0",
        "VACUUM",
        "CREATE INDEX mine ON stored (queue)",
        "DROP INDEX mine",
        "DELETE FROM big; PRAGMA incremental_vacuum;"
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "PRAGMA journal_size_limit = 0; PRAGMA wal_checkpoint(RESTART);"
        "INSERT INTO big VALUES (1)",
    };
    enum { COUNT = sizeof(statements) / sizeof(statements[0]) };
    struct scene *scene = *state;
    struct feed *feed = begin(scene);

    for (size_t first = 0; first < COUNT; first++) {
        for (size_t second = 0; second < COUNT; second++) {
            /* The index is there, or not: errors do not matter. */
            sqlite3 *other = reader_open_db(scene->path);

            (void)sqlite3_exec(other, statements[first], NULL, NULL, NULL);
            (void)sqlite3_exec(other, statements[second], NULL, NULL, NULL);
            assert_int_equal(sqlite3_close(other), SQLITE_OK);
            feed_store(feed, "x");
        }
    }
    expect(scene, "PRAGMA integrity_check", "ok");
    assert_int_equal(scene->warning_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define OPENED(test) \
    cmocka_unit_test_setup_teardown(test, scene_setup_open, scene_teardown)
        OPENED(test_a_truncated_inbox_accepts_nothing),
        OPENED(test_an_inbox_that_lost_its_end_accepts_nothing),
        OPENED(test_a_commit_into_a_truncated_inbox_is_not_accepted),
        OPENED(test_an_overwritten_header_is_noticed),
        OPENED(test_a_backup_that_is_put_back_with_cp_is_noticed),
        OPENED(test_a_truncated_wal_is_noticed),
        OPENED(test_no_checkpoint_writes_the_first_page_anew),
        OPENED(test_truncated_shared_memory_is_noticed),
        OPENED(test_a_wal_is_kept_when_sqlite_finds_damage),
        OPENED(test_what_other_programs_may_do_is_no_damage),
#undef OPENED
    };

    faults_install();
    return cmocka_run_group_tests_name("inbox_damage", tests, NULL, NULL);
}
