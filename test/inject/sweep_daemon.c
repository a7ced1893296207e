/*
 * The daemon: all of its commands, as haplo_poll_main() runs them, on
 * haplo-sim. Whatever fails, the exit code or a line says so, and the next run
 * gathers what is left, each message once.
 */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/admin/admin_ask.h"
#include "daemon/command.h"
#include "daemon/commands/remote.h"
#include "daemon_stage.h"
#include "fault.h"
#include "haplopoll.h"
#include "sim_process.h"
#include "sweep.h"

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Each run claims the state directory for its environment. */
static void once_run(void)
{
    static struct outcome outcome;
    char path[128];
    fault_pause();
    daemon_path(path, sizeof path, "state/environment");
    daemon_remove(path);
    unsigned total = daemon_add_messages();
    daemon_call(&outcome, WORDS("once"), false);
    daemon_check_messages(total);
    fault_resume();
}

/* Queues with a bad option, without a key, and of a server without its CA file.
 * Whatever fails, they are held, or nothing starts. */
static void holds_run(void)
{
    static struct outcome outcome;
    fault_pause();
    unsigned total = daemon_add_messages();
    daemon_configure("      - {name: q2, interval: never}\n"
                     "      - {name: q3, api_key_file: keys/none}\n"
                     "  - name: app2\n"
                     "    url: https://app2.localhost\n"
                     "    tls_ca_file: none.pem\n"
                     "    queues: [{name: q4, api_key_file: keys/none}]\n");
    daemon_call(&outcome, WORDS("-q", "once"), false);
    assert_int_not_equal(outcome.code, EXIT_CODE_FINE);
    daemon_set_up();
    daemon_check_messages(total);
    fault_resume();
}

#define LOGINS_NONE "haplo-poll failed logins 2\n"
#define LOGINS_REFUSED "refused app1 q1\n"

/* What is kept of failed logins is the old or the new, never half of it. */
static void logins_check(const char *path, const char *before)
{
    char after[128] = "";
    int file = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(file >= 0);
    assert_true(read(file, after, sizeof after - 1) > 0);
    (void)close(file);
    assert_true(strcmp(after, before) == 0 || strcmp(after, LOGINS_NONE) == 0 ||
                strcmp(after, LOGINS_NONE LOGINS_REFUSED) == 0);
}

/* An earlier run has failed to log in; the key is good now, which clears it. */
static void logins_run(void)
{
    static struct outcome outcome;
    char path[128];
    char before[128];
    fault_pause();
    unsigned total = daemon_add_messages();
    daemon_path(path, sizeof path, "state");
    (void)mkdir(path, 0700);
    daemon_path(path, sizeof path, "state/failed_logins");
    snprintf(before, sizeof before,
             LOGINS_NONE "logins %s - 2 %lld000\n" LOGINS_REFUSED,
             sim_start()->url + strlen("https://"), (long long)time(NULL));
    daemon_write(path, before);
    daemon_call(&outcome, WORDS("-q", "once"), false);
    logins_check(path, before);
    daemon_check_messages(total);
    fault_resume();
}

/* Marks nothing. */
static void peek_run(void)
{
    static struct outcome outcome;
    fault_pause();
    unsigned total = daemon_add_messages();
    unsigned unread = sim_unread();
    daemon_call(&outcome, WORDS("-q", "peek", "app1/q1"), false);
    assert_int_equal(sim_unread(), unread);
    daemon_check_messages(total);
    fault_resume();
}

/* Another process holds the lock: it is named if that can be found out. */
static void in_use_run(void)
{
    static struct outcome outcome;
    char path[128];
    fault_pause();
    daemon_path(path, sizeof path, "state");
    (void)mkdir(path, 0700);
    daemon_path(path, sizeof path, "state/lock");
    int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(lock >= 0);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    daemon_call(&outcome, WORDS("-q", "once"), false);
    assert_true(outcome.code != EXIT_CODE_FINE);
    (void)close(lock);
    fault_resume();
}

/* A folder of the outlet cannot be made, so the lane waits. An operator lets it
 * pass over its first message, or that fails with a line that says so; and
 * when the folder can be made, the rest goes out. */
static void release_run(void)
{
    static struct outcome outcome;
    char path[128];
    fault_pause();
    daemon_path(path, sizeof path, "files");
    (void)mkdir(path, 0700);
    daemon_path(path, sizeof path, "files/app1");
    daemon_remove(path);
    daemon_write(path, "in the way");
    unsigned total = daemon_add_messages();
    daemon_call(&outcome, WORDS("-q", "once"), true);
    assert_int_equal(outcome.code, EXIT_CODE_FAILED);
    daemon_call(&outcome, WORDS("-q", "outlet", "skip", "out", "app1/q1"),
                false);
    daemon_remove(path);
    daemon_check_messages(total);
    fault_resume();
}

static void check_run(void)
{
    static struct outcome outcome;
    fault_pause();
    daemon_call(&outcome, WORDS("-q", "check"), false);
    fault_resume();
}

