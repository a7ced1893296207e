/*
 * Queues in an application's own loop: how they pause, resume and go. See
 * poller_scene.h.
 */
#include "poller_scene.h"

#define NEW_KEY "Zz_newKeyNewKeyNewKeyNewKeyNewKeyNewKeyNew-9"

/* Pausing and resuming */

/* A pause is for maintenance: nothing may be handed over after it began. */
static void pause_during_a_fetch_cancels_it_and_delivers_nothing(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    q1->fake->is_held = true;
    RUN_UNTIL(scene, q1->fake->fetch_count == 1);
    haplo_queue_pause(q1->queue);
    assert_int_equal(state_of(q1), HAPLO_QUEUE_PAUSED);
    assert_true(scene_is_quiet(scene));
    fake_release(&scene->fakes[0]);
    scene_linger(scene);
    assert_int_equal(q1->deliver_count, 0);
    haplo_queue_resume(q1->queue);
    RUN_UNTIL(scene, q1->marked_count == 1);
    assert_int_equal(q1->fake->fetch_count, 2);
    scene_close(scene);
}

/* The application has the messages: dropping them there would only
 * make them come twice. */
static void pause_during_delivery_finishes_the_batch_first(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 20);
    q1->answer = HOLD;
    RUN_UNTIL(scene, q1->has_batch);
    haplo_queue_pause(q1->queue);
    haplo_queue_pause(q1->queue);
    assert_int_equal(state_of(q1), HAPLO_QUEUE_LAST_DELIVERING);
    watch_accept(q1);
    RUN_UNTIL(scene, state_of(q1) == HAPLO_QUEUE_PAUSED);
    scene_linger(scene);
    assert_int_equal(q1->marked_count, 1);
    assert_int_equal(q1->fake->marked, 16);
    assert_int_equal(q1->fake->fetch_count, 1);
    haplo_queue_resume(q1->queue);
    RUN_UNTIL(scene, q1->deliver_count == 2);
    assert_int_equal(q1->message_count, 4);
    scene_close(scene);
}

/* The token is out: what the server says of it must be heard. */
static void pause_during_a_mark_finishes_it_first(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 20);
    RUN_UNTIL(scene, q1->fake->fetch_count == 1);
    q1->fake->is_held = true;
    RUN_UNTIL(scene, q1->fake->mark_count == 1);
    haplo_queue_pause(q1->queue);
    assert_int_equal(state_of(q1), HAPLO_QUEUE_LAST_MARKING);
    fake_release(&scene->fakes[0]);
    RUN_UNTIL(scene, state_of(q1) == HAPLO_QUEUE_PAUSED);
    assert_int_equal(q1->marked_count, 1);
    scene_linger(scene);
    assert_int_equal(q1->fake->fetch_count, 1);
    haplo_queue_resume(q1->queue);
    RUN_UNTIL(scene, q1->marked_count == 2);
    scene_close(scene);
}

/* Whoever resumes before the pause was reached wants no gap: the queue goes
 * on where it is, with the batch that it has. */
static void resume_before_the_pause_is_reached_goes_on(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 40);
    q1->answer = HOLD;
    RUN_UNTIL(scene, q1->has_batch);
    haplo_queue_pause(q1->queue);
    haplo_queue_resume(q1->queue);
    assert_int_equal(state_of(q1), HAPLO_QUEUE_DELIVERING);
    q1->fake->is_held = true;
    watch_accept(q1);
    RUN_UNTIL(scene, q1->fake->mark_count == 1);
    haplo_queue_pause(q1->queue);
    haplo_queue_resume(q1->queue);
    assert_int_equal(state_of(q1), HAPLO_QUEUE_MARKING);
    q1->answer = ACCEPT;
    fake_release(&scene->fakes[0]);
    RUN_UNTIL(scene, q1->marked_count == 3);
    assert_int_equal(q1->fake->fetch_count, 3);
    scene_close(scene);
}

/* A batch kept for a later try is not with the application: it is given up,
 * and comes again after the pause. */
static void pause_while_a_delivery_waits_gives_the_batch_up(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    q1->answer = RETRY;
    q1->retry_ms = 60000;
    RUN_UNTIL(scene, q1->deliver_count == 1);
    haplo_queue_pause(q1->queue);
    assert_int_equal(state_of(q1), HAPLO_QUEUE_PAUSED);
    q1->answer = ACCEPT;
    haplo_queue_resume(q1->queue);
    RUN_UNTIL(scene, q1->marked_count == 1);
    assert_int_equal(q1->fake->fetch_count, 2);
    scene_close(scene);
}

/* An impatient operator must not make it poll more than once at a time, nor
 * wake what was paused. */
