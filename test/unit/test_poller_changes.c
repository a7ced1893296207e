/*
 * The public API while everything is at work: options of queues and servers
 * that change, objects found by name, queues that are replaced.
 */
#include "poller_scene.h"

#include "failing_allocator.h"

/* Options of a queue */

static int queue_set(const struct watch *watch,
                     struct haplo_queue_options options, const char *words)
{
    char why[HAPLO_TEXT_SIZE_MAX] = "";
    options.data = (void *)watch;
    int error =
        haplo_queue_set_options(watch->queue, &options, why, sizeof why);
    if (strstr(why, words) == NULL) {
        fail_msg("nothing of \"%s\" in: %s", words, why);
    }
    assert_null(strstr(why, KEY));
    return error;
}

/* An operator makes a queue that is polled once a day a busy one. */
static void a_shorter_interval_takes_effect_now(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct haplo_queue_options options = queue_options("q1");
    options.interval_ms = 86400000;
    struct watch *q1 = scene_add_with(scene, options, 0);
    RUN_UNTIL(scene, q1->fake->fetch_count == 1 && scene_is_quiet(scene));
    uint64_t begin_ms = uv_now(&scene->loop);
    options.interval_ms = 60000;
    options.name = NULL;
    options.api_key = NULL;
    assert_int_equal(queue_set(q1, options, ""), 0);
    RUN_UNTIL(scene, q1->fake->fetch_count == 2);
    assert_true(uv_now(&scene->loop) - begin_ms < 60000);
    RUN_UNTIL(scene, q1->fake->fetch_count == 3);
    assert_true(uv_now(&scene->loop) - begin_ms < 200000);
    scene_close(scene);
}

/* The same options again are no reason to poll. */
static void equal_options_change_nothing(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct haplo_queue_options options = queue_options("q1");
    options.interval_ms = 86400000;
    struct watch *q1 = scene_add_with(scene, options, 0);
    RUN_UNTIL(scene, q1->fake->fetch_count == 1 && scene_is_quiet(scene));
    uint64_t wait_ms = stats_of(q1).wait_ms;
    assert_int_equal(queue_set(q1, options, ""), 0);
    assert_int_equal(state_of(q1), HAPLO_QUEUE_IDLE);
    assert_true(stats_of(q1).wait_ms <= wait_ms);
    assert_int_equal(q1->fake->fetch_count, 1);
    scene_close(scene);
}

static unsigned other_calls;

static void on_other_deliver(struct haplo_queue *queue,
                             struct haplo_batch batch)
{
    (void)queue;
    other_calls++;
    haplo_batch_retry(batch, 1000, "not yet");
}

/* A response that has begun is read as it began, and what it delivers goes to
 * the new callback. */
static void options_change_in_every_state(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct haplo_queue_options options = queue_options("q1");
    struct watch *q1 = watch_new(scene, 0, "q1", 40);
    char why[HAPLO_TEXT_SIZE_MAX];
    q1->fake->is_held = true;
    options.data = q1;
    assert_int_equal(haplo_queue_add(scene->servers[0], &options, &q1->queue,
                                     why, sizeof why),
                     0);
    haplo_queue_poll_now(q1->queue);
    RUN_UNTIL(scene, state_of(q1) == HAPLO_QUEUE_FETCHING);
    other_calls = 0;
    options.deliver_cb = on_other_deliver;
    options.body_bytes_max = 1 << 20;
    assert_int_equal(queue_set(q1, options, ""), 0);
    fake_release(&scene->fakes[0]);
    RUN_UNTIL(scene, other_calls == 1);
    assert_int_equal(q1->deliver_count, 0);
    assert_int_equal(state_of(q1), HAPLO_QUEUE_DELIVER_WAIT);
    options.deliver_cb = scene_on_deliver;
    q1->answer = HOLD;
    assert_int_equal(queue_set(q1, options, ""), 0);
    RUN_UNTIL(scene, q1->has_batch);
    options.marked_cb = NULL;
    assert_int_equal(queue_set(q1, options, ""), 0);
    q1->answer = ACCEPT;
    watch_accept(q1);
    RUN_UNTIL(scene, q1->fake->unread == 0 && scene_is_quiet(scene));
    assert_int_equal(q1->marked_count, 0);
    assert_int_equal(q1->fake->mark_count, 3);
    scene_close(scene);
}

