/*
 * Which actual server a server is: what its host name leads to. The name
 * server is the test's, and so is the one Haplo server that all of them are.
 */
#include "failing_allocator.h"
#include "fake_names.h"
#include "poller_scene.h"

#define ENTRIES 11
#define REFUSAL                                                         \
    ANSWER("403 Forbidden", "application/json",                         \
           "{\"success\":false,\"kind\":\"INVALID-API-KEY\",\"error\":" \
           "{\"message\":\"Invalid API Key\"}}")

static struct scene *scene;
static struct haplo_server *servers[ENTRIES];
static struct haplo_queue *queues[ENTRIES];
static unsigned entry_count;

static void on_deliver(struct haplo_queue *queue, struct haplo_batch batch)
{
    (void)queue;
    haplo_batch_accept(batch);
}

static int set_up(void **state)
{
    (void)state;
    names_set("127.0.0.1", NULL, NULL);
    scene = scene_new();
    const struct haplo_poller_options options = {
        .struct_size = sizeof options, .seed = 1, .data = scene};
    scene_start(scene, &options);
    fake_open(&scene->fakes[0], &scene->loop);
    scene->fakes[0].queues[0] = (struct fake_queue){.name = "q"};
    scene->fakes[0].queue_count = 1;
    entry_count = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    scene_close(scene);
    return 0;
}

static struct fake_queue *fake(void)
{
    return &scene->fakes[0].queues[0];
}

/* A server at that host, with a queue that is due. */
static void entry_add(const char *host, const char *login_group)
{
    char url[128];
    char name[16];
    char why[HAPLO_TEXT_SIZE_MAX];
    unsigned index = entry_count++;
    snprintf(url, sizeof url, "http://%s:%d", host,
             fake_port(&scene->fakes[0]));
    snprintf(name, sizeof name, "s%u", index);
    const struct haplo_server_options options = {.struct_size = sizeof options,
                                                 .name = name,
                                                 .url = url,
                                                 .login_group = login_group,
                                                 .allow_http = true};
    const struct haplo_queue_options queue = {.struct_size = sizeof queue,
                                              .name = "q",
                                              .api_key = KEY,
                                              .deliver_cb = on_deliver};
    assert_int_equal(haplo_server_add(scene->poller, &options, &servers[index],
                                      why, sizeof why),
                     0);
    assert_int_equal(
        haplo_queue_add(servers[index], &queue, &queues[index], NULL, 0), 0);
    haplo_queue_poll_now(queues[index]);
}

static struct haplo_server_stats server_stats(unsigned index)
{
    struct haplo_server_stats stats = {.struct_size = sizeof stats};
    haplo_server_get_stats(servers[index], &stats);
    return stats;
}

static struct haplo_queue_stats queue_stats(unsigned index)
{
    struct haplo_queue_stats stats = {.struct_size = sizeof stats};
    haplo_queue_get_stats(queues[index], &stats);
    return stats;
}

static void poll_all(void)
{
    for (unsigned i = 0; i < entry_count; i++) {
        haplo_queue_poll_now(queues[i]);
    }
}

/* Time is not skipped while a look-up is in its thread. */
static void turn(void)
{
    if (scene->loop.active_reqs.count > 0) {
        uv_run(&scene->loop, UV_RUN_ONCE);
    } else {
        scene_turn(scene);
    }
}

#define TURN_UNTIL(condition)                 \
    for (unsigned t = 0; !(condition); t++) { \
        assert_true(t < TURNS_MAX);           \
        turn();                               \
    }

/* Aliases, other spellings, the bare address and IPv6 forms of it: eleven
 * entries, and one server that counts. */
static void names_with_one_address_share_a_budget(void **state)
{
    static const char *const hosts[ENTRIES] = {
        "a.test",       "b.test",
        "www.a.test",   "A.TEST",
        "a.test.",      "x.wild.test",
        "y.wild.test",  "127.0.0.1",
        "localhost",    "[::ffff:127.0.0.1]",
        "any.localhost"};
    (void)state;
    fake()->fetch_answer = REFUSAL;
    for (unsigned i = 0; i < ENTRIES; i++) {
        entry_add(hosts[i], NULL);
    }
    for (unsigned i = 0; i < ENTRIES; i++) {
        TURN_UNTIL(server_stats(i).logins_held);
    }
    poll_all();
    scene_linger(scene);
    assert_int_equal(fake()->fetch_count, 5);
    for (unsigned i = 0; i < ENTRIES; i++) {
        assert_int_equal(server_stats(i).failed_logins, 5);
        assert_true(server_stats(i).logins_held);
    }
}

