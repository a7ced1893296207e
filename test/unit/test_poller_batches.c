/*
 * The public API in an application's own loop: the contract of deliver_cb and
 * marked_cb, API keys, events, counters and limits. See poller_scene.h.
 */
#include "poller_scene.h"

#define NEW_KEY "Zz_newKeyNewKeyNewKeyNewKeyNewKeyNewKeyNew-9"
#define REFUSAL                                                         \
    ANSWER("403 Forbidden", "application/json",                         \
                                                                        \
           "{\"success\":false,\"kind\":\"INVALID-API-KEY\",\"error\":" \
           "{\"message\":\"Invalid API key.\"}}     ")
#define FAILURE \
    ANSWER("500 Internal Server Error", "text/html", "<html>Oops!</html>\n")

/* Delivery */

static void accept_from_timer(uv_timer_t *timer)
{
    watch_accept(timer->data);
    uv_close((uv_handle_t *)timer, NULL);
}

/* Sinks write in their own time; until they answer, nothing is marked. */
static void a_batch_may_be_accepted_later(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    uv_timer_t timer;
    q1->answer = HOLD;
    RUN_UNTIL(scene, q1->has_batch);
    scene_linger(scene);
    assert_int_equal(scene->fakes[0].request_count, 1);
    assert_int_equal(state_of(q1), HAPLO_QUEUE_DELIVERING);
    uv_timer_init(&scene->loop, &timer);
    timer.data = q1;
    uv_timer_start(&timer, accept_from_timer, 600000, 0);
    RUN_UNTIL(scene, q1->marked_count == 1);
    assert_int_equal(q1->deliver_count, 1);
    assert_int_equal(q1->mark.message_count, 3);
    assert_int_equal(q1->mark.marked_count, 3);
    assert_int_equal(q1->mark.unread_count, 0);
    scene_close(scene);
}

static struct {
    struct haplo_batch batch;
    const struct haplo_message *messages;
    const char *data;
    char bytes[512];
    uint64_t skipped_ms;
} seen;

/* The first time it notes the batch; later it must be that very one, under a
 * new handle. */
static void expect_the_same_batch(struct watch *watch)
{
    const struct haplo_message *messages = haplo_batch_messages(watch->batch);
    if (watch->deliver_count == 1) {
        seen.batch = watch->batch;
        seen.messages = messages;
        seen.data = messages[0].body.data;
        memcpy(seen.bytes, seen.data, messages[0].body.size);
        seen.skipped_ms = clock_skipped_ms;
        return;
    }
    assert_null(haplo_batch_messages(seen.batch)); /* that handle is stale */
    assert_ptr_equal(messages, seen.messages);
    assert_ptr_equal(messages[0].body.data, seen.data);
    assert_memory_equal(messages[0].body.data, seen.bytes,
                        messages[0].body.size);
    assert_int_equal(watch->message_count, 3);
    assert_int_equal(watch->scene->fakes[0].request_count, 1);
    if (watch->deliver_count == 4) {
        watch->answer = ACCEPT;
    }
}

/* A full disk is no reason to ask the server again and again for what is
 * here already. */
static void retry_delivers_the_very_same_batch_again(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    q1->answer = RETRY;
    q1->retry_ms = 30000;
    q1->in_deliver = expect_the_same_batch;
    RUN_UNTIL(scene, q1->marked_count == 1);
    assert_int_equal(q1->deliver_count, 4);
    assert_in_range(clock_skipped_ms - seen.skipped_ms, 89000, 91000);
    assert_int_equal(stats_of(q1).deliver_retry_count, 3);
    assert_non_null(strstr(scene->text, "deliver a/q1: not now"));
    scene_close(scene);
}

/* With no delay given, the waits grow as after any other failure. */
static void retry_of_no_delay_backs_off(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct haplo_queue_options options = queue_options("q1");
    options.backoff_ms = 8000;
    options.backoff_max_ms = 8000;
    struct watch *q1 = scene_add_with(scene, options, 3);
    q1->answer = RETRY;
    RUN_UNTIL(scene, q1->deliver_count == 1);
    uint64_t begin_ms = clock_skipped_ms;
    struct haplo_queue_stats stats = stats_of(q1);
    assert_int_equal(stats.state, HAPLO_QUEUE_DELIVER_WAIT);
    assert_in_range(stats.wait_ms, 1000, 8000);
    assert_int_equal(stats.error, HAPLO_EDELIVERY);
    assert_string_equal(stats.error_text, "deliver a/q1: not now");
    RUN_UNTIL(scene, q1->deliver_count == 11);
    assert_in_range(clock_skipped_ms - begin_ms, 10000, 80000);
    scene_close(scene);
}

