/*
 * API keys that change, and what the statistics tell.
 */
#include "poller_scene.h"

#define NEW_KEY "Zz_newKeyNewKeyNewKeyNewKeyNewKeyNewKeyNew-9"
#define KEY_OTHER "another-key-of-more-than-16"
#define NEW_KEY_SENT \
    "aGFwbG86WnpfbmV3S2V5TmV3S2V5TmV3S2V5TmV3S2V5TmV3S2V5TmV3S2V5TmV3LTk="
#define REFUSAL                                                         \
    ANSWER("403 Forbidden", "application/json",                         \
                                                                        \
           "{\"success\":false,\"kind\":\"INVALID-API-KEY\",\"error\":" \
           "{\"message\":\"Invalid API key.\"}}     ")
#define FAILURE \
    ANSWER("500 Internal Server Error", "text/html", "<html>Oops!</html>\n")

/* API keys */

/* A key is changed because the old one ends: the next request must have the
 * new one. */
static void a_new_key_is_used_from_the_next_request_on(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 0);
    RUN_UNTIL(scene, state_of(q1) == HAPLO_QUEUE_IDLE);
    assert_string_equal(q1->fake->login, KEY_SENT);
    assert_int_equal(haplo_queue_set_key(q1->queue, NEW_KEY), 0);
    assert_int_equal(state_of(q1), HAPLO_QUEUE_IDLE);
    RUN_UNTIL(scene, q1->fake->fetch_count == 2);
    assert_string_equal(q1->fake->login, NEW_KEY_SENT);
    scene_close(scene);
}

/* The request under way has the old one, on the wire and in memory; twice
 * changed, only the last one counts. */
static void a_request_in_flight_keeps_the_old_key(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    q1->fake->is_held = true;
    assert_int_equal(state_of(q1), HAPLO_QUEUE_FETCHING);
    assert_int_equal(haplo_queue_set_key(q1->queue, KEY_OTHER), 0);
    assert_int_equal(haplo_queue_set_key(q1->queue, NEW_KEY), 0);
    RUN_UNTIL(scene, q1->fake->fetch_count == 1);
    assert_string_equal(q1->fake->login, KEY_SENT);
    fake_release(&scene->fakes[0]);
    RUN_UNTIL(scene, q1->marked_count == 1);
    assert_string_equal(q1->fake->login, NEW_KEY_SENT);
    scene_close(scene);
}

/* A pause in between must not lose the new key with the old request. */
static void a_cancelled_request_leaves_the_new_key(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    q1->fake->is_held = true;
    RUN_UNTIL(scene, q1->fake->fetch_count == 1);
    assert_int_equal(haplo_queue_set_key(q1->queue, NEW_KEY), 0);
    haplo_queue_pause(q1->queue);
    q1->fake->is_held = false;
    haplo_queue_resume(q1->queue);
    RUN_UNTIL(scene, q1->marked_count == 1);
    assert_string_equal(q1->fake->login, NEW_KEY_SENT);
    scene_close(scene);
}

/* Whoever has just corrected a key wants to see it work, not to wait for a
 * quarter of an hour. */
static void a_refused_queue_tries_a_new_key_at_once(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    q1->fake->fetch_answer = REFUSAL;
    RUN_UNTIL(scene, state_of(q1) == HAPLO_QUEUE_REFUSED);
    assert_in_range(stats_of(q1).wait_ms, 800000, 1000000);
    assert_non_null(strstr(scene->text, "INVALID-API-KEY"));
    q1->fake->fetch_answer = NULL;
    uint64_t skipped_ms = clock_skipped_ms;
    assert_int_equal(haplo_queue_set_key(q1->queue, NEW_KEY), 0);
    RUN_UNTIL(scene, q1->marked_count == 1);
    assert_true(clock_skipped_ms - skipped_ms < 1000);
    assert_string_equal(q1->fake->login, NEW_KEY_SENT);
    scene_close(scene);
}

/* The refusal was meant for the old key, which was under way. */
static void a_late_refusal_of_the_old_key_does_not_stop_the_new_one(
    void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    q1->fake->is_held = true;
    q1->fake->fetch_answer = REFUSAL;
    RUN_UNTIL(scene, q1->fake->fetch_count == 1);
    assert_int_equal(haplo_queue_set_key(q1->queue, NEW_KEY), 0);
    fake_release(&scene->fakes[0]);
    q1->fake->fetch_answer = NULL;
    uint64_t skipped_ms = clock_skipped_ms;
    RUN_UNTIL(scene, q1->marked_count == 1);
    assert_true(clock_skipped_ms - skipped_ms < 1000);
    scene_close(scene);
}