/* Whose budget it would use is unknown until then. */
static void nothing_is_sent_before_the_name_is_looked_up(void **state)
{
    uv_sem_t gate;
    (void)state;
    assert_int_equal(uv_sem_init(&gate, 0), 0);
    atomic_store(&names_gate, &gate);
    entry_add("a.test", NULL);
    scene_linger(scene);
    assert_int_equal(fake()->fetch_count, 0);
    assert_int_equal(queue_stats(0).state, HAPLO_QUEUE_READY);
    uv_sem_post(&gate);
    TURN_UNTIL(queue_stats(0).state == HAPLO_QUEUE_IDLE);
    assert_int_equal(fake()->fetch_count, 1);
    assert_int_equal(atomic_load(&names_asked), 1);
    uv_sem_destroy(&gate);
}

/* A request that waited for a look-up of its own may find that it leads to a
 * server at which too many logins have failed already. */
static void request_that_turns_out_to_go_there_is_not_sent(void **state)
{
    (void)state;
    fake()->fetch_answer = REFUSAL;
    atomic_store(&names_error, EAI_AGAIN);
    entry_add("a.test", NULL);
    TURN_UNTIL(queue_stats(0).error == HAPLO_ERESOLVE);
    assert_int_equal(fake()->fetch_count, 0);
    for (unsigned i = 0; i < 5; i++) {
        entry_add("127.0.0.1", NULL);
    }
    TURN_UNTIL(server_stats(1).logins_held);
    assert_int_equal(fake()->fetch_count, 5);
    atomic_store(&names_error, 0);
    haplo_queue_poll_now(queues[0]);
    TURN_UNTIL(server_stats(0).logins_held);
    TURN_UNTIL(queue_stats(0).state == HAPLO_QUEUE_BACKOFF);
    assert_non_null(
        strstr(queue_stats(0).error_text, "must be left alone for now"));
    haplo_queue_poll_now(queues[0]);
    scene_linger(scene);
    assert_int_equal(queue_stats(0).state, HAPLO_QUEUE_READY);
    assert_true(queue_stats(0).wait_ms > 0);
    assert_int_equal(fake()->fetch_count, 5);
}

/* A name that is moved leads to another server from then on, with a budget of
 * its own; what has failed so far counts at both. */
static void moved_name_leaves_the_group(void **state)
{
    (void)state;
    fake()->fetch_answer = REFUSAL;
    entry_add("a.test", NULL);
    entry_add("127.0.0.1", NULL);
    TURN_UNTIL(queue_stats(0).state == HAPLO_QUEUE_REFUSED &&
               queue_stats(1).state == HAPLO_QUEUE_REFUSED);
    assert_int_equal(server_stats(0).failed_logins, 2);
    names_set("127.0.0.2", NULL, NULL);
    uv_update_time(&scene->loop);
    clock_skipped_ms += 61000; /* addresses are fresh for a minute */
    uv_update_time(&scene->loop);
    haplo_queue_poll_now(queues[0]);
    TURN_UNTIL(atomic_load(&names_asked) > 0 &&
               queue_stats(0).state != HAPLO_QUEUE_FETCHING &&
               scene->loop.active_reqs.count == 0);
    unsigned of_moved = server_stats(0).failed_logins;
    unsigned of_other = server_stats(1).failed_logins;
    assert_true(of_moved >= 2 && of_other >= 2);
    haplo_queue_poll_now(queues[1]);
    TURN_UNTIL(server_stats(1).failed_logins > of_other);
    assert_int_equal(server_stats(0).failed_logins, of_moved);
}

/* If memory runs out while the sites of a server are stored, a later request
 * tries again: neither the server nor its budget is lost. */
static void server_is_located_later_if_memory_runs_out(void **state)
{
    (void)state;
    allocator_install();
    for (size_t fails = 1; fails <= 40; fails++) {
        uv_sem_t gate;
        unsigned before = fake()->fetch_count;
        assert_int_equal(uv_sem_init(&gate, 0), 0);
        names_set("127.0.0.1", NULL, NULL);
        atomic_store(&names_gate, &gate);
        entry_count = 0;
        char host[32];
        snprintf(host, sizeof host, "n%zu.test", fails);
        entry_add(host, NULL);
        allocator_reset(fails);
        uv_sem_post(&gate);
        uv_sem_post(&gate);
        uv_sem_post(&gate);
        TURN_UNTIL(queue_stats(0).state == HAPLO_QUEUE_IDLE);
        assert_true(fake()->fetch_count > before);
        allocator_reset(0);
        assert_int_equal(haplo_queue_remove(queues[0], NULL), 0);
        TURN_UNTIL(server_stats(0).queue_count == 0);
        assert_int_equal(haplo_server_remove(servers[0]), 0);
        uv_sem_destroy(&gate);
    }
}

