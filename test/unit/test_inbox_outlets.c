/*
 * The way out: reads in the order of arrival, progress that rides in the
 * group's transaction, deferred lanes, dead letters.
 */
#include <stdio.h>

#include "inbox_scene.h"

/* Helpers */

static struct inbox_outlet *opened; /* the newest */

static void on_outlet(struct inbox_outlet *outlet, int error, const char *why,
                      void *data)
{
    assert_string_equal(why, "");
    assert_int_equal(error, 0);
    assert_ptr_equal(data, &opened);
    opened = outlet;
}

static struct inbox_outlet *outlet_open(struct scene *scene, const char *name)
{
    opened = NULL;
    assert_int_equal(inbox_outlet_open(scene->inbox, name,
                                       INBOX_START_BEGINNING, on_outlet,
                                       &opened),
                     0);
    assert_null(opened);
    scene_settle(scene);
    assert_non_null(opened);
    assert_string_equal(opened->name, name);
    return opened;
}

static int read_error; /* of the newest read; 1: none yet */

static void on_read(struct inbox_read *read, int error, const char *why)
{
    assert_true((error == 0) == (why[0] == '\0'));
    assert_true(error == 0 || read->count == 0);
    read_error = error;
}

static void read_run(struct scene *scene, struct inbox_read *read)
{
    read->read_cb = on_read;
    read_error = 1;
    inbox_read_start(read);
    assert_int_equal(read_error, 1);
    scene_settle(scene);
    assert_int_not_equal(read_error, 1);
}

/* Reads as much as fits, and expects "arrival:queue:body ..."; "+": more. */
static void expect_read(struct scene *scene, struct inbox_outlet *outlet,
                        uint64_t after, uint64_t queue_id, size_t count_max,
                        const char *expected)
{
    struct inbox_read read = {.outlet = outlet,
                              .after = after,
                              .queue_id = queue_id,
                              .count_max = count_max,
                              .bytes_max = 1000};
    char text[512] = "";
    size_t size = 0;

    read_run(scene, &read);
    assert_int_equal(read_error, 0);
    for (size_t i = 0; i < read.count; i++) {
        size += (size_t)snprintf(
            text + size, sizeof(text) - size, "%s%d:%s:%.*s", i > 0 ? " " : "",
            (int)read.messages[i].arrival, read.messages[i].queue,
            (int)read.messages[i].body.size, read.messages[i].body.data);
    }
    (void)snprintf(text + size, sizeof(text) - size, "%s",
                   read.has_more ? " +" : "");
    assert_string_equal(text, expected);
    inbox_read_free(&read);
}

static unsigned progress_count; /* answers */
static int progress_error;      /* of the newest */

static void on_progress(struct inbox_progress *progress, int error,
                        const char *why)
{
    assert_non_null(progress);
    assert_true((error == 0) == (why[0] == '\0'));
    progress_count++;
    progress_error = error;
}

static void advance_run(struct scene *scene, struct inbox_progress *progress)
{
    progress->progress_cb = on_progress;
    progress_count = 0;
    inbox_advance(progress);
    assert_int_equal(progress_count, 0);
    scene_settle(scene);
    assert_int_equal(progress_count, 1);
    assert_int_equal(progress_error, 0);
}

static void advance(struct scene *scene, struct inbox_outlet *outlet,
                    uint64_t cursor)
{
    struct inbox_progress progress = {.outlet = outlet, .cursor = cursor};

    advance_run(scene, &progress);
}

static char lanes_text[256]; /* "queue:first:count ..." */

static void on_lanes(struct inbox_outlet *outlet, int error, const char *why,
                     const struct inbox_deferred_lane *lanes, size_t count,
                     void *data)
{
    size_t size = 0;

    assert_ptr_equal(outlet, data);
    assert_int_equal(error, 0);
    assert_string_equal(why, "");
    lanes_text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(lanes[i].server, "live");
        size +=
            (size_t)snprintf(lanes_text + size, sizeof(lanes_text) - size,
                             "%s%s:%d:%d", i > 0 ? " " : "", lanes[i].queue,
                             (int)lanes[i].first_arrival, (int)lanes[i].count);
    }
}

