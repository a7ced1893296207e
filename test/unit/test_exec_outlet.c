/*
 * Commands that are run for messages: what they get, and what becomes of a
 * parcel by how they end. How they are ended is test_exec_stop.c's.
 */
#include "exec_scene.h"

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

#define ID(arrival, hash) UUID "-" arrival "-" hash
#define LINE(arrival, hash)                                              \
    "{\"server\":\"example\",\"queue\":\"student\",\"arrival\":" arrival \
    ",\"id\":\"" ID(                                                     \
        arrival, hash) "\",\"received_at\":"                             \
                       "\"2026-11-28T20:49:16Z\",\"message\":" arrival "}\n"

/* What a command gets */

/* A batch is lines with what a receiver needs to recognise repeats. */
static void test_a_batch_is_lines_on_standard_input(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;

    scene_run(scene, "cat >input");
    bundle_make(&bundle, 2);
    deliver_well(scene, &bundle);
    expect_file(scene, "input",
                LINE("1", "0000000000000010") LINE("2", "0000000000000011"));
}

/* A single message is nothing but itself, whatever its bytes are. */
static void test_a_message_is_its_exact_bytes(void **state)
{
    static const char body[] = " { \"id\" :\t1 }\r\n\n ";
    struct scene *scene = *state;
    struct bundle bundle;

    scene->options.per = EXEC_PER_MESSAGE;
    scene_run(scene, "cat >input");
    bundle_make(&bundle, 1);
    bundle.messages[0].body = (struct haplo_slice){body, strlen(body)};
    deliver_well(scene, &bundle);
    expect_file(scene, "input", body);
    bundle.messages[0].body.size = 0;
    deliver_well(scene, &bundle);
    expect_file(scene, "input", "");
}

/* Programs open /dev/stdin, map it, and ask for its size. They cannot change
 * it. */
static void test_standard_input_is_a_file_that_cannot_change(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;

    scene->options.per = EXEC_PER_MESSAGE;
    scene_run(scene, "cat /dev/stdin /dev/stdin >input; test -f /dev/stdin &&"
                     "! echo x >/dev/stdin && ! truncate -s0 /dev/stdin");
    bundle_make(&bundle, 1);
    deliver_well(scene, &bundle);
    expect_file(scene, "input", "11");
}

/* API keys and what else is in the environment of haplo-poll are not passed on
 * to programs that it does not know. */
static void test_the_environment_is_what_is_documented(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;

    assert_int_equal(setenv("SECRET", "x", 1), 0);
    assert_int_equal(setenv("PATH", "/usr/bin:/bin", 1), 0);
    assert_int_equal(setenv("HOME", "/root", 1), 0);
    assert_int_equal(setenv("LANG", "C.UTF-8", 1), 0);
    assert_int_equal(unsetenv("LC_ALL"), 0);
    assert_int_equal(setenv("TZ", "UTC", 1), 0);
    scene->command[0] = "env";
    scene->command[1] = "sh";
    scene->command[2] = "./list";
    scene->options.per = EXEC_PER_MESSAGE;
    FILE *list = fopen(path_in(scene, "list"), "we");
    assert_non_null(list);
    assert_true(fputs("tr '\\0' '\\n' </proc/self/environ >env\n", list) > 0);
    assert_int_equal(fclose(list), 0);
    scene_run(scene, NULL);
    bundle_make(&bundle, 1);
    deliver_well(scene, &bundle);
    expect_file(
        scene, "env",
        "PATH=/usr/bin:/bin\nHOME=/root\nLANG=C.UTF-8\nTZ=UTC\n"
        "HAPLO_SERVER=example\nHAPLO_QUEUE=student\nHAPLO_ARRIVAL=1\n"
        "HAPLO_ID=" ID(
            "1",
            "0000000000000010") "\n"
                                "HAPLO_RECEIVED_AT=2026-11-28T20:49:16Z\n");
}

/* One variable of the command's. */
static void expect_variable(struct scene *scene, const char *name,
                            const char *expected)
{
    char pattern[64];
    char *found = NULL;
    size_t size = 0;
    FILE *file = fopen(path_in(scene, "env"), "re");

    assert_non_null(file);
    (void)snprintf(pattern, sizeof(pattern), "%s=", name);
    while (getline(&found, &size, file) > 0 &&
           strncmp(found, pattern, strlen(pattern)) != 0) {
        found[0] = '\0';
    }
    assert_int_equal(fclose(file), 0);
    found[strcspn(found, "\n")] = '\0';
    assert_string_equal(found[0] != '\0' ? found + strlen(pattern) : "",
                        expected);
    free(found);
}

