/*
 * Retention: what every outlet has passed and is old is deleted; what anyone
 * may still need stays. In SQLite files, with batches that were fetched in
 * 2019.
 */
#include <stdio.h>

#include "base/wall_clock.h"
#include "inbox/retention_rule.h"
#include "inbox_scene.h"

#define DAY_MS (UINT64_C(24) * 3600 * 1000)
#define FUTURE_MS (FETCHED_AT_MS * 2) /* never old in these tests */
#define TRIES_MAX 20000               /* iterations of the loop */

/* The rule */

struct rule_case {
    struct retention_batch batch; /* received on day ... */
    enum retention_verdict verdict;
};

/* Deleting too much cannot be undone, so each reason to keep a batch counts
 * alone. Today is day 100; messages are kept for 90 days; all outlets have
 * passed 50. */
static void test_a_batch_goes_when_nobody_needs_it(void **state)
{
    static const struct retention_limits limits = {
        .keep_ms = 90 * DAY_MS, .now_ms = 100 * DAY_MS, .passed_to = 50};
    static const struct rule_case cases[] = {
        {{10, 5, 1 * DAY_MS, 0, 0}, RETENTION_GO},
        {{10, 5, 10 * DAY_MS, 0, 0}, RETENTION_GO},
        {{10, 5, 10 * DAY_MS + 1, 0, 0}, RETENTION_STOP},
        {{46, 5, 1 * DAY_MS, 0, 0}, RETENTION_GO},
        {{46, 6, 1 * DAY_MS, 0, 0}, RETENTION_STOP}, /* not passed */
        {{51, 1, 1 * DAY_MS, 0, 0}, RETENTION_STOP},
        {{10, 5, 101 * DAY_MS, 0, 0}, RETENTION_STAY}, /* the clock was wrong */
        {{10, 5, 1 * DAY_MS, 3, 10}, RETENTION_STAY},  /* not marked */
        {{10, 5, 1 * DAY_MS, 3, 14}, RETENTION_STAY},
        {{10, 5, 1 * DAY_MS, 3, 15}, RETENTION_GO}, /* only later ones */
        {{10, 5, 1 * DAY_MS, 3, 0}, RETENTION_STAY},
        {{10, 5, 1 * DAY_MS, -1, 0}, RETENTION_STAY},
        {{10, 0, 1 * DAY_MS, 0, 0}, RETENTION_GO}, /* a row without messages */
    };
    struct retention_limits alone = limits;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (retention_judge(&limits, &cases[i].batch) != cases[i].verdict) {
            fail_msg("case %zu", i);
        }
    }
    alone.passed_to = RETENTION_NO_OUTLETS;
    assert_int_equal(retention_judge(&alone, &cases[4].batch), RETENTION_GO);
}

/* Stages */

static void on_tick(uv_timer_t *timer)
{
    (void)timer;
}

/* Runs the loop, which the timer of the retention does not keep alive, until
 * the query has this result. */
static void until(struct scene *scene, const char *sql, const char *expected)
{
    sqlite3 *db = reader_open_db(scene->path);
    uv_timer_t tick;
    bool is_reached = false;

    assert_int_equal(uv_timer_init(&scene->loop, &tick), 0);
    assert_int_equal(uv_timer_start(&tick, on_tick, 1, 1), 0);
    for (int i = 0; i < TRIES_MAX && !is_reached; i++) {
        sqlite3_stmt *select = NULL;

        (void)uv_run(&scene->loop, UV_RUN_ONCE);
        assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &select, NULL),
                         SQLITE_OK);
        assert_int_equal(sqlite3_step(select), SQLITE_ROW);
        is_reached =
            strcmp((const char *)sqlite3_column_text(select, 0), expected) == 0;
        assert_int_equal(sqlite3_finalize(select), SQLITE_OK);
    }
    uv_close((uv_handle_t *)&tick, NULL);
    scene_settle(scene);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    if (!is_reached) {
        fail_msg("%s never becomes %s", sql, expected);
    }
}

#define ARRIVALS "SELECT coalesce(group_concat(arrival), 'none') FROM stored"
#define BATCHES \
    "SELECT coalesce(group_concat(first_arrival), 'none') FROM batches"

static int setup_keeping(void **state)
{
    int result = scene_setup(state);
    struct scene *scene = *state;

    scene->keep_ms = 1000; /* and so it looks often */
    inbox_scene_open(scene);
    return result;
}

