/*
 * The public API in an application's own loop: how a poller stops and closes,
 * in whatever state it is, and what it leaves. See poller_scene.h.
 */
#include "poller_scene.h"

/* Closing */

static void close_self(struct watch *watch)
{
    struct scene *scene = watch->scene;
    unsigned calls = scene->calls;
    haplo_poller_close(scene->poller, scene_on_closed);
    haplo_poller_close(scene->poller, scene_on_closed);
    assert_int_equal(scene->closed_count, 0);
    assert_int_equal(scene->calls, calls);
}

/* The check is scene_close()'s: nothing is called back after close(), close_cb
 * comes once, and the loop is empty. */
static void check_closed(struct scene *scene)
{
    unsigned calls = scene->calls;
    scene_release(scene);
    RUN_UNTIL(scene, scene->closed_count == 1);
    assert_int_equal(scene->calls, calls);
    scene_linger(scene);
    assert_int_equal(scene->closed_count, 1);
    scene_close(scene);
}

/* A program may have to end at any time, without a drain. */
static void close_without_stop(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    close_self(q1);
    check_closed(scene);
}

static void close_with_requests_in_flight(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    q1->fake->is_held = true;
    scene_add_server(scene, (struct haplo_server_options){0});
    struct watch *q2 = scene_add(scene, "q2", 3);
    RUN_UNTIL(scene, q1->fake->fetch_count == 1 && q2->fake->fetch_count == 1);
    q2->fake->is_held = true;
    RUN_UNTIL(scene, q2->fake->mark_count == 1);
    close_self(q1);
    fake_release(&scene->fakes[0]);
    fake_release(&scene->fakes[1]);
    check_closed(scene);
}

static void close_inside_deliver_cb(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    scene_add(scene, "q2", 3);
    q1->in_deliver = close_self;
    RUN_UNTIL(scene, q1->deliver_count == 1);
    check_closed(scene);
}

/* The same, where the delivery is a repeated one and comes from a timer. */
static void close_inside_a_retried_deliver_cb(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    scene_add(scene, "q2", 3);
    q1->answer = RETRY;
    q1->retry_ms = 1000;
    RUN_UNTIL(scene, q1->deliver_count == 1);
    q1->in_deliver = close_self;
    RUN_UNTIL(scene, q1->deliver_count == 2);
    check_closed(scene);
}

static void close_inside_marked_cb(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 20);
    scene_add(scene, "q2", 3);
    q1->in_marked = close_self;
    RUN_UNTIL(scene, q1->marked_count == 1);
    check_closed(scene);
}

static void close_inside_removed_cb(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    struct watch *q2 = scene_add(scene, "q2", 3);
    q1->in_removed = close_self;
    assert_int_equal(haplo_queue_remove(q1->queue, scene_on_removed), 0);
    assert_int_equal(haplo_queue_remove(q2->queue, scene_on_removed), 0);
    RUN_UNTIL(scene, q1->removed_count == 1);
    check_closed(scene);
}

static void close_in_stopped(struct scene *scene)
{
    close_self(&scene->watches[0]);
}

static void close_inside_stopped_cb(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    q1->answer = HOLD;
    RUN_UNTIL(scene, q1->has_batch);
    scene->in_stopped = close_in_stopped;
    assert_int_equal(haplo_poller_stop(scene->poller, 10, scene_on_stopped), 0);
    RUN_UNTIL(scene, scene->stopped_count == 1);
    check_closed(scene);
}

static void close_while_a_stop_waits(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    q1->answer = HOLD;
    RUN_UNTIL(scene, q1->has_batch);
    assert_int_equal(haplo_poller_stop(scene->poller, 99, scene_on_stopped), 0);
    assert_int_equal(haplo_queue_remove(q1->queue, scene_on_removed), 0);
    close_self(q1);
    check_closed(scene);
}

/* A closing poller is told things by those who don't know yet. */
static void commands_to_a_closing_poller_do_nothing(void **state)
{
    struct haplo_queue_stats stats = {.struct_size = sizeof stats};
    struct haplo_queue *queue = NULL;
    const struct haplo_queue_options options = queue_options("q2");
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    RUN_UNTIL(scene, q1->marked_count == 1);
    close_self(q1);
    haplo_queue_pause(q1->queue);
    haplo_queue_resume(q1->queue);
    haplo_queue_poll_now(q1->queue);
    haplo_queue_get_stats(q1->queue, &stats);
    assert_int_equal(stats.state, HAPLO_QUEUE_IDLE);
    assert_int_equal(haplo_queue_set_key(q1->queue, KEY), 0);
    assert_int_equal(haplo_queue_remove(q1->queue, scene_on_removed), 0);
    assert_int_equal(haplo_server_remove(scene->servers[0]), HAPLO_EBUSY);
    assert_int_equal(
        haplo_queue_add(scene->servers[0], &options, &queue, NULL, 0),
        HAPLO_ESTOPPED);
    assert_int_equal(haplo_poller_stop(scene->poller, 1, scene_on_stopped),
                     HAPLO_ESTOPPED);
    check_closed(scene);
}

