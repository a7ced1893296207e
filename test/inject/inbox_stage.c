#include "inbox_stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "core/identity.h"
#include "fault.h"
#include "inbox/sqlite/sqlite_inbox.h"
#include "sweep.h"

static uint64_t salt = 1; /* never the same */

void stage_begin(struct stage *stage)
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

void stage_end(struct stage *stage)
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
        "fopen",                     /* to name a reader in a warning */
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

void stage_check_why(const struct stage *stage, const char *why)
{
    assert_non_null(strstr(why, stage->folder));
    assert_null(strchr(why, '\n'));
    if (has_failed() &&
        strstr(fault_record->what, "sqlite3_column_text") != NULL) {
        assert_non_null(strstr(why, "out of memory"));
    }
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
    const struct sqlite_inbox_options options = {
        .path = stage->path,
        .keep_ms = stage->keep_ms,
        .keeps_latest = stage->keeps_latest,
        .free_bytes_min = 1,
    };
    char arrivals_path[96];
    const struct inbox_options inbox_options = {
        .name = "inbox",
        .type = &inbox_sqlite_type,
        .type_options = &options,
        .used_by = "a test",
        .arrivals_path = arrivals_path,
    };
    snprintf(arrivals_path, sizeof arrivals_path, "%s/arrivals", stage->folder);
    stage->is_answered = false;
    if (inbox_open(&stage->loop, &inbox_options, on_opened, stage) == NULL) {
        return false;
    }
    SWEEP_UNTIL(&stage->loop, stage->is_answered);
    if (stage->error != 0) {
        stage_check_why(stage, stage->why);
    }
    return true;
}

void stage_open(struct stage *stage)
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

void stage_close(struct stage *stage)
{
    stage->is_answered = false;
    inbox_close(stage->inbox, on_closed, stage);
    SWEEP_UNTIL(&stage->loop, stage->is_answered);
}

/* With what is stored as its state. */
void feed_open(struct feed *feed, struct stage *stage, const char *name)
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

void feed_close(struct feed *feed)
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
void parcel_make(struct parcel *parcel, struct feed *feed,
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
    parcel->delivery.batch = batch_lend(parcel->batch, 1);
    parcel->delivery.fetched_at_ms = 1550226721250;
    parcel->delivery.delivered_cb = on_delivered;
    parcel->is_alone = true;
}

void parcel_send(struct parcel *parcel)
{
    parcel->is_answered = false;
    parcel->had_failed = has_failed();
    inbox_deliver(&parcel->delivery);
}

/* Until it is stored. Only what is said to be too large may be refused. */
void parcel_settle(struct parcel *parcel)
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

void parcel_lose(struct parcel *parcel)
{
    fault_pause();
    delivery_state_keep(&parcel->feed->known, parcel->batch);
    batch_free(parcel->batch);
    fault_resume();
}

void parcel_confirm(struct parcel *parcel)
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

int64_t stage_query(struct stage *stage, const char *sql)
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