/* A key that is changed together with other options is used like one that
 * haplo_queue_set_key() sets. */
static void a_new_key_frees_a_refused_queue(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct haplo_queue_options options = queue_options("q1");
    struct watch *q1 = watch_new(scene, 0, "q1", 3);
    char why[HAPLO_TEXT_SIZE_MAX];
    q1->fake->fetch_answer = ANSWER("403 Forbidden", "text/plain", "");
    options.data = q1;
    assert_int_equal(haplo_queue_add(scene->servers[0], &options, &q1->queue,
                                     why, sizeof why),
                     0);
    haplo_queue_poll_now(q1->queue);
    RUN_UNTIL(scene, stats_of(q1).error != 0);
    q1->fake->fetch_answer = NULL;
    options.api_key = "another-key-of-the-same-queue";
    assert_int_equal(queue_set(q1, options, ""), 0);
    RUN_UNTIL(scene, q1->marked_count == 1);
    assert_null(strstr(q1->fake->login, KEY_SENT));
    scene_close(scene);
}

/* An application that reads its configuration again sets all options, the key
 * among them. A refused key is not tried again by that, and a proven one need
 * not be proven again, which might have to wait for others. */
static void the_same_key_is_no_new_one(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct haplo_queue_options options = queue_options("q1");
    struct watch *q1 = scene_add(scene, "q1", 3);
    options.data = q1;
    RUN_UNTIL(scene, q1->marked_count == 1);
    assert_true(stats_of(q1).key_proven);
    assert_int_equal(queue_set(q1, options, ""), 0);
    assert_true(stats_of(q1).key_proven);
    q1->fake->fetch_answer =
        ANSWER("403 Forbidden", "application/json",
               "{\"success\":false,\"message\":\"Permission denied\"}");
    haplo_queue_poll_now(q1->queue);
    RUN_UNTIL(scene, state_of(q1) == HAPLO_QUEUE_REFUSED);
    assert_int_equal(queue_set(q1, options, ""), 0);
    assert_int_equal(state_of(q1), HAPLO_QUEUE_REFUSED);
    scene_close(scene);
}

/* A mistake leaves the queue as it was. */
static void bad_options_change_nothing(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    const struct haplo_queue_options good = queue_options("q1");
    struct watch *q1 = scene_add(scene, "q1", 0);
    struct haplo_queue_options options = good;
    options.name = "q2";
    assert_int_equal(queue_set(q1, options, "\"q1\""), HAPLO_EINVAL);
    options = good;
    options.state = (struct haplo_slice){"state", 5};
    assert_int_equal(queue_set(q1, options, "state"), HAPLO_EINVAL);
    options = good;
    options.deliver_cb = NULL;
    assert_int_equal(queue_set(q1, options, "deliver_cb"), HAPLO_EINVAL);
    options = good;
    options.api_key = "short";
    assert_int_equal(queue_set(q1, options, "too short"), HAPLO_EINVAL);
    options = good;
    options.token_pointer = "token";
    options.api_key = "another-key-of-the-same-queue";
    assert_int_equal(queue_set(q1, options, "token"), HAPLO_EINVAL);
    options = good;
    options.interval_ms = HAPLO_WAIT_MS_MAX + 1;
    assert_int_equal(queue_set(q1, options, "31 days"), HAPLO_EINVAL);
    q1->fake->unread = 3;
    haplo_queue_poll_now(q1->queue);
    RUN_UNTIL(scene, q1->marked_count == 1);
    assert_string_equal(q1->fake->login, KEY_SENT);
    assert_int_equal(haplo_poller_stop(scene->poller, 0, NULL), 0);
    assert_int_equal(queue_set(q1, good, "stopping"), HAPLO_ESTOPPED);
    scene_close(scene);
}

/* Options of a server */

static int server_set(struct scene *scene, struct haplo_server_options options,
                      const char *words)
{
    char why[HAPLO_TEXT_SIZE_MAX] = "";
    options.struct_size = sizeof options;
    int error =
        haplo_server_set_options(scene->servers[0], &options, why, sizeof why);
    if (strstr(why, words) == NULL) {
        fail_msg("nothing of \"%s\" in: %s", words, why);
    }
    return error;
}