static void poll_now_does_nothing_to_a_paused_or_busy_queue(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    q1->answer = HOLD;
    RUN_UNTIL(scene, q1->has_batch);
    haplo_queue_poll_now(q1->queue);
    scene_linger(scene);
    assert_int_equal(q1->fake->fetch_count, 1);
    watch_accept(q1);
    RUN_UNTIL(scene, q1->marked_count == 1);
    haplo_queue_pause(q1->queue);
    haplo_queue_poll_now(q1->queue);
    scene_linger(scene);
    assert_int_equal(state_of(q1), HAPLO_QUEUE_PAUSED);
    assert_int_equal(q1->fake->fetch_count, 1);
    scene_close(scene);
}

/* The interval is a minute: who knows of new messages need not wait. */
static void poll_now_fetches_an_idle_queue_at_once(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 0);
    RUN_UNTIL(scene, state_of(q1) == HAPLO_QUEUE_IDLE);
    uint64_t skipped_ms = clock_skipped_ms;
    haplo_queue_poll_now(q1->queue);
    RUN_UNTIL(scene, q1->fake->fetch_count == 2);
    assert_true(clock_skipped_ms - skipped_ms < 1000);
    scene_close(scene);
}

/* A new queue is polled without being asked, within its interval. */
static void a_queue_polls_by_itself_within_its_interval(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct haplo_queue_options options = queue_options("q1");
    struct watch *q1 = watch_new(scene, 0, "q1", 3);
    options.data = q1;
    options.interval_ms = 5000;
    uint64_t begin_ms = clock_skipped_ms;
    assert_int_equal(
        haplo_queue_add(scene->servers[0], &options, &q1->queue, NULL, 0), 0);
    RUN_UNTIL(scene, q1->marked_count == 1);
    assert_true(clock_skipped_ms - begin_ms <= 5000);
    RUN_UNTIL(scene, q1->fake->fetch_count == 4);
    assert_true(clock_skipped_ms - begin_ms <= 5000 + 3 * 5500);
    scene_close(scene);
}

/* Removing */

static void check_is_gone(struct watch *watch, size_t queues_left)
{
    struct haplo_poller_stats stats = {.struct_size = sizeof stats};
    assert_int_equal(watch->removed_count, 1);
    haplo_poller_get_stats(watch->scene->poller, &stats);
    assert_int_equal(stats.queue_count, queues_left);
}

/* Whatever it is doing, a queue that is removed ends in order: a fetch is
 * cancelled, a batch is finished, and removed_cb comes once, from the loop. */
static void remove_while_idle(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 0);
    RUN_UNTIL(scene, state_of(q1) == HAPLO_QUEUE_IDLE);
    assert_int_equal(haplo_queue_remove(q1->queue, scene_on_removed), 0);
    assert_int_equal(q1->removed_count, 0);
    RUN_UNTIL(scene, q1->removed_count == 1);
    scene_linger(scene);
    check_is_gone(q1, 0);
    scene_close(scene);
}

static void remove_while_fetching(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    q1->fake->is_held = true;
    RUN_UNTIL(scene, q1->fake->fetch_count == 1);
    assert_int_equal(haplo_queue_remove(q1->queue, scene_on_removed), 0);
    fake_release(&scene->fakes[0]);
    RUN_UNTIL(scene, q1->removed_count == 1);
    scene_linger(scene);
    check_is_gone(q1, 0);
    assert_int_equal(q1->deliver_count, 0);
    scene_close(scene);
}

static void remove_while_delivering(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    q1->answer = HOLD;
    RUN_UNTIL(scene, q1->has_batch);
    assert_int_equal(haplo_queue_remove(q1->queue, scene_on_removed), 0);
    scene_linger(scene);
    assert_int_equal(q1->removed_count, 0);
    watch_accept(q1);
    RUN_UNTIL(scene, q1->removed_count == 1);
    scene_linger(scene);
    check_is_gone(q1, 0);
    assert_int_equal(q1->marked_count, 1);
    scene_close(scene);
}

static void remove_while_marking(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 20);
    RUN_UNTIL(scene, q1->fake->fetch_count == 1);
    q1->fake->is_held = true;
    RUN_UNTIL(scene, q1->fake->mark_count == 1);
    assert_int_equal(haplo_queue_remove(q1->queue, scene_on_removed), 0);
    assert_int_equal(q1->removed_count, 0);
    fake_release(&scene->fakes[0]);
    RUN_UNTIL(scene, q1->removed_count == 1);
    check_is_gone(q1, 0);
    assert_int_equal(q1->marked_count, 1);
    assert_int_equal(q1->fake->fetch_count, 1);
    scene_close(scene);
}

/* The mark may have been carried out: whether the server sends the messages
 * again is left to it, and the stored state recognises them. */
