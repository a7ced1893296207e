/*
 * The inbox: what was answered as stored is there, also after it was closed and
 * opened again, and there once; what failed succeeds the next time. Outlets
 * read all of it, and their progress is what they were told was stored.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "fault.h"
#include "inbox/sqlite/sqlite_inbox.h"
#include "inbox_stage.h"
#include "sweep.h"

#define COUNT "SELECT count(*) FROM stored"
#define BODY_SIZE (20u << 20) /* more than a checkpoint waits for */

static const char *const two[] = {"{\"id\":1}", "\xff", NULL};
static const char *const more[] = {"{\"id\":3}", "{\"id\":1}", NULL};
static const char *const other[] = {"{}", NULL};

/* Two queues in a group; then a repeat with something new; then the state of a
 * mark. */
static void groups_run(void)
{
    struct stage stage;
    struct feed a = {0};
    struct feed b = {0};
    struct parcel first;
    struct parcel second;
    stage_begin(&stage);
    stage_open(&stage);
    feed_open(&a, &stage, "a");
    feed_open(&b, &stage, "b");
    parcel_make(&first, &a, two);
    parcel_make(&second, &b, other);
    first.is_alone = second.is_alone = false;
    parcel_send(&first);
    parcel_send(&second);
    parcel_settle(&first);
    parcel_settle(&second);
    assert_int_equal(stage_query(&stage, COUNT), 3);
    parcel_lose(&first);
    parcel_lose(&second);
    parcel_make(&first, &a, more);
    parcel_send(&first);
    parcel_settle(&first);
    assert_int_equal(stage_query(&stage, COUNT), 4);
    parcel_confirm(&first);
    inbox_queue_close(b.queue);
    stage_close(&stage);
    feed_close(&a);
    feed_close(&b);
    stage_end(&stage);
}

/* What is stored is found again by the next process, as a repeat. */
static void reopen_run(void)
{
    struct stage stage;
    struct feed a = {0};
    struct parcel parcel;
    stage_begin(&stage);
    stage_open(&stage);
    feed_open(&a, &stage, "a");
    parcel_make(&parcel, &a, two);
    parcel_send(&parcel);
    parcel_settle(&parcel);
    parcel_lose(&parcel);
    stage_close(&stage);
    stage_open(&stage);
    feed_open(&a, &stage, "a");
    parcel_make(&parcel, &a, two);
    assert_int_equal(parcel.batch->new_count, 0);
    parcel_send(&parcel);
    parcel_settle(&parcel);
    assert_int_equal(stage_query(&stage, COUNT), 2);
    parcel_confirm(&parcel);
    stage_close(&stage);
    feed_close(&a);
    stage_end(&stage);
}

/* The WAL is removed under the inbox: no more is accepted, and what was is not
 * lost. */
static void removed_run(void)
{
    struct stage stage;
    struct feed a = {0};
    struct parcel parcel;
    char wal[128];
    stage_begin(&stage);
    stage_open(&stage);
    feed_open(&a, &stage, "a");
    parcel_make(&parcel, &a, two);
    parcel_send(&parcel);
    parcel_settle(&parcel);
    parcel_lose(&parcel);
    snprintf(wal, sizeof wal, "%s-wal", stage.path);
    assert_int_equal(unlink(wal), 0);
    parcel_make(&parcel, &a, other);
    parcel_send(&parcel);
    SWEEP_UNTIL(&stage.loop, parcel.is_answered);
    assert_int_equal(parcel.verdict, INBOX_RETRY);
    stage_close(&stage);
    stage_open(&stage);
    feed_open(&a, &stage, "a");
    parcel.delivery.queue = a.queue;
    parcel_send(&parcel);
    parcel_settle(&parcel);
    assert_int_equal(stage_query(&stage, COUNT), 3);
    parcel_confirm(&parcel);
    stage_close(&stage);
    feed_close(&a);
    stage_end(&stage);
}

/* An outlet */

/* A program that reads keeps the WAL from being copied, and is looked for. */
static void reader_run(void)
{
    static char large[BODY_SIZE + 1];
    const char *const texts[] = {large, NULL};
    struct stage stage;
    struct feed a = {0};
    struct parcel parcel;
    sqlite3 *reader = NULL;
    memset(large, 'x', BODY_SIZE);
    stage_begin(&stage);
    stage_open(&stage);
    feed_open(&a, &stage, "a");
    fault_pause();
    assert_int_equal(sqlite3_open(stage.path, &reader), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(reader, "BEGIN; SELECT * FROM queues", NULL, NULL, NULL),
        SQLITE_OK);
    fault_resume();
    parcel_make(&parcel, &a, texts);
    parcel_send(&parcel);
    parcel_settle(&parcel);
    parcel_confirm(&parcel);
    stage_close(&stage);
    fault_pause();
    assert_int_equal(sqlite3_close(reader), SQLITE_OK);
    fault_resume();
    assert_int_equal(stage_query(&stage, COUNT), 1);
    feed_close(&a);
    stage_end(&stage);
}

static struct inbox_outlet *outlet;
static bool is_answered;
static int answer;

