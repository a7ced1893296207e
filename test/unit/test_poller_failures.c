/*
 * The public API where things go wrong: no memory at the Nth call or at many,
 * and an application that does anything at any time. And where nothing goes
 * wrong: then it asks for no memory at all. See poller_scene.h.
 */
#include "base/alloc.h"
#include "failing_allocator.h"
#include "poller_scene.h"

#define NEW_KEY "Zz_newKeyNewKeyNewKeyNewKeyNewKeyNewKeyNew-9"
#define FAILURE ANSWER("500 Internal Server Error", "text/html", "Oops")
#define REFUSAL                                                         \
    ANSWER("403 Forbidden", "application/json",                         \
           "{\"success\":false,\"kind\":\"INVALID-API-KEY\",\"error\":" \
           "{\"message\":\"Invalid API key.\"}}")

/* Steady polling */

/* A daemon that runs for months must not grow, nor spend its time in malloc:
 * what one cycle needs is there from the one before. */
static void a_thousand_cycles_allocate_nothing(void **state)
{
    (void)state;
    allocator_reset(0);
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 16 * 1200);
    struct watch *q2 = scene_add(scene, "q2", 16 * 1200);
    scene_add(scene, "q3", 0);
    RUN_UNTIL(scene, q1->marked_count >= 20 && q2->marked_count >= 20);
    allocator_reset(0);
    RUN_UNTIL(scene, q1->marked_count >= 1020 && q2->marked_count >= 1020);
    assert_int_equal(allocator_calls, 0);
    assert_int_equal(scene->fakes[0].open_count_max, 1);
    scene_close(scene);
    assert_int_equal(allocator_held, 0);
}

/* No memory */

static struct haplo_queue_options quick_queue(const char *name)
{
    struct haplo_queue_options options = queue_options(name);
    options.interval_ms = 1000;
    options.backoff_ms = 100;
    options.backoff_max_ms = 1000;
    return options;
}

/* Adds it if there is memory; then it must work to the end. */
static struct watch *try_queue(struct scene *scene, unsigned server,
                               struct haplo_queue_options options,
                               unsigned unread)
{
    struct watch *watch = watch_new(scene, server, options.name, unread);
    char why[HAPLO_TEXT_SIZE_MAX] = "";
    options.data = watch;
    int error = haplo_queue_add(scene->servers[server], &options, &watch->queue,
                                why, sizeof why);
    if (error == 0) {
        haplo_queue_poll_now(watch->queue);
        return watch;
    }
    assert_int_equal(error, HAPLO_ENOMEM);
    assert_null(watch->queue);
    assert_string_equal(why, "out of memory");
    watch->fake->unread = 0;
    return watch;
}

static bool is_done(const struct watch *watch)
{
    return watch->queue == NULL || watch->fake->unread == 0;
}

/* Three queues on "a", one on "b" that fails at first; keys change, one queue
 * goes. */
static void play_all_parts(struct scene *scene)
{
    struct haplo_queue_options options = quick_queue("q1");
    struct watch *q1 = try_queue(scene, 0, options, 40);
    options = quick_queue("q2");
    options.messages_pointer = "/messages";
    options.content_type = "application/json";
    struct watch *q2 = try_queue(scene, 0, options, 60);
    options = quick_queue("q3");
    options.format = HAPLO_FORMAT_RAW;
    options.token_pattern = "\"token\": \"([^\"]*)\"";
    struct watch *q3 = try_queue(scene, 0, options, 0);
    q2->fake->batch_max = 0; /* more than are compared pair by pair */
    q2->answer = RETRY;
    q2->retry_ms = 10;
    RUN_UNTIL(scene, q2->queue == NULL || q2->deliver_count > 0);
    q2->answer = ACCEPT;
    if (scene->server_count == 2) {
        struct watch *q4 = try_queue(scene, 1, quick_queue("q4"), 3);
        q4->fake->fetch_answer = FAILURE;
        RUN_UNTIL(scene, q4->queue == NULL || q4->fake->fetch_count == 2);
        q4->fake->fetch_answer = NULL;
        q4->fake->mark_answer = FAILURE;
        RUN_UNTIL(scene, q4->queue == NULL || q4->fake->mark_count == 2);
        q4->fake->mark_answer = NULL;
        RUN_UNTIL(scene, is_done(q4));
    }
    if (q1->queue != NULL) {
        int error = haplo_queue_set_key(q1->queue, NEW_KEY);
        assert_true(error == 0 || error == HAPLO_ENOMEM);
    }
    RUN_UNTIL(scene, is_done(q1) && is_done(q2) && is_done(q3));
    if (q2->queue != NULL) {
        assert_int_equal(haplo_queue_remove(q2->queue, scene_on_removed), 0);
        RUN_UNTIL(scene, q2->removed_count == 1);
    }
}

