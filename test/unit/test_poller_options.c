/*
 * Options of pollers, servers and queues, as the public API takes them.
 */
#include "poller_scene.h"

/* Options */

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
    static const struct {
        size_t offset;
        const char *text;
    } waits[] = {
#define WAIT(name) \
    {offsetof(struct haplo_queue_options, name), #name " exceeds"}
        WAIT(interval_ms),    WAIT(interval_max_ms), WAIT(backoff_ms),
        WAIT(backoff_max_ms), WAIT(refused_ms),
#undef WAIT
    };
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        struct haplo_queue_options options = queue_options("q1");
        const uint64_t wait_ms = HAPLO_WAIT_MS_MAX + 1;
        memcpy((char *)&options + waits[i].offset, &wait_ms, sizeof wait_ms);
        check_queue_refused(scene, &options, waits[i].text);
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
        {"https://haplo.example.org/a//b", "two slashes"},
        {"https://haplo.example.org/?a=b", "a query or a fragment"},
        {"https://haplo.example.org/#f", "a query or a fragment"},
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
    options.fetch_path = "/fetch";
    check_server_refused(scene, &options, "fetch_path: it must contain");
    options = good;
    options.mark_path = "{queue}";
    check_server_refused(scene, &options, "mark_path: a path begins");
    options = good;
    options.user = "a:b";
    check_server_refused(scene, &options, "user: ");
    options = good;
    options.token_field = "a=";
    check_server_refused(scene, &options, "token_field: ");
    options = good;
    options.total_timeout_ms = HAPLO_WAIT_MS_MAX + 1;
    check_server_refused(scene, &options, "total_timeout_ms exceeds");
    options = good;
    options.connect_timeout_ms = UINT64_MAX;
    check_server_refused(scene, &options, "connect_timeout_ms exceeds");
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

/* One built against a newer header has longer ones. What it sets there would
 * be ignored by us, so it is told. */
static void a_newer_caller_is_told_what_is_not_known(void **state)
{
    struct newer {
        struct haplo_queue_options known;
        const char *unknown;
    } newer = {.known = queue_options("q1"), .unknown = "whatever"};
    (void)state;
    struct scene *scene = scene_open();
    newer.known.struct_size = sizeof newer;
    check_queue_refused(scene, &newer.known, "does not know");
    newer.unknown = NULL;
    struct watch *q1 = watch_new(scene, 0, "q1", 3);
    newer.known.data = q1;
    assert_int_equal(
        haplo_queue_add(scene->servers[0], &newer.known, &q1->queue, NULL, 0),
        0);
    haplo_queue_poll_now(q1->queue);
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
    assert_int_equal(haplo_poller_new(NULL, NULL, &poller, NULL, 0),
                     HAPLO_EINVAL);
    assert_null(poller);
    poller = (void *)&poller;
    assert_int_equal(haplo_poller_new(&loop, &options, &poller, NULL, 0),
                     HAPLO_EINVAL);
    assert_null(poller);
    options.struct_size = 1 << 20; /* what was on the stack */
    char why[HAPLO_TEXT_SIZE_MAX] = "";
    assert_int_equal(
        haplo_poller_new(&loop, &options, &poller, why, sizeof why),
        HAPLO_EINVAL);
    assert_non_null(strstr(why, "struct_size"));
    assert_int_equal(haplo_poller_new(&loop, NULL, &poller, NULL, 0), 0);
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
        cmocka_unit_test(options_of_a_queue_that_make_no_sense_are_refused),
        cmocka_unit_test(a_raw_queue_needs_a_pattern_that_can_work),
        cmocka_unit_test(waits_without_a_sensible_end_are_refused),
        cmocka_unit_test(a_queue_needs_a_deliver_cb_and_a_struct_size),
        cmocka_unit_test(urls_that_are_no_https_server_are_refused),
        cmocka_unit_test(other_options_of_a_server_are_checked_as_well),
        cmocka_unit_test(the_largest_values_that_are_allowed_work),
        cmocka_unit_test(an_older_caller_gets_the_defaults),
        cmocka_unit_test(a_newer_caller_is_told_what_is_not_known),
        cmocka_unit_test(a_poller_needs_a_loop_and_a_struct_size),
        cmocka_unit_test(options_are_copied),
        cmocka_unit_test(a_name_is_sent_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