static void on_outlet(struct inbox_outlet *opened, int error, const char *why,
                      void *data)
{
    (void)data;
    assert_true((error == 0) == (why[0] == '\0'));
    outlet = opened;
    answer = error;
    is_answered = true;
}

static void on_read(struct inbox_read *read, int error, const char *why)
{
    assert_true((error == 0) == (why[0] == '\0'));
    assert_true(error == 0 || read->count == 0);
    answer = error;
    is_answered = true;
}

static void on_progress(struct inbox_progress *progress, int error,
                        const char *why)
{
    (void)progress;
    assert_true((error == 0) == (why[0] == '\0'));
    answer = error;
    is_answered = true;
}

static void on_lanes(struct inbox_outlet *of, int error, const char *why,
                     const struct inbox_deferred_lane *lanes, size_t count,
                     void *data)
{
    (void)data;
    assert_ptr_equal(of, outlet);
    assert_true((error == 0) == (why[0] == '\0'));
    assert_true(error != 0 || (count == 1 && lanes[0].count == 1));
    answer = error;
    is_answered = true;
}

#define UNTIL_DONE(stage, start) \
    STAGE_UNTIL_DONE(stage, is_answered, answer, start)

static void outlet_read(struct stage *stage)
{
    struct inbox_read read = {
        .outlet = outlet, .count_max = 9, .bytes_max = 999, .read_cb = on_read};
    UNTIL_DONE(stage, (inbox_read_start(&read), true));
    assert_int_equal(read.count, 2);
    assert_string_equal(read.messages[1].queue, "a");
    assert_memory_equal(read.messages[1].body.data, "\xff", 1);
    inbox_read_free(&read);
}

static void outlet_run(void)
{
    const struct inbox_place place = {1, 1};
    const struct inbox_dead_letter letter = {1, 2, "refused", 1};
    struct stage stage;
    struct feed a = {0};
    struct parcel parcel;
    stage_begin(&stage);
    stage_open(&stage);
    feed_open(&a, &stage, "a");
    parcel_make(&parcel, &a, two);
    parcel_send(&parcel);
    parcel_settle(&parcel);
    parcel_lose(&parcel);
    UNTIL_DONE(&stage,
               inbox_outlet_open(stage.inbox, "files", INBOX_START_BEGINNING,
                                 on_outlet, NULL) == 0);
    outlet_read(&stage);
    struct inbox_progress progress = {.outlet = outlet,
                                      .cursor = 2,
                                      .deferred = &place,
                                      .deferred_count = 1,
                                      .dead_letters = &letter,
                                      .dead_letter_count = 1,
                                      .progress_cb = on_progress};
    UNTIL_DONE(&stage, (inbox_advance(&progress), true));
    assert_int_equal(stage_query(&stage, "SELECT cursor FROM outlets"), 2);
    assert_int_equal(stage_query(&stage, "SELECT arrival FROM dead_letters"),
                     2);
    UNTIL_DONE(&stage, inbox_outlet_lanes(outlet, NULL, on_lanes, NULL) == 0);
    stage_close(&stage);
    feed_close(&a);
    stage_end(&stage);
}

/* A copy, or a line that says why there is none; and never half of one. */
static void backup_run(void)
{
    struct stage stage;
    char why[HAPLO_TEXT_SIZE_MAX];
    char to[96];
    stage_begin(&stage);
    stage_open(&stage);
    snprintf(to, sizeof to, "%s/copy.db", stage.folder);
    int error = HAPLO_EINVAL;
    for (unsigned tries = 0; error != 0; tries++) {
        assert_true(tries < TRIES_MAX);
        error = inbox_sqlite_backup(stage.path, to, why, sizeof why);
        if (error != 0) {
            stage_check_why(&stage, why);
            (void)unlink(to); /* it is whole, but perhaps not durable */
        }
    }
    snprintf(stage.path, sizeof stage.path, "%s", to);
    assert_int_equal(stage_query(&stage, COUNT), 0);
    stage_close(&stage);
    stage_end(&stage);
}

/* The first inbox of a process, for which SQLite and libuv are set up: in a
 * child, as that cannot be undone. What the child asserts ends this process as
 * well. */
static void process_run(void)
{
    int status = 0;
    (void)fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct stage stage;
        (void)alarm(SWEEP_HANG_S); /* not inherited */
        stage_begin(&stage);
        stage_open(&stage);
        stage_close(&stage);
        stage_end(&stage);
        exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status)) {
        (void)raise(WTERMSIG(status));
    }
    if (WEXITSTATUS(status) != 0) {
        exit(WEXITSTATUS(status));
    }
}

const struct sweep_unit sweep_inbox_units[] = {
    {"inbox/groups", groups_run, NULL, false, 2},
    {"inbox/reopen", reopen_run, NULL, false, 2},
    {"inbox/removed", removed_run, NULL, false, 2},
    {"inbox/reader", reader_run, NULL, false, 20},
    {"inbox/outlet", outlet_run, NULL, false, 2},
    {"inbox/backup", backup_run, NULL, false, 2},
    {"inbox/process", process_run, NULL, false, 2},
    {NULL, NULL, NULL, false, 0},
};