/* False if there was not even memory for a poller. */
static bool play(struct scene *scene)
{
    struct haplo_poller_options options = poller_options(scene);
    int error =
        haplo_poller_new(&scene->loop, &options, &scene->poller, NULL, 0);
    if (error != 0) {
        assert_int_equal(error, HAPLO_ENOMEM);
        assert_null(scene->poller);
        return false;
    }
    const struct haplo_server_options server = {.in_flight_max = 2};
    error = scene_try_server(scene, server);
    if (error == 0) {
        error = scene_try_server(scene, server);
        play_all_parts(scene);
    }
    assert_true(error == 0 || error == HAPLO_ENOMEM);
    return true;
}

/* Whatever call it is that finds no memory: nothing breaks, nothing leaks,
 * nothing is marked that was not accepted (scene_close() looks at that), and
 * what was added delivers all it has. */
static void one_failed_allocation_loses_nothing(void **state)
{
    (void)state;
    for (size_t fails = 1;; fails++) {
        struct scene *scene = scene_new();
        allocator_reset(fails);
        (void)play(scene);
        bool has_failed = allocator_calls >= fails;
        scene_close(scene);
        assert_int_equal(allocator_held, 0);
        if (!has_failed) {
            assert_true(fails > 50);
            break;
        }
    }
    allocator_reset(0);
}

static uint64_t dice_state;

static unsigned dice(unsigned sides)
{
    dice_state ^= dice_state << 13;
    dice_state ^= dice_state >> 7;
    dice_state ^= dice_state << 17;
    return (unsigned)(dice_state % sides);
}

static unsigned storm_sides; /* each call fails one time in so many; 0: none */

static void *storm_malloc(size_t size)
{
    return storm_sides != 0 && dice(storm_sides) == 0 ? NULL
                                                      : allocator_malloc(size);
}

static void *storm_realloc(void *block, size_t size)
{
    return storm_sides != 0 && dice(storm_sides) == 0
               ? NULL
               : allocator_realloc(block, size);
}

/* Where memory is short it is short for many. */
static void many_failed_allocations_lose_nothing(void **state)
{
    (void)state;
    alloc_replace(storm_malloc, storm_realloc, allocator_free);
    allocator_reset(0);
    for (unsigned seed = 1; seed <= 60; seed++) {
        struct scene *scene = scene_new();
        dice_state = seed * UINT64_C(0x9e3779b97f4a7c15);
        storm_sides = 2 + seed % 12;
        (void)play(scene);
        storm_sides = 0;
        scene_close(scene);
        assert_int_equal(allocator_held, 0);
    }
    allocator_install();
}

/* An application that does anything at any time */

#define MONKEY_QUEUES 6

static const char *const monkey_names[MONKEY_QUEUES] = {"m0", "m1", "m2",
                                                        "m3", "m4", "m5"};
static unsigned monkey_calls; /* of the API that are on the stack */
static unsigned monkey_seed;

static void monkey_call_back(struct watch *watch);

/* What is on the stack must not be called back into. */
static void monkey_deliver(struct haplo_queue *queue, struct haplo_batch batch)
{
    struct watch *watch = haplo_queue_data(queue);
    assert_int_equal(monkey_calls, 0);
    assert_false(watch->has_batch); /* one token outstanding, never two */
    assert_ptr_equal(watch->queue, queue);
    assert_int_equal(state_of(watch), HAPLO_QUEUE_DELIVERING);
    watch->answer = (enum answer)dice(4);
    watch->retry_ms = dice(50);
    scene_on_deliver(queue, batch);
}

static void monkey_marked(struct haplo_queue *queue,
                          const struct haplo_mark *mark)
{
    struct watch *watch = haplo_queue_data(queue);
    assert_int_equal(monkey_calls, 0);
    assert_true(mark->state.size >= 64);
    if (mark->unread_count == 0) {
        assert_int_equal(stats_of(watch).unconfirmed_count, 0);
    }
    assert_false(watch->has_batch);
    scene_on_marked(queue, mark);
}

