#include "daemon_stage.h"

#include <getopt.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/crypto.h>
#include <sqlite3.h>

#include "daemon/command.h"
#include "fault.h"
#include "sim_process.h"

#define WORDS_MAX 5

void daemon_write(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0600), 0);
}

void daemon_path(char *path, size_t size, const char *name)
{
    int length = snprintf(path, size, "%s/%s", sim_start()->dir, name);
    assert_true(length > 0 && (size_t)length < size);
}

void daemon_configure(const char *more)
{
    char path[128];
    char text[2048];
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
             "      - {name: q1, api_key_file: keys/app1-q1}\n%s",
             sim_start()->url, more);
    daemon_path(path, sizeof path, "daemon.yaml");
    daemon_write(path, text);
}

void daemon_set_up(void)
{
    daemon_configure("");
}

void daemon_remove(const char *path)
{
    char command[256];
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    assert_int_equal(system(command), 0);
}

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

static void outcome_take(struct outcome *outcome, int memory)
{
    ssize_t size = pread(memory, outcome->text, OUTCOME_TEXT_SIZE - 1, 0);
    assert_true(size >= 0);
    outcome->text[size] = '\0';
    (void)close(memory);
    OPENSSL_thread_stop();
    assert_null(strstr(outcome->text, sim_start()->key));
    assert_in_range(outcome->code, EXIT_CODE_FINE, EXIT_CODE_NOT_RUNNING);
    assert_true(outcome->code == EXIT_CODE_FINE || outcome->text[0] != '\0');
}

void daemon_call(struct outcome *outcome, const char *const *words,
                 bool is_untouched)
{
    char path[128];
    int saved[2];
    sigset_t signals;
    char *arguments[3 + WORDS_MAX + 1] = {(char *)"haplo-poll", (char *)"-c",
                                          path};
    int count = 3;
    daemon_path(path, sizeof path, "daemon.yaml");
    for (; *words != NULL; words++) {
        assert_true(count < 3 + WORDS_MAX);
        arguments[count++] = (char *)(uintptr_t)*words;
    }
    int memory = memfd_create("sweep", MFD_CLOEXEC);
    assert_true(memory >= 0);
    streams_take(saved, memory);
    pthread_sigmask(SIG_SETMASK, NULL, &signals);
    optind = 1;
    if (!is_untouched) {
        fault_resume();
    }
    outcome->code = haplo_poll_main(count, arguments);
    fault_pause();
    /* It ends with some held; what has come since is dropped. */
    (void)signal(SIGTERM, SIG_IGN);
    pthread_sigmask(SIG_SETMASK, &signals, NULL);
    (void)signal(SIGTERM, SIG_DFL);
    streams_give_back(saved);
    outcome_take(outcome, memory);
}

/* Rows of the inbox, all different. */
static unsigned inbox_count(void)
{
    char path[128];
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    daemon_path(path, sizeof path, "inbox.db");
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

unsigned daemon_stored_count(void)
{
    char path[128];
    daemon_path(path, sizeof path, "inbox.db");
    return access(path, F_OK) == 0 ? inbox_count() : 0;
}

unsigned daemon_add_messages(void)
{
    sim_add(3);
    return daemon_stored_count() + sim_unread();
}

void daemon_check_messages(unsigned total)
{
    static const char *const once[] = {"-q", "once", NULL};
    static struct outcome again;
    assert_true(daemon_stored_count() + sim_unread() >= total);
    daemon_call(&again, once, true);
    if (again.code != 0) {
        fail_msg("%s", again.text);
    }
    assert_int_equal(sim_unread(), 0);
    assert_int_equal(inbox_count(), total);
}
