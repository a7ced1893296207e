/*
 * The daemon: all of its commands, as haplo_poll_main() runs them, on
 * haplo-sim. Whatever fails, the exit code or a line says so, and the next run
 * gathers what is left, each message once.
 */
#include <fcntl.h>
#include <getopt.h>
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
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/crypto.h>
#include <sqlite3.h>

#include "daemon/command.h"
#include "daemon/control.h"
#include "fault.h"
#include "sim_process.h"
#include "sweep.h"

#define TEXT_SIZE 16384
#define RUN_MS_MAX 400

static void text_write(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0600), 0);
}

static void path_make(char *path, size_t size, const char *name)
{
    int length = snprintf(path, size, "%s/%s", sim_start()->dir, name);
    assert_true(length > 0 && (size_t)length < size);
}

/* The commands */

static void main_set_up(void)
{
    char path[128];
    char text[1024];
    snprintf(text, sizeof text,
             "state_dir: state\n"
             "inbox: inbox.db\n"
             "outlets:\n"
             "  - {name: out, type: files, path: files, backoff: 10ms,\n"
             "     backoff_max: 20ms}\n"
             "servers:\n"
             "  - name: app1\n"
             "    url: %s\n"
             "    tls_ca_file: ca.pem\n"
             "    interval: 20ms\n"
             "    backoff: 10ms\n"
             "    backoff_max: 20ms\n"
             "    connect_timeout: 300ms\n"
             "    first_byte_timeout: 300ms\n"
             "    stall_timeout: 300ms\n"
             "    total_timeout: 1s\n"
             "    queues:\n"
             "      - {name: q1, api_key_file: keys/app1-q1}\n",
             sim_start()->url);
    path_make(path, sizeof path, "daemon.yaml");
    text_write(path, text);
}

/* What a command has printed on both streams, and its exit code. */
struct outcome {
    int code;
    char text[TEXT_SIZE];
};

static void streams_take(int saved[2], int memory)
{
    (void)fflush(NULL);
    for (int i = 0; i < 2; i++) {
        saved[i] = dup(i + 1);
        assert_true(saved[i] >= 0);
        assert_true(dup2(memory, i + 1) >= 0);
    }
}

static void streams_give_back(const int saved[2])
{
    (void)fflush(NULL);
    for (int i = 0; i < 2; i++) {
        assert_true(dup2(saved[i], i + 1) >= 0);
        (void)close(saved[i]);
    }
}

/* Runs haplo-poll with two more words. Paused before and after. */
static void main_call(struct outcome *outcome, const char *word,
                      const char *next, bool is_untouched)
{
    char path[128];
    int saved[2];
    sigset_t signals;
    path_make(path, sizeof path, "daemon.yaml");
    char *arguments[] = {(char *)"haplo-poll",
                         (char *)"-q",
                         (char *)"-c",
                         path,
                         (char *)(uintptr_t)word,
                         (char *)(uintptr_t)next,
                         NULL};
    int memory = memfd_create("sweep", MFD_CLOEXEC);
    assert_true(memory >= 0);
    streams_take(saved, memory);
    pthread_sigmask(SIG_SETMASK, NULL, &signals);
    optind = 1;
    if (!is_untouched) {
        fault_resume();
    }
    outcome->code = haplo_poll_main(next != NULL ? 6 : 5, arguments);
    fault_pause();
    pthread_sigmask(SIG_SETMASK, &signals, NULL); /* it ends with some held */
    streams_give_back(saved);
    ssize_t size = pread(memory, outcome->text, TEXT_SIZE - 1, 0);
    assert_true(size >= 0);
    outcome->text[size] = '\0';
    (void)close(memory);
    OPENSSL_thread_stop();
    assert_null(strstr(outcome->text, sim_start()->key));
    assert_in_range(outcome->code, EXIT_CODE_FINE, EXIT_CODE_IN_USE);
    assert_true(outcome->code == EXIT_CODE_FINE || outcome->text[0] != '\0');
}

/* Rows of the inbox, all different. */
static unsigned inbox_count(void)
{
    char path[128];
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    path_make(path, sizeof path, "inbox.db");
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT count(*), count(DISTINCT body)"
                                        " FROM messages",
                                        -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int count = sqlite3_column_int(statement, 0);
    assert_int_equal(sqlite3_column_int(statement, 1), count);
    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(db);
    return (unsigned)count;
}

