/*
 * The public API in an application's own loop: how queues and servers come,
 * pause and go, and what their options may be. See poller_scene.h.
 */
#include "poller_scene.h"

#define NEW_KEY "Zz_newKeyNewKeyNewKeyNewKeyNewKeyNewKeyNew-9"

/* -- Pausing and resuming ------------------------------------------------- */

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

/* The application has the messages in hand: to drop them there would only
 * make them come twice. */
static void pause_during_delivery_finishes_the_batch_first(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 20);
    q1->answer = HOLD;
    RUN_UNTIL(scene, q1->batch != NULL);
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
    RUN_UNTIL(scene, q1->batch != NULL);
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
    RUN_UNTIL(scene, q1->batch != NULL);
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

/* -- Removing ------------------------------------------------------------- */

static void check_is_gone(struct watch *watch, size_t queues_left)
{
    struct haplo_poller_stats stats = {.struct_size = sizeof stats};
    assert_int_equal(watch->removed_count, 1);
    haplo_poller_stats(watch->scene->poller, &stats);
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
    RUN_UNTIL(scene, q1->batch != NULL);
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

/* Nobody may have a callback for it. */
static void remove_without_a_callback(void **state)
{
    struct haplo_poller_stats stats = {.struct_size = sizeof stats};
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 3);
    assert_int_equal(haplo_queue_remove(q1->queue, NULL), 0);
    haplo_poller_stats(scene->poller, &stats);
    assert_int_equal(stats.queue_count, 1);
    scene_linger(scene);
    haplo_poller_stats(scene->poller, &stats);
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
    RUN_UNTIL(scene, q1->marked_count == 1 && q2->batch != NULL);
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
    haplo_poller_stats(scene->poller, &stats);
    assert_int_equal(stats.server_count, 0);
    scene_close(scene);
}

/* A reload that changes a queue removes it and adds it anew. */
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

/* -- Options -------------------------------------------------------------- */

#define NAME_128                                                       \
    "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn" \
    "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
#define KEY_256 NAME_128 NAME_128

static void check_queue_refused(const struct scene *scene,
                                const struct haplo_queue_options *options,
                                const char *words)
{
    struct haplo_queue *queue = (void *)&queue;
    char why[HAPLO_TEXT_SIZE_MAX] = "";
    assert_int_equal(
        haplo_queue_add(scene->servers[0], options, &queue, why, sizeof why),
        HAPLO_EINVAL);
    assert_null(queue);
    assert_null(strchr(why, '\n'));
    assert_null(strstr(why, KEY));
    if (strstr(why, words) == NULL) {
        fail_msg("nothing of \"%s\" in: %s", words, why);
    }
}

/* Each mistake in a configuration must be told in words that lead to it, when
 * the queue is added and not at three in the morning. */
static void options_of_a_queue_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    const struct haplo_queue_options good = queue_options("q1");
    const struct {
        size_t offset;     /* of the text option that is bad */
        const char *value; /* */
        const char *words; /* of the reason */
    } table[] = {
#define BAD(field, value, words) \
    {offsetof(struct haplo_queue_options, field), (value), (words)}
        BAD(name, NULL, "it is empty"),
        BAD(name, "", "it is empty"),
        BAD(name, "..", "\"..\""),
        BAD(name, "a/b", "\"a/b\": it has a character"),
        BAD(name, "gr\xc3\xbc\xc3\x9f", "it has a character"),
        BAD(name, "a\nb", "it has a character"),
        BAD(name, NAME_128 "n", "128"),
        BAD(api_key, NULL, "it is empty"),
        BAD(api_key, "", "it is empty"),
        BAD(api_key, "fifteen-letters", "it is too short"),
        BAD(api_key, KEY_256 "n", "more than 256"),
        BAD(api_key, KEY "\n", "line break"),
        BAD(api_key, KEY " ", "space"),
        BAD(token_pointer, "token", "token"),
        BAD(messages_pointer, "messages", "messages"),
        BAD(messages_pointer, "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q", "16"),
        BAD(token_pattern, "token=(.*)", "raw"),
        BAD(content_type, "json", "TYPE/SUBTYPE"),
#undef BAD
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct haplo_queue_options options = good;
        memcpy((char *)&options + table[i].offset, &table[i].value,
               sizeof table[i].value);
        check_queue_refused(scene, &options, table[i].words);
    }
    scene_close(scene);
}

