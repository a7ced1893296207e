/*
 * Exactly once: what a batch stores depends on the state that is stored, which
 * is compared inside the transaction.
 */
#include <inttypes.h>
#include <stdio.h>

#include "inbox_scene.h"
#include "must.h"

#define BODIES "SELECT body FROM messages ORDER BY arrival"

/* Repeats and resends */

/* The mark's answer was lost: the server sends the batch again. */
static void test_a_repeat_is_not_stored(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "student");
    struct parcel *parcel = parcel_new(feed, "one", "two", NULL);

    parcel_store(parcel, 2, 0);
    parcel_lose(parcel);
    parcel = parcel_new(feed, "two", "three", "one", NULL);
    parcel_store(parcel, 1, 2);
    parcel_lose(parcel);
    scene_reopen(scene);
    parcel = parcel_new(feed, "three", "two", "one", NULL);
    parcel_store(parcel, 0, 3);
    expect(scene, BODIES, "one;two;three");
    parcel_confirm(parcel, false);
}

/* An administrator has marked it as unsent: it must go through. */
static void test_a_resend_after_its_confirmation_is_stored(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "student");
    struct parcel *parcel;

    feed_store(feed, "one");
    scene_reopen(scene);
    parcel = parcel_new(feed, "one", NULL);
    parcel_store(parcel, 1, 0);
    parcel_confirm(parcel, false);
    expect(scene, BODIES, "one;one");
}

/* Equal messages of one batch are several messages. */
static void test_equal_messages_of_a_batch_are_all_stored(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "student");
    struct parcel *parcel = parcel_new(feed, "same", "same", "same", NULL);

    parcel_store(parcel, 3, 0);
    parcel_lose(parcel);
    parcel = parcel_new(feed, "same", "same", "same", "same", NULL);
    parcel_store(parcel, 1, 3);
    parcel_confirm(parcel, false);
    expect(scene, BODIES, "same;same;same;same");
}

/* A batch after a lost mark lacks some of the messages; they come later. */
static void test_leftovers_are_known_when_they_come_again(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "student");
    struct parcel *parcel = parcel_new(feed, "one", "two", "three", NULL);

    parcel_store(parcel, 3, 0);
    parcel_lose(parcel);
    parcel = parcel_new(feed, "two", "four", NULL);
    parcel_store(parcel, 1, 1);
    parcel_confirm(parcel, false);
    scene_settle(scene);
    scene_reopen(scene);
    parcel = parcel_new(feed, "three", "one", "two", NULL);
    parcel_store(parcel, 1, 2); /* "two" was confirmed: a resend */
    parcel_confirm(parcel, true);
    expect(scene, BODIES, "one;two;three;four;two");
}

/* Two servers may have queues of one name, with the same messages. */
static void test_queues_do_not_share_states(void **state)
{
    static const char *const names[] = {"it's", "a*b", "a", "b", "A", "$x"};
    struct scene *scene = *state;
    struct feed *feeds[6][2];

    for (size_t i = 0; i < 6; i++) {
        for (size_t j = 0; j < 2; j++) {
            struct parcel *parcel;

            feeds[i][j] = feed_open(scene, j == 0 ? names[i] : "q",
                                    j == 0 ? "q" : names[i]);
            parcel = parcel_new(feeds[i][j], "x", NULL);
            parcel_store(parcel, 1, 0);
            parcel_lose(parcel);
        }
    }
    scene_reopen(scene);
    for (size_t i = 0; i < 12; i++) {
        struct parcel *parcel = parcel_new(feeds[i / 2][i % 2], "x", NULL);

        parcel_store(parcel, 0, 1);
        parcel_lose(parcel);
    }
}

/* A server of 2019 sends all it has. */
static void test_a_huge_batch_is_one_batch(void **state)
{
    enum { COUNT = 40000, SIZE = 24 };
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "student");
    struct haplo_slice *bodies = calloc(COUNT, sizeof(*bodies));
    char *bytes = malloc((size_t)COUNT * SIZE);
    struct parcel *parcel;

    MUST(bodies != NULL && bytes != NULL);
    for (size_t i = 0; i < COUNT; i++) {
        bodies[i].data = bytes + i * SIZE;
        bodies[i].size =
            (size_t)snprintf(bytes + i * SIZE, SIZE, "{\"id\":%zu}", i);
    }
    parcel = parcel_of(feed, bodies, COUNT);
    parcel_store(parcel, COUNT, 0);
    parcel_lose(parcel);
    scene_reopen(scene);
    parcel = parcel_of(feed, bodies, COUNT);
    parcel_store(parcel, 0, COUNT);
    parcel_confirm(parcel, true);
    expect(scene,
           "SELECT count(*), count(DISTINCT body), max(id) FROM messages",
           "40000|40000|39999");
    expect(scene, "SELECT first_arrival, count FROM batches", "1|40000");
    free(bodies);
    free(bytes);
}