/* What an application can never store must not be marked, nor asked for in a
 * circle: somebody has to look at it. */
static void reject_blocks_until_somebody_looks(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    q1->answer = REJECT;
    RUN_UNTIL(scene, q1->deliver_count == 1);
    assert_int_equal(state_of(q1), HAPLO_QUEUE_BLOCKED);
    assert_int_equal(stats_of(q1).error, HAPLO_EREJECTED);
    assert_string_equal(scene->text, "deliver a/q1: never");
    scene_linger(scene);
    assert_int_equal(scene->fakes[0].request_count, 1);
    q1->answer = ACCEPT;
    haplo_queue_poll_now(q1->queue);
    RUN_UNTIL(scene, q1->marked_count == 1);
    assert_int_equal(stats_of(q1).error, 0);
    assert_string_equal(stats_of(q1).error_text, "");
    scene_close(scene);
}

#define THREE_MESSAGES                                               \
    ANSWER("200 OK", "application/json; charset=utf-8",              \
                                                                     \
           "{\"version\": 0, \"token\": \"T1-3\", \"messages\": [\n" \
           "  {\"id\":1e+21, \"datetime\" : \"2019\"},\n"            \
           "  {\"x\":\"\\u0000\", \"id\": \"A\" },"                  \
           "{\"id\":1e+21, \"datetime\" : \"2019\"}]}")

static void expect_three_messages(struct watch *watch)
{
    static const char same[] = "{\"id\":1e+21, \"datetime\" : \"2019\"}";
    const struct haplo_message *messages = haplo_batch_messages(watch->batch);
    assert_int_equal(watch->message_count, 3);
    for (int i = 0; i < 3; i += 2) {
        assert_int_equal(messages[i].body.size, sizeof same - 1);
        assert_memory_equal(messages[i].body.data, same, sizeof same - 1);
        assert_int_equal(messages[i].id.size, 5);
        assert_memory_equal(messages[i].id.data, "1e+21", 5);
        assert_memory_equal(messages[i].datetime.data, "\"2019\"", 6);
    }
    assert_int_equal(messages[1].body.size, 26);
    assert_memory_equal(messages[1].body.data,
                        "{\"x\":\"\\u0000\", \"id\": \"A\" }", 26);
    assert_memory_equal(messages[1].id.data, "\"A\"", 3);
    assert_int_equal(messages[1].datetime.size, 0);
    assert_memory_equal(messages[0].key, messages[2].key, 16);
    assert_memory_not_equal(messages[0].key, messages[1].key, 16);
    watch->newest_id = 3;
}

/* Re-serialised, a big number or an escape would not be what was sent; and two
 * equal messages are two. */
static void messages_are_the_exact_bytes_with_their_identity(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    q1->fake->fetch_answer = THREE_MESSAGES;
    q1->in_deliver = expect_three_messages;
    RUN_UNTIL(scene, q1->marked_count == 1);
    scene_close(scene);
}

/* A batch of 2019 holds whatever is unread, and its mark says no more than
 * how many. */
static void a_server_of_2019_may_send_five_thousand_at_once(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 5000);
    q1->fake->batch_max = 0;
    RUN_UNTIL(scene, q1->marked_count == 1);
    assert_int_equal(q1->message_count, 5000);
    assert_int_equal(q1->newest_id, 5000);
    assert_int_equal(q1->mark.message_count, 5000);
    assert_int_equal(q1->mark.unread_count, -1);
    assert_int_equal(q1->fake->unread, 0);
    RUN_UNTIL(scene, state_of(q1) == HAPLO_QUEUE_IDLE);
    scene_close(scene);
}

/* A retried delivery that falls due while the application is inside some call
 * must wait for the loop: nobody expects deliver_cb in the middle of a
 * call about another queue. */
