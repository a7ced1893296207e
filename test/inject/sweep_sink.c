/*
 * The sinks: what they have accepted is there, also after they were closed and
 * opened again; what failed succeeds the next time. In the inbox a message is
 * there once in its epoch; in files, more than once only if something failed.
 */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "core/batch.h"
#include "core/identity.h"
#include "fault.h"
#include "sinks/files.h"
#include "sinks/sqlite.h"
#include "sweep.h"

#define MESSAGES_MAX 4
#define TRIES_MAX 3

struct inbox {
    bool is_files;                 /* a sink of type files */
    uv_loop_t loop;                /* */
    char folder[64];               /* */
    char path[96];                 /* */
    struct sink *sink;             /* */
    bool is_closed;                /* */
    char why[HAPLO_TEXT_SIZE_MAX]; /* */
};

struct parcel {
    struct sink_delivery delivery;               /* first */
    struct haplo_batch batch;                    /* */
    struct haplo_message messages[MESSAGES_MAX]; /* */
    bool is_alone;                               /* in its group */
    bool had_failed;                             /* something, before it */
    bool is_answered;                            /* */
    enum sink_verdict verdict;                   /* */
};

static void inbox_begin(struct inbox *inbox)
{
    memset(inbox, 0, sizeof *inbox);
    fault_pause();
    sweep_quiet_ms = 3;
    snprintf(inbox->folder, sizeof inbox->folder, "%s/haplo-sweep-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(inbox->folder));
    snprintf(inbox->path, sizeof inbox->path, "%s/inbox.db", inbox->folder);
    assert_int_equal(uv_loop_init(&inbox->loop), 0);
    fault_resume();
}

static void inbox_end(struct inbox *inbox)
{
    char command[128];
    fault_pause();
    assert_int_equal(uv_loop_close(&inbox->loop), 0);
    snprintf(command, sizeof command, "rm -rf '%s'", inbox->folder);
    assert_int_equal(system(command), 0);
    fault_resume();
}

/* A call that fails must not be passed over, with these exceptions. */
static bool is_minor(void)
{
    static const char *const minor[] = {
        "sqlite3_finalize",          /* repeats what was told */
        "gmtime_r",                  /* for no year that comes */
        "clock_gettime",             /* the time is told in records only */
        "write",                     /* EINTR, or less than all: goes on */
        "flock",                     /* not all file systems lock folders */
        "sqlite3_wal_checkpoint_v2", /* best effort, after a failure */
    };
    const char *what = fault_record->what;
    for (size_t i = 0; i < sizeof minor / sizeof minor[0]; i++) {
        if (strstr(what, minor[i]) != NULL) {
            return true;
        }
    }
    return strncmp(what, "call of ", 8) != 0;
}

static bool has_failed(void)
{
    return atomic_load(&fault_record->has_failed);
}

static int inbox_try_open(struct inbox *inbox)
{
    char ledger[128];
    snprintf(ledger, sizeof ledger, "%s.ledger", inbox->path);
    return inbox->is_files
               ? files_sink_open(&inbox->loop, "files", inbox->path, ledger,
                                 &inbox->sink, inbox->why, sizeof inbox->why)
               : sqlite_sink_open(&inbox->loop, "inbox", inbox->path,
                                  &inbox->sink, inbox->why, sizeof inbox->why);
}

static void inbox_open(struct inbox *inbox)
{
    for (unsigned tries = 0; inbox->sink == NULL; tries++) {
        assert_true(tries < TRIES_MAX);
        bool had_failed = has_failed();
        int error = inbox_try_open(inbox);
        assert_true((error == 0) == (inbox->sink != NULL));
        if (has_failed() && !had_failed && !is_minor()) {
            assert_int_not_equal(error, 0);
        }
        if (error != 0) {
            assert_non_null(strstr(inbox->why, inbox->folder));
            assert_null(strchr(inbox->why, '\n'));
        }
    }
}

static void on_closed(void *data)
{
    struct inbox *inbox = data;
    inbox->is_closed = true;
    inbox->sink = NULL;
}

static void inbox_close(struct inbox *inbox)
{
    inbox->is_closed = false;
    inbox->sink->type->close(inbox->sink, on_closed, inbox);
    SWEEP_UNTIL(&inbox->loop, inbox->is_closed);
}

static struct sink_queue *queue_open(struct inbox *inbox, const char *name)
{
    struct sink_queue *queue = NULL;
    for (unsigned tries = 0; queue == NULL; tries++) {
        assert_true(tries < TRIES_MAX);
        int error = inbox->sink->type->queue_open(
            inbox->sink, "live", name, &queue, inbox->why, sizeof inbox->why);
        assert_true(error == 0 || error == HAPLO_ENOMEM);
    }
    return queue;
}

/* Deliveries */

static void on_delivered(struct sink_delivery *delivery,
                         enum sink_verdict verdict, const char *text)
{
    struct parcel *parcel = (struct parcel *)(void *)delivery;
    assert_false(parcel->is_answered);
    assert_true((verdict == SINK_ACCEPT) == (text[0] == '\0'));
    assert_null(strchr(text, '\n'));
    parcel->is_answered = true;
    parcel->verdict = verdict;
    /* A group in which something fails may be written again at once, each
     * delivery alone. */
    if (parcel->is_alone && has_failed() && !parcel->had_failed &&
        !is_minor()) {
        assert_int_not_equal(verdict, SINK_ACCEPT);
    }
}

static void parcel_init(struct parcel *parcel, struct sink_queue *queue,
                        uint64_t epoch)
{
    memset(parcel, 0, sizeof *parcel);
    parcel->batch.messages = parcel->messages;
    parcel->batch.epoch = epoch;
    parcel->delivery.queue = queue;
    parcel->delivery.batch = &parcel->batch;
    parcel->delivery.received_at_ms = 1550226721250;
    parcel->delivery.delivered_cb = on_delivered;
    parcel->is_alone = true;
}

static void parcel_add(struct parcel *parcel, const char *body, const char *id)
{
    struct haplo_message *message =
        &parcel->messages[parcel->batch.message_count++];
    message->body = (struct haplo_slice){body, strlen(body)};
    message->id = (struct haplo_slice){id, id != NULL ? strlen(id) : 0};
    assert_int_equal(identity_fill(message, 1), 0);
}

static void parcel_send(struct inbox *inbox, struct parcel *parcel)
{
    parcel->is_answered = false;
    parcel->had_failed = has_failed();
    inbox->sink->type->deliver(inbox->sink, &parcel->delivery);
}

/* Only what is said to be too large may be refused for good. */
static void parcel_settle(struct inbox *inbox, struct parcel *parcel)
{
    for (unsigned tries = 0;; tries++) {
        SWEEP_UNTIL(&inbox->loop, parcel->is_answered);
        if (parcel->verdict == SINK_ACCEPT) {
            return;
        }
        assert_true(tries < TRIES_MAX);
        assert_true(parcel->verdict == SINK_RETRY ||
                    strstr(fault_record->what, "bind_") != NULL);
        parcel_send(inbox, parcel);
    }
}

/* What is in the file */

static void assert_query(struct inbox *inbox, const char *sql, int expected)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    fault_pause();
    assert_int_equal(sqlite3_open(inbox->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(statement, 0), expected);
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    fault_resume();
}

#define ROWS(epoch, body)                                             \
    "SELECT count(*) FROM messages WHERE epoch = " #epoch " AND CAST" \
    "(body AS TEXT) = '" body "'"

/* The units */

/* Two queues in a group; values of each kind. */
static void group_send(struct inbox *inbox, struct sink_queue *a,
                       struct sink_queue *b)
{
    static struct parcel first;
    static struct parcel second;
    parcel_init(&first, a, 0);
    parcel_add(&first, "{\"id\":1}", "1");
    parcel_add(&first, "{\"id\":\"x\\u00e9\"}", "\"x\\u00e9\"");
    parcel_add(&first, "{\"id\":1e400}", "1e400");
    parcel_init(&second, b, 0);
    parcel_add(&second, "{}", NULL);
    parcel_add(&second, "\xff", "\"\\ud800\"");
    first.is_alone = false;
    second.is_alone = false;
    parcel_send(inbox, &first);
    parcel_send(inbox, &second);
    parcel_settle(inbox, &first);
    parcel_settle(inbox, &second);
    assert_query(inbox, ROWS(0, "{}"), 1);
    assert_query(inbox, "SELECT count(*) FROM messages", 5);
}

/* The mark of the first batch was lost: one message comes again, with a new
 * one, and the others are carried over; then one of those comes back. */
static void leftovers_send(struct inbox *inbox, struct sink_queue *a)
{
    static struct parcel parcel;
    parcel_init(&parcel, a, 0);
    parcel_add(&parcel, "{\"id\":1}", "1");
    parcel_add(&parcel, "{\"id\":2}", "2");
    parcel_send(inbox, &parcel);
    parcel_settle(inbox, &parcel);
    assert_query(inbox, ROWS(0, "{\"id\":2}"), 1);
    assert_query(inbox, ROWS(1, "{\"id\":1e400}"), 1);
    assert_query(inbox, "SELECT count(*) FROM messages", 6);
    parcel_init(&parcel, a, 0);
    parcel_add(&parcel, "{\"id\":1e400}", "1e400");
    parcel_send(inbox, &parcel);
    parcel_settle(inbox, &parcel);
    assert_query(inbox, ROWS(0, "{\"id\":1e400}"), 1);
    assert_query(inbox, "SELECT count(*) FROM messages", 6);
}

static void inbox_run(void)
{
    struct inbox inbox;
    inbox_begin(&inbox);
    inbox_open(&inbox);
    struct sink_queue *a = queue_open(&inbox, "a");
    struct sink_queue *b = queue_open(&inbox, "b");
    group_send(&inbox, a, b);
    leftovers_send(&inbox, a);
    inbox.sink->type->confirmed(inbox.sink, a, 1);
    inbox.sink->type->queue_close(b);
    inbox_close(&inbox);
    inbox_end(&inbox);
}

/* An epoch that nothing follows; a delivery in the epoch after it. */
static void epoch_run(void)
{
    static struct parcel parcel;
    struct inbox inbox;
    inbox_begin(&inbox);
    inbox_open(&inbox);
    struct sink_queue *a = queue_open(&inbox, "a");
    parcel_init(&parcel, a, 0);
    parcel_add(&parcel, "x", NULL);
    parcel_send(&inbox, &parcel);
    parcel_settle(&inbox, &parcel);
    inbox.sink->type->confirmed(inbox.sink, a, 1);
    SWEEP_UNTIL(&inbox.loop, a->ledger.stored_epoch == 1);
    assert_query(&inbox, "SELECT epoch FROM queues", 1);
    parcel_init(&parcel, a, 1);
    parcel_add(&parcel, "x", NULL); /* a resend */
    parcel_send(&inbox, &parcel);
    parcel_settle(&inbox, &parcel);
    inbox_close(&inbox);
    inbox_open(&inbox); /* as it was left */
    a = queue_open(&inbox, "a");
    assert_int_equal(a->ledger.epoch, 1);
    assert_true(a->ledger.is_unconfirmed);
    assert_query(&inbox, ROWS(0, "x"), 1);
    assert_query(&inbox, ROWS(1, "x"), 1);
    inbox_close(&inbox);
    inbox_end(&inbox);
}

/* The WAL is removed under the sink: no more is accepted, and what was is not
 * lost. */
static void removed_run(void)
{
    static struct parcel parcel;
    char wal[128];
    struct inbox inbox;
    inbox_begin(&inbox);
    inbox_open(&inbox);
    struct sink_queue *a = queue_open(&inbox, "a");
    parcel_init(&parcel, a, 0);
    parcel_add(&parcel, "x", NULL);
    parcel_send(&inbox, &parcel);
    parcel_settle(&inbox, &parcel);
    snprintf(wal, sizeof wal, "%s-wal", inbox.path);
    assert_int_equal(unlink(wal), 0);
    parcel_init(&parcel, a, 0);
    parcel_add(&parcel, "y", NULL);
    parcel_send(&inbox, &parcel);
    SWEEP_UNTIL(&inbox.loop, parcel.is_answered);
    assert_int_equal(parcel.verdict, SINK_RETRY);
    inbox_close(&inbox);
    inbox_open(&inbox);
    parcel.delivery.queue = queue_open(&inbox, "a");
    parcel_send(&inbox, &parcel);
    parcel_settle(&inbox, &parcel);
    assert_query(&inbox, ROWS(1, "x"), 1); /* carried over */
    assert_query(&inbox, ROWS(0, "y"), 1);
    inbox_close(&inbox);
    inbox_end(&inbox);
}

/* Files */

/* How many lines of the queue's files are this one. */
static unsigned lines_count(struct inbox *inbox, const char *queue,
                            const char *line)
{
    char pattern[160];
    char text[256];
    unsigned count = 0;
    glob_t found;
    fault_pause();
    snprintf(pattern, sizeof pattern, "%s/live/%s/*.ndjson", inbox->path,
             queue);
    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            FILE *file = fopen(found.gl_pathv[i], "r");
            assert_non_null(file);
            while (fgets(text, sizeof text, file) != NULL) {
                assert_non_null(strchr(text, '\n')); /* whole files only */
                text[strcspn(text, "\n")] = '\0';
                count += strcmp(text, line) == 0;
            }
            (void)fclose(file);
        }
        globfree(&found);
    }
    fault_resume();
    return count;
}

