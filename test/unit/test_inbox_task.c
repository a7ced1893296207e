/*
 * Work on an inbox that commands ask for: dead letters and replays, in steps
 * between the commits of messages.
 */
#include <stdio.h>

#include "inbox/inbox_task.h"
#include "inbox_scene.h"

/* Helpers */

static struct inbox_task task;     /* the newest */
static struct inbox_replay replay; /* its replay */
static int task_error;             /* its result; 1: none yet */
static char task_why[HAPLO_TEXT_SIZE_MAX];

static void on_done(struct inbox_task *done, int error, const char *why)
{
    assert_ptr_equal(done, &task);
    assert_true((error == 0) == (why[0] == '\0'));
    task_error = error;
    (void)snprintf(task_why, sizeof(task_why), "%s", why);
}

static void task_begin(struct scene *scene, enum inbox_task_kind kind)
{
    task.kind = kind;
    task.replay = &replay;
    task.done_cb = on_done;
    task_error = 1;
    assert_int_equal(inbox_task_start(scene->inbox, &task), 0);
    assert_int_equal(task_error, 1);
}

static void task_do(struct scene *scene, enum inbox_task_kind kind, int error)
{
    task_begin(scene, kind);
    scene_settle(scene);
    assert_int_equal(task_error, error);
}

static void filter_reset(const char *outlet)
{
    task.filter = (struct inbox_filter){.outlet = outlet,
                                        .until_ms = INBOX_FILTER_NO_END};
}

/* An outlet with dead letters of two queues: odd arrivals are of q1. */
static void letters_fill(struct scene *scene, int count)
{
    char sql[512];

    run(scene, "INSERT INTO queues (server, queue, state) VALUES"
               " ('app', 'q1', x''), ('app', 'q2', x'')");
    run(scene, "INSERT INTO outlets (name, cursor) VALUES ('out', 5000),"
               " ('other', 5000)");
    (void)snprintf(sql, sizeof(sql),
                   "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL"
                   " SELECT i + 1 FROM n WHERE i < %d)"
                   " INSERT INTO dead_letters SELECT 1, i, 2 - i %% 2, 'bad',"
                   " 1000 * i, 1 FROM n",
                   count);
    run(scene, sql);
    run(scene, "INSERT INTO dead_letters VALUES (2, 1, 1, 'bad', 1, 1)");
}

/* Dead letters */

/* Thousands are removed in steps, and none is forgotten between two steps, nor
 * one of another outlet taken. */
static void test_a_purge_removes_all_dead_letters_of_one_outlet(void **state)
{
    struct scene *scene = *state;

    letters_fill(scene, 1700);
    filter_reset("out");
    task_do(scene, INBOX_TASK_LETTERS_PURGE, 0);
    assert_int_equal(task.count, 1700);
    expect(scene, "SELECT outlet, count(*) FROM dead_letters GROUP BY outlet",
           "2|1");
}

/* What an operator names is removed, and nothing else. */
static void test_a_purge_takes_only_what_its_filter_takes(void **state)
{
    struct scene *scene = *state;

    letters_fill(scene, 10);
    filter_reset("out");
    task.filter.queue = "app/q2";
    task.filter.since_ms = 4000;
    task.filter.until_ms = 8000;
    task_do(scene, INBOX_TASK_LETTERS_PURGE, 0);
    assert_int_equal(task.count, 2);
    filter_reset("out");
    task.filter.arrival = 9;
    task_do(scene, INBOX_TASK_LETTERS_PURGE, 0);
    assert_int_equal(task.count, 1);
    expect(scene,
           "SELECT group_concat(arrival) FROM dead_letters"
           " WHERE outlet = 1",
           "1,2,3,5,7,8,10");
}

/* A name with a typing error must not look like success. */
static void test_a_purge_of_an_unknown_outlet_fails(void **state)
{
    filter_reset("ouch");
    task_do(*state, INBOX_TASK_LETTERS_PURGE, HAPLO_ENOTFOUND);
    assert_non_null(strstr(task_why, "ouch"));
}

/* A disk that is full: nothing of the step is kept, and the next attempt does
 * all of it. */
static void test_a_failed_step_changes_nothing(void **state)
{
    struct scene *scene = *state;

    letters_fill(scene, 10);
    filter_reset("out");
    atomic_store(&fault_disk_is_full, true);
    task_do(scene, INBOX_TASK_LETTERS_PURGE, HAPLO_EDELIVERY);
    atomic_store(&fault_disk_is_full, false);
    expect(scene, "SELECT count(*) FROM dead_letters", "11");
    task_do(scene, INBOX_TASK_LETTERS_PURGE, 0);
    expect(scene, "SELECT count(*) FROM dead_letters", "1");
}

/* A commit of messages waits for one step at most, not for the whole task. */
static void test_messages_are_stored_between_the_steps(void **state)
{
    struct scene *scene = *state;
    struct parcel *parcel =
        parcel_new(feed_open(scene, "live", "a"), "x", NULL);

    letters_fill(scene, 5000);
    filter_reset("out");
    task_begin(scene, INBOX_TASK_LETTERS_PURGE);
    parcel_send(parcel);
    while (parcel->answer_count == 0) {
        uv_run(&scene->loop, UV_RUN_ONCE);
    }
    assert_int_equal(task_error, 1); /* far from done */
    scene_settle(scene);
    assert_int_equal(task_error, 0);
    parcel_expect_stored(parcel, 1, 0);
    parcel_free(parcel);
}