/* A slip of the hand must not take the working key away. */
static void a_key_that_can_not_be_one_leaves_the_old_one(void **state)
{
    static const char *const bad[] = {NULL, "", "short", KEY "\n", KEY " " KEY};
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(haplo_queue_set_key(q1->queue, bad[i]), HAPLO_EINVAL);
    }
    RUN_UNTIL(scene, q1->marked_count == 1);
    assert_string_equal(q1->fake->login, KEY_SENT);
    scene_close(scene);
}

/* Counters */

/* What metrics are made of must be right, and add up. */
static void counters_tell_what_has_happened(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 20);
    q1->answer = HOLD;
    RUN_UNTIL(scene, q1->has_batch);
    struct haplo_poller_stats poller = {.struct_size = sizeof poller};
    haplo_poller_get_stats(scene->poller, &poller);
    assert_int_equal(poller.in_flight, 0);
    assert_int_equal(poller.server_count, 1);
    assert_int_equal(poller.queue_count, 1);
    assert_int_equal(poller.connection_count, 1);
    assert_true(poller.undelivered_bytes > 16 * 50);
    q1->fake->is_held = true;
    watch_accept(q1);
    RUN_UNTIL(scene, q1->fake->mark_count == 1);
    haplo_poller_get_stats(scene->poller, &poller);
    assert_int_equal(poller.in_flight, 1);
    q1->answer = ACCEPT;
    fake_release(&scene->fakes[0]);
    RUN_UNTIL(scene, q1->marked_count == 2);
    q1->fake->fetch_answer = FAILURE;
    haplo_queue_poll_now(q1->queue);
    RUN_UNTIL(scene, state_of(q1) == HAPLO_QUEUE_BACKOFF);
    struct haplo_queue_stats queue = stats_of(q1);
    assert_int_equal(queue.generation, 2);
    assert_int_equal(queue.unread_count, 0);
    assert_int_equal(queue.failures, 1);
    assert_int_equal(queue.error, HAPLO_ESERVER);
    assert_int_equal(queue.fetch_count, 3);
    assert_int_equal(queue.batch_count, 2);
    assert_int_equal(queue.message_count, 20);
    assert_int_equal(queue.marked_batch_count, 2);
    assert_int_equal(queue.marked_message_count, 20);
    assert_int_equal(queue.failure_count, 1);
    assert_int_equal(queue.deliver_retry_count, 0);
    assert_int_equal(queue.foreign_mark_count, 0);
    assert_in_range(queue.body_bytes, 20 * 50, 20 * 80);
    assert_in_range(queue.wait_ms, 1, 1000);
    haplo_poller_get_stats(scene->poller, &poller);
    assert_int_equal(poller.undelivered_bytes, 0);
    struct haplo_server_stats server = {.struct_size = sizeof server};
    haplo_server_get_stats(scene->servers[0], &server);
    assert_int_equal(server.request_count, 5);
    assert_int_equal(server.queue_count, 1);
    assert_int_equal(server.failures, 1);
    assert_int_equal(server.failed_login_count, 0);
    scene_close(scene);
}

/* Failed logins are counted by the server for all of its users. */
static void failed_logins_and_throttles_are_counted(void **state)
{
    static const char throttle[] =
        ANSWER("403 Forbidden", "application/json",
               "{\"success\":false,\"kind\":\"THROTTLE\",\"error\":"
               "{\"message\":\"Throttled\"}}     ");
    struct haplo_server_stats server = {.struct_size = sizeof server};
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    q1->fake->fetch_answer = REFUSAL;
    RUN_UNTIL(scene, state_of(q1) == HAPLO_QUEUE_REFUSED);
    haplo_server_get_stats(scene->servers[0], &server);
    assert_int_equal(server.failed_logins, 1);
    assert_int_equal(server.failed_login_count, 1);
    assert_false(server.logins_held);
    q1->fake->fetch_answer = throttle;
    haplo_queue_poll_now(q1->queue);
    RUN_UNTIL(scene, state_of(q1) == HAPLO_QUEUE_BACKOFF);
    haplo_server_get_stats(scene->servers[0], &server);
    assert_int_equal(server.state, HAPLO_SERVER_SILENT);
    assert_int_equal(server.throttle_count, 1);
    assert_in_range(server.wait_ms, 309000, 340000);
    haplo_queue_poll_now(q1->queue);
    scene_linger(scene);
    assert_int_equal(q1->fake->fetch_count, 2);
    q1->fake->fetch_answer = NULL;
    RUN_UNTIL(scene, q1->marked_count == 1);
    scene_close(scene);
}

/* An application that is started again and again must not lock the address
 * out: it says what it has counted, and which keys were taken. */