static void a_raw_queue_needs_a_pattern_that_can_work(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct haplo_queue_options options = queue_options("q1");
    options.format = HAPLO_FORMAT_RAW;
    check_queue_refused(scene, &options, "token_pattern");
    options.token_pattern = "token=(";
    check_queue_refused(scene, &options, "token=(");
    options.token_pattern = ".*";
    check_queue_refused(scene, &options, "matches anything");
    options.token_pattern = "token=(.*)";
    options.token_pointer = "/token";
    check_queue_refused(scene, &options, "json");
    options.token_pointer = NULL;
    options.format = (enum haplo_format)7;
    check_queue_refused(scene, &options, "unknown format");
    scene_close(scene);
}

static void waits_without_a_sensible_end_are_refused(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    static const size_t offsets[] = {
        offsetof(struct haplo_queue_options, interval_ms),
        offsetof(struct haplo_queue_options, interval_max_ms),
        offsetof(struct haplo_queue_options, backoff_ms),
        offsetof(struct haplo_queue_options, backoff_max_ms),
        offsetof(struct haplo_queue_options, refused_ms),
    };
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        struct haplo_queue_options options = queue_options("q1");
        const uint64_t wait_ms = HAPLO_WAIT_MS_MAX + 1;
        memcpy((char *)&options + offsets[i], &wait_ms, sizeof wait_ms);
        check_queue_refused(scene, &options, "31 days");
    }
    scene_close(scene);
}

/* Nobody could receive its messages. */
static void a_queue_needs_a_deliver_cb_and_a_struct_size(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct haplo_queue_options options = queue_options("q1");
    options.deliver_cb = NULL;
    check_queue_refused(scene, &options, "deliver_cb");
    options = queue_options("q1");
    options.struct_size = 0;
    check_queue_refused(scene, &options, "struct_size");
    check_queue_refused(scene, NULL, "options");
    scene_close(scene);
}

static void check_server_refused(const struct scene *scene,
                                 const struct haplo_server_options *options,
                                 const char *words)
{
    struct haplo_server *server = (void *)&server;
    char why[HAPLO_TEXT_SIZE_MAX] = "";
    assert_int_equal(
        haplo_server_add(scene->poller, options, &server, why, sizeof why),
        HAPLO_EINVAL);
    assert_null(server);
    assert_null(strchr(why, '\n'));
    if (strstr(why, words) == NULL) {
        fail_msg("nothing of \"%s\" in: %s", words, why);
    }
}

/* A key sent to the wrong place, or in the clear, is a key lost. */
static void urls_that_are_no_https_server_are_refused(void **state)
{
    static const struct {
        const char *url;   /* */
        const char *words; /* of the reason */
    } table[] = {
        {NULL, "url"},
        {"", "url"},
        {"haplo.example.org", "scheme"},
        {"ftp://haplo.example.org", "unknown scheme"},
        {"http://haplo.example.org", "allow_http"},
        {"http://127.0.0.1.example.org", "allow_http"},
        {"https://haplo.example.org/path", "follows the host"},
        {"https://haplo.example.org/?a=b", "follows the host"},
        {"https://haplo.example.org/#f", "follows the host"},
        {"https://user@haplo.example.org", "user"},
        {"https://user:secret@haplo.example.org", "user"},
        {"https://haplo.example.org:70000", "url"},
        {"https://", "url"},
    };
    (void)state;
    struct scene *scene = scene_open();
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const struct haplo_server_options options = {
            .struct_size = sizeof options, .name = "s", .url = table[i].url};
        check_server_refused(scene, &options, table[i].words);
    }
    scene_close(scene);
}