/* A batch of these messages that was fetched at this time and was marked. */
static void store_at(struct feed *feed, uint64_t at_ms, const char *first,
                     const char *second)
{
    struct parcel *parcel = parcel_new(feed, first, second, NULL);
    size_t count = second != NULL ? 2 : 1;

    parcel->delivery.fetched_at_ms = at_ms;
    parcel_store(parcel, count, 0);
    parcel_confirm(parcel, false);
    scene_settle(feed->scene);
}

static struct inbox_outlet *opened;

static void on_outlet(struct inbox_outlet *outlet, int error, const char *why,
                      void *data)
{
    (void)data;
    assert_string_equal(why, "");
    assert_int_equal(error, 0);
    opened = outlet;
}

static void on_saved(struct inbox_progress *progress, int error,
                     const char *why)
{
    (void)progress;
    assert_string_equal(why, "");
    assert_int_equal(error, 0);
}

static struct inbox_outlet *outlet_open(struct scene *scene, const char *name,
                                        uint64_t start_ms)
{
    assert_int_equal(
        inbox_outlet_open(scene->inbox, name, start_ms, on_outlet, NULL), 0);
    scene_settle(scene);
    return opened;
}

static void save(struct scene *scene, struct inbox_progress progress)
{
    progress.progress_cb = on_saved;
    inbox_advance(&progress);
    scene_settle(scene);
}

/* Deleting */

/* An inbox may be read by programs alone; then age decides. */
static void test_old_messages_are_deleted(void **state)
{
    struct scene *scene = *state;
    struct feed *feed;

    inbox_scene_close(scene);
    scene->keep_ms = DAY_MS;
    inbox_scene_open(scene);
    feed = feed_open(scene, "live", "student");

    store_at(feed, FETCHED_AT_MS, "one", "two");
    store_at(feed, FETCHED_AT_MS, "three", NULL);
    store_at(feed, wall_clock_ms(), "four", NULL);
    expect(scene, ARRIVALS, "1,2,3,4");
    inbox_retain(scene->inbox, NULL, 0);
    until(scene, ARRIVALS, "4");
    expect(scene, BATCHES, "4");
    expect(scene, "SELECT body FROM messages", "four");
}

/* That is the default. */
static void test_without_a_period_everything_stays(void **state)
{
    struct scene *scene = *state;

    inbox_scene_close(scene);
    scene->keep_ms = 0;
    inbox_scene_open(scene);
    store_at(feed_open(scene, "live", "student"), FETCHED_AT_MS, "one", NULL);
    inbox_retain(scene->inbox, NULL, 0);
    store_at(feed_open(scene, "live", "other"), FETCHED_AT_MS, "two", NULL);
    expect(scene, ARRIVALS, "1,2");
}

/* A reader that remembers the last arrival would otherwise miss messages. */
static void test_arrivals_are_not_used_again(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "student");

    store_at(feed, FETCHED_AT_MS, "one", "two");
    inbox_retain(scene->inbox, NULL, 0);
    until(scene, ARRIVALS, "none");
    scene_reopen(scene);
    store_at(feed, FUTURE_MS, "three", NULL);
    expect(scene, ARRIVALS, "3");
    expect(scene, "SELECT older FROM batches", "1");
}

/* A new outlet may have been configured to begin with the oldest message. One
 * that a reload has removed before it began is not waited for. */
static void test_an_outlet_that_has_not_begun_needs_everything(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "student");
    struct inbox_outlet *begun;

    store_at(feed, FETCHED_AT_MS, "one", NULL);
    begun = outlet_open(scene, "begun", INBOX_START_NOW);
    save(scene, (struct inbox_progress){.outlet = begun, .cursor = 1});
    inbox_retain(scene->inbox, (const char *const[]){"begun", "gone"}, 2);
    inbox_retain(scene->inbox, (const char *const[]){"begun", "new"}, 2);
    store_at(feed, FETCHED_AT_MS, "two", NULL);
    expect(scene, ARRIVALS, "1,2");
    save(scene, (struct inbox_progress){
                    .outlet = outlet_open(scene, "new", INBOX_START_NOW),
                    .cursor = 2});
    until(scene, ARRIVALS, "2"); /* which the other has not passed */
    expect(scene, "SELECT name, cursor FROM outlets", "begun|1;new|2");
    assert_int_equal(scene->warning_count, 0);
}