/* It tells what it could not look at, and marks nothing. */
static void doctor_run(void)
{
    static struct outcome outcome;
    fault_pause();
    unsigned total = daemon_add_messages();
    unsigned unread = sim_unread();
    daemon_call(&outcome, WORDS("-q", "doctor"), false);
    assert_int_equal(sim_unread(), unread);
    daemon_check_messages(total);
    fault_resume();
}

/* It also tries to connect to where an outlet would send to, which no message
 * is for. */
static void doctor_set_up(void)
{
    char path[128];
    char text[256];
    daemon_configure("include: hook.yaml\n");
    daemon_path(path, sizeof path, "hook.yaml");
    snprintf(text, sizeof text,
             "outlets: [{name: hook, type: webhook, url: %s,\n"
             "           when: {/nothing: at all}}]\n",
             sim_start()->url);
    daemon_write(path, text);
}

static int signal_mask(int how)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    return pthread_sigmask(how, &signals, NULL);
}

/* SIGTERM has come already, so that it ends with its first frame: there is no
 * process to ask. */
static void watch_run(void)
{
    static struct outcome outcome;
    fault_pause();
    assert_int_equal(signal_mask(SIG_BLOCK), 0);
    assert_int_equal(kill(getpid(), SIGTERM), 0);
    daemon_call(&outcome, WORDS("-q", "status", "--watch"), false);
    assert_int_equal(signal_mask(SIG_UNBLOCK), 0);
    fault_resume();
}

#define RUN_MS_MAX 400

/* haplo-poll run */

static atomic_bool has_returned;

static bool is_caught(int number)
{
    struct sigaction action;
    return sigaction(number, NULL, &action) == 0 &&
           action.sa_handler != SIG_DFL;
}

/* As `haplo-poll outlet` does it, from another process. */
static void release_ask(void)
{
    char path[128];
    char why[HAPLO_TEXT_SIZE_MAX];
    struct admin_answer answer;
    daemon_path(path, sizeof path, "state");
    const struct config config = {.state_dir = path};
    if (admin_ask(&config, "POST", "/api/v1/outlets/out/lanes/app1/q1/retry",
                  NULL, &answer, why, sizeof why) == 0) {
        /* It waits where a call for it has failed; it may be starting. */
        assert_true(answer.status == 200 || answer.status == 409 ||
                    answer.status == 500 || answer.status == 503 ||
                    answer.status == 404);
        assert_true(answer.size > 0);
    }
    admin_answer_free(&answer);
}

/* As `haplo-poll status` does it. Either there is a list, or it is told
 * why not. */
static void queues_ask(void)
{
    char path[128];
    char why[HAPLO_TEXT_SIZE_MAX] = "";
    struct json_tree *tree = NULL;
    daemon_path(path, sizeof path, "state");
    const struct config config = {.state_dir = path};
    if (remote_ask(&config, NULL, "/api/v1/queues", NULL, &tree, why,
                   sizeof why) == EXIT_CODE_FINE) {
        assert_non_null(json_tree_member(tree, "queues"));
        json_tree_free(tree);
    } else {
        assert_true(why[0] != '\0');
    }
}

/* Requests, and then SIGTERM, when the queue is drained, or when it has had
 * time enough to be; not before there is somebody to catch it. */
static void *operator(void *unused)
{
    (void)unused;
    for (unsigned ms = 0; !atomic_load(&has_returned); ms += 3) {
        if ((sim_unread() == 0 || ms >= RUN_MS_MAX) && is_caught(SIGTERM)) {
            release_ask();
            queues_ask();
            if (is_caught(SIGTERM)) { /* it may have ended meanwhile */
                (void)kill(getpid(), SIGTERM);
            }
            return NULL;
        }
        (void)usleep(3000);
    }
    return NULL;
}

static void run_run(void)
{
    static struct outcome outcome;
    pthread_t thread;
    fault_pause();
    unsigned total = daemon_add_messages();
    atomic_store(&has_returned, false);
    /* For the main thread alone, which holds it where it ends. */
    assert_int_equal(signal_mask(SIG_BLOCK), 0);
    assert_int_equal(pthread_create(&thread, NULL, operator, NULL), 0);
    assert_int_equal(signal_mask(SIG_UNBLOCK), 0);
    assert_int_equal(setenv("NOTIFY_SOCKET", "@haplo-sweep-nobody", 1), 0);
    daemon_call(&outcome, WORDS("-q", "run"), false);
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
    atomic_store(&has_returned, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    daemon_check_messages(total);
    fault_resume();
}

const struct sweep_unit sweep_daemon_units[] = {
    {"daemon/once", once_run, daemon_set_up, true, 4},
    {"daemon/holds", holds_run, daemon_set_up, true, 4},
    {"daemon/logins", logins_run, daemon_set_up, true, 4},
    {"daemon/run", run_run, daemon_set_up, true, 4},
    {"daemon/peek", peek_run, daemon_set_up, true, 4},
    {"daemon/in_use", in_use_run, daemon_set_up, false, 4},
    {"daemon/release", release_run, daemon_set_up, true, 4},
    {"daemon/check", check_run, daemon_set_up, false, 4},
    {"daemon/doctor", doctor_run, doctor_set_up, true, 4},
    {"daemon/watch", watch_run, daemon_set_up, false, 4},
    {NULL, NULL, NULL, false, 0},
};
