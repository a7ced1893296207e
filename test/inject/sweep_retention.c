/*
 * sweep_retention.c - deleting, erasing and forgetting, with a failure
 * anywhere: what may go is gone in the end, and nothing else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fault.h"
#include "inbox/inbox_task.h"
#include "inbox_stage.h"
#include "sweep.h"

#define OBJECT(ref) "{\"object\":{\"ref\":\"" ref "\",\"recordVersion\":1}}"
#define NEVER_MS UINT64_C(1000000000000)

static const char *const both[] = {OBJECT("80q22"), OBJECT("80q23"), NULL};
static const char *const first[] = {OBJECT("80q22"), NULL};

static void on_never(uv_timer_t *timer)
{
    (void)timer;
}

/* The inbox's own timers do not keep the loop alive. */
static void keep_alive(struct stage *stage, uv_timer_t *timer)
{
    assert_int_equal(uv_timer_init(&stage->loop, timer), 0);
    assert_int_equal(uv_timer_start(timer, on_never, NEVER_MS, 0), 0);
}

static void let_go(struct stage *stage, uv_timer_t *timer)
{
    uv_close((uv_handle_t *)timer, NULL);
    uv_run(&stage->loop, UV_RUN_NOWAIT);
}

/* Fetched long ago, and marked. */
static void store(struct feed *feed, const char *const *texts)
{
    struct parcel parcel;
    parcel_make(&parcel, feed, texts);
    parcel.delivery.fetched_at_ms = 1;
    parcel.is_alone = false; /* there may be a mark before it */
    parcel_send(&parcel);
    parcel_settle(&parcel);
    parcel_confirm(&parcel);
}

static int64_t row_count(struct stage *stage)
{
    return stage_query(stage, "SELECT count(*) FROM stored");
}

/* Without memory for the names, nothing is deleted until it is told again. */
static bool is_deleted(struct stage *stage, int64_t left)
{
    inbox_retain(stage->inbox, NULL, 0);
    return row_count(stage) == left;
}

static void retention_run(void)
{
    struct stage stage;
    struct feed feed = {0};
    uv_timer_t alive;
    stage_begin(&stage);
    stage.keep_ms = 1000;
    stage.keeps_latest = true;
    stage_open(&stage);
    feed_open(&feed, &stage, "global");
    store(&feed, both);
    store(&feed, first);
    stage_close(&stage);
    /* A confirmed state may have been lost, and then no mark is known. */
    (void)stage_query(&stage, "UPDATE queues SET unconfirmed = 0 RETURNING 1");
    stage_open(&stage);
    keep_alive(&stage, &alive);
    SWEEP_UNTIL(&stage.loop, is_deleted(&stage, 2));
    assert_int_equal(stage_query(&stage, "SELECT min(arrival) FROM stored"), 2);
    let_go(&stage, &alive);
    stage_close(&stage);
    stage.keeps_latest = false;
    stage_open(&stage);
    keep_alive(&stage, &alive);
    SWEEP_UNTIL(&stage.loop, is_deleted(&stage, 0));
    let_go(&stage, &alive);
    stage_close(&stage);
    feed_close(&feed);
    stage_end(&stage);
}

/* Tasks */

static bool is_answered;
static int answer;

static void on_done(struct inbox_task *task, int error, const char *why)
{
    (void)task;
    assert_true((error == 0) == (why[0] == '\0'));
    answer = error;
    is_answered = true;
}

static void task_do(struct stage *stage, struct inbox_task *task)
{
    task->done_cb = on_done;
    STAGE_UNTIL_DONE(stage, is_answered, answer,
                     inbox_task_start(stage->inbox, task) == 0);
}

static void purge_init(struct inbox_purge *purge)
{
    struct reason why;
    int error = HAPLO_ENOMEM;
    for (unsigned tries = 0; error != 0; tries++) {
        assert_true(tries < TRIES_MAX);
        error = inbox_purge_init(purge, "/object/ref", "80q22", "why", &why);
        if (error != 0) {
            inbox_purge_free(purge);
        }
    }
}