/* The outlet has passed them with its cursor, but will need them. */
static void test_deferred_messages_and_dead_letters_stay(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "student");
    struct inbox_outlet *outlet = outlet_open(scene, "files", 0);
    uint64_t queue_id;

    store_at(feed, FETCHED_AT_MS, "one", "two");
    store_at(feed, FETCHED_AT_MS, "three", "four");
    store_at(feed, FETCHED_AT_MS, "five", NULL);
    queue_id = feed->queue->id;
    save(scene, (struct inbox_progress){
                    .outlet = outlet,
                    .cursor = 5,
                    .deferred = &(const struct inbox_place){queue_id, 2},
                    .deferred_count = 1,
                    .dead_letters =
                        &(const struct inbox_dead_letter){
                            .queue_id = queue_id, .arrival = 4, .why = "no"},
                    .dead_letter_count = 1});
    inbox_retain(scene->inbox, (const char *const[]){"files"}, 1);
    until(scene, ARRIVALS, "2,4");
    expect(scene, BATCHES, "1,3");
    save(scene, (struct inbox_progress){
                    .outlet = outlet,
                    .cursor = 5,
                    .settled = &(const struct inbox_place){queue_id, 2},
                    .settled_count = 1});
    until(scene, ARRIVALS, "4"); /* with the next pass */
    expect(scene, BATCHES, "3");
}

/* Its progress is there, so it may come back and want the rest. */
static void test_a_removed_outlet_holds_what_it_has_not_passed(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "student");

    store_at(feed, FETCHED_AT_MS, "one", NULL);
    store_at(feed, FETCHED_AT_MS, "two", NULL);
    save(scene, (struct inbox_progress){.outlet = outlet_open(scene, "gone", 0),
                                        .cursor = 1});
    inbox_retain(scene->inbox, NULL, 0);
    until(scene, ARRIVALS, "2");
    assert_int_equal(scene->warning_count, 1);
    assert_non_null(strstr(scene->warning, "outlet gone"));
    assert_non_null(strstr(scene->warning, "outlet forget"));
}

/* The state says that it is stored. If its row were gone when the server sends
 * it again, it would be stored a second time. */
static void test_what_may_be_repeated_stays(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "student");
    struct parcel *parcel = parcel_new(feed, "two", "three", NULL);

    store_at(feed_open(scene, "live", "other"), FETCHED_AT_MS, "one", NULL);
    parcel_store(parcel, 2, 0);
    parcel_lose(parcel);
    store_at(feed_open(scene, "live", "third"), FETCHED_AT_MS, "four", NULL);
    inbox_retain(scene->inbox, NULL, 0);
    until(scene, ARRIVALS, "2,3");
    parcel = parcel_new(feed, "two", "three", NULL);
    parcel_store(parcel, 0, 2);
    assert_int_equal(scene->warning_count, 0); /* none was missing */
    parcel_confirm(parcel, false);
    scene_settle(scene);
    until(scene, ARRIVALS, "none");
    store_at(feed, FUTURE_MS, "two", NULL); /* unsent, so a resend */
    expect(scene, ARRIVALS, "5");
}

#define OBJECT(ref, version) \
    "{\"object\":{\"ref\":\"" ref "\",\"recordVersion\":" version "}}"

static void keep_latest(struct scene *scene)
{
    inbox_scene_close(scene);
    scene->keeps_latest = true;
    inbox_scene_open(scene);
}

/* An inbox can then say what each object looks like now, and yet not grow with
 * each change. */
static void test_the_newest_message_of_each_object_stays(void **state)
{
    struct scene *scene = *state;
    struct feed *feed;

    keep_latest(scene);
    feed = feed_open(scene, "live", "global");
    store_at(feed, FETCHED_AT_MS, OBJECT("a", "1"), OBJECT("b", "7"));
    store_at(feed, FETCHED_AT_MS, OBJECT("a", "10"), OBJECT("b", "6"));
    store_at(feed, FETCHED_AT_MS, OBJECT("a", "9"), OBJECT("c", "1"));
    store_at(feed, FETCHED_AT_MS, OBJECT("c", "1"), "no object");
    store_at(feed_open(scene, "live", "other"), FETCHED_AT_MS, OBJECT("z", "1"),
             NULL);
    store_at(feed_open(scene, "test", "global"), FETCHED_AT_MS,
             OBJECT("a", "2"), NULL);
    expect(scene,
           "SELECT group_concat(arrival) FROM (SELECT arrival FROM"
           " latest_objects ORDER BY arrival)",
           "2,3,7,10");
    inbox_retain(scene->inbox, NULL, 0);
    until(scene, ARRIVALS, "2,3,7,10");
    expect(scene,
           "SELECT group_concat(arrival) FROM (SELECT arrival FROM"
           " latest_objects ORDER BY arrival)",
           "2,3,7,10");
    store_at(feed, FUTURE_MS, OBJECT("a", "11"), OBJECT("c", "0"));
    until(scene, ARRIVALS, "2,7,10,11,12"); /* with a later pass */
    expect(scene, BATCHES, "1,7,10,11");
}