static void monkey_removed(struct haplo_queue *queue)
{
    struct watch *watch = haplo_queue_data(queue);
    assert_int_equal(monkey_calls, 0);
    assert_int_equal(state_of(watch), HAPLO_QUEUE_PAUSED);
    assert_false(watch->has_batch);
    scene_on_removed(queue);
    assert_int_equal(watch->removed_count, 1);
}

static void monkey_stopped(struct haplo_poller *poller, size_t batches_left)
{
    assert_int_equal(monkey_calls, 0);
    scene_on_stopped(poller, batches_left);
}

static void monkey_add(struct scene *scene, unsigned index)
{
    struct watch *watch = &scene->watches[index];
    struct haplo_queue_options options = quick_queue(monkey_names[index]);
    unsigned server = index % SERVERS_MAX;
    if (watch->queue != NULL || scene->servers[server] == NULL) {
        return;
    }
    options.data = watch;
    options.deliver_cb = monkey_deliver;
    options.marked_cb = monkey_marked;
    options.refused_ms = 1000;
    options.mark_attempts_max = dice(4);
    int error = haplo_queue_add(scene->servers[server], &options, &watch->queue,
                                NULL, 0);
    /* In its removed_cb, the name of the queue before is in use still. */
    assert_true(error == 0 || error == HAPLO_ESTOPPED || error == HAPLO_EEXIST);
    watch->removed_count = 0;
}

static void monkey_server(struct scene *scene, unsigned index)
{
    char url[64];
    const struct haplo_server_options options = {
        .struct_size = sizeof options,
        .name = index == 0 ? "a" : "b",
        .url = url,
        .in_flight_max = 1 + dice(3),
        .failed_logins_max = 1 + dice(3),
        .breaker_failures = 1 + dice(4)};
    sprintf(url, "http://127.0.0.1:%d", scene->fakes[index].http.port);
    if (scene->servers[index] == NULL) {
        (void)haplo_server_add(scene->poller, &options, &scene->servers[index],
                               NULL, 0);
    } else if (haplo_server_remove(scene->servers[index]) == 0) {
        scene->servers[index] = NULL;
    }
}

/* Somebody who answers a second time, however late. */
static void monkey_answer_again(const struct watch *watch)
{
    struct haplo_batch batch = watch->batch;
    int error = dice(2) == 0 ? haplo_batch_accept(batch)
                             : haplo_batch_retry(batch, dice(50), "again");
    assert_int_equal(error, HAPLO_EANSWERED);
    assert_int_equal(haplo_batch_message_count(batch), 0);
}

static void monkey_answer(struct watch *watch)
{
    if (!watch->has_batch) {
        if (watch->scene->poller != NULL) {
            monkey_answer_again(watch);
        }
        return;
    }
    switch (dice(8)) {
    case 0:
        haplo_batch_retry(watch_take(watch), dice(50), "monkey");
        break;
    case 2:
        (void)haplo_batch_stale(watch_take(watch), (struct haplo_slice){0});
        break;
    case 3:
        (void)haplo_batch_stale(watch_take(watch),
                                (struct haplo_slice){"damaged", 7});
        break;
    case 4:
        haplo_batch_drop(watch_take(watch), "monkey");
        break;
    case 1:
        haplo_batch_reject(watch_take(watch), NULL);
        break;
    default:
        watch_accept(watch);
    }
}

static void monkey_fake(struct fake_server *fake, struct fake_queue *queue)
{
    static const char *const answers[] = {NULL,    NULL,    NULL,
                                          FAILURE, REFUSAL, "nonsense"};
    switch (dice(6)) {
    case 0:
        queue->is_held = true;
        break;
    case 1:
        fake_release(fake);
        break;
    case 2:
        queue->fetch_answer = answers[dice(6)];
        break;
    case 3:
        queue->mark_answer = answers[dice(6)];
        break;
    case 4:
        queue->unread += dice(40);
        break;
    default:
        if (dice(4) == 0 && !LIST_EMPTY(&fake->http.peers)) {
            http_peer_close(LIST_FIRST(&fake->http.peers));
        }
    }
}