/* Compare and set */

/* Another process has stored the same queue in the same file: the lock was
 * removed. */
static void test_a_stale_batch_writes_nothing(void **state)
{
    struct scene *scene = *state;
    struct scene other = {.loop = {0}};
    struct feed *feed = feed_open(scene, "live", "student");
    struct feed *theirs;
    struct parcel *parcel = parcel_new(feed, "one", NULL);
    struct parcel *again;
    char lock[128];

    (void)snprintf(lock, sizeof(lock), "%s.lock", scene->path);
    assert_int_equal(unlink(lock), 0);
    memcpy(other.path, scene->path, sizeof(other.path));
    assert_int_equal(uv_loop_init(&other.loop), 0);
    inbox_scene_open(&other);
    theirs = feed_open(&other, "live", "student");
    feed_store(theirs, "one");
    inbox_scene_close(&other);
    parcel_send(parcel);
    parcel_wait(parcel);
    assert_int_equal(parcel->verdict, INBOX_STALE);
    expect(scene, BODIES, "one");
    /* The stored state is what a new batch is evaluated against. */
    feed_adopt(feed, (struct haplo_slice){parcel->stored, parcel->stored_size});
    again = parcel_new(feed, "one", "two", NULL);
    parcel_store(again, 2, 0); /* theirs was confirmed: "one" is a resend */
    parcel_free(parcel);
    parcel_confirm(again, true);
    assert_int_equal(uv_loop_close(&other.loop), 0);
    delivery_state_free(&theirs->known);
    free(theirs);
}

/* Also where it holds nothing new: it may be accepted only if it is known to
 * be stored. */
static void test_a_stale_batch_of_repeats_is_stale(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "student");
    struct parcel *parcel = parcel_new(feed, "one", NULL);

    parcel_store(parcel, 1, 0);
    parcel_lose(parcel);
    parcel = parcel_new(feed, "one", NULL);
    run(scene, "UPDATE queues SET state = x'00'");
    parcel_send(parcel);
    parcel_wait(parcel);
    assert_int_equal(parcel->verdict, INBOX_STALE);
    assert_int_equal(parcel->stored_size, 1);
    parcel_free(parcel);
}

/* A stale batch does not hold up what is stored with it. */
static void test_a_stale_batch_does_not_harm_its_group(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "a");
    struct parcel *stale;
    struct parcel *other;

    feed_store(feed, "one");
    stale = parcel_new(feed, "two", NULL);
    other = parcel_new(feed_open(scene, "live", "b"), "three", NULL);
    run(scene, "UPDATE queues SET state = x'' WHERE queue = 'a'");
    atomic_store(&fault_commit_count, 0);
    parcel_send(stale);
    parcel_send(other);
    parcel_wait(stale);
    assert_int_equal(stale->verdict, INBOX_STALE);
    assert_int_equal(stale->stored_size, 0);
    parcel_expect_stored(other, 1, 0);
    assert_int_equal(atomic_load(&fault_commit_count), 1);
    expect(scene, BODIES, "one;three");
    parcel_free(stale);
    parcel_confirm(other, true);
}

/* An older copy of the file was put in its place. */
static void test_an_older_copy_is_noticed(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "student");
    struct parcel *parcel;
    struct delivery_state known;
    char command[256];

    feed_store(feed, "one");
    inbox_scene_close(scene);
    (void)snprintf(command, sizeof(command), "cp '%s' '%s/old'", scene->path,
                   scene->folder);
    assert_int_equal(system(command), 0);
    inbox_scene_open(scene);
    assert_int_equal(
        inbox_queue_open(scene->inbox, "live", "student", &feed->queue), 0);
    feed_store(feed, "two");
    parcel = parcel_new(feed, "three", NULL);
    inbox_scene_close(scene);
    (void)snprintf(command, sizeof(command), "cp '%s/old' '%s'", scene->folder,
                   scene->path);
    assert_int_equal(system(command), 0);
    inbox_scene_open(scene);
    assert_int_equal(
        inbox_queue_open(scene->inbox, "live", "student", &feed->queue), 0);
    known = feed->known; /* the process has lived on */
    parcel_send(parcel);
    parcel_wait(parcel);
    assert_int_equal(parcel->verdict, INBOX_STALE);
    feed_adopt(feed, (struct haplo_slice){parcel->stored, parcel->stored_size});
    assert_true(known.generation > feed->known.generation);
    parcel_free(parcel);
    parcel = parcel_new(feed, "three", NULL);
    parcel_store(parcel, 1, 0);
    parcel_confirm(parcel, true);
    expect(scene, BODIES, "one;three");
}