/* A batch has an identity as a whole, which a repeat of it has again. */
static void test_a_batch_is_described_as_a_whole(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;

    scene_run(scene, "env >env");
    bundle_make(&bundle, 3);
    deliver_well(scene, &bundle);
    expect_variable(scene, "HAPLO_COUNT", "3");
    expect_variable(scene, "HAPLO_FIRST_ARRIVAL", "1");
    expect_variable(scene, "HAPLO_LAST_ARRIVAL", "3");
    expect_variable(scene, "HAPLO_ARRIVAL", "");
    expect_variable(scene, "HAPLO_ID", ID("1", "c4fe02cee3d5f266"));
    expect_variable(scene, "HAPLO_RECEIVED_AT", "2026-11-28T20:49:16Z");
    expect_variable(scene, "HAPLO_REPLAY", "");
    bundle.parcel.count = 2;
    deliver_well(scene, &bundle);
    expect_variable(scene, "HAPLO_ID", ID("1", "0b57b1e00981669d"));
}

/* A replay says so; its identities are new only if that was asked for. */
static void test_a_replay_is_told(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;

    scene->options.per = EXEC_PER_MESSAGE;
    scene_run(scene, "env >env");
    bundle_make(&bundle, 1);
    bundle.parcel.replay_id = 7;
    deliver_well(scene, &bundle);
    expect_variable(scene, "HAPLO_REPLAY", "7");
    expect_variable(scene, "HAPLO_ID", ID("1", "0000000000000010"));
    bundle.parcel.has_new_ids = true;
    deliver_well(scene, &bundle);
    expect_variable(scene, "HAPLO_ID", ID("1", "0000000000000010") "-r7");
}

/* What a command needs beyond that is in the configuration, or passed on by
 * name, so that it need not be in the configuration. */
static void test_variables_are_added(void **state)
{
    static const char *const added[] = {"MODE=a=b c", "PATH=/bin", "TOKEN",
                                        "NOTHING",    "MODE=last", NULL};
    struct scene *scene = *state;
    struct bundle bundle;

    assert_int_equal(setenv("TOKEN", "secret", 1), 0);
    scene->options.environment = added;
    scene_run(scene, "tr '\\0' '\\n' </proc/self/environ >env");
    bundle_make(&bundle, 1);
    deliver_well(scene, &bundle);
    expect_variable(scene, "MODE", "last");
    expect_variable(scene, "PATH", "/bin");
    expect_variable(scene, "TOKEN", "secret");
    expect_variable(scene, "NOTHING", "");
}

/* Sockets and databases of haplo-poll are none of its commands' business, also
 * those that a library did not mark to be closed. */
static void test_no_descriptor_is_inherited(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;
    int descriptor = open("/", O_RDONLY); /* inheritable */

    assert_true(descriptor > STDERR_FILENO);
    assert_int_equal(dup2(descriptor, 99), 99);
    scene_run(scene, "test /proc/$$/fd/1 -ef /dev/null || exit 1;"
                     "ls /proc/self/fd >fds");
    bundle_make(&bundle, 1);
    deliver_well(scene, &bundle);
    expect_file(scene, "fds", "0\n1\n2\n3\n"); /* 3: of ls itself */
    assert_int_equal(close(descriptor), 0);
    assert_int_equal(close(99), 0);
}

/* haplo-poll ignores SIGPIPE; a command that did would write into the void. */
static void test_signals_are_as_usual(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;
    sigset_t blocked;
    sigset_t before;

    assert_int_equal(sigemptyset(&blocked), 0);
    assert_int_equal(sigaddset(&blocked, SIGTERM), 0);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, &blocked, &before), 0);
    assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    /* Those above 31 are the C library's, or of whoever started the test. */
    scene_run(scene, "grep -E 'SigBlk|SigIgn' /proc/self/status |"
                     " while read -r name set; do"
                     " echo \"$name $((0x$set & 0x7fffffff))\"; done >signals");
    bundle_make(&bundle, 1);
    deliver_well(scene, &bundle);
    expect_file(scene, "signals", "SigBlk: 0\nSigIgn: 0\n");
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
    assert_true(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    assert_true(signal(SIGXFSZ, SIG_DFL) != SIG_ERR);
}