static void no_delivery_falls_into_another_call(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    struct watch *q2 = scene_add(scene, "q2", 3);
    struct haplo_queue_options options = queue_options("q3");
    struct haplo_queue *q3 = NULL;
    q1->answer = RETRY;
    q1->retry_ms = 1000;
    q2->answer = HOLD;
    RUN_UNTIL(scene, q1->deliver_count == 1 && q2->has_batch);
    clock_skipped_ms += 2000;
    uv_update_time(&scene->loop);
    q1->answer = ACCEPT;
    watch_accept(q2);
    haplo_queue_pause(q2->queue);
    haplo_queue_resume(q2->queue);
    haplo_queue_poll_now(q2->queue);
    assert_int_equal(haplo_queue_set_key(q2->queue, NEW_KEY), 0);
    assert_int_equal(haplo_queue_add(scene->servers[0], &options, &q3, NULL, 0),
                     0);
    assert_int_equal(haplo_queue_remove(q3, NULL), 0);
    assert_int_equal(q1->deliver_count, 1);
    RUN_UNTIL(scene, q1->marked_count == 1 && q2->marked_count == 1);
    scene_close(scene);
}

/* Events */

/* The log of an operator: each step, in order, once. */
static void a_happy_cycle_tells_each_step_once(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 17);
    RUN_UNTIL(scene, q1->marked_count == 2);
    assert_string_equal(scene->events, "a/q1: IDLE -> READY\n"
                                       "a/q1: READY -> FETCHING\n"
                                       "a/q1: FETCHING -> DELIVERING 16\n"
                                       "a/q1: DELIVERING -> MARK_READY 16\n"
                                       "a/q1: MARK_READY -> MARKING 16\n"
                                       "a/q1: MARKING -> READY\n"
                                       "a/q1: READY -> FETCHING\n"
                                       "a/q1: FETCHING -> DELIVERING 1\n"
                                       "a/q1: DELIVERING -> MARK_READY 1\n"
                                       "a/q1: MARK_READY -> MARKING 1\n"
                                       "a/q1: MARKING -> IDLE\n");
    scene_close(scene);
}

/* The breaker's changes are the server's events. */
static void a_failing_server_is_told_of_as_such(void **state)
{
    (void)state;
    struct scene *scene = scene_new();
    struct haplo_poller_options poller = poller_options(scene);
    struct haplo_server_stats stats = {.struct_size = sizeof stats};
    scene_start(scene, &poller);
    scene_add_server(scene,
                     (struct haplo_server_options){.breaker_failures = 2});
    struct watch *q1 = scene_add(scene, "q1", 3);
    q1->fake->fetch_answer = FAILURE;
    RUN_UNTIL(scene, q1->fake->fetch_count == 2);
    RUN_UNTIL(scene, scene_is_quiet(scene));
    haplo_server_get_stats(scene->servers[0], &stats);
    assert_int_equal(stats.state, HAPLO_SERVER_DOWN);
    assert_int_equal(stats.failures, 2);
    assert_int_equal(stats.error, HAPLO_ESERVER);
    assert_non_null(strstr(stats.error_text, "responded 500"));
    assert_true(stats.wait_ms > 0);
    q1->fake->fetch_answer = NULL;
    RUN_UNTIL(scene, q1->marked_count == 1);
    assert_string_equal(scene->events,
                        "a/q1: IDLE -> READY\n"
                        "a/q1: READY -> FETCHING\n"
                        "a/q1: FETCHING -> BACKOFF HAPLO_ESERVER\n"
                        "a/q1: BACKOFF -> READY\n"
                        "a/q1: READY -> FETCHING\n"
                        "a: UP -> DOWN HAPLO_ESERVER\n"
                        "a/q1: FETCHING -> BACKOFF HAPLO_ESERVER\n"
                        "a/q1: BACKOFF -> READY\n"
                        "a: DOWN -> PROBING\n"
                        "a/q1: READY -> FETCHING\n"
                        "a: PROBING -> UP\n"
                        "a/q1: FETCHING -> DELIVERING 3\n"
                        "a/q1: DELIVERING -> MARK_READY 3\n"
                        "a/q1: MARK_READY -> MARKING 3\n"
                        "a/q1: MARKING -> IDLE\n");
    haplo_server_get_stats(scene->servers[0], &stats);
    assert_int_equal(stats.state, HAPLO_SERVER_UP);
    assert_int_equal(stats.error, 0);
    assert_string_equal(stats.error_text, "");
    assert_int_equal(stats.wait_ms, 0);
    scene_close(scene);
}

/* Whatever goes wrong, what is written of it can be shown to anybody: each
 * event is searched for the key by the scene. */
