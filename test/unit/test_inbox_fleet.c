/* What an inbox does itself for hosts that share the servers. The store is that
 * of SQLite, to which a refresh is added that reads what the test says. */
#include "inbox_scene.h"

#include "inbox/inbox_fleet.h"
#include "inbox/inbox_private.h"

static struct inbox_type type;
static struct inbox_store_ops ops;
static struct inbox_refresh *started; /* not answered yet */
static struct inbox_fleet_request *asked;

static int fake_refresh(struct inbox_store *store,
                        struct inbox_refresh *refresh)
{
    (void)store;
    assert_null(started);
    started = refresh;
    return 0;
}

static int fake_ask(struct inbox_store *store,
                    struct inbox_fleet_request *request)
{
    (void)store;
    assert_null(asked);
    asked = request;
    return 0;
}

static int no_memory(struct inbox_store *store, struct inbox_refresh *refresh)
{
    (void)store;
    (void)refresh;
    return HAPLO_ENOMEM;
}

static int setup(void **state)
{
    struct scene *scene;

    if (scene_setup_open(state) != 0) {
        return 1;
    }
    scene = *state;
    type = *scene->inbox->type;
    ops = *type.ops;
    ops.refresh = fake_refresh;
    ops.fleet_ask = fake_ask;
    type.ops = &ops;
    scene->inbox->type = &type;
    started = NULL;
    asked = NULL;
    return 0;
}

/* Refreshing */

static const char *const names[] = {"app1", "app2"};
static unsigned refreshed_count;
static int refreshed_error;

static void on_refreshed(struct inbox_refresh *refresh, int error,
                         const char *why)
{
    (void)refresh;
    (void)why;
    refreshed_count++;
    refreshed_error = error;
}

static struct inbox_refresh refresh = {
    .servers = names, .server_count = 2, .refreshed_cb = on_refreshed};

static void refresh_begin(struct scene *scene)
{
    assert_int_equal(inbox_refresh_start(scene->inbox, &refresh), 0);
    assert_ptr_equal(started, &refresh);
}

static void refresh_find(struct scene *scene, const char *server,
                         const char *name, const char *state)
{
    const struct haplo_slice slice = {state, strlen(state)};

    assert_int_equal(inbox_refresh_queue(scene->inbox, 77, server, name, slice),
                     0);
}

static void refresh_end(struct scene *scene)
{
    refreshed_count = 0;
    started = NULL;
    inbox_refreshed(scene->inbox, &refresh, 0, "");
    assert_int_equal(refreshed_count, 1);
}

static void assert_state(struct scene *scene, const char *server,
                         const char *name, const char *expected)
{
    struct haplo_slice state = inbox_stored_state(scene->inbox, server, name);

    assert_int_equal(state.size, strlen(expected));
    assert_memory_equal(state.data, expected, state.size);
}

/* Whoever had the queue before has stored more of it. */
static void test_the_state_of_an_idle_queue_is_replaced(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "app1", "student");

    feed_store(feed, "one");
    scene_settle(scene);
    refresh_begin(scene);
    refresh_find(scene, "app1", "student", "of another host");
    refresh_end(scene);
    assert_state(scene, "app1", "student", "of another host");
}

/* Another host was the first to poll it. */
static void test_a_queue_that_is_unknown_here_is_added(void **state)
{
    struct scene *scene = *state;

    refresh_begin(scene);
    refresh_find(scene, "app2", "new", "of another host");
    refresh_end(scene);
    assert_state(scene, "app2", "new", "of another host");
}

/* The rows may have been read before the commit, and arrive after it. */
static void test_what_was_stored_in_the_meantime_stays(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "app1", "student");
    struct feed *other = feed_open(scene, "app1", "other");
    struct haplo_slice stored;

    feed_store(other, "one");
    scene_settle(scene);
    refresh_begin(scene);
    feed_store(feed, "one");
    scene_settle(scene);
    refresh_find(scene, "app1", "student", "older");
    refresh_find(scene, "app1", "other", "newer");
    refresh_end(scene);
    stored = inbox_stored_state(scene->inbox, "app1", "student");
    assert_true(stored.size > 0);
    assert_memory_not_equal(stored.data, "older", 5);
    assert_state(scene, "app1", "other", "newer");

    refresh_begin(scene); /* this one has begun after it */
    refresh_find(scene, "app1", "student", "newest");
    refresh_end(scene);
    assert_state(scene, "app1", "student", "newest");
}