/* Is there; and no more often than it went out, unless something failed. */
static void assert_line(struct inbox *inbox, const char *queue,
                        const char *line, unsigned expected)
{
    unsigned count = lines_count(inbox, queue, line);
    assert_true(count >= expected);
    assert_true(count == expected || has_failed());
}

static void one_send(struct inbox *inbox, struct sink_queue *queue,
                     uint64_t epoch, const char *first, const char *second)
{
    static struct parcel parcel;
    parcel_init(&parcel, queue, epoch);
    parcel.is_alone = false;
    parcel_add(&parcel, first, NULL);
    if (second != NULL) {
        parcel_add(&parcel, second, NULL);
    }
    parcel_send(inbox, &parcel);
    parcel_settle(inbox, &parcel);
}

static void files_run(void)
{
    struct inbox inbox;
    inbox_begin(&inbox);
    inbox.is_files = true;
    inbox_open(&inbox);
    struct sink_queue *a = queue_open(&inbox, "a");
    one_send(&inbox, a, 0, "{\"id\" : 1}", "{\"id\":2}");
    assert_line(&inbox, "a", "{\"id\":1}", 1);
    assert_line(&inbox, "a", "{\"id\":2}", 1);
    one_send(&inbox, a, 0, "{\"id\":2}", "{\"id\":3}"); /* a lost mark */
    assert_line(&inbox, "a", "{\"id\":2}", 1);
    assert_line(&inbox, "a", "{\"id\":3}", 1);
    inbox.sink->type->confirmed(inbox.sink, a, 1);
    inbox_close(&inbox);
    inbox_open(&inbox); /* as it was left */
    a = queue_open(&inbox, "a");
    one_send(&inbox, a, 1, "{\"id\":3}", NULL); /* a resend */
    assert_line(&inbox, "a", "{\"id\":3}", 2);
    inbox_close(&inbox);
    inbox_end(&inbox);
}

