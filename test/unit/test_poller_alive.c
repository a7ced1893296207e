/*
 * The public API: what keeps the application's loop alive, and how an
 * application learns that there is nothing left to fetch.
 */
#include "fake_names.h"
#include "poller_scene.h"

/* What keeps the loop alive, besides the fake server and the test's own
 * handle. */

static void note_alive(uv_handle_t *handle, void *data)
{
    if (handle->type != UV_TCP && handle->type != UV_PREPARE &&
        uv_is_active(handle) && uv_has_ref(handle)) {
        *(bool *)data = true;
    }
}

static bool is_alive(struct scene *scene)
{
    bool is_found = false;
    uv_walk(&scene->loop, note_alive, &is_found);
    return is_found;
}

static void check_kept(struct scene *scene, const struct watch *watch,
                       enum haplo_queue_state state)
{
    assert_string_equal(haplo_queue_state_name(state_of(watch)),
                        haplo_queue_state_name(state));
    if (!is_alive(scene)) {
        fail_msg("%s does not keep the loop alive",
                 haplo_queue_state_name(state));
    }
}

static void check_left(struct scene *scene, const struct watch *watch,
                       enum haplo_queue_state state)
{
    assert_string_equal(haplo_queue_state_name(state_of(watch)),
                        haplo_queue_state_name(state));
    if (is_alive(scene)) {
        fail_msg("%s keeps the loop alive", haplo_queue_state_name(state));
    }
}

/* uv_run() must return when there is nothing to wait for, and not before. */
static void a_poller_without_queues_lets_the_loop_end(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    assert_false(is_alive(scene));
    scene_close(scene);
}

/* The table in haplopoll.h, state by state. */
static void busy_queues_keep_the_loop_alive(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    struct watch *q2 = scene_add(scene, "q2", 3);
    q1->fake->is_held = true;
    q1->answer = RETRY;
    q1->retry_ms = 1000;
    RUN_UNTIL(scene, state_of(q1) == HAPLO_QUEUE_FETCHING);
    check_kept(scene, q1, HAPLO_QUEUE_FETCHING);
    check_kept(scene, q2, HAPLO_QUEUE_READY);
    haplo_queue_remove(q2->queue, scene_on_removed);
    RUN_UNTIL(scene, q2->removed_count == 1);
    fake_release(&scene->fakes[0]);
    RUN_UNTIL(scene, q1->deliver_count == 1);
    check_kept(scene, q1, HAPLO_QUEUE_DELIVER_WAIT);
    q1->answer = HOLD;
    RUN_UNTIL(scene, q1->has_batch);
    check_kept(scene, q1, HAPLO_QUEUE_DELIVERING);
    q1->fake->is_held = true;
    watch_accept(q1);
    check_kept(scene, q1, HAPLO_QUEUE_MARKING);
    fake_release(&scene->fakes[0]);
    q1->answer = ACCEPT;
    RUN_UNTIL(scene, q1->marked_count == 1);
    check_kept(scene, q1, HAPLO_QUEUE_IDLE);
    q1->fake->fetch_answer = ANSWER("500 Oops", "text/plain", "");
    haplo_queue_poll_now(q1->queue);
    RUN_UNTIL(scene, stats_of(q1).failures == 1);
    check_kept(scene, q1, HAPLO_QUEUE_BACKOFF);
    scene_close(scene);
}

/* A batch that the application still has is the reason to go on. */
static void an_unanswered_batch_keeps_the_loop_alive(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    q1->answer = HOLD;
    RUN_UNTIL(scene, q1->has_batch && scene_is_quiet(scene));
    check_kept(scene, q1, HAPLO_QUEUE_DELIVERING);
    haplo_queue_pause(q1->queue);
    check_kept(scene, q1, HAPLO_QUEUE_LAST_DELIVERING);
    assert_int_equal(haplo_batch_drop(watch_take(q1), NULL), 0);
    check_left(scene, q1, HAPLO_QUEUE_PAUSED);
    scene_close(scene);
}

static void resting_queues_let_the_loop_end(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    q1->answer = REJECT;
    RUN_UNTIL(scene, q1->deliver_count == 1 && scene_is_quiet(scene));
    check_left(scene, q1, HAPLO_QUEUE_BLOCKED);
    haplo_queue_pause(q1->queue);
    check_left(scene, q1, HAPLO_QUEUE_PAUSED);
    haplo_queue_resume(q1->queue);
    assert_true(is_alive(scene));
    scene_close(scene);
}

