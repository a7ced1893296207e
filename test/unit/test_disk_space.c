/*
 * The space that an inbox leaves free on its disk. statvfs() is this file's
 * own: it takes precedence over that of the C library.
 */
#include <stdatomic.h>
#include <stdio.h>

#include <sys/statvfs.h>

#include "inbox_scene.h"

#define MB (UINT64_C(1) << 20)
#define TRIES_MAX 20000 /* iterations of the loop */

static atomic_ulong free_mb;
static atomic_ulong disk_mb;
static atomic_ulong look_count;
static atomic_bool is_unknown; /* the system does not say */

int statvfs(const char *restrict path, struct statvfs *restrict disk)
{
    assert_non_null(strstr(path, "inbox.db"));
    atomic_fetch_add(&look_count, 1);
    if (atomic_load(&is_unknown)) {
        return -1;
    }
    memset(disk, 0, sizeof(*disk));
    disk->f_frsize = 4096;
    disk->f_blocks = atomic_load(&disk_mb) * MB / 4096;
    disk->f_bavail = atomic_load(&free_mb) * MB / 4096;
    disk->f_bfree = disk->f_blocks; /* some is only for root */
    return 0;
}

/* Stages */

static int setup(void **state)
{
    int result = scene_setup(state);
    struct scene *scene = *state;

    atomic_store(&free_mb, 1000);
    atomic_store(&disk_mb, 10000);
    atomic_store(&is_unknown, false);
    atomic_store(&look_count, 0);
    scene->free_bytes_min = 100 * MB;
    return result;
}

static unsigned told_count;

static bool is_short_now(const struct inbox *inbox)
{
    return inbox_short_why(inbox) != NULL;
}

static void on_space(struct inbox *inbox, bool is_short, const char *why,
                     void *data)
{
    assert_ptr_equal(data, &told_count);
    assert_true(is_short_now(inbox) == is_short);
    assert_non_null(strstr(why, is_short ? "free_space_min" : "are free"));
    told_count++;
}

static void open_listening(struct scene *scene)
{
    inbox_scene_open(scene);
    told_count = 0;
    inbox_listen_space(scene->inbox, on_space, &told_count);
}

static void on_tick(uv_timer_t *timer)
{
    (void)timer;
}

/* Runs the loop until the inbox has looked so often. */
static void look(struct scene *scene, unsigned long count)
{
    unsigned long until = atomic_load(&look_count) + count;
    uv_timer_t tick;
    int tries = 0;

    assert_int_equal(uv_timer_init(&scene->loop, &tick), 0);
    assert_int_equal(uv_timer_start(&tick, on_tick, 1, 1), 0);
    while (atomic_load(&look_count) < until && tries++ < TRIES_MAX) {
        (void)uv_run(&scene->loop, UV_RUN_ONCE);
    }
    assert_true(atomic_load(&look_count) >= until);
    uv_close((uv_handle_t *)&tick, NULL);
    scene_settle(scene);
}

/* Notices with the next group, as nothing else fills the disk. */
static void become_short(struct scene *scene, struct feed *feed)
{
    atomic_store(&free_mb, 99);
    feed_store(feed, "one that notices");
    if (!is_short_now(scene->inbox)) {
        look(scene, 1);
    }
    assert_true(is_short_now(scene->inbox));
}

/* Tests */