static void expect_lanes(struct scene *scene, struct inbox_outlet *outlet,
                         const char *expected)
{
    lanes_text[0] = '?';
    assert_int_equal(inbox_outlet_lanes(outlet, NULL, on_lanes, outlet), 0);
    scene_settle(scene);
    assert_string_equal(lanes_text, expected);
}

/* Two queues, a and b; arrivals 1 to 5. */
static void store_five(struct scene *scene, struct feed **a, struct feed **b)
{
    struct parcel *parcel;

    *a = feed_open(scene, "live", "a");
    *b = feed_open(scene, "live", "b");
    parcel = parcel_new(*a, "one", "two", NULL);
    parcel_store(parcel, 2, 0);
    parcel_confirm(parcel, false);
    parcel = parcel_new(*b, "three", "four", NULL);
    parcel->delivery.format = HAPLO_FORMAT_RAW;
    parcel_store(parcel, 2, 0);
    parcel_confirm(parcel, false);
    feed_store(*a, "five");
}

/* Reads */

static void test_messages_are_read_in_the_order_of_arrival(void **state)
{
    struct scene *scene = *state;
    struct inbox_outlet *outlet = outlet_open(scene, "files");
    struct feed *a;
    struct feed *b;

    expect_read(scene, outlet, 0, 0, 10, "");
    store_five(scene, &a, &b);
    expect_read(scene, outlet, 0, 0, 10,
                "1:a:one 2:a:two 3:b:three 4:b:four 5:a:five");
    expect_read(scene, outlet, 0, 0, 5,
                "1:a:one 2:a:two 3:b:three 4:b:four 5:a:five");
    expect_read(scene, outlet, 1, 0, 2, "2:a:two 3:b:three +");
    expect_read(scene, outlet, 4, 0, 0, "5:a:five"); /* at least one */
    expect_read(scene, outlet, 5, 0, 10, "");
}

/* A parcel is made of messages of one batch. */
static void test_a_message_knows_its_batch(void **state)
{
    struct scene *scene = *state;
    struct inbox_read read = {.outlet = outlet_open(scene, "files"),
                              .after = 1,
                              .count_max = 3,
                              .bytes_max = 1000};
    struct feed *a;
    struct feed *b;
    struct parcel *parcel;
    uint64_t hash = 0;

    store_five(scene, &a, &b);
    read_run(scene, &read);
    assert_int_equal(read.count, 3);
    assert_int_equal(read.messages[0].batch_first, 1);
    assert_int_equal(read.messages[0].batch_count, 2);
    assert_int_equal(read.messages[0].format, HAPLO_FORMAT_JSON);
    assert_int_equal(read.messages[2].batch_first, 3);
    assert_int_equal(read.messages[2].batch_count, 2);
    assert_int_equal(read.messages[2].format, HAPLO_FORMAT_RAW);
    assert_int_equal(read.messages[2].received_at_ms, FETCHED_AT_MS);
    assert_int_equal(read.messages[2].queue_id, b->queue->id);
    assert_ptr_equal(read.messages[2].queue, b->queue->name);
    assert_ptr_equal(read.messages[2].server, b->queue->server);
    parcel = parcel_new(b, "four", NULL);
    for (size_t i = 0; i < 8; i++) {
        hash = hash << 8 | parcel->batch->messages[0].key[i];
    }
    assert_true(read.messages[2].hash == hash);
    parcel_free(parcel);
    inbox_read_free(&read);
}

/* Memory is bounded, but a message larger than the bound still passes. */
static void test_a_read_is_bounded_in_bytes(void **state)
{
    struct scene *scene = *state;
    struct inbox_read read = {.outlet = outlet_open(scene, "files"),
                              .count_max = 100};
    struct feed *a;
    struct feed *b;

    store_five(scene, &a, &b);
    read.bytes_max = 10;
    read_run(scene, &read);
    assert_int_equal(read.count, 2); /* "one", "two"; "three" is too much */
    assert_true(read.has_more);
    inbox_read_free(&read);
    read.bytes_max = 1;
    read_run(scene, &read);
    assert_int_equal(read.count, 1);
    inbox_read_free(&read);
}