/* The index catches up with what was stored while the option was off. */
static void test_latest_objects_can_be_switched_on_and_off(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "global");

    store_at(feed, FETCHED_AT_MS, OBJECT("a", "1"), OBJECT("a", "2"));
    keep_latest(scene);
    inbox_retain(scene->inbox, NULL, 0);
    until(scene, ARRIVALS, "2");
    inbox_scene_close(scene);
    scene->keeps_latest = false;
    inbox_scene_open(scene);
    inbox_retain(scene->inbox, NULL, 0);
    until(scene, ARRIVALS, "none");
}

/* A queue's messages may be repeated although batches before them are gone. */
static void test_repeats_are_found_after_older_batches_are_gone(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "student");
    struct parcel *parcel;

    store_at(feed, FETCHED_AT_MS, "one", NULL);
    inbox_retain(scene->inbox, NULL, 0);
    until(scene, ARRIVALS, "none");
    parcel = parcel_new(feed, "two", NULL);
    parcel_store(parcel, 1, 0);
    parcel_lose(parcel);
    run(scene, "DELETE FROM stored");
    parcel = parcel_new(feed, "two", NULL);
    parcel_store(parcel, 1, 0); /* the chain of batches ends, and so it is
                                   known to be missing */
    parcel_confirm(parcel, true);
    scene_settle(scene);
    assert_int_equal(scene->warning_count, 1);
}

/* One step must not take so long that commits notice. */
static void test_a_huge_batch_takes_several_steps(void **state)
{
    enum { COUNT = 20000 };
    struct scene *scene = *state;
    struct haplo_slice *bodies = calloc(COUNT, sizeof(*bodies));
    struct feed *feed = feed_open(scene, "live", "student");
    struct parcel *parcel;

    assert_non_null(bodies);
    for (size_t i = 0; i < COUNT; i++) {
        bodies[i] = (struct haplo_slice){"the same", 8};
    }
    parcel = parcel_of(feed, bodies, COUNT);
    parcel_store(parcel, COUNT, 0);
    parcel_confirm(parcel, true);
    scene_settle(scene);
    atomic_store(&fault_commit_count, 0);
    inbox_retain(scene->inbox, NULL, 0);
    until(scene, ARRIVALS, "none");
    assert_true(atomic_load(&fault_commit_count) > 3);
    expect(scene, BATCHES, "none");
    free(bodies);
}

/* Space */

static size_t file_size(const char *path)
{
    FILE *file = fopen(path, "rb");
    long size;

    if (file == NULL) {
        return 0;
    }
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    size = ftell(file);
    assert_int_equal(fclose(file), 0);
    return (size_t)size;
}

static void store_large(struct feed *feed, size_t count, size_t size)
{
    char *body = malloc(size);

    assert_non_null(body);
    memset(body, 'x', size);
    for (size_t i = 0; i < count; i++) {
        const struct haplo_slice slice = {body, size};
        struct parcel *parcel = parcel_of(feed, &slice, 1);

        parcel_store(parcel, 1, 0);
        parcel_confirm(parcel, false);
        scene_settle(feed->scene);
    }
    free(body);
}

/* A disk that was nearly full once should not stay so. */
static void test_space_is_returned_to_the_disk(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "student");

    store_large(feed, 20, 1 << 20);
    inbox_retain(scene->inbox, NULL, 0);
    until(scene, ARRIVALS, "none");
    until(scene,
          "SELECT CASE WHEN (SELECT freelist_count FROM"
          " pragma_freelist_count) <= 256 THEN 'few' ELSE 'many' END",
          "few");
    scene_reopen(scene);
    assert_true(file_size(scene->path) < (4 << 20));
    expect(scene, "PRAGMA integrity_check", "ok");
}

static bool file_contains(const char *path, const char *text)
{
    size_t size = file_size(path);
    char *bytes = malloc(size + 1);
    FILE *file = fopen(path, "rb");
    bool is_found;

    if (file == NULL) {
        free(bytes);
        return false;
    }
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    is_found = memmem(bytes, size, text, strlen(text)) != NULL;
    free(bytes);
    return is_found;
}

/* With personal data, "deleted" may have to mean that no byte is left, also of
 * messages that fill pages of their own. */