/* A refused key is tried again much later; nothing else waits for that. */
static void a_refused_queue_keeps_the_loop_alive(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    q1->fake->fetch_answer = ANSWER("403 Forbidden", "application/json",
                                    "{\"success\":false,"
                                    "\"message\":\"Permission denied\"}");
    RUN_UNTIL(scene, stats_of(q1).failures == 1);
    assert_true(is_alive(scene));
    scene_close(scene);
}

static void do_other_work(uv_prepare_t *handle)
{
    (void)handle;
}

/* Unreferenced, as a debugging aid or a cache would be, a poller works on
 * while something else runs the loop, and never holds it. */
static void an_unreferenced_poller_never_holds_the_loop(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    uv_prepare_t other_work;
    assert_int_equal(uv_prepare_init(&scene->loop, &other_work), 0);
    assert_int_equal(uv_prepare_start(&other_work, do_other_work), 0);
    haplo_poller_unref(scene->poller);
    haplo_poller_unref(scene->poller);
    assert_false(is_alive(scene));
    q1->answer = HOLD;
    q1->fake->is_held = true;
    RUN_UNTIL(scene, state_of(q1) == HAPLO_QUEUE_FETCHING);
    assert_false(is_alive(scene));
    fake_release(&scene->fakes[0]);
    RUN_UNTIL(scene, q1->has_batch);
    assert_false(is_alive(scene));
    haplo_poller_ref(scene->poller);
    check_kept(scene, q1, HAPLO_QUEUE_DELIVERING);
    q1->fake->is_held = true;
    q1->answer = ACCEPT;
    watch_accept(q1);
    check_kept(scene, q1, HAPLO_QUEUE_MARKING);
    haplo_poller_unref(scene->poller);
    assert_false(is_alive(scene));
    haplo_poller_ref(scene->poller);
    assert_true(is_alive(scene));
    fake_release(&scene->fakes[0]);
    RUN_UNTIL(scene, q1->marked_count == 1);
    check_kept(scene, q1, HAPLO_QUEUE_IDLE);
    uv_close((uv_handle_t *)&other_work, NULL);
    scene_close(scene);
}

/* The same server, by a name. */
static void give_name(struct scene *scene)
{
    char url[64];
    const struct haplo_server_options options = {
        .struct_size = sizeof options, .url = url, .allow_http = true};
    (void)snprintf(url, sizeof url, "http://server.test:%d",
                   fake_port(&scene->fakes[0]));
    assert_int_equal(
        haplo_server_set_options(scene->servers[0], &options, NULL, 0), 0);
}

static bool is_looking_up(const struct scene *scene)
{
    return scene->loop.active_reqs.count > 0;
}

/* The one exception, as the system's resolver cannot be stopped: a look-up that
 * has begun. Then the loop may end, in the middle of the request that follows;
 * and all of it goes on if something else runs the loop. */
static void an_unreferenced_poller_holds_the_loop_for_a_look_up(void **state)
{
    uv_sem_t gate;
    uv_prepare_t other_work;
    (void)state;
    struct scene *scene = scene_open();
    assert_int_equal(uv_sem_init(&gate, 0), 0);
    names_set("127.0.0.1", NULL, NULL);
    atomic_store(&names_gate, &gate);
    give_name(scene);
    struct watch *q1 = scene_add(scene, "q1", 3);
    q1->fake->is_held = true;
    RUN_UNTIL(scene, is_looking_up(scene));
    haplo_poller_unref(scene->poller);
    assert_true(is_looking_up(scene));
    assert_int_equal(q1->fake->fetch_count, 0);
    haplo_poller_ref(scene->poller);
    haplo_poller_unref(scene->poller);
    assert_true(uv_loop_alive(&scene->loop));
    uv_sem_post(&gate);
    assert_int_equal(uv_run(&scene->loop, UV_RUN_DEFAULT), 0);
    assert_false(is_looking_up(scene));
    assert_int_equal(q1->marked_count, 0);
    assert_int_equal(uv_prepare_init(&scene->loop, &other_work), 0);
    assert_int_equal(uv_prepare_start(&other_work, do_other_work), 0);
    RUN_UNTIL(scene, q1->fake->fetch_count == 1);
    assert_false(is_alive(scene));
    fake_release(&scene->fakes[0]);
    RUN_UNTIL(scene, q1->marked_count == 1);
    assert_false(is_alive(scene));
    uv_close((uv_handle_t *)&other_work, NULL);
    scene_close(scene);
    names_set(NULL, NULL, NULL);
    uv_sem_destroy(&gate);
}

