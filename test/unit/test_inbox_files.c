/*
 * What becomes of the files of an inbox in use: a WAL that a long reader makes
 * grow, copies, and random outages at any moment.
 */
#include <spawn.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "inbox_scene.h"
#include "must.h"
#include "skipped_clock.h"
#include "sqlite_faults.h"

#define MEGABYTE ((size_t)1024 * 1024)

extern char **environ;

static const char *program; /* argv[0], to run itself as a child */

/* The WAL */

static long long wal_size(struct scene *scene)
{
    char path[128];
    struct stat status;

    (void)snprintf(path, sizeof(path), "%s-wal", scene->path);
    return stat(path, &status) == 0 ? status.st_size : -1;
}

/* About a megabyte, as a batch of its own. */
static void store_megabyte(struct feed *feed, uint64_t number)
{
    char *bytes = malloc(MEGABYTE);
    const struct haplo_slice body = {bytes, MEGABYTE};
    struct parcel *parcel;

    MUST(bytes != NULL);
    memset(bytes, 'x', MEGABYTE);
    memcpy(bytes, &number, sizeof(number));
    parcel = parcel_of(feed, &body, 1);
    parcel_store(parcel, 1, 0);
    parcel_confirm(parcel, false);
    scene_settle(feed->scene);
    free(bytes);
}

/* Under steady load it stays at some megabytes. */
static void test_the_wal_stays_small(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "a");

    for (uint64_t i = 0; i < 100; i++) {
        store_megabyte(feed, i);
    }
    assert_in_range(wal_size(scene), 1, 40 * 1024 * 1024);
}

/* A reader that does not end makes it grow, but stalls nothing; when it has
 * ended the WAL is begun again, and cut step by step. */
static void test_a_long_reader_is_survived(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "a");
    sqlite3 *reader = reader_open_db(scene->path);
    long long before;

    reader_run(reader, "BEGIN");
    reader_expect(reader, "SELECT count(*) FROM stored", "0");
    for (uint64_t i = 0; i < 140; i++) {
        store_megabyte(feed, i);
    }
    before = wal_size(scene);
    assert_true(before > 140 * 1024 * 1024);
    reader_expect(reader, "SELECT count(*) FROM stored", "0");
    reader_run(reader, "COMMIT");
    assert_int_equal(sqlite3_close(reader), SQLITE_OK);
    /* The next checkpoint may be a second away, by the loop's clock. */
    for (uint64_t i = 0; i < 200000 && wal_size(scene) >= before; i++) {
        feed_store(feed, "x");
        uv_update_time(&scene->loop);
    }
    assert_true(wal_size(scene) < before);
    assert_true(wal_size(scene) >= 64 * 1024 * 1024);
    expect(scene, "SELECT count(*) FROM stored WHERE length(body) > 1000",
           "140");
}

/* Stores more than the helper lets gather, and lets the time pass after which
 * an operator is warned. */
static void let_the_wal_grow(struct feed *feed, uint64_t number)
{
    for (uint64_t i = 0; i < 30; i++) {
        store_megabyte(feed, number + i);
    }
    clock_skipped_ms += 11000;
    store_megabyte(feed, number + 30);
    store_megabyte(feed, number + 31);
}

/* Stores until the inbox says so. */
static void store_until_warned(struct feed *feed, const char *text)
{
    struct scene *scene = feed->scene;

    for (int i = 0; i < 1000 && strstr(scene->warning, text) == NULL; i++) {
        clock_skipped_ms += 1000;
        feed_store(feed, "x");
        scene_settle(scene);
    }
    assert_non_null(strstr(scene->warning, text));
}

/* The operator can end the program that has been forgotten at a prompt. */
static void test_a_reader_that_stays_is_told(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "a");
    sqlite3 *reader = reader_open_db(scene->path);

    reader_run(reader, "BEGIN");
    reader_expect(reader, "SELECT count(*) FROM stored", "0");
    let_the_wal_grow(feed, 0);
    assert_int_equal(scene->warning_count, 1);
    assert_non_null(strstr(scene->warning, "read transaction open for 1"));
    reader_run(reader, "COMMIT");
    assert_int_equal(sqlite3_close(reader), SQLITE_OK);
    store_until_warned(feed, "being copied to the inbox again");
}

/* Another program that reads, until its stdin is closed. */
static int child_main(const char *path)
{
    sqlite3 *db = reader_open_db(path);
    char byte;

    reader_run(db, "BEGIN; SELECT count(*) FROM stored");
    MUST(write(STDOUT_FILENO, "!", 1) == 1);
    MUST(read(STDIN_FILENO, &byte, 1) == 0);
    MUST(sqlite3_close(db) == SQLITE_OK);
    return 0;
}