/* Its commit compares states, and finds out what is stored. */
static void test_a_delivery_that_is_outstanding_keeps_its_state(void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "app1", "student");
    struct parcel *parcel = parcel_new(feed, "one", NULL);

    parcel_send(parcel);
    refresh_begin(scene);
    refresh_find(scene, "app1", "student", "of another host");
    refresh_end(scene);
    assert_state(scene, "app1", "student", "");
    parcel_wait(parcel);
    parcel_expect_stored(parcel, 1, 0);
    parcel_confirm(parcel, true);
}

static void test_a_confirmation_that_is_outstanding_keeps_its_state(
    void **state)
{
    struct scene *scene = *state;
    struct feed *feed = feed_open(scene, "app1", "student");
    struct parcel *parcel = parcel_new(feed, "one", NULL);

    parcel_store(parcel, 1, 0);
    scene_settle(scene);
    refresh_begin(scene);
    parcel_confirm(parcel, true);
    assert_false(inbox_queue_is_settled(feed->queue));
    refresh_find(scene, "app1", "student", "of another host");
    refresh_end(scene);
    assert_memory_not_equal(feed->queue->state.data, "of another host", 15);
}

/* Closing */

static void no_reply(struct inbox_fleet_request *request, int error,
                     const char *why)
{
    (void)request;
    (void)error;
    (void)why;
}

static void on_closed(void *data)
{
    struct scene *scene = data;

    scene->inbox = NULL;
}

/* The store may not be freed while something of it is under way. */
static void test_closing_waits_for_both(void **state)
{
    struct scene *scene = *state;
    struct inbox *inbox = scene->inbox;
    struct inbox_fleet_request request = {.replied_cb = no_reply};

    refresh_begin(scene);
    assert_int_equal(inbox_fleet_ask(inbox, &request), 0);
    inbox_close(inbox, on_closed, scene);
    scene_settle(scene);
    assert_non_null(scene->inbox);
    assert_int_equal(inbox_refresh_start(inbox, &refresh), HAPLO_ESTOPPED);
    assert_int_equal(inbox_fleet_ask(inbox, &request), HAPLO_ESTOPPED);
    inbox_refreshed(inbox, &refresh, 0, "");
    scene_settle(scene);
    assert_non_null(scene->inbox);
    inbox_fleet_replied(inbox, asked, 0, "");
    scene_settle(scene);
    assert_null(scene->inbox);
}

/* What was not begun is not waited for. */
static void test_a_refresh_that_cannot_begin_does_not_count(void **state)
{
    struct scene *scene = *state;

    ops.refresh = no_memory;
    assert_int_equal(inbox_refresh_start(scene->inbox, &refresh), HAPLO_ENOMEM);
    inbox_scene_close(scene);
}

/* Other types */

/* Two hosts with an SQLite file each would poll the same queues. */
static void test_sqlite_coordinates_nothing(void **state)
{
    struct scene *scene = *state;
    struct inbox_fleet_request request = {.replied_cb = no_reply};
    struct inbox_fleet_view view;
    char why[HAPLO_TEXT_SIZE_MAX];

    scene->inbox->type = &inbox_sqlite_type;
    assert_int_equal(inbox_fleet_ask(scene->inbox, &request), HAPLO_ENOTSUP);
    assert_int_equal(inbox_refresh_start(scene->inbox, &refresh),
                     HAPLO_ENOTSUP);
    assert_int_equal(
        inbox_fleet_view(&inbox_sqlite_type, NULL, &view, why, sizeof(why)),
        HAPLO_ENOTSUP);
    assert_string_equal(why, "inboxes of type sqlite cannot coordinate hosts: "
                             "use an inbox of type postgres");
    assert_int_equal(inbox_fleet_drain(&inbox_sqlite_type, NULL, "a", true, why,
                                       sizeof(why)),
                     HAPLO_ENOTSUP);
}

int main(void)
{
#define TEST(function) \
    cmocka_unit_test_setup_teardown(function, setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_the_state_of_an_idle_queue_is_replaced),
        TEST(test_a_queue_that_is_unknown_here_is_added),
        TEST(test_what_was_stored_in_the_meantime_stays),
        TEST(test_a_delivery_that_is_outstanding_keeps_its_state),
        TEST(test_a_confirmation_that_is_outstanding_keeps_its_state),
        TEST(test_closing_waits_for_both),
        TEST(test_a_refresh_that_cannot_begin_does_not_count),
        TEST(test_sqlite_coordinates_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