/* A commit that failed may have succeeded. The next comparison shows which. */
static void test_an_unknown_outcome_that_was_a_success(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "student");
    struct parcel *parcel = parcel_new(feed, "one", NULL);
    char aside[128];

    (void)snprintf(aside, sizeof(aside), "%s/aside", scene->folder);
    fault_removed_at_commit = scene->path;
    fault_aside_at_commit = aside;
    parcel_expect_retry(parcel, "was removed or replaced");
    faults_clear();
    assert_int_equal(rename(aside, scene->path), 0);
    expect(scene, BODIES, "one");
    assert_int_equal(scene->wake_count, 1); /* outlets: there may be some */
    parcel_store(parcel, 0, 1);             /* stored already */
    parcel_confirm(parcel, true);
    expect(scene, BODIES, "one");
}

static void test_an_unknown_outcome_that_was_a_failure(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "student");
    struct parcel *parcel = parcel_new(feed, "one", NULL);

    atomic_store(&fault_sync_fails, true);
    parcel_expect_retry(parcel, "the disk or its file system");
    faults_clear();
    expect(scene, BODIES, "");
    parcel_store(parcel, 1, 0);
    parcel_confirm(parcel, true);
}

/* A delivery whose outcome is unknown is dropped, and another one comes: what
 * was stored is not stored again. */
static void test_a_dropped_doubt_is_stale_later(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "student");
    struct parcel *doubt = parcel_new(feed, "one", NULL);
    struct parcel *parcel;
    char aside[128];

    (void)snprintf(aside, sizeof(aside), "%s/aside", scene->folder);
    fault_removed_at_commit = scene->path;
    fault_aside_at_commit = aside;
    parcel_expect_retry(doubt, "was removed or replaced");
    faults_clear();
    assert_int_equal(rename(aside, scene->path), 0);
    parcel = parcel_new(feed, "one", "two", NULL);
    parcel_send(parcel);
    parcel_wait(parcel);
    assert_int_equal(parcel->verdict, INBOX_STALE);
    feed_adopt(feed, (struct haplo_slice){parcel->stored, parcel->stored_size});
    parcel_free(parcel);
    parcel_free(doubt);
    parcel = parcel_new(feed, "one", "two", NULL);
    parcel_store(parcel, 1, 1);
    parcel_confirm(parcel, true);
    expect(scene, BODIES, "one;two");
}

/* Confirmed states */

/* Without a commit of its own, the state of a quiet queue would wait for its
 * next message, and a resend meanwhile would pass for a repeat. */
static void test_a_confirmed_state_is_stored_without_a_delivery(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "student");

    feed_store(feed, "one");
    assert_int_equal(atomic_load(&fault_commit_count), 2);
    expect(scene, "SELECT unconfirmed, unconfirmed_from FROM queues", "0|NULL");
    expect(scene, "SELECT marked_at >= stored_at FROM batches", "1");
    feed_adopt(feed, feed->queue->state);
    assert_int_equal(delivery_state_count(&feed->known, NULL), 0);
}

/* The mark of one batch and the delivery of the next may come in one turn. */
static void test_a_confirmed_state_and_the_next_batch_in_one_commit(
    void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "student");
    struct parcel *parcel = parcel_new(feed, "same", NULL);

    parcel_store(parcel, 1, 0);
    parcel_confirm(parcel, false);
    parcel = parcel_new(feed, "same", NULL);
    parcel_store(parcel, 1, 0);
    assert_int_equal(atomic_load(&fault_commit_count), 2);
    expect(scene, BODIES, "same;same");
    expect(scene, "SELECT unconfirmed, unconfirmed_from FROM queues", "1|2");
    parcel_confirm(parcel, true);
}

/* A later state takes the place of one that waits. */
static void test_a_confirmed_state_may_be_superseded(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "student");
    struct parcel *parcel = parcel_new(feed, "one", "two", NULL);

    parcel_store(parcel, 2, 0);
    parcel_lose(parcel);
    parcel = parcel_new(feed, "one", NULL);
    parcel_store(parcel, 0, 1);
    atomic_store(&fault_commit_count, 0);
    parcel_confirm(parcel, false); /* "two" is left */
    feed_confirm_empty(feed);
    scene_settle(scene);
    assert_int_equal(atomic_load(&fault_commit_count), 1);
    expect(scene, "SELECT unconfirmed FROM queues", "0");
    feed_adopt(feed, feed->queue->state);
    assert_int_equal(delivery_state_count(&feed->known, NULL), 0);
}