struct child {
    pid_t pid;  /* of the process */
    int stream; /* its stdin and stdout */
};

static void child_start(struct child *child, const char *path)
{
    posix_spawn_file_actions_t actions;
    char *arguments[] = {(char *)program, (char *)"--child", (char *)path,
                         NULL};
    int ends[2];
    char byte;

    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    MUST(posix_spawn_file_actions_init(&actions) == 0);
    MUST(posix_spawn_file_actions_adddup2(&actions, ends[1], 0) == 0);
    MUST(posix_spawn_file_actions_adddup2(&actions, ends[1], 1) == 0);
    MUST(posix_spawn(&child->pid, program, &actions, NULL, arguments,
                     environ) == 0);
    MUST(posix_spawn_file_actions_destroy(&actions) == 0);
    MUST(close(ends[1]) == 0);
    child->stream = ends[0];
    MUST(read(child->stream, &byte, 1) == 1);
}

static void child_end(struct child *child)
{
    int status;

    MUST(close(child->stream) == 0);
    MUST(waitpid(child->pid, &status, 0) == child->pid);
    assert_int_equal(status, 0);
}

/* Nobody knows which of many programs it is. */
static void test_the_program_of_a_reader_is_named(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "a");
    struct child child;
    char expected[96];

    child_start(&child, scene->path);
    let_the_wal_grow(feed, 0);
    (void)snprintf(expected, sizeof(expected),
                   "MB because test_inbox_file (process %ld) has kept a read "
                   "transaction open for 1",
                   (long)child.pid); /* a name has 15 bytes there */
    assert_int_equal(scene->warning_count, 1);
    if (strstr(scene->warning, expected) == NULL) {
        fail_msg("%s", scene->warning);
    }
    child_end(&child);
    store_until_warned(feed, "being copied to the inbox again");
}

/* Stores megabytes until the inbox refuses one; returns how many it has. */
static int64_t store_until_held(struct feed *feed, char *bytes)
{
    const struct haplo_slice body = {bytes, MEGABYTE};

    for (int64_t i = 0; i < 100; i++) {
        struct parcel *parcel;
        enum inbox_verdict verdict;

        memcpy(bytes, &i, sizeof(i));
        parcel = parcel_of(feed, &body, 1);
        parcel_send(parcel);
        parcel_wait(parcel);
        verdict = parcel->verdict;
        if (verdict != INBOX_STORED) {
            parcel_free(parcel);
            return i;
        }
        parcel_expect_stored(parcel, 1, 0);
        parcel_lose(parcel);
        scene_settle(feed->scene); /* the helper tries to copy */
    }
    fail_msg("it stores everything");
    return 0;
}

/* It would fill the disk, and harm all that is on it. Nothing is lost: what is
 * not stored stays unread on its server. */
static void test_a_wal_that_has_reached_its_limit_holds_up_storing(void **state)
{
    struct scene *scene = *state;
    struct feed *feed;
    struct parcel *parcel;
    struct child child;
    char *bytes = calloc(1, MEGABYTE);
    int64_t count;

    MUST(bytes != NULL);
    scene->wal_bytes_max = 30 * 1024 * 1024;
    scene_reopen(scene);
    feed = feed_open(scene, "live", "a");
    child_start(&child, scene->path);
    count = store_until_held(feed, bytes);
    assert_in_range(count, 29, 60);
    assert_in_range(wal_size(scene), 30 << 20, 64 << 20);
    parcel = parcel_new(feed, "x", NULL);
    for (int i = 0; i < 3; i++) {
        clock_skipped_ms += 2000;
        parcel_expect_retry(parcel, "storing waits until test_inbox_file (");
    }
    child_end(&child);
    for (int i = 0; i < 10 && parcel->verdict != INBOX_STORED; i++) {
        clock_skipped_ms += 2000;
        parcel_send(parcel);
        parcel_wait(parcel);
        scene_settle(scene); /* the helper copies */
    }
    parcel_expect_stored(parcel, 1, 0);
    parcel_confirm(parcel, true);
    scene_settle(scene);
    assert_int_equal(query_int64(scene, "SELECT count(*) FROM stored"),
                     count + 1);
    free(bytes);
}

/* No reader is blamed for a disk that has no room for the inbox itself. */
static void test_a_wal_that_cannot_be_copied_is_told(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "a");

    atomic_store(&fault_checkpoints_fail, true);
    let_the_wal_grow(feed, 0);
    assert_int_equal(scene->warning_count, 1);
    assert_non_null(strstr(scene->warning, "cannot be copied to the inbox"));
    assert_non_null(strstr(scene->warning, "the disk is full"));
    faults_clear();
    store_until_warned(feed, "being copied to the inbox again");
    expect(scene, "SELECT count(*) FROM stored WHERE length(body) > 1000",
           "32");
}