static void failed_logins_of_earlier_pollers_count(void **state)
{
    struct haplo_server_stats server = {.struct_size = sizeof server};
    struct haplo_queue_options options = queue_options("q2");
    struct haplo_failed_logins logins;
    char site[64];
    (void)state;
    struct scene *scene = scene_new();
    struct haplo_poller_options poller = poller_options(scene);
    scene_start(scene, &poller);
    logins = (struct haplo_failed_logins){.site = "", .count = 1};
    assert_int_equal(haplo_poller_recall_logins(scene->poller, &logins),
                     HAPLO_EINVAL);
    scene_add_server(scene,
                     (struct haplo_server_options){.failed_logins_max = 3});
    snprintf(site, sizeof site, "127.0.0.1:%d", fake_port(&scene->fakes[0]));
    logins =
        (struct haplo_failed_logins){.site = site, .count = 3, .age_ms = 10000};
    assert_int_equal(haplo_poller_recall_logins(scene->poller, &logins), 0);
    struct watch *q1 = scene_add(scene, "q1", 3);
    haplo_server_get_stats(scene->servers[0], &server);
    assert_true(server.logins_held);
    assert_int_equal(server.failed_logins, 3);
    assert_in_range(server.wait_ms, 299000, 300000);
    assert_int_equal(state_of(q1), HAPLO_QUEUE_READY);
    assert_in_range(stats_of(q1).wait_ms, 299000, 300000);
    options.key_proven = true;
    struct watch *q2 = scene_add_with(scene, options, 3);
    assert_int_equal(stats_of(q2).wait_ms, 0);
    q2->fake->fetch_answer = REFUSAL;
    RUN_UNTIL(scene, state_of(q2) == HAPLO_QUEUE_REFUSED);
    haplo_server_get_stats(scene->servers[0], &server);
    assert_int_equal(server.failed_logins, 4);
    assert_int_equal(q1->fake->fetch_count, 0);
    RUN_UNTIL(scene, q1->marked_count == 1);
    haplo_server_get_stats(scene->servers[0], &server);
    assert_int_equal(server.failed_logins, 0);
    scene_close(scene);
}

/* Another program that marks the same messages is reported, and no failure. */
static void a_foreign_mark_is_counted(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    q1->answer = HOLD;
    RUN_UNTIL(scene, q1->has_batch);
    q1->fake->marked += 2;
    q1->fake->unread -= 2;
    watch_accept(q1);
    RUN_UNTIL(scene, q1->marked_count == 1);
    assert_int_equal(q1->mark.marked_count, 1);
    assert_int_equal(stats_of(q1).foreign_mark_count, 1);
    assert_int_equal(stats_of(q1).failure_count, 0);
    scene_close(scene);
}

/* An older caller has less room, and what follows its struct is its own. */
static void stats_fill_no_more_than_the_caller_has(void **state)
{
    union {
        struct haplo_queue_stats queue;
        struct haplo_server_stats server;
        struct haplo_poller_stats poller;
        unsigned char bytes[512];
    } stats;
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    RUN_UNTIL(scene, q1->marked_count == 1);
    memset(&stats, 0xa5, sizeof stats);
    stats.queue.struct_size = offsetof(struct haplo_queue_stats, unread_count);
    haplo_queue_get_stats(q1->queue, &stats.queue);
    assert_int_equal(stats.queue.generation, 1);
    assert_int_equal(stats.queue.struct_size,
                     offsetof(struct haplo_queue_stats, unread_count));
    assert_int_equal(stats.bytes[stats.queue.struct_size], 0xa5);
    memset(&stats, 0xa5, sizeof stats);
    stats.server.struct_size = offsetof(struct haplo_server_stats, failures);
    haplo_server_get_stats(scene->servers[0], &stats.server);
    assert_int_equal(stats.server.in_flight, 0);
    assert_int_equal(stats.bytes[stats.server.struct_size], 0xa5);
    memset(&stats, 0xa5, sizeof stats);
    stats.poller.struct_size = sizeof stats;
    haplo_poller_get_stats(scene->poller, &stats.poller);
    assert_int_equal(stats.poller.connection_count, 1);
    assert_int_equal(stats.bytes[sizeof stats.poller], 0xa5);
    scene_close(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_key_is_used_from_the_next_request_on),
        cmocka_unit_test(a_request_in_flight_keeps_the_old_key),
        cmocka_unit_test(a_cancelled_request_leaves_the_new_key),
        cmocka_unit_test(a_refused_queue_tries_a_new_key_at_once),
        cmocka_unit_test(
            a_late_refusal_of_the_old_key_does_not_stop_the_new_one),
        cmocka_unit_test(a_key_that_can_not_be_one_leaves_the_old_one),
        cmocka_unit_test(counters_tell_what_has_happened),
        cmocka_unit_test(failed_logins_and_throttles_are_counted),
        cmocka_unit_test(failed_logins_of_earlier_pollers_count),
        cmocka_unit_test(a_foreign_mark_is_counted),
        cmocka_unit_test(stats_fill_no_more_than_the_caller_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