static void url_of(const struct fake_server *fake, char url[64])
{
    snprintf(url, 64, "http://127.0.0.1:%d", fake_port(fake));
}

/* A server moves to another address: its queues follow, and the counters and
 * states of the queues stay. */
static void a_server_gets_another_url(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    RUN_UNTIL(scene, q1->marked_count == 1 && scene_is_quiet(scene));
    scene_add_server(scene, (struct haplo_server_options){0});
    struct fake_queue *moved = &scene->fakes[1].queues[0];
    scene->fakes[1].queue_count = 1;
    *moved = *q1->fake;
    moved->unread = 2;
    moved->accepted = 100;
    char url[64];
    url_of(&scene->fakes[1], url);
    assert_int_equal(
        server_set(scene, (struct haplo_server_options){.url = url}, ""), 0);
    haplo_queue_poll_now(q1->queue);
    RUN_UNTIL(scene, q1->marked_count == 2);
    assert_int_equal(moved->unread, 0);
    assert_int_equal(stats_of(q1).marked_message_count, 5);
    assert_int_equal(stats_of(q1).generation, 2);
    scene_close(scene);
}

/* A server that was DOWN is tried at its new address at once. */
static void a_new_url_ends_an_outage(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    struct haplo_server_stats stats = {.struct_size = sizeof stats};
    struct haplo_server_options options = {.breaker_failures = 1};
    char url[64];
    options.url = "http://127.0.0.1:1";
    RUN_UNTIL(scene, q1->marked_count == 1 && scene_is_quiet(scene));
    assert_int_equal(server_set(scene, options, ""), 0);
    haplo_queue_poll_now(q1->queue);
    do {
        scene_turn(scene);
        haplo_server_get_stats(scene->servers[0], &stats);
    } while (stats.state != HAPLO_SERVER_DOWN);
    q1->fake->unread = 4;
    url_of(&scene->fakes[0], url);
    options.url = url;
    RUN_UNTIL(scene, scene_is_quiet(scene));
    assert_int_equal(server_set(scene, options, ""), 0);
    haplo_queue_poll_now(q1->queue);
    haplo_server_get_stats(scene->servers[0], &stats);
    assert_int_equal(stats.state, HAPLO_SERVER_PROBING);
    RUN_UNTIL(scene, q1->marked_count == 2);
    scene_close(scene);
}

/* A token goes to nobody but the server that sent it. */
static void a_server_with_an_open_batch_is_left_alone(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    char url[64];
    q1->answer = HOLD;
    url_of(&scene->fakes[0], url);
    const struct haplo_server_options options = {.url = url};
    RUN_UNTIL(scene, q1->has_batch);
    assert_int_equal(server_set(scene, options, "\"q1\""), HAPLO_EBUSY);
    haplo_queue_pause(q1->queue);
    assert_int_equal(server_set(scene, options, "DELIVERING"), HAPLO_EBUSY);
    watch_accept(q1);
    RUN_UNTIL(scene, state_of(q1) == HAPLO_QUEUE_PAUSED);
    assert_int_equal(server_set(scene, options, ""), 0);
    scene_close(scene);
}