static void monkey_command(struct scene *scene, struct watch *watch)
{
    switch (dice(7)) {
    case 0:
        haplo_queue_pause(watch->queue);
        break;
    case 1:
        haplo_queue_resume(watch->queue);
        break;
    case 2:
        haplo_queue_poll_now(watch->queue);
        break;
    case 3:
        assert_int_equal(
            haplo_queue_set_key(watch->queue, dice(2) == 0 ? KEY : NEW_KEY), 0);
        break;
    case 4:
        haplo_queue_give_up(watch->queue);
        break;
    case 5:
        if (dice(4) == 0) {
            (void)haplo_queue_remove(watch->queue, monkey_removed);
        }
        break;
    default:
        if (dice(40) == 0) {
            (void)haplo_poller_stop(scene->poller, dice(3) * 100,
                                    monkey_stopped);
        } else if (dice(400) == 0) {
            haplo_poller_close(scene->poller, scene_on_closed);
        }
    }
}

static void monkey_act(struct scene *scene)
{
    unsigned index = dice(MONKEY_QUEUES);
    struct watch *watch = &scene->watches[index];
    monkey_calls++;
    switch (dice(5)) {
    case 0:
        monkey_fake(&scene->fakes[index % SERVERS_MAX], watch->fake);
        break;
    case 1:
        monkey_answer(watch);
        break;
    case 2:
        monkey_add(scene, index);
        if (dice(5) == 0) {
            monkey_server(scene, index % SERVERS_MAX);
        }
        break;
    default:
        if (watch->queue != NULL) {
            monkey_command(scene, watch);
        }
    }
    monkey_calls--;
}

static void monkey_call_back(struct watch *watch)
{
    while (dice(2) == 0) {
        monkey_act(watch->scene);
    }
}

static void monkey_in_stopped(struct scene *scene)
{
    monkey_act(scene);
}

static struct scene *monkey_scene(void)
{
    struct scene *scene = scene_new();
    struct haplo_poller_options options = poller_options(scene);
    options.seed = monkey_seed;
    options.in_flight_max = 1 + dice(5);
    options.undelivered_bytes_max = dice(2) == 0 ? 0 : 1 + dice(40000);
    scene_start(scene, &options);
    scene->in_stopped = monkey_in_stopped;
    for (unsigned i = 0; i < SERVERS_MAX; i++) {
        scene_add_server(scene, (struct haplo_server_options){0});
    }
    for (unsigned i = 0; i < MONKEY_QUEUES; i++) {
        struct watch *watch =
            watch_new(scene, i % SERVERS_MAX, monkey_names[i], 20);
        watch->in_deliver = monkey_call_back;
        watch->in_marked = monkey_call_back;
        watch->in_removed = monkey_call_back;
        monkey_add(scene, i);
    }
    return scene;
}

static unsigned total_of_marks(const struct scene *scene)
{
    unsigned count = 0;
    for (unsigned i = 0; i < SERVERS_MAX; i++) {
        for (unsigned j = 0; j < scene->fakes[i].queue_count; j++) {
            count += scene->fakes[i].queues[j].mark_count;
        }
    }
    return count;
}

/* Where it fails, the seed is what leads there again. */
static int tell_seed(void **state)
{
    (void)state;
    print_message("the last seed was %u\n", monkey_seed);
    return 0;
}

/* Callbacks are called with half of the library on the stack. No order of
 * calls from there, or from outside, may lead to a crash, a second token, a
 * callback inside of a call, or a mark of what was not accepted. */
static void no_order_of_calls_breaks_it(void **state)
{
    (void)state;
    unsigned marks = 0;
    for (monkey_seed = 1; monkey_seed <= 300; monkey_seed++) {
        dice_state = monkey_seed * UINT64_C(0x9e3779b97f4a7c15);
        struct scene *scene = monkey_scene();
        for (unsigned i = 0; i < 400 && scene->closed_count == 0; i++) {
            monkey_act(scene);
            scene_turn(scene);
        }
        marks += total_of_marks(scene);
        scene_close(scene);
        assert_int_equal(allocator_held, 0);
    }
    assert_true(marks > 1000);
}

int main(void)
{
    allocator_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thousand_cycles_allocate_nothing),
        cmocka_unit_test(one_failed_allocation_loses_nothing),
        cmocka_unit_test(many_failed_allocations_lose_nothing),
        cmocka_unit_test_teardown(no_order_of_calls_breaks_it, tell_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
