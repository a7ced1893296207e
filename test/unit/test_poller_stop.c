/*
 * A poller that stops: batches are finished, nothing new begins.
 */
#include "poller_scene.h"

/* Stopping */

/* A service that is told to end finishes outstanding batches, and no more:
 * what it drops now would come twice. */
static void stop_finishes_batches_and_drops_fetches(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 20);
    struct watch *q2 = scene_add(scene, "q2", 3);
    q1->answer = HOLD;
    RUN_UNTIL(scene, q1->has_batch);
    q2->fake->is_held = true;
    RUN_UNTIL(scene, q2->fake->fetch_count == 1);
    assert_int_equal(haplo_poller_stop(scene->poller, 60000, scene_on_stopped),
                     0);
    assert_int_equal(state_of(q2), HAPLO_QUEUE_PAUSED);
    fake_release(&scene->fakes[0]);
    scene_linger(scene);
    assert_int_equal(scene->stopped_count, 0);
    watch_accept(q1);
    RUN_UNTIL(scene, scene->stopped_count == 1);
    assert_int_equal(scene->batches_left, 0);
    assert_int_equal(q1->marked_count, 1);
    assert_int_equal(q1->fake->fetch_count, 1);
    assert_int_equal(q2->deliver_count, 0);
    scene_linger(scene);
    assert_int_equal(scene->stopped_count, 1);
    scene_close(scene);
}

/* Nothing to wait for: it still comes from the loop, so that an application
 * needs no second way to its end. */
static void stop_of_an_idle_poller_comes_from_the_loop(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    assert_int_equal(haplo_poller_stop(scene->poller, 0, scene_on_stopped), 0);
    assert_int_equal(scene->stopped_count, 0);
    RUN_UNTIL(scene, scene->stopped_count == 1);
    assert_int_equal(scene->batches_left, 0);
    scene_close(scene);
}

/* A sink that hangs must not hold the service forever; how much it left is
 * worth a line of its log. */
static void stop_ends_at_its_deadline(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    struct watch *q2 = scene_add(scene, "q2", 3);
    q1->answer = HOLD;
    RUN_UNTIL(scene, q1->has_batch && q2->marked_count == 1);
    uint64_t begin_ms = clock_skipped_ms;
    assert_int_equal(haplo_poller_stop(scene->poller, 9000, scene_on_stopped),
                     0);
    RUN_UNTIL(scene, scene->stopped_count == 1);
    assert_int_equal(scene->batches_left, 1);
    assert_in_range(clock_skipped_ms - begin_ms, 8000, 9000);
    scene_close(scene);
}

/* As long as it takes is a deadline, too; it must not wrap around to now. */
static void stop_may_have_no_end(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    q1->answer = HOLD;
    RUN_UNTIL(scene, q1->has_batch);
    assert_int_equal(
        haplo_poller_stop(scene->poller, UINT64_MAX, scene_on_stopped), 0);
    scene_linger(scene);
    assert_int_equal(scene->stopped_count, 0);
    watch_accept(q1);
    RUN_UNTIL(scene, scene->stopped_count == 1);
    assert_int_equal(scene->batches_left, 0);
    scene_close(scene);
}

/* A batch that the application gives up while it is being drained comes again
 * just as one that it never answered: it is left as well. */
static void a_batch_given_up_in_the_drain_counts_as_left(void **state)
{
    (void)state;
    for (enum answer answer = RETRY; answer <= REJECT; answer++) {
        struct scene *scene = scene_open();
        struct watch *q1 = scene_add(scene, "q1", 3);
        q1->answer = HOLD;
        RUN_UNTIL(scene, q1->has_batch);
        assert_int_equal(
            haplo_poller_stop(scene->poller, 60000, scene_on_stopped), 0);
        if (answer == RETRY) {
            haplo_batch_retry(watch_take(q1), 0, NULL);
        } else {
            haplo_batch_reject(watch_take(q1), NULL);
        }
        RUN_UNTIL(scene, scene->stopped_count == 1);
        assert_int_equal(scene->batches_left, 1);
        scene_close(scene);
    }
}

/* A mark that fails for good leaves its batch, too. */
static void a_mark_that_fails_in_the_drain_counts_as_left(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    q1->fake->mark_answer = ANSWER("404 Not Found", "text/html", "Gone");
    q1->answer = HOLD;
    RUN_UNTIL(scene, q1->has_batch);
    assert_int_equal(haplo_poller_stop(scene->poller, 60000, scene_on_stopped),
                     0);
    watch_accept(q1);
    RUN_UNTIL(scene, scene->stopped_count == 1);
    assert_int_equal(q1->fake->mark_count, 1);
    assert_int_equal(scene->batches_left, 1);
    scene_close(scene);
}

