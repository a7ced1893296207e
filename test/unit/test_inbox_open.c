/*
 * Opening: what can be an inbox, what is refused and how that is told;
 * upgrades; and what a process leaves behind that was killed.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "inbox/sqlite/schema.h"
#include "inbox_scene.h"
#include "sqlite_faults.h"

extern char **environ;

static const char *program; /* argv[0], to run itself as a child */

static void file_write(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Files that become an inbox */

/* Messages are private; the umask only takes away. */
static void test_a_new_inbox_is_for_its_owner_only(void **state)
{
    struct scene *scene = *state;
    mode_t before = umask(0);
    char path[128];
    struct stat status;

    inbox_scene_open(scene);
    (void)umask(before);
    assert_int_equal(stat(scene->path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    (void)snprintf(path, sizeof(path), "%s-wal", scene->path);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
}

/* Outlets make their messages' identity of it. */
static void test_an_inbox_keeps_its_uuid(void **state)
{
    struct scene *scene = *state;
    char uuid[INBOX_UUID_SIZE];

    inbox_scene_open(scene);
    memcpy(uuid, inbox_uuid(scene->inbox), sizeof(uuid));
    assert_int_equal(strlen(uuid), 36);
    assert_int_equal(uuid[14], '4');
    assert_non_null(strchr("89ab", uuid[19]));
    expect(scene, "SELECT uuid FROM inbox", uuid);
    expect(scene,
           "SELECT count(*), abs(created_at / 1000 -"
           " CAST(strftime('%s', 'now') AS INTEGER)) < 100 FROM inbox",
           "1|1");
    inbox_scene_close(scene);
    inbox_scene_open(scene);
    assert_string_equal(inbox_uuid(scene->inbox), uuid);
}

/* A process that died between making the file and filling it. */
static void test_an_empty_file_becomes_an_inbox(void **state)
{
    struct scene *scene = *state;

    file_write(scene->path, "");
    inbox_scene_open(scene);
    expect(scene, "SELECT count(*) FROM messages", "0");
}

/* SQLite would take some names for a URI or for memory. */
static void test_a_path_is_only_a_path(void **state)
{
    static const char *const names[] = {":memory:", "file:x?mode=memory"};
    struct scene *scene = *state;
    char before[PATH_MAX];

    assert_non_null(getcwd(before, sizeof(before)));
    assert_int_equal(chdir(scene->folder), 0);
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(scene->path, sizeof(scene->path), "%s", names[i]);
        inbox_scene_open(scene);
        inbox_scene_close(scene);
        assert_int_equal(access(names[i], F_OK), 0);
    }
    assert_int_equal(chdir(before), 0);
}

/* Files that are refused */

static void test_paths_that_cannot_be_an_inbox(void **state)
{
    struct scene *scene = *state;
    char path[96];

    (void)snprintf(path, sizeof(path), "%s", scene->path);
    (void)snprintf(scene->path, sizeof(scene->path), "%s", scene->folder);
    scene_expect_refused(scene, HAPLO_EINVAL, "is a folder");
    (void)snprintf(scene->path, sizeof(scene->path), "%s/no/inbox.db",
                   scene->folder);
    scene_expect_refused(scene, HAPLO_EINVAL, "no such file or directory");
    (void)snprintf(scene->path, sizeof(scene->path), "%s", path);
    assert_int_equal(symlink("nowhere", scene->path), 0);
    scene_expect_refused(scene, HAPLO_EINVAL, "no such file or directory");
    assert_int_equal(unlink(scene->path), 0);
    assert_int_equal(mkfifo(scene->path, 0600), 0);
    scene_expect_refused(scene, HAPLO_EINVAL, "not a file");
}

static void test_files_that_are_no_inbox(void **state)
{
    struct scene *scene = *state;

    file_write(scene->path, "this is a letter, and a rather long one, "
                            "so that it cannot be taken for a header.\n");
    scene_expect_refused(scene, HAPLO_EINVAL, "not an SQLite database");
    assert_int_equal(unlink(scene->path), 0);
    run(scene, "CREATE TABLE mine (x)");
    scene_expect_refused(scene, HAPLO_EINVAL, "not an inbox");
    expect(scene, "PRAGMA journal_mode", "delete"); /* and is untouched */
    run(scene, "DROP TABLE mine; PRAGMA user_version = 1");
    scene_expect_refused(scene, HAPLO_EINVAL, "not an inbox");
    run(scene, "PRAGMA user_version = 0; PRAGMA application_id = 1");
    scene_expect_refused(scene, HAPLO_EINVAL, "not an inbox");
}

/* The -wal holds messages that are nowhere else; SQLite would throw it away. */
static void test_a_wal_without_its_file_is_kept(void **state)
{
    struct scene *scene = *state;
    char wal[128];
    struct stat status;

    (void)snprintf(wal, sizeof(wal), "%s-wal", scene->path);
    file_write(wal, "messages");
    scene_expect_refused(scene, HAPLO_EINVAL, "its -wal exists");
    assert_int_equal(stat(wal, &status), 0);
    assert_int_equal(status.st_size, 8);
    assert_int_not_equal(access(scene->path, F_OK), 0);
}

static void test_a_newer_inbox_is_refused(void **state)
{
    struct scene *scene = *state;

    inbox_scene_open(scene);
    inbox_scene_close(scene);
    run(scene, "PRAGMA user_version = 9");
    scene_expect_refused(scene, HAPLO_EINVAL,
                         "an inbox of version 9, made by a newer haplo-poll");
}

static void test_a_locked_file_is_told_at_opening(void **state)
{
    struct scene *scene = *state;
    sqlite3 *other = reader_open_db(scene->path);

    reader_run(other, "BEGIN EXCLUSIVE");
    scene_expect_refused(scene, HAPLO_EBUSY, "another program holds a lock");
    reader_run(other, "COMMIT");
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    inbox_scene_open(scene);
}

/* The configuration is right, so that nobody should be told to correct it. */
static void test_a_disk_that_fails_is_not_a_wrong_path(void **state)
{
    struct scene *scene = *state;

    atomic_store(&fault_disk_is_full, true);
    scene_expect_refused(scene, HAPLO_EDELIVERY, "the disk is full");
    atomic_store(&fault_disk_is_full, false);
    atomic_store(&fault_sync_fails, true);
    scene_expect_refused(scene, HAPLO_EDELIVERY, "reports an error");
    atomic_store(&fault_sync_fails, false);
    inbox_scene_open(scene);
}

/* Root may write everywhere, so another user tries. */
static void test_files_without_permission(void **state)
{
    struct scene *scene = *state;
    bool is_root = geteuid() == 0;

    inbox_scene_open(scene);
    inbox_scene_close(scene);
    assert_int_equal(chmod(scene->path, 0444), 0);
    assert_int_equal(chmod(scene->folder, 0755), 0);
    if (is_root) {
        assert_int_equal(seteuid(65534), 0);
    }
    scene_expect_refused(scene, HAPLO_EINVAL, "cannot be written");
    (void)snprintf(scene->path + strlen(scene->path), 3, "2");
    if (is_root) {
        scene_expect_refused(scene, HAPLO_EINVAL, "permission denied");
        assert_int_equal(seteuid(0), 0);
    }
}

/* Upgrades */

static int migrate(struct scene *scene, const char *const *steps, int count)
{
    sqlite3 *db = reader_open_db(scene->path);
    struct reason why;
    int error = schema_migrate(db, steps, count, scene->path, &why);

    (void)snprintf(scene->why, sizeof(scene->why), "%s",
                   error != 0 ? why.text : "");
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return error;
}

/* Version 2 will come: the way to it, with rows in the tables. */
static void test_upgrades_run_once_and_whole(void **state)
{
    struct scene *scene = *state;
    const char *steps[] = {
        schema_steps[0],
        "ALTER TABLE stored ADD COLUMN read_at TEXT;",
        "UPDATE stored SET read_at = 'x'; SELECT nonsense;",
    };

    inbox_scene_open(scene);
    feed_store(feed_open(scene, "live", "a"), "x");
    inbox_scene_close(scene);
    assert_int_equal(migrate(scene, steps, 2), 0);
    assert_int_equal(migrate(scene, steps, 2), 0);
    expect(scene, "PRAGMA user_version", "2");
    assert_int_equal(migrate(scene, steps, 3), HAPLO_EINVAL);
    assert_non_null(strstr(scene->why, "nonsense"));
    expect(scene, "PRAGMA user_version", "2");
    expect(scene, "SELECT body, read_at FROM stored", "x|NULL");
    scene_expect_refused(scene, HAPLO_EINVAL, "newer haplo-poll");
}

/* A view is text in the file: one whose text is damaged may show nothing of
 * what is stored, and what is then marked is out of everybody's sight. */
static void test_damaged_definitions_are_refused(void **state)
{
    struct scene *scene = *state;

    inbox_scene_open(scene);
    inbox_scene_close(scene);
    run(scene, "CREATE INDEX mine ON stored (queue)");
    inbox_scene_open(scene);
    inbox_scene_close(scene);
    run(scene, "PRAGMA writable_schema = ON;"
               "UPDATE sqlite_master SET sql = replace(sql, 'stored', 'stared')"
               " WHERE name = 'messages'");
    scene_expect_refused(scene, HAPLO_EINVAL,
                         "the view messages is not as it should be");
}

/* Crashes */

struct child {
    struct parcel *parcel; /* being delivered */
    struct feed *feed;     /* whose */
    char body[32];         /* of its message */
    uint32_t number;       /* the same */
};

static struct child children[4];

static void child_send(struct child *child);

/* Writes down what was accepted, and goes on, forever. */
static void child_answered(struct inbox_delivery *delivery,
                           enum inbox_verdict verdict, const char *why)
{
    struct child *child = NULL;

    (void)why;
    for (size_t i = 0; i < 4; i++) {
        child =
            &children[i].parcel->delivery == delivery ? &children[i] : child;
    }
    if (verdict != INBOX_STORED ||
        write(STDOUT_FILENO, &child->number, sizeof(child->number)) !=
            (ssize_t)sizeof(child->number)) {
        _exit(1);
    }
    delivery_state_accept(&child->feed->known, child->parcel->batch);
    child->number += 1000;
    if (child->number % 3 == 0) {
        parcel_lose(child->parcel);
    } else {
        parcel_confirm(child->parcel, false);
    }
    child_send(child);
}

static void child_send(struct child *child)
{
    (void)snprintf(child->body, sizeof(child->body), "%" PRIu32, child->number);
    child->parcel = parcel_new(child->feed, child->body, NULL);
    child->parcel->delivery.delivered_cb = child_answered;
    inbox_deliver(&child->parcel->delivery);
}

static int child_main(const char *path)
{
    static struct scene scene;
    char name[2] = "a";

    (void)snprintf(scene.path, sizeof(scene.path), "%s", path);
    if (uv_loop_init(&scene.loop) != 0) {
        return 1;
    }
    inbox_scene_open(&scene);
    for (uint32_t i = 0; i < 4; i++) {
        name[0] = (char)('a' + i);
        children[i].feed = feed_open(&scene, "live", name);
        children[i].number = i;
        child_send(&children[i]);
    }
    return uv_run(&scene.loop, UV_RUN_DEFAULT);
}

static pid_t child_start(const char *path, int *output)
{
    posix_spawn_file_actions_t actions;
    char *arguments[] = {(char *)program, (char *)"--child", (char *)path,
                         NULL};
    int ends[2];
    pid_t pid;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    assert_int_equal(
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO), 0);
    assert_int_equal(
        posix_spawn(&pid, program, &actions, NULL, arguments, environ), 0);
    assert_int_equal(posix_spawn_file_actions_destroy(&actions), 0);
    assert_int_equal(close(ends[1]), 0);
    *output = ends[0];
    return pid;
}

/* Accepted means durable, also when the process dies at any moment. */
static void test_a_killed_process_loses_nothing(void **state)
{
    struct scene *scene = *state;
    uint32_t accepted[4] = {0};
    size_t accepted_count = 0;
    uint32_t number;
    char sql[160];
    char expected[32];
    int output;
    int status;
    pid_t pid = child_start(scene->path, &output);

    /* After the kill the pipe still holds what was accepted before it. */
    while (read(output, &number, sizeof(number)) == (ssize_t)sizeof(number)) {
        accepted[number % 1000] = number / 1000 + 1;
        accepted_count++;
        if (accepted_count == 80) {
            assert_int_equal(kill(pid, SIGKILL), 0);
        }
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_int_equal(close(output), 0);
    for (unsigned i = 0; i < 4; i++) {
        (void)snprintf(sql, sizeof(sql),
                       "SELECT count(DISTINCT body) FROM messages WHERE"
                       " queue = '%c' AND body / 1000 < %" PRIu32,
                       'a' + (int)i, accepted[i]);
        (void)snprintf(expected, sizeof(expected), "%" PRIu32, accepted[i]);
        expect(scene, sql, expected);
    }
    expect(scene,
           "SELECT count(*) FROM messages GROUP BY queue, body"
           " HAVING count(*) > 1",
           "");
    expect(scene, "PRAGMA integrity_check", "ok");
    inbox_scene_open(scene);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define CLOSED(test) \
    cmocka_unit_test_setup_teardown(test, scene_setup, scene_teardown)
        CLOSED(test_a_new_inbox_is_for_its_owner_only),
        CLOSED(test_an_inbox_keeps_its_uuid),
        CLOSED(test_an_empty_file_becomes_an_inbox),
        CLOSED(test_a_path_is_only_a_path),
        CLOSED(test_paths_that_cannot_be_an_inbox),
        CLOSED(test_files_that_are_no_inbox),
        CLOSED(test_a_wal_without_its_file_is_kept),
        CLOSED(test_a_newer_inbox_is_refused),
        CLOSED(test_a_locked_file_is_told_at_opening),
        CLOSED(test_a_disk_that_fails_is_not_a_wrong_path),
        CLOSED(test_files_without_permission),
        CLOSED(test_upgrades_run_once_and_whole),
        CLOSED(test_damaged_definitions_are_refused),
        CLOSED(test_a_killed_process_loses_nothing),
#undef CLOSED
    };

    if (argc == 3 && strcmp(argv[1], "--child") == 0) {
        return child_main(argv[2]);
    }
    program = argv[0];
    faults_install();
    return cmocka_run_group_tests_name("inbox_open", tests, NULL, NULL);
}
