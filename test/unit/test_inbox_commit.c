/*
 * Group commit: what comes together is one transaction, and every delivery is
 * answered once, whatever happens to the others.
 */
#include <stdio.h>

#include "inbox_scene.h"
#include "must.h"

static struct feed *feed_numbered(struct scene *scene, size_t number)
{
    char name[16];

    (void)snprintf(name, sizeof(name), "queue-%zu", number);
    return feed_open(scene, "live", name);
}

static struct parcel *parcel_of_size(struct feed *feed, const char *bytes,
                                     size_t size)
{
    const struct haplo_slice body = {bytes, size};

    return parcel_of(feed, &body, 1);
}

static char *bytes_new(size_t size)
{
    char *bytes = malloc(size);

    MUST(bytes != NULL);
    memset(bytes, 'x', size);
    return bytes;
}

/* An fsync() for each queue would be the limit of the whole program. */
static void test_what_comes_together_is_one_commit(void **state)
{
    enum { COUNT = 200 };
    struct scene *scene = *state;
    struct parcel *parcels[COUNT];

    for (size_t i = 0; i < COUNT; i++) {
        parcels[i] = parcel_new(feed_numbered(scene, i), "x", NULL);
        parcel_send(parcels[i]);
    }
    scene_settle(scene);
    for (size_t i = 0; i < COUNT; i++) {
        parcel_expect_stored(parcels[i], 1, 0);
        parcel_free(parcels[i]);
    }
    assert_int_equal(atomic_load(&fault_commit_count), 1);
    assert_int_equal(scene->last_arrival, COUNT);
}

/* What comes while a commit runs waits for its end, together. */
static void test_what_comes_meanwhile_is_the_next_commit(void **state)
{
    struct scene *scene = *state;
    struct parcel *first = parcel_new(feed_numbered(scene, 9), "x", NULL);
    struct parcel *later[5];

    for (size_t i = 0; i < 5; i++) {
        later[i] = parcel_new(feed_numbered(scene, i), "x", NULL);
    }
    parcel_send(first);
    (void)uv_run(&scene->loop, UV_RUN_NOWAIT);    /* the writer has it */
    bool is_meanwhile = first->answer_count == 0; /* else it was too fast */

    for (size_t i = 0; i < 5; i++) {
        parcel_send(later[i]);
    }
    scene_settle(scene);
    parcel_expect_stored(first, 1, 0);
    for (size_t i = 0; i < 5; i++) {
        parcel_expect_stored(later[i], 1, 0);
        assert_true(later[i]->place > first->place);
        parcel_free(later[i]);
    }
    assert_true(!is_meanwhile || atomic_load(&fault_commit_count) == 2);
    parcel_free(first);
}

/* A group is bounded, so that a commit stays short. */
static void test_a_group_is_bounded_in_bytes(void **state)
{
    enum { COUNT = 5, SIZE = 3 * 1024 * 1024 };
    struct scene *scene = *state;
    struct parcel *parcels[COUNT];
    char *bytes = bytes_new(SIZE);

    for (size_t i = 0; i < COUNT; i++) {
        parcels[i] = parcel_of_size(feed_numbered(scene, i), bytes, SIZE);
        parcel_send(parcels[i]);
    }
    scene_settle(scene);
    for (size_t i = 0; i < COUNT; i++) {
        parcel_expect_stored(parcels[i], 1, 0);
        parcel_free(parcels[i]);
    }
    assert_int_equal(atomic_load(&fault_commit_count), 3); /* of 2, 2, 1 */
    free(bytes);
}

/* Rows are in the order in which deliveries came, over all queues. */
static void test_arrival_is_the_order_of_delivery(void **state)
{
    static const char *const bodies[] = {"6", "5", "4", "3", "2", "1"};
    struct scene *scene = *state;
    struct parcel *parcels[6];

    parcel_places = 0;
    for (size_t i = 0; i < 6; i++) {
        parcels[i] = parcel_new(feed_numbered(scene, 6 - i), bodies[i], NULL);
        parcel_send(parcels[i]);
    }
    scene_settle(scene);
    for (size_t i = 0; i < 6; i++) {
        parcel_expect_stored(parcels[i], 1, 0);
        assert_int_equal(parcels[i]->place, i + 1);
        parcel_free(parcels[i]);
    }
    expect(scene, "SELECT queue, body FROM messages ORDER BY arrival",
           "queue-6|6;queue-5|5;queue-4|4;queue-3|3;queue-2|2;queue-1|1");
}