/* close_cb must come, or the application could not free what it uses. */
static void a_closing_poller_holds_the_loop_in_any_case(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    q1->answer = HOLD;
    RUN_UNTIL(scene, q1->has_batch);
    haplo_poller_unref(scene->poller);
    haplo_poller_close(scene->poller, scene_on_closed);
    haplo_poller_unref(scene->poller);
    assert_true(is_alive(scene));
    scene_close(scene);
}

/* Nothing left */

static unsigned drained_count;
static unsigned marked_before;

static void on_drained(struct haplo_queue *queue)
{
    const struct watch *watch = haplo_queue_data(queue);
    drained_count++;
    marked_before = watch->marked_count;
}

static struct watch *add_drained(struct scene *scene, unsigned unread)
{
    struct haplo_queue_options options = queue_options("q1");
    options.drained_cb = on_drained;
    drained_count = 0;
    return scene_add_with(scene, options, unread);
}

/* A program that ends when everything has been fetched: no guessing from
 * counters. */
static void a_queue_is_drained_after_its_last_mark(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = add_drained(scene, 40);
    RUN_UNTIL(scene, q1->marked_count == 2);
    assert_int_equal(drained_count, 0);
    RUN_UNTIL(scene, drained_count == 1);
    assert_int_equal(marked_before, 3);
    assert_int_equal(q1->fake->unread, 0);
    scene_close(scene);
}

/* Each poll of an empty queue tells it; a failed one does not. */
static void an_empty_queue_is_drained(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = add_drained(scene, 0);
    RUN_UNTIL(scene, drained_count == 1);
    assert_int_equal(q1->fake->fetch_count, 1);
    q1->fake->fetch_answer = ANSWER("500 Oops", "text/plain", "");
    haplo_queue_poll_now(q1->queue);
    RUN_UNTIL(scene, stats_of(q1).failures == 1);
    assert_int_equal(drained_count, 1);
    q1->fake->fetch_answer = NULL;
    RUN_UNTIL(scene, drained_count == 2);
    scene_close(scene);
}

/* A server of 2019 does not say how many are left: the next fetch does. */
static void a_server_of_2019_is_drained_by_an_empty_fetch(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = add_drained(scene, 3);
    q1->fake->batch_max = 0;
    RUN_UNTIL(scene, q1->marked_count == 1);
    assert_int_equal(drained_count, 0);
    RUN_UNTIL(scene, drained_count == 1);
    assert_int_equal(q1->fake->fetch_count, 2);
    scene_close(scene);
}

static void remove_self(struct haplo_queue *queue)
{
    drained_count++;
    assert_int_equal(haplo_queue_remove(queue, scene_on_removed), 0);
}

static void close_all(struct haplo_queue *queue)
{
    drained_count++;
    haplo_poller_close(haplo_queue_poller(queue), scene_on_closed);
}

/* What a program does when it is done. */
static void the_callback_may_end_everything(void **state)
{
    (void)state;
    haplo_drained_cb ends[] = {remove_self, close_all};
    for (size_t i = 0; i < 2; i++) {
        for (unsigned unread = 0; unread < 2; unread++) {
            struct scene *scene = scene_open();
            struct haplo_queue_options options = queue_options("q1");
            options.drained_cb = ends[i];
            drained_count = 0;
            scene_add_with(scene, options, unread);
            RUN_UNTIL(scene, drained_count == 1);
            scene_linger(scene);
            assert_int_equal(drained_count, 1);
            scene_close(scene);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_poller_without_queues_lets_the_loop_end),
        cmocka_unit_test(busy_queues_keep_the_loop_alive),
        cmocka_unit_test(an_unanswered_batch_keeps_the_loop_alive),
        cmocka_unit_test(resting_queues_let_the_loop_end),
        cmocka_unit_test(a_refused_queue_keeps_the_loop_alive),
        cmocka_unit_test(an_unreferenced_poller_never_holds_the_loop),
        cmocka_unit_test(an_unreferenced_poller_holds_the_loop_for_a_look_up),
        cmocka_unit_test(a_closing_poller_holds_the_loop_in_any_case),
        cmocka_unit_test(a_queue_is_drained_after_its_last_mark),
        cmocka_unit_test(an_empty_queue_is_drained),
        cmocka_unit_test(a_server_of_2019_is_drained_by_an_empty_fetch),
        cmocka_unit_test(the_callback_may_end_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