static unsigned stored_count(void)
{
    char path[128];
    path_make(path, sizeof path, "inbox.db");
    return access(path, F_OK) == 0 ? inbox_count() : 0;
}

/* New messages for a run; all that there will be then. */
static unsigned messages_add(void)
{
    sim_add(3);
    return stored_count() + sim_unread();
}

/* Nothing is marked that is not in the inbox, and a run after it, in which
 * nothing fails, gathers what is left. */
static void messages_check(unsigned total)
{
    static struct outcome again;
    assert_true(stored_count() + sim_unread() >= total);
    main_call(&again, "once", NULL, true);
    if (again.code != 0) {
        fail_msg("%s", again.text);
    }
    assert_int_equal(sim_unread(), 0);
    assert_int_equal(inbox_count(), total);
}

static void once_run(void)
{
    static struct outcome outcome;
    fault_pause();
    unsigned total = messages_add();
    main_call(&outcome, "once", NULL, false);
    messages_check(total);
    fault_resume();
}

#define LOGINS_NONE "haplo-poll failed logins 1\n"
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
    unsigned total = messages_add();
    path_make(path, sizeof path, "state");
    (void)mkdir(path, 0700);
    path_make(path, sizeof path, "state/failed_logins");
    snprintf(before, sizeof before,
             LOGINS_NONE "server app1 2 %lld000\n" LOGINS_REFUSED,
             (long long)time(NULL));
    text_write(path, before);
    main_call(&outcome, "once", NULL, false);
    logins_check(path, before);
    messages_check(total);
    fault_resume();
}

/* Marks nothing. */
static void peek_run(void)
{
    static struct outcome outcome;
    fault_pause();
    unsigned total = messages_add();
    unsigned unread = sim_unread();
    main_call(&outcome, "peek", "app1/q1", false);
    assert_int_equal(sim_unread(), unread);
    messages_check(total);
    fault_resume();
}

/* Another process holds the lock: it is named if that can be found out. */
static void in_use_run(void)
{
    static struct outcome outcome;
    char path[128];
    fault_pause();
    path_make(path, sizeof path, "state");
    (void)mkdir(path, 0700);
    path_make(path, sizeof path, "state/lock");
    int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(lock >= 0);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    main_call(&outcome, "once", NULL, false);
    assert_true(outcome.code == EXIT_CODE_IN_USE ||
                outcome.code == EXIT_CODE_USAGE);
    (void)close(lock);
    fault_resume();
}

static void check_run(void)
{
    static struct outcome outcome;
    fault_pause();
    main_call(&outcome, "check", NULL, false);
    fault_resume();
}

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
    char answer[512];
    enum exit_code code = EXIT_CODE_FINE;
    path_make(path, sizeof path, "state");
    if (control_ask(path, "retry out app1/q1", &code, answer, sizeof answer)) {
        /* It waits where a call for it has failed. */
        assert_true(code == EXIT_CODE_FINE || code == EXIT_CODE_FAILED);
        assert_true(answer[0] != '\0');
    }
}

/* A request, and then SIGTERM, when the queue is drained, or when it has had
 * time enough to be; not before there is somebody to catch it. */
static void *operator(void *unused)
{
    (void)unused;
    for (unsigned ms = 0; !atomic_load(&has_returned); ms += 3) {
        if ((sim_unread() == 0 || ms >= RUN_MS_MAX) && is_caught(SIGTERM)) {
            release_ask();
            (void)kill(getpid(), SIGTERM);
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
    unsigned total = messages_add();
    atomic_store(&has_returned, false);
    assert_int_equal(pthread_create(&thread, NULL, operator, NULL), 0);
    main_call(&outcome, "run", NULL, false);
    atomic_store(&has_returned, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    messages_check(total);
    fault_resume();
}

const struct sweep_unit sweep_daemon_units[] = {
    {"daemon/once", once_run, main_set_up, true},
    {"daemon/logins", logins_run, main_set_up, true},
    {"daemon/run", run_run, main_set_up, true},
    {"daemon/peek", peek_run, main_set_up, true},
    {"daemon/in_use", in_use_run, main_set_up, false},
    {"daemon/check", check_run, main_set_up, false},
    {NULL, NULL, NULL, false},
};