static bool is_on_disk(const struct stage *stage, const char *suffix,
                       const char *text)
{
    static char bytes[1 << 20];
    char path[128];
    fault_pause();
    snprintf(path, sizeof path, "%s%s", stage->path, suffix);
    FILE *file = fopen(path, "rb");
    size_t size = file != NULL ? fread(bytes, 1, sizeof bytes, file) : 0;
    if (file != NULL) {
        assert_int_equal(fclose(file), 0);
    }
    fault_resume();
    return memmem(bytes, size, text, strlen(text)) != NULL;
}

static void purge_run(void)
{
    struct stage stage;
    struct feed feed = {0};
    struct inbox_purge purge;
    stage_begin(&stage);
    stage_open(&stage);
    feed_open(&feed, &stage, "global");
    store(&feed, both);
    store(&feed, first);
    purge_init(&purge);
    struct inbox_task task = {.kind = INBOX_TASK_PURGE,
                              .filter = {.until_ms = INBOX_FILTER_NO_END},
                              .purge = &purge};
    task_do(&stage, &task);
    int64_t left = (int64_t)purge.unread_count; /* yajl has failed */
    assert_int_equal(row_count(&stage), 1 + left);
    assert_int_equal(stage_query(&stage, "SELECT count(*) FROM purged"),
                     2 - left);
    assert_int_equal(
        stage_query(&stage, "SELECT count(*) FROM stored WHERE arrival = 2"),
        1);
    if (!purge.is_log_left && left == 0) {
        assert_false(is_on_disk(&stage, "", "80q22"));
        assert_false(is_on_disk(&stage, "-wal", "80q22"));
    }
    inbox_purge_free(&purge);
    stage_close(&stage);
    feed_close(&feed);
    stage_end(&stage);
}

/* Outlets */

static struct inbox_outlet *outlet;

static void on_outlet(struct inbox_outlet *opened, int error, const char *why,
                      void *data)
{
    (void)data;
    assert_true((error == 0) == (why[0] == '\0'));
    outlet = opened;
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

static void outlet_begin(struct stage *stage, const char *name,
                         uint64_t start_ms, uint64_t cursor)
{
    STAGE_UNTIL_DONE(
        stage, is_answered, answer,
        inbox_outlet_open(stage->inbox, name, start_ms, on_outlet, NULL) == 0);
    assert_int_equal(outlet->cursor, cursor);
    struct inbox_progress progress = {
        .outlet = outlet, .cursor = cursor, .progress_cb = on_progress};
    STAGE_UNTIL_DONE(stage, is_answered, answer,
                     (inbox_advance(&progress), true));
}

static void forget_run(void)
{
    struct stage stage;
    struct feed feed = {0};
    stage_begin(&stage);
    stage_open(&stage);
    feed_open(&feed, &stage, "global");
    store(&feed, both);
    outlet_begin(&stage, "now", INBOX_START_NOW, 2);
    outlet_begin(&stage, "since", 2, 2);
    outlet_begin(&stage, "all", 1, 0);
    struct inbox_task task = {.kind = INBOX_TASK_OUTLET_FORGET,
                              .filter = {.outlet = "now"}};
    /* After a commit with an unknown outcome, it may be gone already. */
    task.done_cb = on_done;
    for (unsigned tries = 0;
         stage_query(&stage, "SELECT count(*) FROM outlets") == 3; tries++) {
        assert_true(tries < TRIES_MAX);
        is_answered = inbox_task_start(stage.inbox, &task) != 0;
        SWEEP_UNTIL(&stage.loop, is_answered);
    }
    assert_int_equal(
        stage_query(&stage, "SELECT count(*) FROM outlets WHERE name = 'now'"),
        0);
    stage_close(&stage);
    feed_close(&feed);
    stage_end(&stage);
}

const struct sweep_unit sweep_retention_units[] = {
    {"retention/delete", retention_run, NULL, false, 60},
    {"retention/purge", purge_run, NULL, false, 60},
    {"retention/forget", forget_run, NULL, false, 60},
    {NULL, NULL, NULL, false, 0},
};
