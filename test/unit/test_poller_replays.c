/*
 * The public API in an application's own loop: a cache that answers fetches
 * instead of the server. See poller_scene.h.
 */
#include "poller_scene.h"

#define HOUR_MS 3600000
#define HOLD_MS 300000 /* the longest back-off */

/* The first batch of three messages, word for word as the fake server sends
 * it. */
#define FIRST_BATCH                                                     \
    ANSWER("200 OK", "application/json",                                \
           "{\"version\": 0, \"token\": \"T1-3\", \"messages\": ["      \
           "{\"id\":1,\"datetime\":\"2019-02-15T10:32:01Z\",\"n\":1}, " \
           "{\"id\":2,\"datetime\":\"2019-02-15T10:32:01Z\",\"n\":2}, " \
           "{\"id\":3,\"datetime\":\"2019-02-15T10:32:01Z\",\"n\":3}]}")

/* A queue of three messages that were marked; from then on, the cache answers
 * fetches with these messages. */
static struct watch *with_cache(struct scene *scene)
{
    struct watch *q1 = scene_add(scene, "q1", 3);
    RUN_UNTIL(scene, q1->marked_count == 1);
    q1->fake->fetch_answer = FIRST_BATCH;
    return q1;
}

static void run_for(struct scene *scene, uint64_t ms)
{
    uint64_t begin_ms = clock_skipped_ms;
    RUN_UNTIL(scene,
              clock_skipped_ms - begin_ms >= ms && scene_is_quiet(scene));
}

/* The copies are new as far as anybody knows: they are no repeats. Stored once
 * a minute or faster, they would fill the database. */
static void a_cache_costs_one_batch_in_the_longest_backoff(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = with_cache(scene);
    run_for(scene, HOUR_MS);
    assert_in_range(q1->deliver_count, 5, 2 + HOUR_MS / HOLD_MS);
    assert_int_equal(q1->new_count, 3);
    RUN_UNTIL(scene, state_of(q1) == HAPLO_QUEUE_BACKOFF);
    assert_int_equal(stats_of(q1).error, HAPLO_ENOPROGRESS);
    assert_string_equal(
        scene->text,
        "fetch a/q1: the server sent the same batch again, although all of it "
        "is marked: does a cache answer instead of the server, or does "
        "another program read this queue? It is stored again at most once in "
        "300 s");
    scene_close(scene);
}

/* The server is still there: its other queues must not wait. */
static void a_cache_does_not_make_its_server_fail(void **state)
{
    struct haplo_server_stats stats = {.struct_size = sizeof stats};
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = with_cache(scene);
    RUN_UNTIL(scene, state_of(q1) == HAPLO_QUEUE_BACKOFF);
    haplo_server_get_stats(scene->servers[0], &stats);
    assert_int_equal(stats.state, HAPLO_SERVER_UP);
    assert_int_equal(stats.failures, 0);
    assert_string_equal(stats.error_text, "");
    scene_close(scene);
}

/* When the cache is gone, what the server has is delivered as ever. */
static void another_batch_is_delivered_at_once(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = with_cache(scene);
    RUN_UNTIL(scene, state_of(q1) == HAPLO_QUEUE_BACKOFF);
    unsigned delivered = q1->deliver_count;
    q1->fake->unread = 2;
    q1->fake->fetch_answer = NULL;
    haplo_queue_poll_now(q1->queue);
    RUN_UNTIL(scene, q1->deliver_count == delivered + 1);
    assert_int_equal(q1->newest_id, 5);
    RUN_UNTIL(scene, state_of(q1) == HAPLO_QUEUE_IDLE);
    assert_int_equal(stats_of(q1).error, 0);
    scene_close(scene);
}

/* An administrator unsends exactly these messages while a cache is suspected:
 * they must come, if late. */
static void a_genuine_resend_is_delivered_after_a_while(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = with_cache(scene);
    RUN_UNTIL(scene, state_of(q1) == HAPLO_QUEUE_BACKOFF);
    unsigned delivered = q1->deliver_count;
    uint64_t begin_ms = clock_skipped_ms;
    q1->fake->fetch_answer = NULL;
    q1->fake->marked = 0;
    q1->fake->unread = 3;
    RUN_UNTIL(scene, q1->deliver_count == delivered + 1);
    assert_int_equal(q1->new_count, 3);
    assert_in_range(clock_skipped_ms - begin_ms, HOLD_MS / 2, 2 * HOLD_MS);
    RUN_UNTIL(scene, q1->mark.marked_count == 3 && q1->fake->unread == 0);
    scene_close(scene);
}

/* A resend that its mark confirms is one: administrators may resend the same
 * messages again and again. */
static void resends_that_are_marked_are_never_held_back(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    for (unsigned i = 1; i <= 20; i++) {
        RUN_UNTIL(scene, q1->marked_count == i);
        RUN_UNTIL(scene, state_of(q1) == HAPLO_QUEUE_IDLE);
        assert_int_equal(q1->deliver_count, i);
        q1->fake->marked = 0;
        q1->fake->unread = 3;
        haplo_queue_poll_now(q1->queue);
        RUN_UNTIL(scene, q1->deliver_count == i + 1);
    }
    scene_close(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cache_costs_one_batch_in_the_longest_backoff),
        cmocka_unit_test(a_cache_does_not_make_its_server_fail),
        cmocka_unit_test(another_batch_is_delivered_at_once),
        cmocka_unit_test(a_genuine_resend_is_delivered_after_a_while),
        cmocka_unit_test(resends_that_are_marked_are_never_held_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