static void failures_of_all_kinds_are_told_without_the_key(void **state)
{
    static const char *const answers[] = {
        REFUSAL,
        FAILURE,
        ANSWER("200 OK", "text/html", "<html>No such group</html>"),
        ANSWER("200 OK", "application/json", "{\"version\": 1}"),
        ANSWER("302 Found", "text/plain\r\nLocation: https://elsewhere.test/",
               ""),
        ANSWER("404 Not Found", "text/html", "Gone"),
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        struct scene *scene = scene_open();
        struct watch *q1 = scene_add(scene, "q1", 3);
        q1->fake->fetch_answer = answers[i];
        RUN_UNTIL(scene, stats_of(q1).failure_count == 1);
        assert_true(strncmp(scene->text, "fetch a/q1: ", 12) == 0);
        assert_string_equal(stats_of(q1).error_text, scene->text);
        scene_close(scene);
    }
}

/* Limits */

/* Eight queues with 40 messages each, about to be fetched and held. Their keys
 * are proven already: others would be tried one at a time. */
static struct scene *scene_of_two_servers(struct haplo_poller_options options,
                                          unsigned in_flight_max)
{
    static const char *const names[] = {"q1", "q2", "q3", "q4"};
    struct scene *scene = scene_new();
    options.struct_size = sizeof options;
    options.seed = 1;
    options.event_cb = scene_on_event;
    options.data = scene;
    scene_start(scene, &options);
    for (unsigned i = 0; i < 8; i++) {
        if (i % 4 == 0) {
            scene_add_server(scene, (struct haplo_server_options){
                                        .in_flight_max = in_flight_max});
        }
        struct watch *watch = scene_add(scene, names[i % 4], 0);
        RUN_UNTIL(scene, state_of(watch) == HAPLO_QUEUE_IDLE);
    }
    for (unsigned i = 0; i < 8; i++) {
        scene->watches[i].fake->unread = 40;
        scene->watches[i].fake->is_held = true;
        haplo_queue_poll_now(scene->watches[i].queue);
    }
    return scene;
}

static unsigned total_of_marks(const struct scene *scene)
{
    unsigned total = 0;
    for (unsigned i = 0; i < scene->watch_count; i++) {
        total += scene->watches[i].marked_count;
    }
    return total;
}

/* A file descriptor each: the limit holds over all servers. */
static void requests_in_flight_are_limited_over_all_servers(void **state)
{
    (void)state;
    struct scene *scene = scene_of_two_servers(
        (struct haplo_poller_options){.in_flight_max = 3}, 4);
    RUN_UNTIL(scene,
              scene->fakes[0].open_count + scene->fakes[1].open_count == 3);
    scene_linger(scene);
    assert_int_equal(scene->fakes[0].open_count + scene->fakes[1].open_count,
                     3);
    fake_release(&scene->fakes[0]);
    fake_release(&scene->fakes[1]);
    RUN_UNTIL(scene, total_of_marks(scene) == 24);
    assert_true(scene->fakes[0].open_count_max <= 3);
    assert_true(scene->fakes[1].open_count_max <= 3);
    scene_close(scene);
}

/* A reload must not need a restart for this: what is in flight is finished, and
 * the requests that a higher limit allows start at once. */
static void limits_of_a_poller_can_be_changed(void **state)
{
    (void)state;
    struct scene *scene = scene_of_two_servers(
        (struct haplo_poller_options){.in_flight_max = 3}, 4);
    RUN_UNTIL(scene,
              scene->fakes[0].open_count + scene->fakes[1].open_count == 3);
    haplo_poller_set_limits(scene->poller, 5, 0);
    RUN_UNTIL(scene,
              scene->fakes[0].open_count + scene->fakes[1].open_count == 5);
    scene_linger(scene);
    assert_int_equal(scene->fakes[0].open_count + scene->fakes[1].open_count,
                     5);
    haplo_poller_set_limits(scene->poller, 1, 0);
    fake_release(&scene->fakes[0]);
    fake_release(&scene->fakes[1]);
    RUN_UNTIL(scene, total_of_marks(scene) == 24);
    scene_close(scene);
}

/* One at a time is what a server is asked for, if nothing else is said. */
static void a_server_gets_one_request_at_a_time_by_default(void **state)
{
    (void)state;
    struct scene *scene =
        scene_of_two_servers((struct haplo_poller_options){0}, 0);
    RUN_UNTIL(scene, scene->fakes[0].open_count == 1 &&
                         scene->fakes[1].open_count == 1);
    scene_linger(scene);
    fake_release(&scene->fakes[0]);
    fake_release(&scene->fakes[1]);
    RUN_UNTIL(scene, total_of_marks(scene) == 24);
    assert_int_equal(scene->fakes[0].open_count_max, 1);
    assert_int_equal(scene->fakes[1].open_count_max, 1);
    scene_close(scene);
}