/* Whatever bytes a server sends, they are what an outlet gets. */
static void test_bytes_come_out_as_they_went_in(void **state)
{
    static const struct haplo_slice bodies[] = {
        {"", 0}, {"a\0b", 3}, {"\xff\xfe", 2}, {"\xc3\xa9", 2}};
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "raw");
    struct parcel *parcel = parcel_of(feed, bodies, 4);
    struct inbox_read read = {
        .outlet = outlet_open(scene, "files"), .count_max = 9, .bytes_max = 99};

    parcel_store(parcel, 4, 0);
    read_run(scene, &read);
    assert_int_equal(read.count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(read.messages[i].body.size, bodies[i].size);
        assert_memory_equal(read.messages[i].body.data, bodies[i].data,
                            bodies[i].size);
    }
    inbox_read_free(&read);
    parcel_confirm(parcel, true);
}

/* Another process has stored a queue that is new here. */
static void test_a_queue_of_another_process_has_its_names(void **state)
{
    struct scene *scene = *state;

    run(scene, "INSERT INTO queues (id, server, queue, state)"
               " VALUES (7, 'other', 'theirs', x'');"
               "INSERT INTO stored (queue, position, body)"
               " VALUES (7, 0, 'x'), (8, 0, 'y')");
    expect_read(scene, outlet_open(scene, "files"), 0, 0, 9,
                "1:theirs:x 2:?:y");
}

static void test_a_read_without_memory_is_told(void **state)
{
    struct scene *scene = *state;
    struct inbox_outlet *outlet = outlet_open(scene, "files");
    struct inbox_read read = {
        .outlet = outlet, .count_max = 9, .bytes_max = 999};
    struct feed *a;
    struct feed *b;

    store_five(scene, &a, &b);
    scene_reopen(scene);
    read.outlet = outlet_open(scene, "files");
    for (long n = 1;; n++) {
        atomic_store(&fault_allocations_left, n);
        read_run(scene, &read);
        if (atomic_load(&fault_allocations_left) > 0) {
            break;
        }
        if (read_error == 0) {
            inbox_read_free(&read);
        }
    }
    faults_clear();
    assert_int_equal(read.count, 5);
    inbox_read_free(&read);
}

/* Progress */

static void test_progress_is_kept(void **state)
{
    struct scene *scene = *state;
    struct inbox_outlet *outlet = outlet_open(scene, "files");

    assert_true(outlet->is_new);
    assert_int_equal(outlet->cursor, 0);
    advance(scene, outlet, 3);
    assert_int_equal(outlet->cursor, 3);
    assert_false(outlet->is_new);
    scene_reopen(scene);
    outlet = outlet_open(scene, "files");
    assert_false(outlet->is_new);
    assert_int_equal(outlet->cursor, 3);
    assert_ptr_equal(outlet_open(scene, "files"), outlet);
    assert_true(outlet_open(scene, "stdout")->is_new);
}

static void test_progress_never_goes_backwards(void **state)
{
    struct scene *scene = *state;
    struct inbox_outlet *outlet = outlet_open(scene, "files");

    advance(scene, outlet, 5);
    advance(scene, outlet, 3);
    assert_int_equal(outlet->cursor, 5);
    expect(scene, "SELECT name, cursor FROM outlets", "files|5");
}

/* It costs no fsync() of its own. */
static void test_progress_rides_with_deliveries(void **state)
{
    struct scene *scene = *state;
    struct inbox_outlet *outlet = outlet_open(scene, "files");
    struct inbox_progress progress = {
        .outlet = outlet, .cursor = 1, .progress_cb = on_progress};
    struct parcel *parcel =
        parcel_new(feed_open(scene, "live", "a"), "x", NULL);

    atomic_store(&fault_commit_count, 0);
    parcel_send(parcel);
    inbox_advance(&progress);
    scene_settle(scene);
    parcel_expect_stored(parcel, 1, 0);
    assert_int_equal(atomic_load(&fault_commit_count), 1);
    expect(scene, "SELECT name, cursor FROM outlets", "files|1");
    parcel_free(parcel);
}