/* An operator knows better than the addresses. */
static void login_group_decides_whatever_the_address(void **state)
{
    struct haplo_server *server;
    char why[HAPLO_TEXT_SIZE_MAX];
    const struct haplo_server_options bad = {.struct_size = sizeof bad,
                                             .name = "s",
                                             .url = "https://a.test",
                                             .login_group = "not a name"};
    (void)state;
    fake()->fetch_answer = REFUSAL;
    entry_add("127.0.0.1", "one");
    entry_add("a.test", "two");
    entry_add("b.test", "two");
    TURN_UNTIL(fake()->fetch_count == 3);
    TURN_UNTIL(queue_stats(0).state == HAPLO_QUEUE_REFUSED &&
               queue_stats(1).state == HAPLO_QUEUE_REFUSED &&
               queue_stats(2).state == HAPLO_QUEUE_REFUSED);
    assert_int_equal(server_stats(0).failed_logins, 1);
    assert_int_equal(server_stats(1).failed_logins, 2);
    assert_int_equal(server_stats(2).failed_logins, 2);
    assert_int_equal(
        haplo_server_add(scene->poller, &bad, &server, why, sizeof why),
        HAPLO_EINVAL);
    assert_non_null(strstr(why, "login group"));
}

struct listed {
    char text[1024];
    struct haplo_failed_logins of_address;
    char site[64];
};

static void on_logins(void *data, const struct haplo_failed_logins *logins)
{
    struct listed *listed = data;
    size_t size = strlen(listed->text);
    snprintf(listed->text + size, sizeof listed->text - size, "%s %u%s\n",
             logins->site, logins->count,
             logins->same_as == NULL ? "" : " same");
    if (strncmp(logins->site, "127.", 4) == 0) {
        snprintf(listed->site, sizeof listed->site, "%s", logins->site);
        listed->of_address =
            (struct haplo_failed_logins){.site = listed->site,
                                         .count = logins->count,
                                         .age_ms = logins->age_ms};
    }
}

/* Until the next run it may have another name in the configuration, and in the
 * name server. */
static void counts_are_listed_by_site_and_recalled_by_any(void **state)
{
    struct listed listed = {.text = ""};
    char expected[1024];
    int port = fake_port(&scene->fakes[0]);
    (void)state;
    fake()->fetch_answer = REFUSAL;
    entry_add("a.test", NULL);
    TURN_UNTIL(queue_stats(0).state == HAPLO_QUEUE_REFUSED);
    haplo_poller_failed_logins(scene->poller, on_logins, &listed);
    snprintf(expected, sizeof expected, "127.0.0.1:%d 1\na.test:%d 1 same\n",
             port, port);
    assert_string_equal(listed.text, expected);
    const struct haplo_poller_options options = {
        .struct_size = sizeof options, .seed = 1, .data = scene};
    struct haplo_poller *first = scene->poller;
    assert_int_equal(
        haplo_poller_new(&scene->loop, &options, &scene->poller, NULL, 0), 0);
    listed.of_address.count = 5;
    assert_int_equal(
        haplo_poller_recall_logins(scene->poller, &listed.of_address), 0);
    entry_count = 0;
    entry_add("other.test", NULL);
    TURN_UNTIL(server_stats(0).logins_held);
    scene_linger(scene);
    assert_int_equal(fake()->fetch_count, 1);
    haplo_poller_close(first, NULL);
    while (scene->loop.active_reqs.count > 0) {
        uv_run(&scene->loop, UV_RUN_ONCE);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_with_one_address_share_a_budget),
        TEST(nothing_is_sent_before_the_name_is_looked_up),
        TEST(request_that_turns_out_to_go_there_is_not_sent),
        TEST(moved_name_leaves_the_group),
        TEST(server_is_located_later_if_memory_runs_out),
        TEST(login_group_decides_whatever_the_address),
        TEST(counts_are_listed_by_site_and_recalled_by_any),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