/* A mark that fails for now is repeated within the deadline. */
static void a_mark_is_repeated_in_the_drain(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    q1->fake->mark_answer =
        ANSWER("500 Internal Server Error", "text/html", "Oops");
    q1->answer = HOLD;
    RUN_UNTIL(scene, q1->has_batch);
    assert_int_equal(haplo_poller_stop(scene->poller, 60000, scene_on_stopped),
                     0);
    watch_accept(q1);
    RUN_UNTIL(scene, state_of(q1) == HAPLO_QUEUE_LAST_MARK_WAIT);
    q1->fake->mark_answer = NULL;
    RUN_UNTIL(scene, scene->stopped_count == 1);
    assert_int_equal(q1->fake->mark_count, 2);
    assert_int_equal(scene->batches_left, 0);
    scene_close(scene);
}

/* Only close() may follow; all else must be refused or do nothing, or a drain
 * would never end. */
static void a_stopping_poller_takes_nothing_new(void **state)
{
    char why[HAPLO_TEXT_SIZE_MAX] = "";
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    struct haplo_queue *queue = (void *)&queue;
    struct haplo_server *server = (void *)&server;
    const struct haplo_queue_options queue_given = queue_options("q2");
    const struct haplo_server_options server_given = {.struct_size =
                                                          sizeof server_given,
                                                      .name = "s",
                                                      .url = "https://s.test"};
    q1->answer = HOLD;
    RUN_UNTIL(scene, q1->has_batch);
    assert_int_equal(haplo_poller_stop(scene->poller, 60000, scene_on_stopped),
                     0);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(haplo_poller_stop(scene->poller, 0, scene_on_stopped),
                         HAPLO_ESTOPPED);
        assert_int_equal(haplo_queue_add(scene->servers[0], &queue_given,
                                         &queue, why, sizeof why),
                         HAPLO_ESTOPPED);
        assert_null(queue);
        assert_string_equal(why, "the poller is stopping");
        assert_int_equal(haplo_server_add(scene->poller, &server_given, &server,
                                          why, sizeof why),
                         HAPLO_ESTOPPED);
        assert_null(server);
        haplo_queue_resume(q1->queue);
        haplo_queue_poll_now(q1->queue);
        if (i == 0) {
            assert_int_equal(state_of(q1), HAPLO_QUEUE_LAST_DELIVERING);
            watch_accept(q1);
            RUN_UNTIL(scene, scene->stopped_count == 1);
        }
    }
    scene_linger(scene);
    assert_int_equal(scene->stopped_count, 1);
    assert_int_equal(q1->fake->fetch_count, 1);
    scene_close(scene);
}

/* A reload was under way when the service was told to end. */
static void a_removal_ends_in_the_drain(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    struct watch *q2 = scene_add(scene, "q2", 3);
    q1->answer = HOLD;
    RUN_UNTIL(scene, q1->has_batch && q2->marked_count == 1);
    assert_int_equal(haplo_queue_remove(q1->queue, scene_on_removed), 0);
    assert_int_equal(haplo_poller_stop(scene->poller, 60000, scene_on_stopped),
                     0);
    assert_int_equal(haplo_queue_remove(q2->queue, scene_on_removed), 0);
    RUN_UNTIL(scene, q2->removed_count == 1);
    assert_int_equal(scene->stopped_count, 0);
    watch_accept(q1);
    RUN_UNTIL(scene, scene->stopped_count == 1);
    assert_int_equal(q1->removed_count, 1);
    assert_int_equal(scene->batches_left, 0);
    scene_close(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stop_finishes_batches_and_drops_fetches),
        cmocka_unit_test(stop_of_an_idle_poller_comes_from_the_loop),
        cmocka_unit_test(stop_ends_at_its_deadline),
        cmocka_unit_test(stop_may_have_no_end),
        cmocka_unit_test(a_batch_given_up_in_the_drain_counts_as_left),
        cmocka_unit_test(a_mark_that_fails_in_the_drain_counts_as_left),
        cmocka_unit_test(a_mark_is_repeated_in_the_drain),
        cmocka_unit_test(a_stopping_poller_takes_nothing_new),
        cmocka_unit_test(a_removal_ends_in_the_drain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