/* Memory is bounded by not fetching more; marks go on, for they free it. */
static void a_full_budget_of_bytes_stops_fetches_but_not_marks(void **state)
{
    struct haplo_poller_stats stats = {.struct_size = sizeof stats};
    (void)state;
    struct scene *scene = scene_new();
    struct haplo_poller_options options = poller_options(scene);
    options.undelivered_bytes_max = 1;
    scene_start(scene, &options);
    scene_add_server(scene, (struct haplo_server_options){.in_flight_max = 1});
    struct watch *q1 = scene_add(scene, "q1", 20);
    struct watch *q2 = scene_add(scene, "q2", 3);
    q1->answer = HOLD;
    RUN_UNTIL(scene, q1->has_batch);
    haplo_queue_poll_now(q2->queue);
    scene_linger(scene);
    haplo_poller_get_stats(scene->poller, &stats);
    size_t batch_bytes = stats.undelivered_bytes;
    assert_true(batch_bytes > 8000);
    assert_int_equal(q2->fake->fetch_count, 0);
    assert_int_equal(state_of(q2), HAPLO_QUEUE_READY);
    q1->answer = ACCEPT;
    watch_accept(q1);
    /* What was accepted is let go of before it is marked, but its token. */
    haplo_poller_get_stats(scene->poller, &stats);
    assert_int_equal(state_of(q1), HAPLO_QUEUE_MARKING);
    assert_in_range(stats.undelivered_bytes, 1, batch_bytes / 2);
    RUN_UNTIL(scene, q1->marked_count == 2 && q2->marked_count == 1);
    haplo_poller_get_stats(scene->poller, &stats);
    assert_int_equal(stats.undelivered_bytes, 0);
    scene_close(scene);
}

/* A body that is too large must cost its own queue only, and say which option
 * to raise. */
static void a_body_over_its_cap_fails_its_own_queue_only(void **state)
{
    struct haplo_poller_stats stats = {.struct_size = sizeof stats};
    (void)state;
    struct scene *scene = scene_open();
    struct haplo_queue_options options = queue_options("q1");
    options.body_bytes_max = 500;
    struct watch *q1 = scene_add_with(scene, options, 16);
    struct watch *q2 = scene_add(scene, "q2", 40);
    RUN_UNTIL(scene, q2->marked_count == 3);
    assert_int_equal(q1->deliver_count, 0);
    assert_int_equal(q1->fake->mark_count, 0);
    struct haplo_queue_stats queue = stats_of(q1);
    assert_int_equal(queue.state, HAPLO_QUEUE_BACKOFF);
    assert_int_equal(queue.error, HAPLO_ETOOBIG);
    assert_non_null(strstr(queue.error_text, "max_body"));
    assert_int_equal(queue.batch_count, 0);
    haplo_poller_get_stats(scene->poller, &stats);
    assert_int_equal(stats.undelivered_bytes, 0);
    scene_close(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_may_be_accepted_later),
        cmocka_unit_test(retry_delivers_the_very_same_batch_again),
        cmocka_unit_test(retry_of_no_delay_backs_off),
        cmocka_unit_test(reject_blocks_until_somebody_looks),
        cmocka_unit_test(messages_are_the_exact_bytes_with_their_identity),
        cmocka_unit_test(a_server_of_2019_may_send_five_thousand_at_once),
        cmocka_unit_test(no_delivery_falls_into_another_call),
        cmocka_unit_test(a_happy_cycle_tells_each_step_once),
        cmocka_unit_test(a_failing_server_is_told_of_as_such),
        cmocka_unit_test(failures_of_all_kinds_are_told_without_the_key),
        cmocka_unit_test(requests_in_flight_are_limited_over_all_servers),
        cmocka_unit_test(limits_of_a_poller_can_be_changed),
        cmocka_unit_test(a_server_gets_one_request_at_a_time_by_default),
        cmocka_unit_test(a_full_budget_of_bytes_stops_fetches_but_not_marks),
        cmocka_unit_test(a_body_over_its_cap_fails_its_own_queue_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