static void count_handle(uv_handle_t *handle, void *count)
{
    (void)handle;
    ++*(unsigned *)count;
}

static unsigned handles_left;

static void count_handles(void *data)
{
    handles_left = 0;
    uv_walk(data, count_handle, &handles_left);
}

/* An application that ends its loop in close_cb relies on its being empty. */
static void no_handle_is_left_when_close_cb_fires(void **state)
{
    uv_loop_t loop;
    struct haplo_poller *poller;
    struct haplo_server *server;
    struct haplo_queue *queue;
    struct haplo_queue_options options = queue_options("q1");
    const struct haplo_server_options server_given = {
        .struct_size = sizeof server_given,
        .name = "a",
        .url = "http://127.0.0.1:9"};
    const struct haplo_poller_options poller_given = {
        .struct_size = sizeof poller_given, .data = &loop};
    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(haplo_poller_new(&loop, &poller_given, &poller, NULL, 0),
                     0);
    assert_int_equal(haplo_server_add(poller, &server_given, &server, NULL, 0),
                     0);
    assert_int_equal(haplo_queue_add(server, &options, &queue, NULL, 0), 0);
    haplo_queue_poll_now(queue);
    handles_left = 99;
    haplo_poller_close(poller, count_handles);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(handles_left, 0);
    assert_int_equal(uv_loop_close(&loop), 0);
}

/* A name that is being looked up can not always be cancelled. */
static void close_during_a_name_lookup(void **state)
{
    (void)state;
    struct scene *scene = scene_new();
    struct haplo_poller_options poller = poller_options(scene);
    const struct haplo_server_options server_given = {
        .struct_size = sizeof server_given,
        .name = "a",
        .url = "https://nowhere.invalid"};
    struct haplo_server *server;
    struct haplo_queue *queue;
    struct haplo_queue_options options = queue_options("q1");
    scene_start(scene, &poller);
    assert_int_equal(
        haplo_server_add(scene->poller, &server_given, &server, NULL, 0), 0);
    assert_int_equal(haplo_queue_add(server, &options, &queue, NULL, 0), 0);
    haplo_queue_poll_now(queue);
    haplo_poller_close(scene->poller, scene_on_closed);
    uv_run(&scene->loop, UV_RUN_DEFAULT);
    assert_int_equal(scene->closed_count, 1);
    scene_close(scene);
}

/* At any moment */

#define FAILURE ANSWER("500 Internal Server Error", "text/html", "Oops")

/* Fetches, marks, a retry, failures; then a removal and a drain. */
static struct scene *busy_scene(void)
{
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 33);
    struct watch *q2 = scene_add(scene, "q2", 3);
    q1->answer = RETRY;
    q1->retry_ms = 10;
    q2->fake->mark_answer = FAILURE;
    scene_add_server(scene, (struct haplo_server_options){.in_flight_max = 2});
    scene_add(scene, "q3", 3)->fake->fetch_answer = FAILURE;
    scene_add(scene, "q4", 20);
    return scene;
}

static void busy_turn(struct scene *scene)
{
    struct watch *q1 = &scene->watches[0];
    struct watch *q2 = &scene->watches[1];
    struct watch *q3 = &scene->watches[2];
    struct watch *q4 = &scene->watches[3];
    if (q1->deliver_count == 1) {
        q1->answer = ACCEPT;
    }
    if (q2->fake->mark_count == 1) {
        q2->fake->mark_answer = NULL;
    }
    if (q3->fake->fetch_count == 2) {
        q3->fake->fetch_answer = NULL;
    }
    if (q1->fake->unread == 1 && q1->queue != NULL) {
        (void)haplo_queue_remove(q1->queue, scene_on_removed);
    }
    if (q1->queue == NULL && q2->fake->unread == 0 && q3->fake->unread == 0 &&
        q4->fake->unread == 0) {
        (void)haplo_poller_stop(scene->poller, 1000, scene_on_stopped);
    }
    scene_turn(scene);
}