/* Not a byte of a message may be what fills the disk. */
static void test_messages_wait_and_all_else_is_stored(void **state)
{
    struct scene *scene = *state;
    struct feed *feed;
    struct parcel *parcel;
    struct parcel *before;

    open_listening(scene);
    feed = feed_open(scene, "live", "student");
    become_short(scene, feed_open(scene, "live", "other"));
    assert_int_equal(told_count, 1);
    parcel = parcel_new(feed, "two", NULL);
    parcel_expect_retry(parcel, "free_space_min");
    expect(scene, "SELECT count(*) FROM stored", "1");
    parcel_expect_retry(parcel, "free_space_min");
    atomic_store(&free_mb, 200);
    look(scene, 1);
    assert_false(is_short_now(scene->inbox));
    parcel_store(parcel, 1, 0);
    atomic_store(&free_mb, 99);
    look(scene, 1);
    assert_true(is_short_now(scene->inbox));
    parcel_confirm(parcel, true); /* is stored all the same */
    scene_settle(scene);
    expect(scene, "SELECT unconfirmed FROM queues WHERE queue = 'student'",
           "0");
    before = parcel_new(feed, "three", NULL);
    parcel_expect_retry(before, "free_space_min");
    parcel_free(before);
}

/* Otherwise it would start and stop with each message that an outlet or a
 * deletion makes room for. */
static void test_fetching_goes_on_with_a_quarter_more(void **state)
{
    struct scene *scene = *state;

    open_listening(scene);
    become_short(scene, feed_open(scene, "live", "student"));
    atomic_store(&free_mb, 124);
    look(scene, 1);
    assert_true(is_short_now(scene->inbox));
    atomic_store(&free_mb, 125);
    look(scene, 1);
    assert_false(is_short_now(scene->inbox));
    assert_int_equal(told_count, 2);
}

/* A process that has restarted must not fetch before it has looked. */
static void test_it_is_known_when_the_inbox_has_opened(void **state)
{
    struct scene *scene = *state;

    atomic_store(&free_mb, 99);
    open_listening(scene);
    assert_true(is_short_now(scene->inbox));
    assert_int_equal(told_count, 0);
    atomic_store(&free_mb, 200);
    look(scene, 1);
    assert_false(is_short_now(scene->inbox));
    assert_int_equal(told_count, 1);
}

/* The default must suit a small disk as well. */
static void test_a_small_disk_keeps_a_twentieth_free(void **state)
{
    struct scene *scene = *state;

    atomic_store(&disk_mb, 200);
    atomic_store(&free_mb, 10);
    open_listening(scene);
    assert_false(is_short_now(scene->inbox));
    inbox_scene_close(scene);
    atomic_store(&free_mb, 9);
    inbox_scene_open(scene);
    assert_true(is_short_now(scene->inbox));
}

/* Some network and container file systems do not say how much is free. */
static void test_an_unknown_space_is_ample(void **state)
{
    struct scene *scene = *state;

    atomic_store(&is_unknown, true);
    open_listening(scene);
    feed_store(feed_open(scene, "live", "student"), "one");
    assert_false(is_short_now(scene->inbox));
    assert_int_equal(scene->warning_count, 0);
}

/* An operator may prefer SQLite's own error. */
static void test_without_a_limit_it_never_looks(void **state)
{
    struct scene *scene = *state;

    scene->free_bytes_min = 0;
    atomic_store(&free_mb, 0);
    open_listening(scene);
    feed_store(feed_open(scene, "live", "student"), "one");
    assert_int_equal(atomic_load(&look_count), 0);
}

/* The looks and the timer end with the inbox, whatever they are at. */
static void test_closing_while_space_is_short(void **state)
{
    struct scene *scene = *state;

    atomic_store(&free_mb, 99);
    open_listening(scene);
    scene_reopen(scene);
    assert_true(is_short_now(scene->inbox));
}

int main(void)
{
#define SPACE(test) cmocka_unit_test_setup_teardown(test, setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        SPACE(test_messages_wait_and_all_else_is_stored),
        SPACE(test_fetching_goes_on_with_a_quarter_more),
        SPACE(test_it_is_known_when_the_inbox_has_opened),
        SPACE(test_a_small_disk_keeps_a_twentieth_free),
        SPACE(test_an_unknown_space_is_ample),
        SPACE(test_without_a_limit_it_never_looks),
        SPACE(test_closing_while_space_is_short),
    };

    faults_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