static void other_options_of_a_server_are_checked_as_well(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    const struct haplo_server_options good = {
        .struct_size = sizeof good, .name = "s", .url = "https://s.test"};
    struct haplo_server_options options = good;
    options.struct_size = 0;
    check_server_refused(scene, &options, "struct_size");
    check_server_refused(scene, NULL, "options");
    options = good;
    options.name = NULL;
    check_server_refused(scene, &options, "it is empty");
    options.name = NAME_128 "n";
    check_server_refused(scene, &options, "128");
    options = good;
    options.proxy = "socks5://proxy.test";
    check_server_refused(scene, &options, "proxy");
    options = good;
    options.total_timeout_ms = HAPLO_WAIT_MS_MAX + 1;
    check_server_refused(scene, &options, "31 days");
    options = good;
    options.connect_timeout_ms = UINT64_MAX;
    check_server_refused(scene, &options, "31 days");
    scene_close(scene);
}

/* What is allowed must work, up to its very edge. */
static void the_largest_values_that_are_allowed_work(void **state)
{
    (void)state;
    struct scene *scene = scene_new();
    struct haplo_poller_options poller = poller_options(scene);
    struct haplo_server *plain = NULL;
    const struct haplo_server_options http = {.struct_size = sizeof http,
                                              .name = NAME_128,
                                              .url = "http://plain.test",
                                              .allow_http = true,
                                              .in_flight_max = UINT32_MAX};
    scene_start(scene, &poller);
    assert_int_equal(haplo_server_add(scene->poller, &http, &plain, NULL, 0),
                     0);
    scene_add_server(scene, (struct haplo_server_options){
                                .connect_timeout_ms = HAPLO_WAIT_MS_MAX,
                                .first_byte_timeout_ms = HAPLO_WAIT_MS_MAX,
                                .stall_timeout_ms = HAPLO_WAIT_MS_MAX,
                                .total_timeout_ms = HAPLO_WAIT_MS_MAX,
                                .in_flight_max = UINT32_MAX});
    struct haplo_queue_options options = queue_options(NAME_128);
    options.api_key = KEY_256;
    options.interval_ms = HAPLO_WAIT_MS_MAX;
    options.body_bytes_max = SIZE_MAX;
    struct watch *q1 = scene_add_with(scene, options, 3);
    RUN_UNTIL(scene, q1->marked_count == 1);
    scene_close(scene);
}

/* A caller built against an older header has shorter structs; what it does
 * not know has its default. */
static void an_older_caller_gets_the_defaults(void **state)
{
    (void)state;
    struct scene *scene = scene_new();
    struct haplo_poller_options poller = poller_options(scene);
    char url[64];
    poller.struct_size = offsetof(struct haplo_poller_options, in_flight_max);
    scene_start(scene, &poller);
    assert_null(haplo_poller_data(scene->poller));
    fake_open(&scene->fakes[0], &scene->loop);
    sprintf(url, "http://localhost:%d", scene->fakes[0].http.port);
    const struct haplo_server_options server = {
        .struct_size = offsetof(struct haplo_server_options, allow_http),
        .name = "a",
        .url = url,
        .total_timeout_ms = 1};
    assert_int_equal(
        haplo_server_add(scene->poller, &server, &scene->servers[0], NULL, 0),
        0);
    struct watch *q1 = watch_new(scene, 0, "q1", 3);
    struct haplo_queue_options options = queue_options("q1");
    options.struct_size = offsetof(struct haplo_queue_options, marked_cb);
    options.data = &options;
    struct haplo_queue *queue = NULL;
    assert_int_equal(
        haplo_queue_add(scene->servers[0], &options, &queue, NULL, 0), 0);
    assert_null(haplo_queue_data(queue));
    q1->queue = queue;
    assert_true(stats_of(q1).wait_ms < 60000);
    haplo_poller_close(scene->poller, NULL);
    fake_close(&scene->fakes[0]);
    uv_run(&scene->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&scene->loop), 0);
    free(scene);
}

/* One built against a newer header has longer ones. */
static void a_newer_caller_is_understood_as_far_as_known(void **state)
{
    struct newer {
        struct haplo_queue_options known;
        const char *unknown;
    } newer = {.known = queue_options("q1"), .unknown = "whatever"};
    (void)state;
    struct scene *scene = scene_open();
    newer.known.struct_size = sizeof newer;
    struct watch *q1 = scene_add_with(scene, newer.known, 3);
    RUN_UNTIL(scene, q1->marked_count == 1);
    scene_close(scene);
}