/* An application ends when it has to, not when it suits the library. */
static void close_after_any_turn_of_the_loop(void **state)
{
    bool is_whole = false;
    unsigned last = 0;
    (void)state;
    for (; !is_whole; last++) {
        struct scene *scene = busy_scene();
        for (unsigned turn = 0; turn < last; turn++) {
            busy_turn(scene);
        }
        is_whole = scene->stopped_count == 1;
        scene_close(scene);
        assert_true(last < 5000);
    }
    assert_true(last > 20);
}

struct ender {
    struct scene *scene;    /* */
    unsigned requests_left; /* until it closes; 0: it has */
};

static void on_request(void *data)
{
    struct ender *ender = data;
    if (ender->requests_left > 0 && --ender->requests_left == 0) {
        haplo_poller_close(ender->scene->poller, scene_on_closed);
    }
}

/* Closes when that many requests have come. False if there were not so many. */
static bool close_at_request(unsigned count)
{
    struct scene *scene = busy_scene();
    struct ender ender = {scene, count};
    for (unsigned i = 0; i < SERVERS_MAX; i++) {
        scene->fakes[i].in_request = on_request;
        scene->fakes[i].data = &ender;
    }
    for (unsigned turn = 0;
         ender.requests_left > 0 && scene->stopped_count == 0; turn++) {
        assert_true(turn < 5000);
        busy_turn(scene);
    }
    scene_close(scene);
    return ender.requests_left == 0;
}

/* The same from somebody else's callback, with events for the library's sockets
 * still to come in the same turn. */
static void close_amid_any_turn_of_the_loop(void **state)
{
    unsigned count = 1;
    (void)state;
    while (close_at_request(count)) {
        count++;
    }
    assert_true(count > 12);
}

/* The loop */

/* An application that has nothing else to do ends when there is nothing to
 * poll; and it does not end while there is. */
static void only_queues_that_poll_keep_the_loop_alive(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    assert_int_equal(uv_loop_alive(&scene->loop), 0);
    struct watch *q1 = scene_add(scene, "q1", 3);
    struct watch *q2 = scene_add(scene, "q2", 3);
    RUN_UNTIL(scene, q1->marked_count == 1 && q2->marked_count == 1);
    haplo_queue_pause(q1->queue);
    scene_linger(scene);
    assert_int_equal(uv_loop_alive(&scene->loop), 1);
    haplo_queue_pause(q2->queue);
    uv_run(&scene->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_alive(&scene->loop), 0);
    haplo_queue_resume(q1->queue);
    assert_int_equal(uv_loop_alive(&scene->loop), 1);
    scene_close(scene);
}

/* Two libraries of one application may both use it. */
static void two_pollers_share_a_loop(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 40);
    struct haplo_poller_options options = poller_options(scene);
    struct haplo_poller *first = scene->poller;
    assert_int_equal(
        haplo_poller_new(&scene->loop, &options, &scene->second, NULL, 0), 0);
    scene->poller = scene->second;
    scene_add_server(scene, (struct haplo_server_options){0});
    struct watch *q2 = scene_add(scene, "q2", 40);
    scene->poller = first;
    RUN_UNTIL(scene, q1->marked_count == 1 && q2->marked_count == 1);
    haplo_poller_close(scene->second, NULL);
    scene->second = NULL;
    RUN_UNTIL(scene, q1->marked_count == 3);
    assert_true(q2->marked_count < 3);
    scene_close(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(close_without_stop),
        cmocka_unit_test(close_with_requests_in_flight),
        cmocka_unit_test(close_inside_deliver_cb),
        cmocka_unit_test(close_inside_a_retried_deliver_cb),
        cmocka_unit_test(close_inside_marked_cb),
        cmocka_unit_test(close_inside_removed_cb),
        cmocka_unit_test(close_inside_stopped_cb),
        cmocka_unit_test(close_while_a_stop_waits),
        cmocka_unit_test(commands_to_a_closing_poller_do_nothing),
        cmocka_unit_test(no_handle_is_left_when_close_cb_fires),
        cmocka_unit_test(close_during_a_name_lookup),
        cmocka_unit_test(close_after_any_turn_of_the_loop),
        cmocka_unit_test(close_amid_any_turn_of_the_loop),
        cmocka_unit_test(only_queues_that_poll_keep_the_loop_alive),
        cmocka_unit_test(two_pollers_share_a_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