/* A command is not a shell's: nothing in an argument is special. */
static void test_arguments_are_passed_as_they_are(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;

    scene->command[0] = "touch";
    scene->command[1] = "a b;$(exit 1)*";
    scene->command[2] = "";
    scene_run(scene, NULL);
    scene->command[2] = NULL;
    bundle_make(&bundle, 1);
    deliver_well(scene, &bundle);
    assert_int_equal(access(path_in(scene, "a b;$(exit 1)*"), F_OK), 0);
}

/* Whether a command has read everything is its own business: it says what it
 * has done by its exit status. */
static void test_a_command_need_not_read(void **state)
{
    enum { SIZE = 8 * 1024 * 1024 };
    struct scene *scene = *state;
    struct bundle bundle;
    char *body = malloc(SIZE);

    assert_non_null(body);
    memset(body, 'x', SIZE);
    scene->options.per = EXEC_PER_MESSAGE;
    scene_run(scene, "exec <&-; exit 0");
    bundle_make(&bundle, 1);
    bundle.messages[0].body = (struct haplo_slice){body, SIZE};
    deliver_well(scene, &bundle);
    free(body);
}

/* What its end means */

/* Only 65 is about the data; 78, 126 and 127 are about the command. */
static void test_the_exit_status_decides(void **state)
{
    static const struct {
        const char *script;
        enum outlet_verdict verdict;
        const char *why;
    } cases[] = {
        {"exit 0", OUTLET_DELIVERED, ""},
        {"echo all is well >&2", OUTLET_DELIVERED, ""},
        {"exit 1", OUTLET_RETRY, "/bin/sh: failed (exit status 1)"},
        {"echo no such id >&2; exit 65", OUTLET_REFUSED,
         "/bin/sh: refused the data (exit status 65): no such id"},
        {"exit 78", OUTLET_BROKEN,
         "/bin/sh: is misconfigured (exit status 78)"},
        {"exit 126", OUTLET_BROKEN,
         "/bin/sh: cannot be executed (exit status 126)"},
        {"exit 127", OUTLET_BROKEN,
         "/bin/sh: did not find a program (exit status 127)"},
        {"exit 75", OUTLET_RETRY, "/bin/sh: failed (exit status 75)"},
        {"exit 255", OUTLET_RETRY, "/bin/sh: failed (exit status 255)"},
        {"echo one >&2; echo two; printf '3\\033[m\\n' >&2; exit 2",
         OUTLET_RETRY, "/bin/sh: failed (exit status 2): one | 3\\x1b[m"},
        {"echo help >&2; kill -9 $$", OUTLET_RETRY,
         "/bin/sh: was killed by signal 9 (Killed): help"},
    };
    struct scene *scene = *state;

    scene_run(scene, "");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bundle bundle;

        scene->command[2] = cases[i].script;
        bundle_make(&bundle, 1);
        deliver(scene, &bundle);
        expect_why(&bundle, cases[i].verdict, cases[i].why);
    }
}

/* What cannot be started is not the fault of any message. */
static void test_a_command_that_cannot_be_started_is_broken(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;

    scene->command[0] = "/nowhere/import";
    scene_run(scene, NULL);
    bundle_make(&bundle, 1);
    deliver(scene, &bundle);
    expect_why(&bundle, OUTLET_BROKEN,
               "/nowhere/import: cannot be started: no such file or directory: "
               "install it, and the interpreter that its first line names, or "
               "correct command");
    scene->command[0] = "/etc/passwd";
    deliver(scene, &bundle);
    expect_why(&bundle, OUTLET_BROKEN,
               "/etc/passwd: cannot be started: permission denied: make it "
               "executable for this user");
    scene_close(scene);
    scene->options.folder = "/nowhere";
    scene_run(scene, "exit 0");
    deliver(scene, &bundle);
    expect_why(&bundle, OUTLET_BROKEN,
               "/bin/sh: cannot be started in /nowhere: no such file or "
               "directory: correct folder");
}

/* One poison message costs one message: the others of its batch are passed on
 * one by one. */
static void test_a_refused_batch_is_passed_one_by_one(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;

    scene_run(scene, "cat >input; echo $HAPLO_COUNT >>runs; echo bad >&2; "
                     "! grep -q 'message\":3' input || exit 65");
    bundle_make(&bundle, 4);
    deliver(scene, &bundle);
    expect_why(&bundle, OUTLET_REFUSED,
               "/bin/sh: refused the data (exit status 65): bad");
    assert_int_equal(bundle.parcel.delivered_count, 2);
    expect_file(scene, "runs", "4\n1\n1\n1\n");
    expect_file(scene, "input", LINE("3", "0000000000000012"));
}