/* Copies */

static void copy_path(struct scene *scene, char path[128])
{
    (void)snprintf(path, 128, "%s/copy.db", scene->folder);
}

/* A copy of an inbox in use is an inbox, with all that was committed. */
static void test_a_backup_is_an_inbox(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "a");
    struct parcel *parcel = parcel_new(feed, "one", NULL);
    char why[HAPLO_TEXT_SIZE_MAX];
    char to[128];
    char part[140];
    struct stat status;

    copy_path(scene, to);
    parcel_store(parcel, 1, 0);
    parcel_lose(parcel);
    assert_int_equal(inbox_sqlite_backup(scene->path, to, why, sizeof(why)), 0);
    feed_store(feed, "two");
    assert_int_equal(stat(to, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    (void)snprintf(part, sizeof(part), "%s.part", to);
    assert_int_not_equal(access(part, F_OK), 0);
    inbox_scene_close(scene);
    memcpy(scene->path, to, sizeof(scene->path));
    inbox_scene_open(scene);
    expect(scene, "SELECT body FROM messages", "one");
    expect(scene, "PRAGMA integrity_check", "ok");
    /* Its queues go on from what the copy has. */
    feed = feed_open(scene, "live", "a");
    parcel = parcel_new(feed, "one", "three", NULL);
    parcel_store(parcel, 1, 1);
    parcel_confirm(parcel, true);
}

/* Commits go on while the copy is made, and are not in it. */
static void test_a_backup_while_messages_arrive(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "a");
    struct parcel *parcel;
    char why[HAPLO_TEXT_SIZE_MAX];
    char to[128];

    copy_path(scene, to);
    for (uint64_t i = 0; i < 5; i++) {
        store_megabyte(feed, i);
    }
    parcel = parcel_new(feed, "meanwhile", NULL);
    parcel_send(parcel);
    (void)uv_run(&scene->loop, UV_RUN_NOWAIT); /* the writer has it */
    assert_int_equal(inbox_sqlite_backup(scene->path, to, why, sizeof(why)), 0);
    parcel_wait(parcel);
    parcel_expect_stored(parcel, 1, 0);
    parcel_confirm(parcel, true);
    memcpy(scene->path, to, sizeof(scene->path));
    expect(scene, "PRAGMA integrity_check", "ok");
    expect(scene, "SELECT count(*) FROM stored WHERE length(body) > 1000", "5");
}

static void expect_no_backup(const char *path, const char *to,
                             const char *expected)
{
    char why[HAPLO_TEXT_SIZE_MAX] = "";

    assert_int_not_equal(inbox_sqlite_backup(path, to, why, sizeof(why)), 0);
    assert_null(strchr(why, '\n'));
    if (strstr(why, expected) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", expected, why);
    }
}

static void test_backups_that_cannot_be_made(void **state)
{
    struct scene *scene = *state;
    char to[128];
    char path[128];

    copy_path(scene, to);
    expect_no_backup("/no/such/file", to, "is missing or empty");
    expect_no_backup(scene->path, scene->path, "exists already");
    (void)snprintf(path, sizeof(path), "%s/no/copy.db", scene->folder);
    expect_no_backup(scene->path, path, "no such file or directory");
    atomic_store(&fault_disk_is_full, true);
    expect_no_backup(scene->path, to, "disk");
    atomic_store(&fault_disk_is_full, false);
    assert_int_not_equal(access(to, F_OK), 0);
    inbox_scene_close(scene);
    run(scene, "PRAGMA application_id = 1");
    expect_no_backup(scene->path, to, "not an inbox");
    assert_int_not_equal(access(to, F_OK), 0);
}

/* Random runs */

#define WALKER_COUNT 6
#define WALKER_MESSAGES_MAX 8
#define STEP_COUNT 400

/* A queue whose server has these messages unread, and how often each must be
 * stored by now. Few different texts, so that equal ones are common. */
struct walker {
    struct feed *feed;                              /* its queue */
    struct parcel *parcel;                          /* on its way, or NULL */
    struct haplo_slice bodies[WALKER_MESSAGES_MAX]; /* unread */
    size_t count;                                   /* of bodies */
    size_t marked;                                  /* messages, all the time */
};

static void walker_fetch(struct walker *walker, unsigned *seed)
{
    static const char texts[] = "0123";

    while (walker->count == 0 ||
           (walker->count < WALKER_MESSAGES_MAX && rand_r(seed) % 3 == 0)) {
        walker->bodies[walker->count++] =
            (struct haplo_slice){&texts[rand_r(seed) % 4], 1};
    }
    walker->parcel = parcel_of(walker->feed, walker->bodies, walker->count);
    parcel_send(walker->parcel);
}

