/* Responses that a cache repeats: a fetch that was answered before the newest
 * mark would deliver messages once more. */
#include <stdio.h>
#include <string.h>

#include "http_scene.h"
#include "skipped_clock.h"

static char answer[500];

static const struct script_line *answer_make(const char *status,
                                             const char *lines,
                                             uint64_t drip_ms)
{
    static struct script_line line;
    sprintf(answer, "HTTP/1.1 %s\r\n%s\r\nContent-Length: 2\r\n\r\nhi", status,
            lines);
    line = (struct script_line){.bytes = answer, .drip_ms = drip_ms};
    return &line;
}

/* The operator has to find the cache, and to know what to do about it. */
static void a_response_older_than_its_request_is_rejected(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "Age: 20",
        "age:20 ",
        "Age: 0\r\nAge: 20",
        "Age: 20\r\nAge: 0",
        "Age: 99999999999999999999999",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct call *call = call_against(answer_make("200 OK", lines[i], 0));
        assert_int_equal(call->error, HAPLO_ECACHED);
        assert_int_equal(call->head_count, 0);
        assert_int_equal(call->body_size, 0);
        assert_non_null(strstr(call->text, " s old (Age)"));
        assert_non_null(strstr(call->text, "exempt http://127.0.0.1:"));
    }
}

/* Proxies that cache nothing send an Age, too. */
static void a_response_that_is_not_older_is_accepted(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "X: y",    "Age: 0",   "Age: 1",   "Age: -20",         "Age:",
        "Age: 2x", "Age: 1.5", "Aged: 20", "Age: 0\r\nAge: x",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct call *call = call_against(answer_make("200 OK", lines[i], 0));
        assert_int_equal(call->error, 0);
        assert_string_equal(call->body, "hi");
    }
}

/* A proxy may count the time for which it waited for the server. */
static void a_slow_response_may_be_as_old_as_the_wait(void **state)
{
    (void)state;
    skip_waits();
    /* The head has 46 bytes, of 60 ms each. */
    struct call *call = call_against(answer_make("200 OK", "Age: 3", 60));
    assert_int_equal(call->error, 0);
    uv_update_time(&loop); /* the end of the wait was skipped, too */
    call = call_against(answer_make("200 OK", "Age: 9", 60));
    assert_int_equal(call->error, HAPLO_ECACHED);
}

/* Time spent before the request was sent does not count. */
static void a_connection_that_was_idle_is_not_a_wait(void **state)
{
    (void)state;
    struct endpoint *endpoint = endpoint_plain();
    skip_waits();
    http_server_script(&server, answer_make("200 OK", "X: y", 0), 1);
    call_run(call_make(0, endpoint));
    clock_skipped_ms += 10000;
    uv_update_time(&loop);
    http_server_script(&server, answer_make("200 OK", "Age: 5", 0), 1);
    struct call *call = call_run(call_make(1, endpoint));
    assert_int_equal(call->error, HAPLO_ECACHED);
    assert_int_equal(server.peer_count, 1);
    endpoint_free(endpoint);
}

/* Whoever sent it: its text helps. */
static void an_old_error_is_read_all_the_same(void **state)
{
    (void)state;
    static const char *const statuses[] = {"403 Forbidden", "404 Not Found",
                                           "503 Busy", "302 Found"};
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        struct call *call =
            call_against(answer_make(statuses[i], "Age: 20", 0));
        assert_int_equal(call->error, 0);
        assert_string_equal(call->body, "hi");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_response_older_than_its_request_is_rejected),
        TEST(a_response_that_is_not_older_is_accepted),
        TEST(a_slow_response_may_be_as_old_as_the_wait),
        TEST(a_connection_that_was_idle_is_not_a_wait),
        TEST(an_old_error_is_read_all_the_same),
    };
    allocator_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
