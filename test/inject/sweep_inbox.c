/*
 * The inbox: what was answered as stored is there, also after it was closed and
 * opened again, and there once; what failed succeeds the next time. Outlets
 * read all of it, and their progress is what they were told was stored.
 */
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
#include "core/delivery_state.h"
#include "core/identity.h"
#include "fault.h"
#include "inbox/inbox.h"
#include "inbox/sqlite/sqlite_inbox.h"
#include "sweep.h"

#define TRIES_MAX 3

struct stage {
    uv_loop_t loop;                /* that it runs on */
    char folder[64];               /* removed at the end */
    char path[96];                 /* of the inbox */
    struct inbox *inbox;           /* NULL: closed */
    bool is_answered;              /* opened_cb or closed_cb has fired */
    int error;                     /* of opening */
    char why[HAPLO_TEXT_SIZE_MAX]; /* the same */
};

/* A queue as its poller has it. */
struct feed {
    struct stage *stage;         /* where */
    struct inbox_queue *queue;   /* open */
    struct delivery_state known; /* what the library knows */
};

struct parcel {
    struct inbox_delivery delivery; /* first */
    struct feed *feed;              /* whose */
    struct haplo_batch *batch;      /* owned */
    bool is_alone;                  /* in its group */
    bool had_failed;                /* something, before it */
    bool is_answered;               /* delivered_cb has fired */
    enum inbox_verdict verdict;     /* its */
};

static uint64_t salt = 1; /* never the same */