/* A reload closes and opens queues while their states wait for the disk. */
static void test_a_reopened_queue_stores_its_confirmed_state(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "student");
    struct parcel *parcel = parcel_new(feed, "one", NULL);
    struct inbox_queue *again;

    parcel_store(parcel, 1, 0);
    parcel_confirm(parcel, true);
    inbox_queue_close(feed->queue);
    assert_int_equal(inbox_queue_open(scene->inbox, "live", "student", &again),
                     0);
    assert_ptr_equal(again, feed->queue);
    scene_settle(scene);
    expect(scene, "SELECT unconfirmed FROM queues", "0");
}

static bool wait_for_timer(struct scene *scene)
{
    while (uv_backend_timeout(&scene->loop) <= 0) {
        (void)uv_run(&scene->loop, UV_RUN_ONCE);
    }
    return true;
}

static void test_a_failed_confirmed_state_goes_with_the_next_group(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "student");
    struct feed *other = feed_open(scene, "live", "other");
    struct parcel *parcel = parcel_new(feed, "x", NULL);
    long refused;

    parcel_store(parcel, 1, 0);
    atomic_store(&fault_disk_is_full, true);
    parcel_confirm(parcel, true);
    assert_true(wait_for_timer(scene));
    /* It is not tried again and again meanwhile. */
    refused = atomic_load(&fault_refused_writes);
    for (int i = 0; i < 1000; i++) {
        (void)uv_run(&scene->loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(atomic_load(&fault_refused_writes), refused);
    expect(scene, "SELECT unconfirmed FROM queues", "1");
    atomic_store(&fault_disk_is_full, false);
    parcel = parcel_new(other, "y", NULL);
    parcel_store(parcel, 1, 0);
    expect(scene, "SELECT unconfirmed FROM queues WHERE queue = 'student'",
           "0");
    parcel_confirm(parcel, true);
}

/* A quiet queue's state is stored when the outage ends, by a timer. */
static void test_a_failed_confirmed_state_is_tried_again(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "student");
    struct parcel *parcel = parcel_new(feed, "x", NULL);
    sqlite3 *other = reader_open_db(scene->path);

    parcel_store(parcel, 1, 0);
    reader_run(other, "BEGIN IMMEDIATE");
    parcel_confirm(parcel, true);
    assert_true(wait_for_timer(scene));
    reader_run(other, "ROLLBACK");
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    scene_settle(scene);
    expect(scene, "SELECT unconfirmed FROM queues", "0");
}

/* Not even an outage at the end keeps the inbox from closing. */
static void test_close_gives_up_a_confirmed_state_after_a_last_try(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "student");
    struct parcel *parcel = parcel_new(feed, "x", NULL);

    parcel_store(parcel, 1, 0);
    atomic_store(&fault_disk_is_full, true);
    parcel_confirm(parcel, true);
    inbox_scene_close(scene);
    faults_clear();
    inbox_scene_open(scene);
    feed = feed_open(scene, "live", "student");
    assert_int_equal(delivery_state_count(&feed->known, NULL), 1);
}

/* Another process stores the queue now, so nothing is reported. */
static void test_a_stale_confirmed_state_is_dropped(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "student");
    struct parcel *parcel = parcel_new(feed, "x", NULL);

    parcel_store(parcel, 1, 0);
    run(scene, "UPDATE queues SET state = x'abcd'");
    parcel_confirm(parcel, true);
    scene_settle(scene);
    expect(scene, "SELECT hex(state), unconfirmed FROM queues", "ABCD|1");
}

/* Queues that move */

struct replacing {
    struct inbox_replace replace; /* first */
    bool is_done;                 /* */
    int error;                    /* */
};

static void on_replaced(struct inbox_replace *replace, int error,
                        const char *why)
{
    struct replacing *replacing = (struct replacing *)replace;

    assert_string_equal(why, error == 0 ? "" : "a different state is stored");
    replacing->error = error;
    replacing->is_done = true;
}

static void replace_state(struct feed *feed, struct haplo_slice state)
{
    struct replacing replacing = {.replace = {.queue = feed->queue,
                                              .state = state,
                                              .replaced_cb = on_replaced}};

    inbox_replace_state(&replacing.replace);
    assert_false(replacing.is_done);
    scene_settle(feed->scene);
    assert_true(replacing.is_done);
    assert_int_equal(replacing.error, 0);
}