static void test_secure_delete_leaves_nothing(void **state)
{
    struct scene *scene = *state;
    struct feed *feed;
    char large[40000];

    inbox_scene_close(scene);
    scene->has_secure_delete = true;
    inbox_scene_open(scene);
    memset(large, 'x', sizeof(large) - 1);
    memcpy(large + 30000, "needle", 6);
    large[sizeof(large) - 1] = '\0';
    feed = feed_open(scene, "live", "secret");
    store_at(feed, FETCHED_AT_MS, "needle in a small one", large);
    store_at(feed, FUTURE_MS, "stays", NULL);
    scene_reopen(scene); /* copies the WAL */
    assert_true(file_contains(scene->path, "needle"));
    inbox_retain(scene->inbox, NULL, 0);
    until(scene, ARRIVALS, "3");
    scene_reopen(scene);
    assert_false(file_contains(scene->path, "needle"));
    assert_true(file_contains(scene->path, "stays"));
}

/* Failures */

/* Messages are not lost by that, but the disk fills up. */
static void test_a_failure_is_told_once_and_overcome(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "student");

    store_at(feed, FETCHED_AT_MS, "one", NULL);
    run(scene, "CREATE TRIGGER no_deletes BEFORE DELETE ON stored"
               " BEGIN SELECT raise(FAIL, 'not with me'); END");
    inbox_retain(scene->inbox, NULL, 0);
    for (int i = 0; i < TRIES_MAX && scene->warning_count == 0; i++) {
        until(scene, "SELECT 1", "1");
    }
    assert_int_equal(scene->warning_count, 1);
    assert_non_null(strstr(scene->warning, "not with me"));
    store_at(feed, FUTURE_MS, "two", NULL);
    expect(scene, ARRIVALS, "1,2");
}

/* Closing waits for a step, and the rest is deleted next time. */
static void test_closing_during_a_step(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "student");

    for (int i = 0; i < 5; i++) {
        store_at(feed, FETCHED_AT_MS, "one", "two");
        inbox_retain(scene->inbox, NULL, 0);
        for (int j = 0; j < i; j++) {
            (void)uv_run(&scene->loop, UV_RUN_NOWAIT);
        }
        scene_reopen(scene);
    }
    inbox_retain(scene->inbox, NULL, 0);
    until(scene, ARRIVALS, "none");
    assert_int_equal(scene->warning_count, 0);
}

/* Where outlets begin */

/* The row protects what a new outlet has not forwarded. */
static void test_a_new_outlet_begins_where_it_is_told(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "live", "student");
    uint64_t at_ms = FETCHED_AT_MS;

    assert_int_equal(outlet_open(scene, "early", INBOX_START_NOW)->cursor, 0);
    store_at(feed, at_ms, "one", "two");
    store_at(feed, at_ms + 10, "three", NULL);
    store_at(feed, at_ms + 20, "four", NULL);
    assert_int_equal(outlet_open(scene, "a", INBOX_START_BEGINNING)->cursor, 0);
    assert_int_equal(outlet_open(scene, "b", INBOX_START_NOW)->cursor, 4);
    assert_int_equal(outlet_open(scene, "c", 1)->cursor, 0);
    assert_int_equal(outlet_open(scene, "d", at_ms + 10)->cursor, 2);
    assert_int_equal(outlet_open(scene, "e", at_ms + 11)->cursor, 3);
    assert_int_equal(outlet_open(scene, "f", at_ms + 21)->cursor, 4);
    assert_true(opened->is_new);
    save(scene, (struct inbox_progress){.outlet = opened, .cursor = 4});
    assert_int_equal(outlet_open(scene, "f", INBOX_START_BEGINNING)->cursor, 4);
    assert_false(opened->is_new);
}

int main(void)
{
#define KEEPING(test) \
    cmocka_unit_test_setup_teardown(test, setup_keeping, scene_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_batch_goes_when_nobody_needs_it),
        KEEPING(test_old_messages_are_deleted),
        KEEPING(test_without_a_period_everything_stays),
        KEEPING(test_arrivals_are_not_used_again),
        KEEPING(test_an_outlet_that_has_not_begun_needs_everything),
        KEEPING(test_deferred_messages_and_dead_letters_stay),
        KEEPING(test_a_removed_outlet_holds_what_it_has_not_passed),
        KEEPING(test_what_may_be_repeated_stays),
        KEEPING(test_repeats_are_found_after_older_batches_are_gone),
        KEEPING(test_the_newest_message_of_each_object_stays),
        KEEPING(test_latest_objects_can_be_switched_on_and_off),
        KEEPING(test_a_huge_batch_takes_several_steps),
        KEEPING(test_space_is_returned_to_the_disk),
        KEEPING(test_secure_delete_leaves_nothing),
        KEEPING(test_a_failure_is_told_once_and_overcome),
        KEEPING(test_closing_during_a_step),
        KEEPING(test_a_new_outlet_begins_where_it_is_told),
    };

    faults_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