/* A mistake leaves the server as it was. */
static void bad_options_of_a_server_change_nothing(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    char url[64];
    url_of(&scene->fakes[0], url);
    RUN_UNTIL(scene, q1->marked_count == 1 && scene_is_quiet(scene));
    const struct {
        struct haplo_server_options options;
        const char *words;
    } table[] = {
        {{.name = "b", .url = url}, "\"a\""},
        {{.url = "ftp://127.0.0.1"}, "url: "},
        {{.url = url, .user = "a:b"}, "user: "},
        {{.url = url, .login_group = "a/b"}, "login group"},
        {{.url = url, .stall_timeout_ms = HAPLO_WAIT_MS_MAX + 1}, "31 days"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        assert_int_equal(server_set(scene, table[i].options, table[i].words),
                         HAPLO_EINVAL);
    }
    q1->fake->unread = 3;
    haplo_queue_poll_now(q1->queue);
    RUN_UNTIL(scene, q1->marked_count == 2);
    assert_int_equal(haplo_poller_stop(scene->poller, 0, NULL), 0);
    assert_int_equal(server_set(scene,
                                (struct haplo_server_options){.url = url},
                                "stopping"),
                     HAPLO_ESTOPPED);
    scene_close(scene);
}

/* Paths, user and field belong to the options, too. */
static void a_server_gets_another_dialect(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    char url[64];
    RUN_UNTIL(scene, q1->marked_count == 1 && scene_is_quiet(scene));
    url_of(&scene->fakes[0], url);
    const struct haplo_server_options options = {.url = url,
                                                 .token_field = "proof"};
    assert_int_equal(server_set(scene, options, ""), 0);
    scene->fakes[0].form_field = "proof";
    q1->fake->unread = 3;
    haplo_queue_poll_now(q1->queue);
    RUN_UNTIL(scene, q1->marked_count == 2);
    scene_close(scene);
}

/* Without memory */

/* Whichever allocation fails: everything has changed, or nothing. */
static void a_change_without_memory_changes_nothing(void **state)
{
    (void)state;
    int error = HAPLO_ENOMEM;
    for (size_t fails = 1; error != 0; fails++) {
        struct scene *scene = scene_open();
        struct haplo_queue_options options = queue_options("q1");
        struct watch *q1 = scene_add(scene, "q1", 3);
        char url[64];
        url_of(&scene->fakes[0], url);
        RUN_UNTIL(scene, q1->marked_count == 1 && scene_is_quiet(scene));
        assert_true(fails < 100);
        options.api_key = "another-key-of-the-same-queue";
        options.token_pointer = "/token";
        options.data = q1;
        allocator_reset(fails);
        error = haplo_queue_set_options(q1->queue, &options, NULL, 0);
        bool has_new_key = error == 0;
        if (error == 0) {
            const struct haplo_server_options server = {
                .struct_size = sizeof server, .url = url, .user = "other"};
            error =
                haplo_server_set_options(scene->servers[0], &server, NULL, 0);
        }
        allocator_reset(0);
        assert_true(error == 0 || error == HAPLO_ENOMEM);
        q1->fake->unread = 3;
        haplo_queue_poll_now(q1->queue);
        RUN_UNTIL(scene, q1->marked_count == 2);
        assert_int_equal(strcmp(q1->fake->login, KEY_SENT) != 0, has_new_key);
        scene_close(scene);
    }
}

/* By name, and one after the other */

static void objects_are_found_by_name(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 0);
    struct haplo_server *a = scene->servers[0];
    struct haplo_server *b =
        scene_add_server(scene, (struct haplo_server_options){0});
    assert_ptr_equal(haplo_server_find(scene->poller, "a"), a);
    assert_ptr_equal(haplo_server_find(scene->poller, "b"), b);
    assert_null(haplo_server_find(scene->poller, "c"));
    assert_ptr_equal(haplo_queue_find(a, "q1"), q1->queue);
    assert_null(haplo_queue_find(a, "q2"));
    assert_null(haplo_queue_find(b, "q1"));
    assert_ptr_equal(haplo_server_poller(a), scene->poller);
    assert_ptr_equal(haplo_poller_loop(scene->poller), &scene->loop);
    scene_close(scene);
}

static void all_objects_are_visited_once(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *watches[5];
    char names[5][8];
    bool is_visited[5] = {false};
    for (unsigned i = 0; i < 5; i++) {
        snprintf(names[i], sizeof names[i], "q%u", i);
        watches[i] = scene_add(scene, names[i], 0);
    }
    struct haplo_server *a = scene->servers[0];
    struct haplo_server *b =
        scene_add_server(scene, (struct haplo_server_options){0});
    assert_ptr_equal(haplo_server_next(scene->poller, NULL), a);
    assert_ptr_equal(haplo_server_next(scene->poller, a), b);
    assert_null(haplo_server_next(scene->poller, b));
    assert_null(haplo_queue_next(b, NULL));
    unsigned count = 0;
    struct haplo_queue *queue = NULL;
    while ((queue = haplo_queue_next(a, queue)) != NULL) {
        const struct watch *watch = haplo_queue_data(queue);
        assert_false(is_visited[watch - watches[0]]);
        is_visited[watch - watches[0]] = true;
        count++;
        assert_int_equal(haplo_queue_remove(queue, NULL), 0);
    }
    assert_int_equal(count, 5);
    RUN_UNTIL(scene, haplo_queue_next(a, NULL) == NULL);
    assert_int_equal(haplo_server_remove(a), 0);
    assert_ptr_equal(haplo_server_next(scene->poller, NULL), b);
    scene_close(scene);
}

