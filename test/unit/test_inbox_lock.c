/*
 * The lock of an inbox: a second process is kept out and told who is in, by
 * whatever path it comes; and what becomes of it when its file is removed.
 * Locks belong to an open file, so two inboxes in this process exclude each
 * other as two processes do.
 */
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "inbox_scene.h"
#include "must.h"

#define CHILD_COUNT 6
#define ROUND_COUNT 10

extern char **environ;

static const char *program; /* argv[0], to run itself as a child */

/* Another process with this path for the inbox. */
static void second_init(struct scene *second, const char *path)
{
    memset(second, 0, sizeof(*second));
    (void)snprintf(second->path, sizeof(second->path), "%s", path);
    MUST(uv_loop_init(&second->loop) == 0);
}

static void second_end(struct scene *second)
{
    assert_int_equal(uv_loop_close(&second->loop), 0);
}

static void expect_kept_out(const char *path)
{
    struct scene second;
    char expected[160];

    second_init(&second, path);
    assert_int_equal(scene_try_open(&second), HAPLO_EEXIST);
    (void)snprintf(expected, sizeof(expected), "is in use by process %ld on ",
                   (long)getpid());
    if (strstr(second.why, expected) == NULL ||
        strstr(second.why, "(a test, since 20") == NULL) {
        fail_msg("%s", second.why);
    }
    second_end(&second);
}

static void lock_path(const struct scene *scene, char path[128])
{
    (void)snprintf(path, 128, "%s.lock", scene->path);
}

/* Both would fetch the same batches. */
static void test_a_second_process_is_told_who_is_in(void **state)
{
    struct scene *scene = *state;

    expect_kept_out(scene->path);
    feed_store(feed_open(scene, "live", "a"), "x");
    expect_kept_out(scene->path);
}

/* An inbox has one lock, whatever it is called. */
static void test_other_paths_lead_to_the_same_lock(void **state)
{
    struct scene *scene = *state;
    char path[128];
    char before[PATH_MAX];

    assert_non_null(getcwd(before, sizeof(before)));
    assert_int_equal(chdir(scene->folder), 0);
    expect_kept_out("inbox.db");
    expect_kept_out("./inbox.db");
    assert_int_equal(symlink("inbox.db", "link.db"), 0);
    expect_kept_out("link.db");
    assert_int_equal(mkdir("below", 0700), 0);
    assert_int_equal(symlink(scene->folder, "below/up"), 0);
    expect_kept_out("below/up/link.db");
    assert_int_equal(chdir(before), 0);
    (void)snprintf(path, sizeof(path), "%s/below/../inbox.db", scene->folder);
    expect_kept_out(path);
}

/* A takeover needs no cleaning up. */
static void test_the_lock_ends_with_the_inbox(void **state)
{
    struct scene *scene = *state;
    struct scene second;
    char path[128];
    struct stat status;

    inbox_scene_close(scene);
    lock_path(scene, path);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_size, 0);
    second_init(&second, scene->path);
    inbox_scene_open(&second);
    assert_int_equal(scene_try_open(scene), HAPLO_EEXIST);
    inbox_scene_close(&second);
    second_end(&second);
    inbox_scene_open(scene);
}

/* Readers, and commands that copy, do not take it. */
static void test_a_copy_needs_no_lock(void **state)
{
    struct scene *scene = *state;
    char to[128];
    char why[HAPLO_TEXT_SIZE_MAX];

    (void)snprintf(to, sizeof(to), "%s/copy.db", scene->folder);
    assert_int_equal(inbox_sqlite_backup(scene->path, to, why, sizeof(why)), 0);
}

/* Nobody else came: it is taken again, and keeps others out as before. */
static void test_a_removed_lock_is_taken_again(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "a");
    char path[128];

    lock_path(scene, path);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(unlink(path), 0);
        feed_store(feed, "x");
        expect_kept_out(scene->path);
    }
    assert_int_equal(scene->warning_count, 0);
}

/* Another one came in between. Whoever has the lock stores; the other waits,
 * knows why, and goes on from what was stored meanwhile. */
static void test_a_lock_that_was_lost_is_told(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "a");
    struct parcel *parcel;
    struct scene second;
    char path[128];

    feed_store(feed, "one");
    lock_path(scene, path);
    assert_int_equal(unlink(path), 0);
    second_init(&second, scene->path);
    inbox_scene_open(&second);
    parcel = parcel_new(feed, "two", NULL);
    parcel_expect_retry(parcel, "is in use by process");
    feed_store(feed_open(&second, "live", "a"), "three");
    parcel_expect_retry(parcel, "is in use by process");
    inbox_scene_close(&second);
    second_end(&second);
    delivery_state_free(&second.feeds->known);
    free(second.feeds);
    parcel_send(parcel);
    parcel_wait(parcel);
    assert_int_equal(parcel->verdict, INBOX_STALE);
    feed_adopt(feed, (struct haplo_slice){parcel->stored, parcel->stored_size});
    parcel_free(parcel);
    feed_store(feed, "two");
    expect(scene, "SELECT body FROM messages", "one;three;two");
}