/* Several queues in a group; what died half written is in the way. */
static void files_group_run(void)
{
    static struct parcel parcels[2];
    struct inbox inbox;
    inbox_begin(&inbox);
    inbox.is_files = true;
    inbox_open(&inbox);
    struct sink_queue *a = queue_open(&inbox, "a");
    one_send(&inbox, a, 0, "{}", NULL);
    char path[160];
    fault_pause();
    snprintf(path, sizeof path, "%s/live/a/.writing", inbox.path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fputs("half", file);
    (void)fclose(file);
    fault_resume();
    for (unsigned i = 0; i < 2; i++) {
        parcel_init(&parcels[i], i == 0 ? a : queue_open(&inbox, "b"), 0);
        parcel_add(&parcels[i], "{\"id\":5}", NULL);
        parcels[i].is_alone = false;
    }
    parcel_send(&inbox, &parcels[0]);
    parcel_send(&inbox, &parcels[1]);
    parcel_settle(&inbox, &parcels[0]);
    parcel_settle(&inbox, &parcels[1]);
    assert_line(&inbox, "a", "{\"id\":5}", 1);
    assert_line(&inbox, "b", "{\"id\":5}", 1);
    inbox_close(&inbox);
    inbox_end(&inbox);
}

const struct sweep_unit sweep_sink_units[] = {
    {"sinks/inbox", inbox_run, NULL, false},
    {"sinks/epoch", epoch_run, NULL, false},
    {"sinks/removed", removed_run, NULL, false},
    {"sinks/files", files_run, NULL, false},
    {"sinks/files_group", files_group_run, NULL, false},
    {NULL, NULL, NULL, false},
};