static int replace_expected(struct feed *feed, struct haplo_slice state,
                            struct haplo_slice expected)
{
    struct replacing replacing = {.replace = {.queue = feed->queue,
                                              .state = state,
                                              .expected = expected,
                                              .is_expected = true,
                                              .replaced_cb = on_replaced}};

    inbox_replace_state(&replacing.replace);
    scene_settle(feed->scene);
    assert_true(replacing.is_done);
    return replacing.error;
}

/* A queue that came with its state from another inbox has its repeats there:
 * they are neither stored nor missed here. */
static void test_a_queue_may_come_from_another_inbox(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "from");
    struct feed *to = feed_open(scene, "live", "to");
    struct parcel *parcel = parcel_new(feed, "one", "two", NULL);

    parcel_store(parcel, 2, 0);
    parcel_lose(parcel);
    replace_state(to, inbox_stored_state(scene->inbox, "live", "from"));
    feed_adopt(to, to->queue->state);
    parcel = parcel_new(to, "two", "three", "one", NULL);
    parcel_store(parcel, 1, 2);
    parcel_confirm(parcel, true);
    scene_settle(scene);
    assert_int_equal(scene->warning_count, 0);
    expect(scene, "SELECT queue, body FROM messages ORDER BY arrival",
           "from|one;from|two;to|three");
    /* A note makes stale who still stores it in its old place. */
    replace_state(feed, (struct haplo_slice){"moved", 5});
    parcel = parcel_new(feed, "four", NULL);
    parcel_send(parcel);
    parcel_wait(parcel);
    assert_int_equal(parcel->verdict, INBOX_STALE);
    assert_int_equal(parcel->stored_size, 5);
    parcel_free(parcel);
    assert_int_equal(inbox_stored_state(scene->inbox, "no", "one").size, 0);
}

/* Otherwise the note would hide what another process, or a commit of unknown
 * outcome, has stored last. */
static void test_a_note_replaces_only_the_expected_state(void **state)
{
    const struct haplo_slice note = {"moved", 5};
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "from");
    struct parcel *parcel = parcel_new(feed, "one", NULL);
    char older[256];

    assert_int_equal(replace_expected(feed, note, (struct haplo_slice){"", 0}),
                     0);
    replace_state(feed, (struct haplo_slice){"", 0});
    parcel_store(parcel, 1, 0);
    struct haplo_slice first = feed->queue->state;
    assert_true(first.size <= sizeof older);
    memcpy(older, first.data, first.size);
    first.data = older;
    parcel_confirm(parcel, true);
    scene_settle(scene);
    assert_int_equal(replace_expected(feed, note, first), HAPLO_ESTALE);
    assert_int_equal(replace_expected(feed, note, feed->queue->state), 0);
    assert_int_equal(replace_expected(feed, note, first), 0); /* it is there */
    expect(scene, "SELECT CAST(state AS TEXT) FROM queues", "moved");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define OPENED(test) \
    cmocka_unit_test_setup_teardown(test, scene_setup_open, scene_teardown)
        OPENED(test_a_repeat_is_not_stored),
        OPENED(test_a_resend_after_its_confirmation_is_stored),
        OPENED(test_equal_messages_of_a_batch_are_all_stored),
        OPENED(test_leftovers_are_known_when_they_come_again),
        OPENED(test_queues_do_not_share_states),
        OPENED(test_a_huge_batch_is_one_batch),
        OPENED(test_a_stale_batch_writes_nothing),
        OPENED(test_a_stale_batch_of_repeats_is_stale),
        OPENED(test_a_stale_batch_does_not_harm_its_group),
        OPENED(test_an_older_copy_is_noticed),
        OPENED(test_an_unknown_outcome_that_was_a_success),
        OPENED(test_an_unknown_outcome_that_was_a_failure),
        OPENED(test_a_dropped_doubt_is_stale_later),
        OPENED(test_a_confirmed_state_is_stored_without_a_delivery),
        OPENED(test_a_confirmed_state_and_the_next_batch_in_one_commit),
        OPENED(test_a_confirmed_state_may_be_superseded),
        OPENED(test_a_reopened_queue_stores_its_confirmed_state),
        OPENED(test_a_failed_confirmed_state_goes_with_the_next_group),
        OPENED(test_a_failed_confirmed_state_is_tried_again),
        OPENED(test_close_gives_up_a_confirmed_state_after_a_last_try),
        OPENED(test_a_stale_confirmed_state_is_dropped),
        OPENED(test_a_queue_may_come_from_another_inbox),
        OPENED(test_a_note_replaces_only_the_expected_state),
#undef OPENED
    };

    faults_install();
    return cmocka_run_group_tests_name("inbox_states", tests, NULL, NULL);
}
