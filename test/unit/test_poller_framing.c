/*
 * The public API against responses that may be truncated, or come from a cache:
 * nothing of them is delivered, and no message is marked that was not. See
 * poller_scene.h.
 */
#include "poller_scene.h"

#define OK "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
#define ONE_MESSAGE                                       \
    "{\"version\": 0, \"token\": \"T1-1\", \"messages\":" \
    " [{\"id\":1,\"datetime\":\"\",\"n\":1}]}"
#define MARKED "{\"markedCount\":1,\"unreadCount\":0}"

struct answer_case {
    const char *raw;  /* what the server sends; then it closes */
    int error;        /* of the queue */
    const char *says; /* what operators read */
};

/* A batch that would do, but for its head. */
static const struct answer_case fetches[] = {
    {OK "Transfer-Encoding: identity\r\n\r\n" ONE_MESSAGE, HAPLO_EPROTOCOL,
     "Transfer-Encoding \"identity\""},
    {OK "Content-Length: 75, 90\r\n\r\n" ONE_MESSAGE, HAPLO_EPROTOCOL,
     "\"75, 90\""},
    {OK "Content-Length: +75\r\n\r\n" ONE_MESSAGE, HAPLO_EPROTOCOL, "\"+75\""},
    {OK "Content-Length: 75\r\n 90\r\n\r\n" ONE_MESSAGE, HAPLO_EPROTOCOL,
     "folded over several lines"},
    {OK "\r\n" ONE_MESSAGE, HAPLO_EPROTOCOL, "neither Content-Length"},
    {"HTTP/1.1 103 Early Hints\r\nContent-Length: 75\r\n\r\n" OK
     "\r\n" ONE_MESSAGE,
     HAPLO_EPROTOCOL, "an interim response (1xx) has Content-Length"},
    {OK "Age: 60\r\nContent-Length: 75\r\n\r\n" ONE_MESSAGE, HAPLO_ECACHED,
     "a cache or proxy in between repeats responses"},
};

/* Half a response, stored and marked, is a loss. */
static void no_batch_is_taken_from_a_doubtful_response(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof fetches / sizeof fetches[0]; i++) {
        struct scene *scene = scene_open();
        struct watch *q1 = scene_add(scene, "q1", 1);
        q1->fake->fetch_raw = fetches[i].raw;
        RUN_UNTIL(scene, stats_of(q1).failure_count == 1);
        assert_int_equal(state_of(q1), HAPLO_QUEUE_BACKOFF);
        assert_int_equal(stats_of(q1).error, fetches[i].error);
        if (strstr(scene->text, fetches[i].says) == NULL) {
            fail_msg("%s", scene->text);
        }
        assert_memory_equal(scene->text, "fetch a/q1: ", 12);
        assert_int_equal(q1->deliver_count, 0);
        assert_int_equal(q1->fake->mark_count, 0);
        q1->fake->fetch_raw = NULL;
        RUN_UNTIL(scene, q1->marked_count == 1);
        assert_int_equal(q1->deliver_count, 1);
        scene_close(scene);
    }
}

static const struct answer_case marks[] = {
    {OK "\r\n" MARKED, HAPLO_EPROTOCOL, "neither Content-Length"},
    {OK "Content-Length: 33, 40\r\n\r\n" MARKED, HAPLO_EPROTOCOL, "\"33, 40\""},
    {OK "Content-Length: 33\r\nAge: 60\r\n\r\n" MARKED, HAPLO_ECACHED,
     "60 s old (Age)"},
};

/* A confirmation that the server did not give is as bad: the next state would
 * say that messages are marked which are not. */
static void no_mark_is_confirmed_by_a_doubtful_response(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        struct scene *scene = scene_open();
        struct watch *q1 = scene_add(scene, "q1", 1);
        q1->fake->mark_raw = marks[i].raw;
        RUN_UNTIL(scene, q1->fake->mark_count == 2);
        assert_int_equal(q1->marked_count, 0);
        assert_int_equal(stats_of(q1).error, marks[i].error);
        if (strstr(scene->text, marks[i].says) == NULL) {
            fail_msg("%s", scene->text);
        }
        q1->fake->mark_raw = NULL;
        RUN_UNTIL(scene, q1->marked_count == 1);
        assert_int_equal(q1->deliver_count, 1);
        scene_close(scene);
    }
}

/* Whatever the server and its proxies are configured to do. */
static void a_fetch_asks_caches_to_let_it_pass(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 1);
    RUN_UNTIL(scene, q1->fake->fetch_count == 1);
    assert_non_null(strstr(scene->fakes[0].http.request,
                           "\r\nCache-Control: no-cache\r\n"));
    RUN_UNTIL(scene, q1->marked_count == 1);
    assert_non_null(strstr(scene->fakes[0].http.request, "POST "));
    assert_null(strstr(scene->fakes[0].http.request, "Cache-Control"));
    scene_close(scene);
}

/* What a cache has kept of the first fetch, and sends for the second one. Its
 * messages are marked by then, so to the library they would be new. */
static void a_replay_is_not_delivered(void **state)
{
    (void)state;
    static const char head[] = OK "Age: 7\r\nContent-Length: 75\r\n\r\n";
    char replay[sizeof head + sizeof ONE_MESSAGE];
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 2);
    q1->fake->batch_max = 1;
    sprintf(replay, "%s%s", head, ONE_MESSAGE);
    RUN_UNTIL(scene, q1->deliver_count == 1);
    q1->fake->fetch_raw = replay;
    RUN_UNTIL(scene, stats_of(q1).failure_count == 3);
    assert_int_equal(q1->marked_count, 1);
    assert_int_equal(q1->deliver_count, 1);
    assert_int_equal(stats_of(q1).error, HAPLO_ECACHED);
    q1->fake->fetch_raw = NULL; /* the cache has expired */
    RUN_UNTIL(scene, q1->marked_count == 2);
    assert_int_equal(q1->deliver_count, 2);
    assert_int_equal(q1->newest_id, 2);
    scene_close(scene);
}

/* The server's own words about a key, however they are framed. */
static void a_refusal_is_read_from_any_response(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = scene_add(scene, "q1", 1);
    q1->fake->fetch_raw =
        "HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\n\r\n"
        "{\"success\":false,\"kind\":\"INVALID-API-KEY\",\"error\":"
        "{\"message\":\"Invalid API key.\"}}";
    RUN_UNTIL(scene, state_of(q1) == HAPLO_QUEUE_REFUSED);
    assert_non_null(strstr(scene->text, "403 INVALID-API-KEY"));
    scene_close(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_batch_is_taken_from_a_doubtful_response),
        cmocka_unit_test(no_mark_is_confirmed_by_a_doubtful_response),
        cmocka_unit_test(a_fetch_asks_caches_to_let_it_pass),
        cmocka_unit_test(a_replay_is_not_delivered),
        cmocka_unit_test(a_refusal_is_read_from_any_response),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