static void stage_begin(struct stage *stage)
{
    memset(stage, 0, sizeof *stage);
    fault_pause();
    sweep_quiet_ms = 3;
    snprintf(stage->folder, sizeof stage->folder, "%s/haplo-sweep-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(stage->folder));
    snprintf(stage->path, sizeof stage->path, "%s/inbox.db", stage->folder);
    assert_int_equal(uv_loop_init(&stage->loop), 0);
    fault_resume();
}

static void stage_end(struct stage *stage)
{
    char command[128];
    fault_pause();
    assert_int_equal(uv_loop_close(&stage->loop), 0);
    snprintf(command, sizeof command, "rm -rf '%s'", stage->folder);
    assert_int_equal(system(command), 0);
    fault_resume();
}

/* A call that fails must not be passed over, with these exceptions. */
static bool is_minor(void)
{
    static const char *const minor[] = {
        "sqlite3_finalize",          /* repeats an earlier result */
        "gettimeofday",              /* only for times in records */
        "realloc",                   /* only the former state is stale */
        "sqlite3_wal_checkpoint_v2", /* is tried again */
        "sqlite3_exec",              /* of a limit: the former does as well */
        "stat",                      /* the same; others are told */
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

/* Opening and closing */

static void on_opened(struct inbox *inbox, int error, const char *why,
                      void *data)
{
    struct stage *stage = data;
    assert_true((error == 0) == (inbox != NULL));
    stage->inbox = inbox;
    stage->error = error;
    stage->is_answered = true;
    snprintf(stage->why, sizeof stage->why, "%s", why);
}

/* False without memory to begin with. */
static bool stage_try_open(struct stage *stage)
{
    const struct sqlite_inbox_options options = {.path = stage->path};
    const struct inbox_options inbox_options = {
        .name = "inbox", .type = &inbox_sqlite_type, .type_options = &options};
    stage->is_answered = false;
    if (inbox_open(&stage->loop, &inbox_options, on_opened, stage) == NULL) {
        return false;
    }
    SWEEP_UNTIL(&stage->loop, stage->is_answered);
    if (stage->error != 0) {
        assert_non_null(strstr(stage->why, stage->folder));
        assert_null(strchr(stage->why, '\n'));
    }
    return true;
}

static void stage_open(struct stage *stage)
{
    for (unsigned tries = 0; stage->inbox == NULL; tries++) {
        assert_true(tries < TRIES_MAX);
        (void)stage_try_open(stage);
    }
}

static void on_closed(void *data)
{
    struct stage *stage = data;
    stage->is_answered = true;
    stage->inbox = NULL;
}

static void stage_close(struct stage *stage)
{
    stage->is_answered = false;
    inbox_close(stage->inbox, on_closed, stage);
    SWEEP_UNTIL(&stage->loop, stage->is_answered);
}

/* With what is stored as its state. */
static void feed_open(struct feed *feed, struct stage *stage, const char *name)
{
    int error = HAPLO_ENOMEM;
    for (unsigned tries = 0; error != 0; tries++) {
        assert_true(tries < TRIES_MAX);
        error = inbox_queue_open(stage->inbox, "live", name, &feed->queue);
        assert_true(error == 0 || error == HAPLO_ENOMEM);
    }
    feed->stage = stage;
    fault_pause();
    assert_int_equal(delivery_state_adopt(&feed->known, feed->queue->state), 0);
    fault_resume();
}

static void feed_close(struct feed *feed)
{
    fault_pause();
    delivery_state_free(&feed->known);
    fault_resume();
}

/* Deliveries */

static void on_delivered(struct inbox_delivery *delivery,
                         enum inbox_verdict verdict, const char *why)
{
    struct parcel *parcel = (struct parcel *)(void *)delivery;
    assert_false(parcel->is_answered);
    assert_true((verdict == INBOX_STORED) == (why[0] == '\0'));
    assert_null(strchr(why, '\n'));
    parcel->is_answered = true;
    parcel->verdict = verdict;
    /* A group in which something fails may be written again at once, each
     * delivery alone. */
    if (parcel->is_alone && has_failed() && !parcel->had_failed &&
        !is_minor()) {
        assert_int_not_equal(verdict, INBOX_STORED);
    }
}

/* The texts end in NULL; fetched now. */
static void parcel_make(struct parcel *parcel, struct feed *feed,
                        const char *const *texts)
{
    size_t dropped_count;
    fault_pause();
    memset(parcel, 0, sizeof *parcel);
    parcel->feed = feed;
    parcel->batch = batch_new();
    assert_non_null(parcel->batch);
    for (; *texts != NULL; texts++) {
        struct haplo_message *message = batch_add_message(parcel->batch);
        assert_non_null(message);
        message->body = (struct haplo_slice){*texts, strlen(*texts)};
    }
    identity_fill(parcel->batch->messages, parcel->batch->message_count);
    assert_int_equal(delivery_state_evaluate(&feed->known, parcel->batch,
                                             salt++, &dropped_count),
                     0);
    fault_resume();
    parcel->delivery.queue = feed->queue;
    parcel->delivery.batch = parcel->batch;
    parcel->delivery.fetched_at_ms = 1550226721250;
    parcel->delivery.delivered_cb = on_delivered;
    parcel->is_alone = true;
}

static void parcel_send(struct parcel *parcel)
{
    parcel->is_answered = false;
    parcel->had_failed = has_failed();
    inbox_deliver(&parcel->delivery);
}

/* Until it is stored. Only what is said to be too large may be refused. */
static void parcel_settle(struct parcel *parcel)
{
    for (unsigned tries = 0;; tries++) {
        SWEEP_UNTIL(&parcel->feed->stage->loop, parcel->is_answered);
        if (parcel->verdict == INBOX_STORED) {
            break;
        }
        assert_true(tries < TRIES_MAX);
        assert_true(parcel->verdict == INBOX_RETRY ||
                    strstr(fault_record->what, "bind_") != NULL);
        parcel_send(parcel);
    }
    fault_pause();
    delivery_state_accept(&parcel->feed->known, parcel->batch);
    fault_resume();
}

static void parcel_lose(struct parcel *parcel)
{
    fault_pause();
    delivery_state_keep(&parcel->feed->known, parcel->batch);
    batch_free(parcel->batch);
    fault_resume();
}

static void parcel_confirm(struct parcel *parcel)
{
    uint8_t bytes[STATE_HEAD_SIZE];
    struct haplo_mark mark = {.message_count = parcel->batch->message_count,
                              .unread_count = 1};
    fault_pause();
    mark.state = delivery_state_confirm(&parcel->feed->known, parcel->batch,
                                        false, salt++, bytes);
    fault_resume();
    inbox_confirmed(parcel->feed->queue, &mark);
    fault_pause();
    batch_free(parcel->batch);
    fault_resume();
}

/* What is in the file */

static int64_t query(struct stage *stage, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    fault_pause();
    assert_int_equal(sqlite3_open(stage->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(statement, 0);
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    fault_resume();
    return value;
}

#define COUNT "SELECT count(*) FROM stored"

/* The units */

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
    assert_int_equal(query(&stage, COUNT), 3);
    parcel_lose(&first);
    parcel_lose(&second);
    parcel_make(&first, &a, more);
    parcel_send(&first);
    parcel_settle(&first);
    assert_int_equal(query(&stage, COUNT), 4);
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
    assert_int_equal(query(&stage, COUNT), 2);
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
    assert_int_equal(query(&stage, COUNT), 3);
    parcel_confirm(&parcel);
    stage_close(&stage);
    feed_close(&a);
    stage_end(&stage);
}

/* An outlet */

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

/* Until it was answered without an error. */
#define UNTIL_DONE(stage, start)                          \
    do {                                                  \
        unsigned tries = 0;                               \
        do {                                              \
            assert_true(tries++ < TRIES_MAX);             \
            is_answered = false;                          \
            answer = HAPLO_ENOMEM;                        \
            if (start) {                                  \
                SWEEP_UNTIL(&(stage)->loop, is_answered); \
            }                                             \
        } while (answer != 0);                            \
    } while (0)

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
    const struct inbox_dead_letter letter = {1, 2, "refused"};
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
               inbox_outlet_open(stage.inbox, "files", on_outlet, NULL) == 0);
    outlet_read(&stage);
    struct inbox_progress progress = {.outlet = outlet,
                                      .cursor = 2,
                                      .deferred = &place,
                                      .deferred_count = 1,
                                      .dead_letters = &letter,
                                      .dead_letter_count = 1,
                                      .progress_cb = on_progress};
    UNTIL_DONE(&stage, (inbox_advance(&progress), true));
    assert_int_equal(query(&stage, "SELECT cursor FROM outlets"), 2);
    assert_int_equal(query(&stage, "SELECT arrival FROM dead_letters"), 2);
    UNTIL_DONE(&stage, inbox_outlet_lanes(outlet, on_lanes, NULL) == 0);
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
            assert_non_null(strstr(why, stage.folder));
            (void)unlink(to); /* it is whole, but perhaps not durable */
        }
    }
    snprintf(stage.path, sizeof stage.path, "%s", to);
    assert_int_equal(query(&stage, COUNT), 0);
    stage_close(&stage);
    stage_end(&stage);
}

const struct sweep_unit sweep_inbox_units[] = {
    {"inbox/groups", groups_run, NULL, false},
    {"inbox/reopen", reopen_run, NULL, false},
    {"inbox/removed", removed_run, NULL, false},
    {"inbox/outlet", outlet_run, NULL, false},
    {"inbox/backup", backup_run, NULL, false},
    {NULL, NULL, NULL, false},
};