/* It was stored: its mark is confirmed, or lost. */
static void walker_mark(struct walker *walker, unsigned *seed)
{
    delivery_state_accept(&walker->feed->known, walker->parcel->batch);
    if (rand_r(seed) % 2 == 0) {
        parcel_lose(walker->parcel);
    } else {
        walker->marked += walker->count;
        walker->count = 0;
        parcel_confirm(walker->parcel, true);
    }
    walker->parcel = NULL;
}

static void walker_step(struct walker *walker, unsigned *seed)
{
    if (walker->parcel == NULL) {
        walker_fetch(walker, seed);
        return;
    }
    if (walker->parcel->answer_count == 0) {
        return;
    }
    switch (walker->parcel->verdict) {
    case INBOX_STORED:
        walker_mark(walker, seed);
        break;
    case INBOX_RETRY:
        parcel_send(walker->parcel);
        break;
    case INBOX_STALE: /* by a confirmed state that was given up at the end */
        feed_adopt(walker->feed,
                   (struct haplo_slice){walker->parcel->stored,
                                        walker->parcel->stored_size});
        parcel_free(walker->parcel);
        walker->parcel = NULL;
        break;
    default:
        fail_msg("%s", walker->parcel->text);
    }
}

static void outage_step(sqlite3 *other, unsigned *seed)
{
    switch (rand_r(seed) % 40) {
    case 0:
        atomic_store(&fault_disk_is_full, !atomic_load(&fault_disk_is_full));
        break;
    case 1:
        (void)sqlite3_exec(other,
                           sqlite3_get_autocommit(other) ? "BEGIN IMMEDIATE"
                                                         : "ROLLBACK",
                           NULL, NULL, NULL);
        break;
    case 2:
        atomic_store(&fault_allocations_left, 1 + rand_r(seed) % 50);
        break;
    case 3:
        atomic_store(&fault_sync_fails, !atomic_load(&fault_sync_fails));
        break;
    default:
        break;
    }
}

/* Without faults, all that is on its way is stored, and marked. */
static void walkers_end(struct scene *scene, struct walker *walkers)
{
    unsigned always = 1;

    faults_clear();
    for (size_t i = 0; i < WALKER_COUNT; i++) {
        while (walkers[i].parcel != NULL || walkers[i].count > 0) {
            walker_step(&walkers[i], &always);
            scene_settle(scene);
        }
    }
}

/* Whatever fails at any moment, in the end each message is there once. */
static void test_random_runs_store_each_message_once(void **state)
{
    struct scene *scene = *state;
    struct walker walkers[WALKER_COUNT];
    const char *given = getenv("HAPLO_TEST_SEED");
    unsigned seed = given != NULL ? (unsigned)strtoul(given, NULL, 10)
                                  : (unsigned)uv_hrtime();
    char name[2] = "a";
    size_t marked = 0;
    sqlite3 *other = reader_open_db(scene->path);

    print_message("HAPLO_TEST_SEED=%u\n", seed);
    memset(walkers, 0, sizeof(walkers));
    for (size_t i = 0; i < WALKER_COUNT; i++) {
        name[0] = (char)('a' + i);
        walkers[i].feed = feed_open(scene, "live", name);
    }
    for (int step = 0; step < STEP_COUNT; step++) {
        walker_step(&walkers[rand_r(&seed) % WALKER_COUNT], &seed);
        (void)uv_run(&scene->loop, UV_RUN_NOWAIT);
        outage_step(other, &seed);
    }
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    walkers_end(scene, walkers);
    for (size_t i = 0; i < WALKER_COUNT; i++) {
        marked += walkers[i].marked;
    }
    assert_int_equal(query_int64(scene, "SELECT count(*) FROM messages"),
                     marked);
    expect(scene, "PRAGMA integrity_check", "ok");
    assert_int_equal(scene->warning_count, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define OPENED(test) \
    cmocka_unit_test_setup_teardown(test, scene_setup_open, scene_teardown)
        OPENED(test_the_wal_stays_small),
        OPENED(test_a_long_reader_is_survived),
        OPENED(test_a_reader_that_stays_is_told),
        OPENED(test_the_program_of_a_reader_is_named),
        OPENED(test_a_wal_that_has_reached_its_limit_holds_up_storing),
        OPENED(test_a_wal_that_cannot_be_copied_is_told),
        OPENED(test_a_backup_is_an_inbox),
        OPENED(test_a_backup_while_messages_arrive),
        OPENED(test_backups_that_cannot_be_made),
        OPENED(test_random_runs_store_each_message_once),
#undef OPENED
    };

    if (argc == 3 && strcmp(argv[1], "--child") == 0) {
        return child_main(argv[2]);
    }
    program = argv[0];
    faults_install();
    return cmocka_run_group_tests_name("inbox_files", tests, NULL, NULL);
}