/* A process that was killed has left its line. */
static void test_a_dead_process_is_not_named(void **state)
{
    struct scene *scene = *state;
    char path[128];
    FILE *file;

    inbox_scene_close(scene);
    lock_path(scene, path);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fprintf(file, "process 4194305 on elsewhere (x, since y)\n") >
                0);
    assert_int_equal(fclose(file), 0);
    inbox_scene_open(scene);
    expect_kept_out(scene->path);
}

/* The name may be a trap, or something else. */
static void test_a_lock_that_cannot_be_opened_is_told(void **state)
{
    struct scene *scene = *state;
    char path[128];

    lock_path(scene, path);
    assert_int_equal(symlink("precious", path), 0);
    scene_expect_refused(scene, HAPLO_EINVAL, ".lock: cannot be opened");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    scene_expect_refused(scene, HAPLO_EINVAL, ".lock: cannot be opened");
    assert_int_equal(rmdir(path), 0);
    inbox_scene_open(scene);
}

/* Simultaneous starts */

/* Opens, tells the result in a line, and closes when stdin ends. */
static int child_main(const char *path)
{
    struct scene scene;
    char go;

    second_init(&scene, path);
    if (read(STDIN_FILENO, &go, 1) != 1) { /* all at once */
        return 2;
    }
    (void)scene_try_open(&scene);
    (void)printf("%s\n", scene.inbox != NULL ? "open" : scene.why);
    (void)fflush(stdout);
    if (read(STDIN_FILENO, &go, 1) != 0) {
        return 2;
    }
    if (scene.inbox != NULL) {
        inbox_scene_close(&scene);
    }
    second_end(&scene);
    return 0;
}

struct child {
    pid_t pid;  /* of the process */
    int input;  /* its stdin */
    FILE *line; /* its stdout */
};

static void child_start(struct child *child, const char *path)
{
    posix_spawn_file_actions_t actions;
    char *arguments[] = {(char *)program, (char *)"--child", (char *)path,
                         NULL};
    int in[2];
    int out[2];

    MUST(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
    MUST(posix_spawn_file_actions_init(&actions) == 0);
    MUST(posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO) == 0);
    MUST(posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO) ==
         0);
    MUST(posix_spawn(&child->pid, program, &actions, NULL, arguments,
                     environ) == 0);
    MUST(posix_spawn_file_actions_destroy(&actions) == 0);
    MUST(close(in[0]) == 0 && close(out[1]) == 0);
    child->input = in[1];
    child->line = fdopen(out[0], "r");
    MUST(child->line != NULL);
}

static void child_end(struct child *child)
{
    int status;

    assert_int_equal(close(child->input), 0);
    assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
    assert_int_equal(status, 0);
    assert_int_equal(fclose(child->line), 0);
}

/* One wins, the others are told who: also where the inbox is just being
 * created, of which SQLite would say that it is locked, or its WAL alone. */
static void test_of_many_that_start_at_once_one_wins(void **state)
{
    struct scene *scene = *state;
    struct child children[CHILD_COUNT];
    char line[HAPLO_TEXT_SIZE_MAX + 2];
    char path[128];

    for (int round = 0; round < ROUND_COUNT; round++) {
        int open_count = 0;

        (void)snprintf(path, sizeof(path), "%s/%d.db", scene->folder,
                       round / 2); /* every other time it exists */
        for (int i = 0; i < CHILD_COUNT; i++) {
            child_start(&children[i], path);
        }
        for (int i = 0; i < CHILD_COUNT; i++) {
            assert_int_equal(write(children[i].input, "!", 1), 1);
        }
        for (int i = 0; i < CHILD_COUNT; i++) {
            assert_non_null(fgets(line, sizeof(line), children[i].line));
            open_count += strcmp(line, "open\n") == 0;
            if (strcmp(line, "open\n") != 0 &&
                strstr(line, "is in use by process ") == NULL) {
                fail_msg("%s", line);
            }
        }
        assert_int_equal(open_count, 1);
        for (int i = 0; i < CHILD_COUNT; i++) {
            child_end(&children[i]);
        }
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define OPENED(test) \
    cmocka_unit_test_setup_teardown(test, scene_setup_open, scene_teardown)
#define CLOSED(test) \
    cmocka_unit_test_setup_teardown(test, scene_setup, scene_teardown)
        OPENED(test_a_second_process_is_told_who_is_in),
        OPENED(test_other_paths_lead_to_the_same_lock),
        OPENED(test_the_lock_ends_with_the_inbox),
        OPENED(test_a_copy_needs_no_lock),
        OPENED(test_a_removed_lock_is_taken_again),
        OPENED(test_a_lock_that_was_lost_is_told),
        OPENED(test_a_dead_process_is_not_named),
        CLOSED(test_a_lock_that_cannot_be_opened_is_told),
        CLOSED(test_of_many_that_start_at_once_one_wins),
#undef OPENED
#undef CLOSED
    };

    if (argc == 3 && strcmp(argv[1], "--child") == 0) {
        return child_main(argv[2]);
    }
    program = argv[0];
    faults_install();
    return cmocka_run_group_tests_name("inbox_lock", tests, NULL, NULL);
}
