/*
 * How commands are ended, and everything that they have started with them:
 * nothing keeps an outlet from going on or from being closed.
 */
#include <sys/resource.h>

#include "exec_scene.h"

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

/* A file that processes hold open for as long as they exist. The test must not
 * be mistaken for one of them, so it only reads. */
static int alive_open(struct scene *scene)
{
    int reader;

    assert_int_equal(mkfifo(path_in(scene, "alive"), 0600), 0);
    reader = open(path_in(scene, "alive"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(reader >= 0);
    return reader;
}

/* Until one of them has written this byte, or the parcel is done: false. */
static bool alive_wait(struct scene *scene, const struct bundle *bundle,
                       int reader, char expected)
{
    uint64_t end_ns = uv_hrtime() + UINT64_C(1000000) * CAP_MS;
    char byte = '\0';

    while (bundle->done_count == 0) {
        if (read(reader, &byte, 1) == 1 && byte == expected) {
            return true;
        }
        (void)uv_run(&scene->loop, UV_RUN_NOWAIT);
        assert_true(uv_hrtime() < end_ns);
    }
    return false;
}

/* Delivers to a script that writes "x" when it is to be ended; under load, the
 * time limit may come before that, and is then doubled. */
static void deliver_beyond_limit(struct scene *scene, struct bundle *bundle,
                                 int alive, const char *script)
{
    scene->options.time_limit_ms = 25;
    bundle_make(bundle, 1);
    do {
        if (scene->outlet != NULL) {
            scene_close(scene);
        }
        scene->options.time_limit_ms *= 2;
        scene_run(scene, script);
        deliver_begin(scene, bundle);
    } while (!alive_wait(scene, bundle, alive, 'x'));
    deliver_end(scene, bundle);
}

/* All of them have ended: there is nobody left to write. */
static void alive_expect_none(int reader)
{
    char byte;
    ssize_t size;

    alarm(CAP_MS / 1000);
    do {
        size = read(reader, &byte, 1);
    } while (size != 0);
    alarm(0);
    assert_int_equal(close(reader), 0);
}

/* A command that hangs must not hang its queue; nor may what it has started go
 * on while it is run again. */
static void test_the_time_limit_ends_the_whole_group(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;
    int alive = alive_open(scene);

    deliver_beyond_limit(scene, &bundle, alive,
                         "exec 9>alive; echo busy >&2; sleep 1000 & "
                         "printf x >&9; sleep 1000");
    expect_why(&bundle, OUTLET_RETRY,
               "/bin/sh: exceeded time_limit and was ended: busy");
    alive_expect_none(alive);
}

/* SIGTERM is a request. */
static void test_what_ignores_sigterm_is_killed(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;
    int alive = alive_open(scene);

    scene->options.grace_ms = 20;
    deliver_beyond_limit(scene, &bundle, alive,
                         "trap '' TERM; exec 9>alive; sleep 1000 & "
                         "printf x >&9; sleep 1000");
    expect_why(&bundle, OUTLET_RETRY,
               "/bin/sh: exceeded time_limit and was ended");
    alive_expect_none(alive);
}

/* Nor is what remains of the group when the command has obeyed. */
static void test_what_remains_of_a_group_is_killed(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;
    int alive = alive_open(scene);

    deliver_beyond_limit(scene, &bundle, alive,
                         "exec 9>alive; (trap '' TERM; printf x >&9; "
                         "sleep 1000; sleep 1000) & wait");
    expect_why(&bundle, OUTLET_RETRY,
               "/bin/sh: exceeded time_limit and was ended");
    alive_expect_none(alive);
}

/* Many programs exit with 0 when they are told to end, done or not. */
static void test_exit_0_after_sigterm_is_no_delivery(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;
    int alive = alive_open(scene);

    deliver_beyond_limit(scene, &bundle, alive,
                         "trap 'exit 0' TERM; exec 9>alive; printf x >&9; "
                         "sleep 1000 & wait");
    expect_why(&bundle, OUTLET_RETRY,
               "/bin/sh: exceeded time_limit and was ended");
    assert_int_equal(bundle.parcel.delivered_count, 0);
    alive_expect_none(alive);
}

/* A daemon that the command starts keeps its standard error, for years. */
static void test_nobody_waits_for_a_process_left_behind(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;
    int gate;

    assert_int_equal(mkfifo(path_in(scene, "gate"), 0600), 0);
    scene_run(scene, "(trap '' HUP; read line <gate; echo end >done) & "
                     "echo bad >&2; exit 1");
    bundle_make(&bundle, 1);
    deliver(scene, &bundle);
    expect_why(&bundle, OUTLET_RETRY, "/bin/sh: failed (exit status 1): bad");
    /* It is still there, and not harmed. */
    gate = open(path_in(scene, "gate"), O_WRONLY | O_CLOEXEC);
    assert_true(gate >= 0);
    assert_int_equal(write(gate, "\n", 1), 1);
    assert_int_equal(close(gate), 0);
    while (access(path_in(scene, "done"), F_OK) != 0) {
        assert_int_equal(usleep(1000), 0);
    }
}

/* A command that only talks is read all the time, and its end is what counts.
 */
static void test_a_talkative_command(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;

    scene_run(scene, "yes | head -c 1000000 >&2; yes | head -c 1000000;"
                     "echo; echo the end >&2; exit 3");
    bundle_make(&bundle, 1);
    deliver(scene, &bundle);
    assert_int_equal(bundle.parcel.verdict, OUTLET_RETRY);
    assert_non_null(strstr(bundle.parcel.why.text, " | y | the end"));
}

/* haplo-poll stops within its own deadline, whatever its commands do. */
static void test_closing_ends_commands(void **state)
{
    static const char *const scripts[] = {
        "exec 9>alive; printf x >&9; sleep 1000 & sleep 1000",
        "trap 'exit 0' TERM; exec 9>alive; printf x >&9; sleep 1000 & wait",
        "trap '' TERM; exec 9>alive; printf x >&9; sleep 1000",
    };
    struct scene *scene = *state;

    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        struct bundle bundle;
        int alive = alive_open(scene);

        scene->options.grace_ms = 100;
        scene_run(scene, scripts[i]);
        bundle_make(&bundle, 3);
        deliver_begin(scene, &bundle);
        assert_true(alive_wait(scene, &bundle, alive, 'x'));
        scene_begin_close(scene);
        deliver_end(scene, &bundle);
        expect_why(&bundle, OUTLET_RETRY,
                   "/bin/sh: was ended, because haplo-poll stops");
        scene_close(scene);
        alive_expect_none(alive);
        assert_int_equal(unlink(path_in(scene, "alive")), 0);
    }
}

/* A deadline that comes while it has been told to end already, and does not
 * obey. Under load, the time limit may come before it can tell. */
static void test_closing_in_the_grace(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;
    int alive = alive_open(scene);

    scene->options.time_limit_ms = 20;
    bundle_make(&bundle, 1);
    do {
        if (scene->outlet != NULL) {
            scene_close(scene);
        }
        scene->options.time_limit_ms *= 2;
        scene_run(scene, "exec 9>alive; trap 'printf y >&9' TERM; "
                         "while :; do sleep 1000 & wait; done");
        deliver_begin(scene, &bundle);
    } while (!alive_wait(scene, &bundle, alive, 'y'));
    scene_begin_close(scene);
    deliver_end(scene, &bundle);
    expect_why(&bundle, OUTLET_RETRY,
               "/bin/sh: exceeded time_limit and was ended");
    scene_close(scene);
    alive_expect_none(alive);
}

/* What has not begun does not begin any more. */
static void test_closing_before_the_start(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;

    scene_run(scene, "echo >>runs");
    bundle_make(&bundle, 1);
    deliver_begin(scene, &bundle);
    scene_begin_close(scene);
    deliver_end(scene, &bundle);
    expect_why(&bundle, OUTLET_RETRY, "/bin/sh: closing");
    assert_int_not_equal(access(path_in(scene, "runs"), F_OK), 0);
}

/* A resource that is short for the moment is nobody's fault. */
static void test_a_lack_of_processes_is_retried(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;
    struct rlimit before;
    struct rlimit none;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){0, before.rlim_max};
    scene_run(scene, "exit 0");
    bundle_make(&bundle, 1);
    deliver_well(scene, &bundle);
    deliver_begin(scene, &bundle);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    deliver_end(scene, &bundle);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    expect_why(&bundle, OUTLET_RETRY,
               "/bin/sh: cannot be given the messages: too many open files");
    deliver_well(scene, &bundle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_time_limit_ends_the_whole_group),
        TEST(test_what_ignores_sigterm_is_killed),
        TEST(test_what_remains_of_a_group_is_killed),
        TEST(test_exit_0_after_sigterm_is_no_delivery),
        TEST(test_nobody_waits_for_a_process_left_behind),
        TEST(test_a_talkative_command),
        TEST(test_closing_ends_commands),
        TEST(test_closing_in_the_grace),
        TEST(test_closing_before_the_start),
        TEST(test_a_lack_of_processes_is_retried),
    };

    return cmocka_run_group_tests_name("exec_stop", tests, NULL, NULL);
}