/* Closing does not wait for the rest, and says that there is one. */
static void test_closing_ends_a_task_after_its_step(void **state)
{
    struct scene *scene = *state;

    letters_fill(scene, 5000);
    filter_reset("out");
    task_begin(scene, INBOX_TASK_LETTERS_PURGE);
    inbox_scene_close(scene);
    assert_int_equal(task_error, HAPLO_ECANCELED);
    assert_true(task.count < 5000);
}

/* Replays */

static void replay_reset(const char *outlet)
{
    replay =
        (struct inbox_replay){.until_ms = INBOX_FILTER_NO_END, .last = 9000};
    (void)snprintf(replay.outlet, sizeof(replay.outlet), "%s", outlet);
}

/* What the outlet has not forwarded yet is none of a replay's business. */
static void test_a_replay_ends_at_the_cursor_of_its_outlet(void **state)
{
    struct scene *scene = *state;

    letters_fill(scene, 1);
    replay_reset("out");
    replay.cursor = 100;
    replay.has_new_ids = true;
    (void)snprintf(replay.queue, sizeof(replay.queue), "app/*");
    task_do(scene, INBOX_TASK_REPLAY_START, 0);
    assert_int_equal(replay.id, 1);
    expect(scene,
           "SELECT id, outlet, queue, of_letters, new_identity, cursor, last,"
           " state, created_at > 0 FROM replays",
           "1|1|app/*|0|1|100|5000|0|1");
}

/* An outlet does its replays one after the other, and only its own. */
static void test_the_oldest_replay_of_an_outlet_comes_next(void **state)
{
    struct scene *scene = *state;

    letters_fill(scene, 1);
    for (int i = 0; i < 3; i++) {
        replay_reset(i == 0 ? "other" : "out");
        task_do(scene, INBOX_TASK_REPLAY_START, 0);
    }
    replay_reset("out");
    task_do(scene, INBOX_TASK_REPLAY_NEXT, 0);
    assert_int_equal(task.count, 1);
    assert_int_equal(replay.id, 2);
    assert_int_equal(replay.last, 5000);
    replay_reset("third");
    task_do(scene, INBOX_TASK_REPLAY_NEXT, 0);
    assert_int_equal(task.count, 0);
}

/* Progress and what it has done to dead letters are stored together. */
static void test_a_replay_stores_its_progress_with_its_dead_letters(
    void **state)
{
    const struct inbox_span delivered[] = {{1, 4}};
    const struct inbox_dead_letter refused[] = {{1, 5, "still bad", 1},
                                                {1, 77, "bad now", 1}};
    const struct inbox_replay_marks marks = {delivered, 1, refused, 2};
    struct scene *scene = *state;

    letters_fill(scene, 6);
    replay_reset("out");
    task_do(scene, INBOX_TASK_REPLAY_START, 0);
    replay.cursor = 80;
    replay.delivered_count = 74;
    replay.refused_count = 2;
    task.marks = &marks;
    task_do(scene, INBOX_TASK_REPLAY_SAVE, 0);
    expect(scene, "SELECT cursor, delivered, refused, state FROM replays",
           "80|74|2|0");
    expect(scene,
           "SELECT arrival, why, attempts FROM dead_letters"
           " WHERE outlet = 1 ORDER BY arrival",
           "5|still bad|2;6|bad|1;77|bad now|1");
}

/* A stopped replay stays stopped, even if the outlet stores its progress just
 * then; and the outlet is told. */
static void test_a_stopped_replay_does_not_go_on(void **state)
{
    const struct inbox_replay_marks marks = {NULL, 0, NULL, 0};
    struct scene *scene = *state;

    letters_fill(scene, 1);
    replay_reset("out");
    task_do(scene, INBOX_TASK_REPLAY_START, 0);
    task_do(scene, INBOX_TASK_REPLAY_STOP, 0);
    assert_string_equal(replay.outlet, "out");
    task_do(scene, INBOX_TASK_REPLAY_STOP, HAPLO_EINVAL);
    assert_non_null(strstr(task_why, "stopped already"));
    replay.state = INBOX_REPLAY_RUNNING;
    replay.cursor = 7;
    task.marks = &marks;
    task_do(scene, INBOX_TASK_REPLAY_SAVE, 0);
    assert_int_equal(replay.state, INBOX_REPLAY_STOPPED);
    expect(scene, "SELECT cursor, state FROM replays", "7|2");
    task_do(scene, INBOX_TASK_REPLAY_NEXT, 0);
    assert_int_equal(task.count, 0);
}

static void test_a_replay_that_does_not_exist_cannot_be_stopped(void **state)
{
    replay_reset("");
    replay.id = 12;
    task_do(*state, INBOX_TASK_REPLAY_STOP, HAPLO_ENOTFOUND);
    assert_non_null(strstr(task_why, "12"));
}

#define TASK_TEST(name) \
    cmocka_unit_test_setup_teardown(name, scene_setup_open, scene_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TASK_TEST(test_a_purge_removes_all_dead_letters_of_one_outlet),
        TASK_TEST(test_a_purge_takes_only_what_its_filter_takes),
        TASK_TEST(test_a_purge_of_an_unknown_outlet_fails),
        TASK_TEST(test_a_failed_step_changes_nothing),
        TASK_TEST(test_messages_are_stored_between_the_steps),
        TASK_TEST(test_closing_ends_a_task_after_its_step),
        TASK_TEST(test_a_replay_ends_at_the_cursor_of_its_outlet),
        TASK_TEST(test_the_oldest_replay_of_an_outlet_comes_next),
        TASK_TEST(test_a_replay_stores_its_progress_with_its_dead_letters),
        TASK_TEST(test_a_stopped_replay_does_not_go_on),
        TASK_TEST(test_a_replay_that_does_not_exist_cannot_be_stopped),
    };

    faults_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