static void give_up_while_removing(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 20);
    q1->answer = HOLD;
    RUN_UNTIL(scene, q1->has_batch);
    assert_int_equal(haplo_queue_remove(q1->queue, scene_on_removed), 0);
    haplo_queue_give_up(q1->queue);
    scene_linger(scene);
    assert_int_equal(q1->removed_count, 0); /* the application has the batch */
    q1->fake->is_held = true;
    watch_accept(q1);
    RUN_UNTIL(scene, q1->fake->mark_count == 1);
    scene_linger(scene);
    assert_int_equal(q1->removed_count, 0); /* the server does not respond */
    haplo_queue_give_up(q1->queue);
    RUN_UNTIL(scene, q1->removed_count == 1);
    fake_release(&scene->fakes[0]);
    scene_linger(scene);
    check_is_gone(q1, 0);
    assert_int_equal(q1->marked_count, 0);
    scene_close(scene);
}

/* Nobody may have a callback for it. */
static void remove_without_a_callback(void **state)
{
    struct haplo_poller_stats stats = {.struct_size = sizeof stats};
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    assert_int_equal(haplo_queue_remove(q1->queue, NULL), 0);
    haplo_poller_get_stats(scene->poller, &stats);
    assert_int_equal(stats.queue_count, 1);
    scene_linger(scene);
    haplo_poller_get_stats(scene->poller, &stats);
    assert_int_equal(stats.queue_count, 0);
    scene_close(scene);
}

static void remove_self(struct watch *watch)
{
    assert_int_equal(haplo_queue_remove(watch->queue, scene_on_removed), 0);
    assert_int_equal(watch->removed_count, 0);
}

/* Callbacks are where applications decide; the queue must outlive them. */
static void remove_inside_deliver_cb(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 20);
    q1->in_deliver = remove_self;
    RUN_UNTIL(scene, q1->removed_count == 1);
    check_is_gone(q1, 0);
    assert_int_equal(q1->deliver_count, 1);
    assert_int_equal(q1->marked_count, 1);
    scene_close(scene);
}

static void remove_inside_marked_cb(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 20);
    q1->in_marked = remove_self;
    RUN_UNTIL(scene, q1->removed_count == 1);
    check_is_gone(q1, 0);
    assert_int_equal(q1->marked_count, 1);
    scene_close(scene);
}

static void remove_from_timer(uv_timer_t *timer)
{
    remove_self(timer->data);
    uv_close((uv_handle_t *)timer, NULL);
}

static void remove_from_a_timer_of_the_application(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    uv_timer_t timer;
    uv_timer_init(&scene->loop, &timer);
    timer.data = q1;
    uv_timer_start(&timer, remove_from_timer, 5000, 0);
    RUN_UNTIL(scene, q1->removed_count == 1);
    check_is_gone(q1, 0);
    scene_close(scene);
}

/* The promise of one removed_cb must hold for one who asks twice, also when
 * the queue is PAUSED already and only waits to be freed. */
static void a_second_removal_is_refused(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    struct watch *q2 = scene_add(scene, "q2", 3);
    q2->answer = HOLD;
    RUN_UNTIL(scene, q1->marked_count == 1 && q2->has_batch);
    assert_int_equal(haplo_queue_remove(q1->queue, scene_on_removed), 0);
    assert_int_equal(state_of(q1), HAPLO_QUEUE_PAUSED);
    assert_int_equal(haplo_queue_remove(q1->queue, scene_on_removed),
                     HAPLO_EBUSY);
    assert_int_equal(haplo_queue_remove(q2->queue, scene_on_removed), 0);
    assert_int_equal(haplo_queue_remove(q2->queue, scene_on_removed),
                     HAPLO_EBUSY);
    watch_accept(q2);
    RUN_UNTIL(scene, q1->removed_count == 1 && q2->removed_count == 1);
    scene_linger(scene);
    check_is_gone(q1, 0);
    check_is_gone(q2, 0);
    scene_close(scene);
}

static void disturb_self(struct watch *watch)
{
    haplo_queue_resume(watch->queue);
    haplo_queue_poll_now(watch->queue);
    haplo_queue_pause(watch->queue);
    assert_int_equal(haplo_queue_set_key(watch->queue, NEW_KEY), 0);
    assert_int_equal(haplo_queue_remove(watch->queue, scene_on_removed),
                     HAPLO_EBUSY);
    assert_int_equal(state_of(watch), HAPLO_QUEUE_PAUSED);
}

/* Between the removal and its callback the queue is still there: whatever is
 * said to it, it must not come back to life and be freed while in use. */
static void nothing_revives_a_removed_queue(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    q1->in_removed = disturb_self;
    assert_int_equal(haplo_queue_remove(q1->queue, scene_on_removed), 0);
    disturb_self(q1);
    RUN_UNTIL(scene, q1->removed_count == 1);
    scene_linger(scene);
    check_is_gone(q1, 0);
    assert_int_equal(q1->deliver_count, 0);
    scene_close(scene);
}