/* What was stored already, in whole or in part, does no harm. */
static void test_failed_progress_may_be_given_again(void **state)
{
    const struct inbox_place deferred[] = {{1, 1}, {1, 2}};
    const struct inbox_dead_letter letter = {1, 2, "too large", 3};
    struct scene *scene = *state;
    struct inbox_outlet *outlet = outlet_open(scene, "files");
    struct inbox_progress progress = {.outlet = outlet,
                                      .cursor = 2,
                                      .deferred = deferred,
                                      .deferred_count = 2,
                                      .settled = &deferred[1],
                                      .settled_count = 1,
                                      .dead_letters = &letter,
                                      .dead_letter_count = 1};

    atomic_store(&fault_disk_is_full, true);
    progress.progress_cb = on_progress;
    inbox_advance(&progress);
    scene_settle(scene);
    assert_int_equal(progress_error, HAPLO_EDELIVERY);
    assert_int_equal(outlet->cursor, 0);
    atomic_store(&fault_disk_is_full, false);
    advance_run(scene, &progress);
    advance_run(scene, &progress);
    expect(scene, "SELECT outlet, queue, arrival FROM deferred", "1|1|1");
    expect(scene,
           "SELECT outlet, arrival, queue, why, at > 0"
           " FROM dead_letters",
           "1|2|1|too large|1");
}

/* Lanes that wait */

static void test_deferred_messages_are_read_lane_by_lane(void **state)
{
    struct scene *scene = *state;
    struct inbox_outlet *outlet = outlet_open(scene, "files");
    struct inbox_progress progress = {.outlet = outlet, .cursor = 5};
    struct inbox_place places[4];
    struct feed *a;
    struct feed *b;

    store_five(scene, &a, &b);
    places[0] = (struct inbox_place){a->queue->id, 2};
    places[1] = (struct inbox_place){a->queue->id, 5};
    places[2] = (struct inbox_place){b->queue->id, 4};
    progress.deferred = places;
    progress.deferred_count = 3;
    expect_lanes(scene, outlet, "");
    advance_run(scene, &progress);
    expect_lanes(scene, outlet, "a:2:2 b:4:1");
    expect_read(scene, outlet, 0, a->queue->id, 10, "2:a:two 5:a:five");
    expect_read(scene, outlet, 0, a->queue->id, 1, "2:a:two +");
    expect_read(scene, outlet, 2, a->queue->id, 10, "5:a:five");
    expect_read(scene, outlet, 0, b->queue->id, 10, "4:b:four");
    expect_read(scene, outlet_open(scene, "other"), 0, b->queue->id, 10, "");
    progress = (struct inbox_progress){
        .outlet = outlet, .cursor = 5, .settled = places, .settled_count = 2};
    scene_reopen(scene);
    progress.outlet = outlet = outlet_open(scene, "files");
    advance_run(scene, &progress);
    expect_lanes(scene, outlet, "b:4:1");
}

/* A message that somebody has deleted cannot be waited for. */
static void test_a_deferred_message_that_is_gone_is_passed_over(void **state)
{
    struct scene *scene = *state;
    struct inbox_outlet *outlet = outlet_open(scene, "files");
    struct inbox_progress progress = {.outlet = outlet, .cursor = 5};
    struct inbox_place places[2];
    struct feed *a;
    struct feed *b;

    store_five(scene, &a, &b);
    places[0] = (struct inbox_place){a->queue->id, 1};
    places[1] = (struct inbox_place){b->queue->id, 3};
    progress.deferred = places;
    progress.deferred_count = 2;
    advance_run(scene, &progress);
    run(scene, "DELETE FROM stored WHERE arrival = 3");
    expect_lanes(scene, outlet, "a:1:1");
    expect_read(scene, outlet, 0, b->queue->id, 10, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define OPENED(test) \
    cmocka_unit_test_setup_teardown(test, scene_setup_open, scene_teardown)
        OPENED(test_messages_are_read_in_the_order_of_arrival),
        OPENED(test_a_message_knows_its_batch),
        OPENED(test_a_read_is_bounded_in_bytes),
        OPENED(test_bytes_come_out_as_they_went_in),
        OPENED(test_a_queue_of_another_process_has_its_names),
        OPENED(test_a_read_without_memory_is_told),
        OPENED(test_progress_is_kept),
        OPENED(test_progress_never_goes_backwards),
        OPENED(test_progress_rides_with_deliveries),
        OPENED(test_failed_progress_may_be_given_again),
        OPENED(test_deferred_messages_are_read_lane_by_lane),
        OPENED(test_a_deferred_message_that_is_gone_is_passed_over),
#undef OPENED
    };

    faults_install();
    return cmocka_run_group_tests_name("inbox_outlets", tests, NULL, NULL);
}