/* Removal */

static void add_again(struct watch *watch)
{
    struct haplo_queue_options options = queue_options("q1");
    char why[HAPLO_TEXT_SIZE_MAX] = "";
    struct watch *next = watch->other;
    struct haplo_server *server = haplo_queue_server(watch->queue);
    assert_string_equal(haplo_queue_name(watch->queue), "q1");
    assert_int_equal(state_of(watch), HAPLO_QUEUE_PAUSED);
    assert_null(haplo_queue_find(server, "q1"));
    options.data = next;
    if (haplo_queue_add(server, &options, &next->queue, why, sizeof why) != 0) {
        fail_msg("%s", why);
    }
    haplo_queue_poll_now(next->queue);
}

/* A configuration has changed: out with the old queue, in with the new one. */
static void a_removed_queue_is_replaced_in_the_callback(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *old = scene_add(scene, "q1", 3);
    struct watch *new = watch_new(scene, 0, "unused", 0);
    old->in_removed = add_again;
    old->other = new;
    RUN_UNTIL(scene, old->marked_count == 1);
    assert_int_equal(haplo_queue_remove(old->queue, scene_on_removed), 0);
    RUN_UNTIL(scene, new->queue != NULL);
    old->fake->unread = 3;
    new->fake = old->fake;
    haplo_queue_poll_now(new->queue);
    RUN_UNTIL(scene, new->marked_count == 1);
    assert_ptr_equal(haplo_queue_find(scene->servers[0], "q1"), new->queue);
    scene_close(scene);
}

static void remove_server(struct watch *watch)
{
    struct haplo_server *server = haplo_queue_server(watch->queue);
    assert_int_equal(haplo_server_remove(server), 0);
    assert_null(haplo_server_find(watch->scene->poller, "a"));
}

/* The last queue takes its server with it. */
static void a_server_is_removed_in_the_callback(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    q1->answer = HOLD;
    q1->in_removed = remove_server;
    RUN_UNTIL(scene, q1->has_batch);
    assert_int_equal(haplo_queue_remove(q1->queue, scene_on_removed), 0);
    assert_int_equal(haplo_server_remove(scene->servers[0]), HAPLO_EBUSY);
    watch_accept(q1);
    RUN_UNTIL(scene, q1->removed_count == 1);
    assert_int_equal(q1->fake->unread, 0);
    struct haplo_poller_stats stats = {.struct_size = sizeof stats};
    haplo_poller_get_stats(scene->poller, &stats);
    assert_int_equal(stats.server_count, 0);
    assert_int_equal(stats.queue_count, 0);
    scene_close(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shorter_interval_takes_effect_now),
        cmocka_unit_test(equal_options_change_nothing),
        cmocka_unit_test(options_change_in_every_state),
        cmocka_unit_test(a_new_key_frees_a_refused_queue),
        cmocka_unit_test(the_same_key_is_no_new_one),
        cmocka_unit_test(bad_options_change_nothing),
        cmocka_unit_test(a_server_gets_another_url),
        cmocka_unit_test(a_new_url_ends_an_outage),
        cmocka_unit_test(a_server_with_an_open_batch_is_left_alone),
        cmocka_unit_test(bad_options_of_a_server_change_nothing),
        cmocka_unit_test(a_server_gets_another_dialect),
        cmocka_unit_test(a_change_without_memory_changes_nothing),
        cmocka_unit_test(objects_are_found_by_name),
        cmocka_unit_test(all_objects_are_visited_once),
        cmocka_unit_test(a_removed_queue_is_replaced_in_the_callback),
        cmocka_unit_test(a_server_is_removed_in_the_callback),
    };
    allocator_install();
    int result = cmocka_run_group_tests(tests, NULL, NULL);
    if (allocator_held != 0) {
        fprintf(stderr, "%zu blocks were not freed\n", allocator_held);
        result++;
    }
    return result;
}