/* A delivery's owner has it back in its callback, and may use it again. */
static void test_a_callback_may_deliver(void **state)
{
    struct scene *scene = *state;
    struct parcel *first = parcel_new(feed_numbered(scene, 1), "one", NULL);
    struct parcel *second = parcel_new(feed_numbered(scene, 2), "two", NULL);

    first->deliver_when_answered = second;
    parcel_send(first);
    scene_settle(scene);
    parcel_expect_stored(first, 1, 0);
    parcel_expect_stored(second, 1, 0);
    parcel_free(first);
    parcel_free(second);
}

/* One part in the way of others */

/* Where a large batch finds no room, small ones still may. */
static void test_a_batch_without_room_does_not_harm_others(void **state)
{
    enum { SIZE = 1024 * 1024 };
    struct scene *scene = *state;
    struct feed *quiet = feed_open(scene, "live", "quiet");
    struct parcel *confirmed = parcel_new(quiet, "old", NULL);
    char *bytes = bytes_new(SIZE);
    struct parcel *large =
        parcel_of_size(feed_open(scene, "live", "large"), bytes, SIZE);
    struct parcel *small[2];

    parcel_store(confirmed, 1, 0);
    reader_run(fault_writer_db, "PRAGMA max_page_count = 40");
    small[0] = parcel_new(feed_numbered(scene, 0), "one", NULL);
    small[1] = parcel_new(feed_numbered(scene, 1), "two", NULL);
    parcel_confirm(confirmed, true);
    parcel_send(small[0]);
    parcel_send(large);
    parcel_send(small[1]);
    scene_settle(scene);
    parcel_expect_stored(small[0], 1, 0);
    parcel_expect_stored(small[1], 1, 0);
    assert_int_equal(large->verdict, INBOX_RETRY);
    assert_non_null(strstr(large->text, "the disk is full"));
    expect(scene, "SELECT queue, unconfirmed FROM queues ORDER BY queue",
           "queue-0|1;queue-1|1;quiet|0");
    reader_run(fault_writer_db, "PRAGMA max_page_count = 1000");
    parcel_store(large, 1, 0);
    parcel_free(large);
    parcel_free(small[0]);
    parcel_free(small[1]);
    free(bytes);
}

/* A message that SQLite cannot hold is the one reason to reject. */
static void test_a_message_too_large_is_rejected_alone(void **state)
{
    enum { SIZE = 200000 };
    struct scene *scene = *state;
    char *bytes = bytes_new(SIZE);
    const struct haplo_slice bodies[] = {{"fits", 4}, {bytes, SIZE}};
    struct parcel *large =
        parcel_of(feed_open(scene, "live", "large"), bodies, 2);
    struct parcel *small = parcel_new(feed_numbered(scene, 1), "x", NULL);

    (void)sqlite3_limit(fault_writer_db, SQLITE_LIMIT_LENGTH, SIZE - 1);
    parcel_send(large);
    parcel_send(small);
    scene_settle(scene);
    parcel_expect_stored(small, 1, 0);
    assert_int_equal(large->verdict, INBOX_REJECTED);
    assert_non_null(strstr(large->text, "larger than SQLite can hold"));
    expect(scene, "SELECT body FROM messages", "x");
    parcel_free(large);
    parcel_free(small);
    free(bytes);
}

/* The byte limit */

/* One dead inbox must not use up what the poller may hold for all of them. */
static void test_a_dead_inbox_holds_no_more_than_its_limit(void **state)
{
    struct scene *scene = *state;
    struct parcel *parcels[4];
    char *bytes = bytes_new(1000);

    scene->bytes_max = 2500;
    inbox_scene_open(scene);
    atomic_store(&fault_disk_is_full, true);
    for (size_t i = 0; i < 4; i++) {
        parcels[i] = parcel_of_size(feed_numbered(scene, i), bytes, 1000);
        parcel_send(parcels[i]);
    }
    scene_settle(scene);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(parcels[i]->verdict,
                         i < 2 ? INBOX_RETRY : INBOX_BEHIND);
    }
    assert_non_null(strstr(parcels[3]->text, "inbox inbox is behind"));
    /* The poller keeps the first two: they are counted, and may come again. */
    parcel_expect_retry(parcels[1], "disk");
    parcel_send(parcels[2]);
    parcel_wait(parcels[2]);
    assert_int_equal(parcels[2]->verdict, INBOX_BEHIND);
    atomic_store(&fault_disk_is_full, false);
    parcel_store(parcels[0], 1, 0);
    parcel_store(parcels[2], 1, 0); /* there is room again */
    inbox_queue_close(parcels[1]->feed->queue);
    parcel_store(parcels[3], 1, 0);
    for (size_t i = 0; i < 4; i++) {
        parcel_free(parcels[i]);
    }
    free(bytes);
}