static void remove_other(struct watch *watch)
{
    assert_int_equal(haplo_queue_remove(watch->other->queue, scene_on_removed),
                     0);
    assert_int_equal(watch->other->removed_count, 0);
    assert_int_equal(haplo_server_remove(watch->scene->servers[0]),
                     HAPLO_EBUSY);
}

/* A reload takes queues away one after the other, and then their server. */
static void removed_cb_may_remove_the_next_queue(void **state)
{
    struct haplo_poller_stats stats = {.struct_size = sizeof stats};
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    struct watch *q2 = scene_add(scene, "q2", 3);
    q1->other = q2;
    q1->in_removed = remove_other;
    assert_int_equal(haplo_server_remove(scene->servers[0]), HAPLO_EBUSY);
    assert_int_equal(haplo_queue_remove(q1->queue, scene_on_removed), 0);
    RUN_UNTIL(scene, q2->removed_count == 1);
    scene_linger(scene);
    check_is_gone(q1, 0);
    check_is_gone(q2, 0);
    assert_int_equal(haplo_server_remove(scene->servers[0]), 0);
    haplo_poller_get_stats(scene->poller, &stats);
    assert_int_equal(stats.server_count, 0);
    scene_close(scene);
}

/* A reload that changes a queue removes it and adds it again. */
static void a_name_is_free_again_after_the_removal(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct haplo_queue_options options = queue_options("q1");
    struct watch *q1 = scene_add(scene, "q1", 3);
    struct haplo_queue *again = q1->queue;
    char why[HAPLO_TEXT_SIZE_MAX] = "";
    options.data = q1;
    assert_int_equal(
        haplo_queue_add(scene->servers[0], &options, &again, why, sizeof why),
        HAPLO_EEXIST);
    assert_null(again);
    assert_non_null(strstr(why, "q1"));
    assert_int_equal(haplo_queue_remove(q1->queue, scene_on_removed), 0);
    RUN_UNTIL(scene, q1->removed_count == 1);
    assert_int_equal(
        haplo_queue_add(scene->servers[0], &options, &again, NULL, 0), 0);
    RUN_UNTIL(scene, q1->marked_count == 1);
    scene_close(scene);
}

/* The same for servers; two queues of one name on two servers are fine. */
static void names_are_unique_where_they_must_be(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct haplo_server *server = NULL;
    char why[HAPLO_TEXT_SIZE_MAX] = "";
    const struct haplo_server_options options = {
        .struct_size = sizeof options, .name = "a", .url = "https://x.test"};
    assert_int_equal(
        haplo_server_add(scene->poller, &options, &server, why, sizeof why),
        HAPLO_EEXIST);
    assert_null(server);
    assert_non_null(strstr(why, "\"a\""));
    struct watch *q1 = scene_add(scene, "q1", 3);
    scene_add_server(scene, (struct haplo_server_options){0});
    struct watch *q2 = scene_add(scene, "q1", 3);
    RUN_UNTIL(scene, q1->marked_count == 1 && q2->marked_count == 1);
    scene_close(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pause_during_a_fetch_cancels_it_and_delivers_nothing),
        cmocka_unit_test(pause_during_delivery_finishes_the_batch_first),
        cmocka_unit_test(pause_during_a_mark_finishes_it_first),
        cmocka_unit_test(resume_before_the_pause_is_reached_goes_on),
        cmocka_unit_test(pause_while_a_delivery_waits_gives_the_batch_up),
        cmocka_unit_test(poll_now_does_nothing_to_a_paused_or_busy_queue),
        cmocka_unit_test(poll_now_fetches_an_idle_queue_at_once),
        cmocka_unit_test(a_queue_polls_by_itself_within_its_interval),
        cmocka_unit_test(remove_while_idle),
        cmocka_unit_test(remove_while_fetching),
        cmocka_unit_test(remove_while_delivering),
        cmocka_unit_test(remove_while_marking),
        cmocka_unit_test(give_up_while_removing),
        cmocka_unit_test(remove_without_a_callback),
        cmocka_unit_test(remove_inside_deliver_cb),
        cmocka_unit_test(remove_inside_marked_cb),
        cmocka_unit_test(remove_from_a_timer_of_the_application),
        cmocka_unit_test(a_second_removal_is_refused),
        cmocka_unit_test(nothing_revives_a_removed_queue),
        cmocka_unit_test(removed_cb_may_remove_the_next_queue),
        cmocka_unit_test(a_name_is_free_again_after_the_removal),
        cmocka_unit_test(names_are_unique_where_they_must_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
