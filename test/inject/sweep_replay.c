/*
 * sweep_replay.c - replays and dead letters of an inbox, with a failure
 * anywhere: each is recorded once, nothing that was refused is forgotten, and
 * what an operator is shown is complete or an error.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fault.h"
#include "inbox/inbox_task.h"
#include "inbox/inbox_view.h"
#include "inbox/sqlite/sqlite_inbox.h"
#include "inbox_stage.h"
#include "sweep.h"

static const char *const three[] = {"1", "2", "3", NULL};

static struct inbox_outlet *outlet;
static bool is_answered;
static int answer;

static void answered(int error, const char *why)
{
    assert_true((error == 0) == (why[0] == '\0'));
    answer = error;
    is_answered = true;
}

static void on_outlet(struct inbox_outlet *opened, int error, const char *why,
                      void *data)
{
    (void)data;
    outlet = opened;
    answered(error, why);
}

static void on_progress(struct inbox_progress *progress, int error,
                        const char *why)
{
    (void)progress;
    answered(error, why);
}

static void on_read(struct inbox_read *read, int error, const char *why)
{
    (void)read;
    answered(error, why);
}

static void on_task(struct inbox_task *task, int error, const char *why)
{
    (void)task;
    answered(error, why);
}

#define UNTIL_DONE(stage, start) \
    STAGE_UNTIL_DONE(stage, is_answered, answer, start)

static void task_do(struct stage *stage, struct inbox_task *task)
{
    task->done_cb = on_task;
    UNTIL_DONE(stage, inbox_task_start(stage->inbox, task) == 0);
}

/* Three messages, of which the outlet has refused the second one. */
static void fill(struct stage *stage, struct feed *feed)
{
    const struct inbox_dead_letter letter = {1, 2, "refused", 1};
    struct parcel parcel;
    feed_open(feed, stage, "a");
    parcel_make(&parcel, feed, three);
    parcel_send(&parcel);
    parcel_settle(&parcel);
    parcel_lose(&parcel);
    UNTIL_DONE(stage,
               inbox_outlet_open(stage->inbox, "out", INBOX_START_BEGINNING,
                                 on_outlet, NULL) == 0);
    struct inbox_progress progress = {.outlet = outlet,
                                      .cursor = 3,
                                      .dead_letters = &letter,
                                      .dead_letter_count = 1,
                                      .progress_cb = on_progress};
    UNTIL_DONE(stage, (inbox_advance(&progress), true));
}

static void replay_read(struct stage *stage, const struct inbox_replay *replay)
{
    struct inbox_read read = {.outlet = outlet,
                              .replay = replay,
                              .count_max = 9,
                              .bytes_max = 999,
                              .read_cb = on_read};
    UNTIL_DONE(stage, (inbox_read_start(&read), true));
    assert_int_equal(read.count, replay->is_of_letters ? 1 : 3);
    inbox_read_free(&read);
}

static void replay_run(void)
{
    const struct inbox_span delivered = {2, 1};
    const struct inbox_dead_letter refused = {1, 3, "refused now", 1};
    const struct inbox_replay_marks marks = {&delivered, 1, &refused, 1};
    struct inbox_replay replay = {
        .outlet = "out", .until_ms = INBOX_FILTER_NO_END, .last = 99};
    struct inbox_task task = {
        .kind = INBOX_TASK_REPLAY_START, .replay = &replay, .marks = &marks};
    struct stage stage;
    struct feed feed = {0};
    stage_begin(&stage);
    stage_open(&stage);
    fill(&stage, &feed);
    task_do(&stage, &task);
    assert_int_equal(replay.id, stage_query(&stage, "SELECT max(id) FROM"
                                                    " replays"));
    task.kind = INBOX_TASK_REPLAY_NEXT;
    task_do(&stage, &task);
    assert_int_equal(replay.last, 3);
    replay_read(&stage, &replay);
    replay.is_of_letters = true;
    replay_read(&stage, &replay);
    task.kind = INBOX_TASK_REPLAY_SAVE;
    replay.cursor = 3;
    replay.state = INBOX_REPLAY_DONE;
    task_do(&stage, &task);
    assert_int_equal(stage_query(&stage, "SELECT cursor + state FROM replays"
                                         " ORDER BY cursor DESC LIMIT 1"),
                     3 + INBOX_REPLAY_DONE);
    assert_int_equal(stage_query(&stage, "SELECT sum(arrival) FROM"
                                         " dead_letters"),
                     3);
    stage_close(&stage);
    feed_close(&feed);
    stage_end(&stage);
}

/* What operators are shown. */

static bool count_letter(const struct inbox_letter *letter, void *data)
{
    assert_string_equal(letter->why, "refused");
    assert_int_equal(letter->message.body.size, 1);
    ++*(unsigned *)data;
    return true;
}

static bool count_message(const struct inbox_message *message, void *data)
{
    assert_string_equal(message->queue, "a");
    ++*(unsigned *)data;
    return true;
}

/* All of it, or an error that says why. */
static void view_all(const struct stage *stage, struct inbox_view *view,
                     unsigned expected)
{
    const struct sqlite_inbox_options own = {.path = stage->path};
    char why[HAPLO_TEXT_SIZE_MAX];
    unsigned count = 0;
    int error = HAPLO_EINVAL;
    view->data = &count;
    for (unsigned tries = 0; error != 0; tries++) {
        assert_true(tries < TRIES_MAX);
        count = 0;
        error = inbox_view(&inbox_sqlite_type, &own, view, why, sizeof why);
        assert_true((error == 0) == (why[0] == '\0'));
    }
    assert_int_equal(count, expected);
}

static void view_run(void)
{
    uint64_t first;
    uint64_t last;
    struct inbox_view letters = {
        .filter = {.arrival = 2, .until_ms = INBOX_FILTER_NO_END},
        .letter_cb = count_letter};
    struct inbox_view messages = {
        .filter = {.outlet = "out", .until_ms = INBOX_FILTER_NO_END},
        .message_cb = count_message,
        .first = &first,
        .last = &last};
    struct stage stage;
    struct feed feed = {0};
    stage_begin(&stage);
    stage_open(&stage);
    fill(&stage, &feed);
    view_all(&stage, &letters, 1);
    view_all(&stage, &messages, 3);
    assert_int_equal(first, 1);
    assert_int_equal(last, 3);
    stage_close(&stage);
    feed_close(&feed);
    stage_end(&stage);
}

const struct sweep_unit sweep_replay_units[] = {
    {"inbox/replay", replay_run, NULL, false, 2},
    {"inbox/view", view_run, NULL, false, 2},
    {NULL, NULL, NULL, false, 0},
};