static void a_poller_needs_a_loop_and_a_struct_size(void **state)
{
    uv_loop_t loop;
    struct haplo_poller *poller = (void *)&poller;
    struct haplo_poller_options options = {0};
    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(haplo_poller_new(NULL, NULL, &poller), HAPLO_EINVAL);
    assert_null(poller);
    poller = (void *)&poller;
    assert_int_equal(haplo_poller_new(&loop, &options, &poller), HAPLO_EINVAL);
    assert_null(poller);
    assert_int_equal(haplo_poller_new(&loop, NULL, &poller), 0);
    haplo_poller_close(poller, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

/* The application's strings may be gone when add returns. */
static void options_are_copied(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    char name[] = "q1";
    char key[] = KEY;
    char pointer[] = "/token";
    char type[] = "application/json";
    struct haplo_queue_options options = queue_options(name);
    struct watch *q1 = watch_new(scene, 0, "q1", 3);
    options.api_key = key;
    options.token_pointer = pointer;
    options.content_type = type;
    options.data = q1;
    assert_int_equal(
        haplo_queue_add(scene->servers[0], &options, &q1->queue, NULL, 0), 0);
    memset(name, 'x', 2);
    memset(key, 'x', sizeof key - 1);
    memset(pointer, 'x', sizeof pointer - 1);
    memset(type, 'x', sizeof type - 1);
    haplo_queue_poll_now(q1->queue);
    RUN_UNTIL(scene, q1->marked_count == 1);
    assert_string_equal(q1->fake->login, KEY_SENT);
    assert_string_equal(haplo_queue_name(q1->queue), "q1");
    assert_ptr_equal(haplo_queue_server(q1->queue), scene->servers[0]);
    assert_ptr_equal(haplo_queue_poller(q1->queue), scene->poller);
    scene_close(scene);
}

/* The server compares names undecoded, so every character is sent as it is. */
static void a_name_is_sent_as_it_is(void **state)
{
    static const char *const names[] = {"plain-._~1", "a!$&'()*+,;=:@b", "..."};
    (void)state;
    struct scene *scene = scene_open();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[256];
        struct watch *watch = watch_new(scene, 0, names[i], 3);
        struct haplo_queue_options options = queue_options(names[i]);
        options.data = watch;
        assert_int_equal(haplo_queue_add(scene->servers[0], &options,
                                         &watch->queue, NULL, 0),
                         0);
        haplo_queue_poll_now(watch->queue);
        RUN_UNTIL(scene, watch->marked_count == 1);
        sprintf(path, "/api/haplo-integration-messages/poll/%s/mark", names[i]);
        assert_string_equal(scene->fakes[0].path, path);
    }
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
        cmocka_unit_test(remove_without_a_callback),
        cmocka_unit_test(remove_inside_deliver_cb),
        cmocka_unit_test(remove_inside_marked_cb),
        cmocka_unit_test(remove_from_a_timer_of_the_application),
        cmocka_unit_test(a_second_removal_is_refused),
        cmocka_unit_test(nothing_revives_a_removed_queue),
        cmocka_unit_test(removed_cb_may_remove_the_next_queue),
        cmocka_unit_test(a_name_is_free_again_after_the_removal),
        cmocka_unit_test(names_are_unique_where_they_must_be),
        cmocka_unit_test(options_of_a_queue_that_make_no_sense_are_refused),
        cmocka_unit_test(a_raw_queue_needs_a_pattern_that_can_work),
        cmocka_unit_test(waits_without_a_sensible_end_are_refused),
        cmocka_unit_test(a_queue_needs_a_deliver_cb_and_a_struct_size),
        cmocka_unit_test(urls_that_are_no_https_server_are_refused),
        cmocka_unit_test(other_options_of_a_server_are_checked_as_well),
        cmocka_unit_test(the_largest_values_that_are_allowed_work),
        cmocka_unit_test(an_older_caller_gets_the_defaults),
        cmocka_unit_test(a_newer_caller_is_understood_as_far_as_known),
        cmocka_unit_test(a_poller_needs_a_loop_and_a_struct_size),
        cmocka_unit_test(options_are_copied),
        cmocka_unit_test(a_name_is_sent_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