/* If each one is accepted then, all are. */
static void test_a_batch_may_be_refused_for_its_size(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;

    scene_run(scene, "echo $HAPLO_FIRST_ARRIVAL $HAPLO_COUNT >>runs; "
                     "test $HAPLO_COUNT = 1 || exit 65");
    bundle_make(&bundle, 3);
    deliver_well(scene, &bundle);
    expect_file(scene, "runs", "1 3\n1 1\n2 1\n3 1\n");
}

/* Messages of a queue keep their order: none is tried before the one before
 * it is done. */
static void test_messages_are_run_in_order(void **state)
{
    struct scene *scene = *state;
    struct bundle bundle;

    scene->options.per = EXEC_PER_MESSAGE;
    scene_run(scene, "echo $HAPLO_ARRIVAL >>runs; test $HAPLO_ARRIVAL != 3");
    bundle_make(&bundle, 4);
    deliver(scene, &bundle);
    expect_why(&bundle, OUTLET_RETRY, "/bin/sh: failed (exit status 1)");
    assert_int_equal(bundle.parcel.delivered_count, 2);
    expect_file(scene, "runs", "1\n2\n3\n");
}

/* Those of different queues need not wait for each other. */
static void test_parcels_are_run_at_the_same_time(void **state)
{
    struct scene *scene = *state;
    struct bundle first;
    struct bundle second;

    assert_int_equal(mkfifo(path_in(scene, "gate"), 0600), 0);
    scene_run(scene, "if test $HAPLO_COUNT = 1; then echo >gate; "
                     "else read line <gate; fi");
    bundle_make(&first, 1);
    bundle_make(&second, 2);
    deliver_begin(scene, &first);
    deliver_begin(scene, &second);
    deliver_end(scene, &first);
    deliver_end(scene, &second);
    expect_why(&first, OUTLET_DELIVERED, "");
    expect_why(&second, OUTLET_DELIVERED, "");
}

/* Options */

/* What cannot work is told by `check`, not when the first message comes. */
static void test_options_are_checked(void **state)
{
    static const struct {
        const char *program;
        bool is_valid;
    } programs[] = {{"/bin/sh", true},
                    {"sh", true},
                    {"./sh", false},
                    {"bin/sh", false},
                    {"", false}};
    static const struct {
        const char *text;
        bool is_valid;
    } variables[] = {{"A=1", true},    {"A_1=", true},       {"A", true},
                     {"=1", false},    {"", false},          {"1A=2", false},
                     {"A B=2", false}, {"HAPLO_ID=1", false}};
    char why[HAPLO_TEXT_SIZE_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
        const char *const command[] = {programs[i].program, NULL};
        const struct exec_options options = {.command = command};

        assert_int_equal(exec_outlet_type.check(&options, why, sizeof(why)),
                         programs[i].is_valid ? 0 : HAPLO_EINVAL);
    }
    for (size_t i = 0; i < EXEC_OPTION_COUNT; i++) {
        const struct option_row *row = &exec_option_rows[i];

        if (strcmp(row->name, "environment") == 0) {
            for (size_t j = 0; j < sizeof(variables) / sizeof(variables[0]);
                 j++) {
                assert_int_equal(
                    row->check(variables[j].text, why, sizeof(why)),
                    variables[j].is_valid ? 0 : HAPLO_EINVAL);
            }
        } else if (strcmp(row->name, "folder") == 0) {
            assert_int_equal(row->check("/srv", why, sizeof(why)), 0);
            assert_int_equal(row->check("srv", why, sizeof(why)), HAPLO_EINVAL);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_batch_is_lines_on_standard_input),
        TEST(test_a_message_is_its_exact_bytes),
        TEST(test_standard_input_is_a_file_that_cannot_change),
        TEST(test_the_environment_is_what_is_documented),
        TEST(test_a_batch_is_described_as_a_whole),
        TEST(test_a_replay_is_told),
        TEST(test_variables_are_added),
        TEST(test_no_descriptor_is_inherited),
        TEST(test_signals_are_as_usual),
        TEST(test_arguments_are_passed_as_they_are),
        TEST(test_a_command_need_not_read),
        TEST(test_the_exit_status_decides),
        TEST(test_a_command_that_cannot_be_started_is_broken),
        TEST(test_a_refused_batch_is_passed_one_by_one),
        TEST(test_a_batch_may_be_refused_for_its_size),
        TEST(test_messages_are_run_in_order),
        TEST(test_parcels_are_run_at_the_same_time),
        TEST(test_options_are_checked),
    };

    return cmocka_run_group_tests_name("exec", tests, NULL, NULL);
}