/* A batch that is larger than the limit would else never be stored. */
static void test_one_batch_is_always_taken(void **state)
{
    struct scene *scene = *state;
    struct parcel *parcel;

    scene->bytes_max = 2;
    inbox_scene_open(scene);
    parcel = parcel_new(feed_numbered(scene, 1), "large", NULL);
    parcel_store(parcel, 1, 0);
    parcel_free(parcel);
}

/* Queues and the end */

static void test_queues_are_opened_once(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "student");
    struct inbox_queue *again = feed->queue;

    assert_int_equal(inbox_queue_open(scene->inbox, "live", "student", &again),
                     HAPLO_EEXIST);
    assert_null(again);
    assert_int_equal(inbox_queue_open(scene->inbox, "", "x", &again),
                     HAPLO_EINVAL);
    inbox_queue_close(feed->queue);
    assert_int_equal(inbox_queue_open(scene->inbox, "live", "student", &again),
                     0);
}

/* An idle inbox does not keep a loop alive that has nothing else to do. */
static void test_an_idle_inbox_lets_the_loop_end(void **state)
{
    struct scene *scene = *state;

    assert_int_equal(uv_run(&scene->loop, UV_RUN_DEFAULT), 0);
}

/* What was given is stored and answered, whenever the end comes. */
static void test_close_finishes_what_it_was_given(void **state)
{
    struct scene *scene = *state;
    struct parcel *parcels[3];

    for (size_t i = 0; i < 3; i++) {
        parcels[i] = parcel_new(feed_numbered(scene, i), "x", NULL);
    }
    parcel_store(parcels[0], 1, 0);
    parcel_confirm(parcels[0], true);
    parcel_send(parcels[1]);
    (void)uv_run(&scene->loop, UV_RUN_NOWAIT);
    parcel_send(parcels[2]);
    inbox_scene_close(scene);
    for (size_t i = 1; i < 3; i++) {
        parcel_expect_stored(parcels[i], 1, 0);
        parcel_free(parcels[i]);
    }
    expect(scene, "SELECT unconfirmed FROM queues ORDER BY queue", "0;1;1");
}

static void test_a_callback_may_close(void **state)
{
    struct scene *scene = *state;
    struct parcel *first = parcel_new(feed_numbered(scene, 1), "x", NULL);
    struct parcel *second = parcel_new(feed_numbered(scene, 2), "x", NULL);

    scene->is_closed = false;
    first->close_when_answered = scene->inbox;
    parcel_send(first);
    parcel_send(second);
    scene_settle(scene);
    parcel_expect_stored(second, 1, 0);
    assert_true(scene->is_closed);
    assert_int_equal(access(scene->path, F_OK), 0);
    parcel_free(first);
    parcel_free(second);
}

/* Nothing but the inbox itself is left beside it, so that it can be copied. */
static void test_close_leaves_one_file(void **state)
{
    struct scene *scene = *state;
    char beside[128];

    feed_store(feed_numbered(scene, 1), "x");
    (void)snprintf(beside, sizeof(beside), "%s-wal", scene->path);
    assert_int_equal(access(beside, F_OK), 0);
    inbox_scene_close(scene);
    assert_int_not_equal(access(beside, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define OPENED(test) \
    cmocka_unit_test_setup_teardown(test, scene_setup_open, scene_teardown)
#define CLOSED(test) \
    cmocka_unit_test_setup_teardown(test, scene_setup, scene_teardown)
        OPENED(test_what_comes_together_is_one_commit),
        OPENED(test_what_comes_meanwhile_is_the_next_commit),
        OPENED(test_a_group_is_bounded_in_bytes),
        OPENED(test_arrival_is_the_order_of_delivery),
        OPENED(test_a_callback_may_deliver),
        OPENED(test_a_batch_without_room_does_not_harm_others),
        OPENED(test_a_message_too_large_is_rejected_alone),
        CLOSED(test_a_dead_inbox_holds_no_more_than_its_limit),
        CLOSED(test_one_batch_is_always_taken),
        OPENED(test_queues_are_opened_once),
        OPENED(test_an_idle_inbox_lets_the_loop_end),
        OPENED(test_close_finishes_what_it_was_given),
        OPENED(test_a_callback_may_close),
        OPENED(test_close_leaves_one_file),
#undef OPENED
#undef CLOSED
    };

    faults_install();
    return cmocka_run_group_tests_name("inbox_commit", tests, NULL, NULL);
}
