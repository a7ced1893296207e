#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "failing_allocator.h"
#include "fetch_reading.h"

static void assert_capture_batch(const char *name, size_t count,
                                 const char *form)
{
    struct batch *batch = read_capture(name, &own_shape, 0);
    assert_int_equal(batch->message_count, count);
    assert_form(batch, form);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(batch->messages[i].body.data[0], '{');
        assert_int_equal(
            batch->messages[i].body.data[batch->messages[i].body.size - 1],
            '}');
    }
    batch_free(batch);
}

static void assert_capture_error(const char *name, int error, const char *word)
{
    struct batch *batch = read_capture(name, &own_shape, error);
    assert_says(word);
    batch_free(batch);
}

/* These are what servers of all revisions send. */
static void captured_batches_are_read(void **state)
{
    (void)state;
    assert_capture_batch("fetch-0-messages", 0, "");
    assert_capture_batch("fetch-1-message", 1, "token=MQ%3D%3D");
    assert_capture_batch(
        "fetch-16-of-20-messages", 16,
        "token=MiwzLDQsNSw2LDcsOCw5LDEwLDExLDEyLDEzLDE0LDE1LDE2LDE3");
    assert_capture_batch(
        "fetch-16-gzip", 16,
        "token=MiwzLDQsNSw2LDcsOCw5LDEwLDExLDEyLDEzLDE0LDE1LDE2LDE3");
    assert_capture_batch("fetch-edge-data", 4, "token=MjMsMjQsMjUsMjY%3D");
    assert_capture_batch("fetch-unicode", 1, "token=MjI%3D");
    assert_capture_batch("https-fetch", 3, "token=MSwyLDM%3D");
    assert_capture_batch("docs-script-fetch", 3, "token=MSwyLDM%3D");
    assert_capture_batch("mark-0-the-fetch-before", 3, "token=MjcsMjgsMjk%3D");
    assert_capture_batch("mark-11-fetch-after-unsend", 2, "token=MjgsMzA%3D");
    assert_capture_batch("plugin2019-fetch-20-messages", 20,
                         "token=MSwyLDMsNCw1LDYsNyw4LDksMTAsMTEsMTIsMTMsMTQs"
                         "MTUsMTYsMTcsMTgsMTksMjA%3D");
}

/* The sink gets what the server sent, not what a parser made of it. */
static void slices_are_the_exact_bytes(void **state)
{
    (void)state;
    struct batch *batch = read_capture("fetch-edge-data", &own_shape, 0);
    assert_message(batch, 0,
                   "{\n      \"id\": \"mine\",\n      \"datetime\": "
                   "\"yesterday\",\n      \"type\": \"overrides\"\n    }",
                   "\"mine\"", "\"yesterday\"");
    assert_message(batch, 1, NULL, "24", "\"2026-11-23T18:17:22Z\"");
    assert_message(batch, 2, NULL, "25", "\"2026-11-23T18:17:22Z\"");
    assert_message(batch, 3, NULL, "26", "\"2026-11-23T18:17:22Z\"");
    struct haplo_slice body = batch->messages[3].body;
    static const char kept[] = "\"text\": \"nul \\u0000 \\u0001 quote \\\" "
                               "back \\\\\",\n      \"big\": "
                               "12345678901234567000,\n      \"small\": 1e-7,";
    assert_non_null(memmem(body.data, body.size, kept, sizeof kept - 1));
    batch_free(batch);
}

/* Each has another cause, and the operator another thing to do. */
static void captured_failures_are_told_apart(void **state)
{
    (void)state;
    assert_capture_error("auth-bad-key-get", HAPLO_EREFUSED,
                         "403 INVALID-API-KEY: Invalid API Key");
    assert_capture_error("auth-key-of-other-queue-get", HAPLO_EREFUSED,
                         "INVALID-API-KEY");
    assert_capture_error("auth-blocked-user-get", HAPLO_EREFUSED,
                         "403 UNAUTHORISED: Not authorised");
    assert_capture_error("auth-lower-case-basic", HAPLO_EREFUSED,
                         "UNAUTHORISED");
    assert_capture_error("auth-no-header-get", HAPLO_EREFUSED, "UNAUTHORISED");
    assert_capture_error("auth-other-user-name", HAPLO_EREFUSED,
                         "UNAUTHORISED");
    assert_capture_error("throttle-get-with-good-key", HAPLO_ETHROTTLED,
                         "403 THROTTLE: Too many failed API authentication");
    assert_capture_error("app-not-active-post", HAPLO_EREFUSED,
                         "403 without a reason");
    assert_capture_error("auth-not-in-group-is-200-html", HAPLO_ECONTENT,
                         "\"You are not permitted to perform this action.\"");
    assert_capture_error("queue-unknown-is-200-html", HAPLO_ECONTENT,
                         "\"Group not defined\"; check the name of the "
                         "queue");
    assert_capture_error("queue-of-method-send-is-200-html", HAPLO_ECONTENT,
                         "\"Not a poll message queue\"");
    assert_capture_error("queue-name-percent-encoded", HAPLO_ECONTENT,
                         "text/html");
    assert_capture_error("app-not-active-get", HAPLO_ENOTFOUND,
                         "check the server's `url`");
    assert_capture_error("host-unknown-404", HAPLO_ENOTFOUND, "404");
    assert_capture_error("method-head", HAPLO_ENOTFOUND, "404");
    assert_capture_error("path-neither-fetch-nor-mark", HAPLO_ESTATUS,
                         "400, which is unexpected: \"Bad request");
    assert_capture_error("redirect-hostname-get", HAPLO_EREDIRECT,
                         "302 to http://localhost:39649/api/haplo-");
    assert_capture_error("http-redirects-to-https-get", HAPLO_EREDIRECT,
                         "`url` to https://localhost:32857");
    assert_capture_error("mark-8-multipart-500", HAPLO_ESERVER,
                         "500: \"Internal server error\"");
    assert_capture_error("formatter-xml", HAPLO_ECONTENT, "application/xml");
    assert_capture_error("formatter-returning-a-string", HAPLO_ECONTENT,
                         "text/html");
    assert_capture_error("formatter-json-other-shape", HAPLO_EDOCUMENT,
                         "no version");
    assert_capture_error("mark-9-by-get", HAPLO_EDOCUMENT, "no version");
    assert_capture_error("fault-truncated-body", HAPLO_ERESET,
                         "should have 505 bytes");
}

/* A cut body without a Content-Length must not pass for a whole one. */
static void every_beginning_of_a_batch_is_refused(void **state)
{
    (void)state;
    struct capture capture = capture_load("fetch-1-message");
    capture.head.content_size = -1;
    for (size_t size = 0; size < capture.body_size; size++) {
        struct batch *batch;
        assert_int_equal(
            read_answer(&batch, &own_shape, &capture.head, capture.body, size),
            HAPLO_EDOCUMENT);
        batch_free(batch);
    }
    capture_free(&capture);
}

/* Parameters and case of a type mean nothing; another type is another thing. */
static void the_content_type_decides(void **state)
{
    (void)state;
    static const char body[] = "{\"version\":0,\"token\":\"\",\"messages\":[]}";
    static const char *const expected[] = {"application/json",
                                           "Application/JSON; charset=UTF-8",
                                           "application/json;charset=utf-8"};
    static const char *const others[] = {"text/html", "text/json",
                                         "application/json-seq",
                                         "application/problem+json", ""};
    struct batch *batch;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        struct http_head head = {200, expected[i], NULL, -1};
        assert_int_equal(
            read_answer(&batch, &own_shape, &head, body, sizeof body - 1), 0);
        batch_free(batch);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct http_head head = {200, others[i], NULL, -1};
        assert_int_equal(
            read_answer(&batch, &own_shape, &head, body, sizeof body - 1),
            HAPLO_ECONTENT);
        batch_free(batch);
    }
    struct http_head head = {200, NULL, NULL, -1};
    assert_int_equal(
        read_answer(&batch, &own_shape, &head, body, sizeof body - 1),
        HAPLO_ECONTENT);
    batch_free(batch);
    struct haplo_queue_options options = {.content_type = "TEXT/json"};
    head.content_type = "text/json; x=y";
    assert_int_equal(
        read_answer(&batch, &options, &head, body, sizeof body - 1), 0);
    batch_free(batch);
}

/* Every other status is an error too, whatever the body says. */
static void only_status_200_is_success(void **state)
{
    (void)state;
    static const struct {
        long status;
        int error;
    } cases[] = {
        {0, HAPLO_ESTATUS},     {201, HAPLO_ESTATUS},   {204, HAPLO_ESTATUS},
        {206, HAPLO_ESTATUS},   {301, HAPLO_EREDIRECT}, {304, HAPLO_EREDIRECT},
        {400, HAPLO_ESTATUS},   {401, HAPLO_ESTATUS},   {403, HAPLO_EREFUSED},
        {404, HAPLO_ENOTFOUND}, {407, HAPLO_ESTATUS},   {429, HAPLO_ELIMITED},
        {500, HAPLO_ESERVER},   {503, HAPLO_ESERVER},
    };
    static const char body[] = "{\"version\":0,\"token\":\"\",\"messages\":[]}";
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_head head = {cases[i].status, "application/json", NULL, -1};
        struct batch *batch;
        assert_int_equal(
            read_answer(&batch, &own_shape, &head, body, sizeof body - 1),
            cases[i].error);
        batch_free(batch);
    }
}

/* A Location comes from elsewhere: what is shown of it must be safe and the
 * advice must be one that works. */
static void a_redirect_names_the_url_to_configure(void **state)
{
    (void)state;
    static const struct {
        const char *location;
        const char *expected;
    } cases[] = {
        {"https://a.example:8443/x?y#z", "`url` to https://a.example:8443"},
        {"HTTPS://a.example", "`url` to HTTPS://a.example"},
        {"https://a.example/x/api/haplo-integration-messages/poll/q/fetch",
         "`url` to https://a.example/x"},
        {"https://a.example/x?to=/api/haplo-integration-messages/poll/q/fetch",
         "`url` to https://a.example"},
        {"https://me@a.example/x", "`url` to https://a.example"},
        {"https:///x", "302 to https:///x; redirects are not followed"},
        {"/login", "302 to /login; redirects are not followed"},
        {NULL, "302 without a Location"},
        {"https://a.example/\r\nb\x7f", "https://a.example/??b?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_head head = {302, "text/html", cases[i].location, 0};
        struct batch *batch;
        assert_int_equal(read_answer(&batch, &own_shape, &head, "", 0),
                         HAPLO_EREDIRECT);
        assert_non_null(strstr(why.text, cases[i].expected));
        batch_free(batch);
    }
}

/* Servers of 2019 send everything that is unread: one such answer must not
 * take all memory, and the operator must know the option. */
static void a_body_above_its_cap_is_given_up(void **state)
{
    (void)state;
    struct capture capture = capture_load("fetch-1-message");
    struct fetch_format format;
    struct batch *batch = batch_new();
    assert_non_null(batch);
    assert_int_equal(fetch_format_init(&format, &own_shape, NULL), 0);
    for (int64_t announced = -1; announced < 205; announced += 205) {
        capture.head.content_size = announced;
        for (size_t step = 1; step < 300; step += 149) {
            batch_reset(batch);
            assert_int_equal(read_in_steps(batch, &format, &capture.head,
                                           capture.body, capture.body_size,
                                           step, capture.body_size),
                             0);
            batch_reset(batch);
            assert_int_equal(read_in_steps(batch, &format, &capture.head,
                                           capture.body, capture.body_size,
                                           step, capture.body_size - 1),
                             HAPLO_ETOOBIG);
            assert_non_null(strstr(why.text, "`max_body` (203)"));
        }
    }
    batch_free(batch);
    fetch_format_free(&format);
    capture_free(&capture);
}

/* A lie about the size must not reserve memory. */
static void an_announced_size_reserves_little(void **state)
{
    (void)state;
    struct http_head head = {200, "application/json", NULL, CAP};
    struct fetch_format format;
    struct batch *batch = batch_new();
    assert_non_null(batch);
    assert_int_equal(fetch_format_init(&format, &own_shape, NULL), 0);
    fetch_reply_begin(&reply, &format, batch, CAP, &why);
    fetch_reply_head(&reply, &head);
    assert_int_equal(fetch_reply_data(&reply, "{", 1), 0);
    assert_in_range(batch->body_capacity, 1, FETCH_REPLY_TRUST_SIZE_MAX);
    fetch_reply_abandon(&reply);
    batch_free(batch);
    fetch_format_free(&format);
    assert_int_equal(allocator_held, 0);
}

/* A page of any size must not be kept, and its reading is not given up, so
 * that the connection can be used again. */
static void only_the_beginning_of_a_page_is_kept(void **state)
{
    (void)state;
    static char page[100000];
    struct http_head head = {500, "text/html", NULL, sizeof page};
    struct batch *batch;
    memset(page, 'x', sizeof page);
    assert_int_equal(read_answer(&batch, &own_shape, &head, page, sizeof page),
                     HAPLO_ESERVER);
    assert_int_equal(batch->body_size, FETCH_REPLY_ERROR_BODY_SIZE_MAX);
    batch_free(batch);
}

/* An endless one, or one compressed a thousandfold, must not keep the loop
 * busy: its beginning tells all. */
static void an_endless_page_is_given_up(void **state)
{
    (void)state;
    const size_t size = 2 * REPLY_PAGE_SIZE_MAX;
    char *page = malloc(size);
    struct fetch_format format;
    struct batch *batch = batch_new();
    assert_non_null(page);
    assert_non_null(batch);
    assert_int_equal(fetch_format_init(&format, &own_shape, NULL), 0);
    memset(page, 'x', size);
    memcpy(page, "<p>Maintenance</p> ", 19);
    static const struct {
        struct http_head head;
        int error;
        const char *says;
    } cases[] = {
        {{500, "text/html", NULL, -1}, HAPLO_ESERVER, "500: \"Maintenance"},
        {{403, "text/html", NULL, -1}, HAPLO_EREFUSED, "403 without a reason"},
        {{200, "text/html", NULL, -1}, HAPLO_ECONTENT, "\"Maintenance"},
        {{302, NULL, "https://a.example/", -1}, HAPLO_EREDIRECT, "a.example"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        batch_reset(batch);
        fetch_reply_begin(&reply, &format, batch, CAP, &why);
        fetch_reply_head(&reply, &cases[i].head);
        size_t at = 0;
        int error = 0;
        for (; error == 0 && at < size; at += 16384) {
            error = fetch_reply_data(&reply, page + at, 16384);
        }
        assert_int_equal(error, cases[i].error);
        assert_in_range(at, REPLY_PAGE_SIZE_MAX, REPLY_PAGE_SIZE_MAX + 32768);
        assert_int_equal(batch->body_size, FETCH_REPLY_ERROR_BODY_SIZE_MAX);
        assert_int_equal(fetch_reply_end(&reply), error);
        assert_says(cases[i].says);
    }
    batch_free(batch);
    fetch_format_free(&format);
    free(page);
}

/* Steady polling allocates nothing, from the head to the identities. */
static void the_second_batch_needs_no_allocation(void **state)
{
    (void)state;
    struct capture capture = capture_load("fetch-16-of-20-messages");
    struct fetch_format format;
    struct batch *batch = batch_new();
    assert_non_null(batch);
    assert_int_equal(fetch_format_init(&format, &own_shape, NULL), 0);
    for (int i = 0; i < 3; i++) {
        allocator_reset(i == 0 ? 0 : 1);
        batch_reset(batch);
        assert_int_equal(read_in_steps(batch, &format, &capture.head,
                                       capture.body, capture.body_size, 700,
                                       CAP),
                         0);
        assert_true((allocator_calls == 0) == (i > 0));
    }
    allocator_reset(0);
    batch_free(batch);
    fetch_format_free(&format);
    capture_free(&capture);
}

static void fail_each_allocation(const struct haplo_queue_options *options,
                                 const struct http_head *head, const char *body,
                                 size_t size, size_t count)
{
    struct fetch_format format;
    size_t fails = 0;
    int error;
    assert_int_equal(fetch_format_init(&format, options, NULL), 0);
    do {
        allocator_reset(0);
        struct batch *batch = batch_new();
        assert_non_null(batch);
        allocator_reset(++fails);
        error = read_in_steps(batch, &format, head, body, size, 1000, CAP);
        if (error != 0) {
            assert_int_equal(error, HAPLO_ENOMEM);
            assert_string_equal(why.text, "out of memory");
            assert_int_equal(batch->message_count, 0);
            assert_int_equal(batch->form_size, 0);
        } else {
            assert_int_equal(batch->message_count, count);
        }
        batch_free(batch);
    } while (error != 0);
    assert_in_range(fails, 3, 200);
    allocator_reset(0);
    fetch_format_free(&format);
    assert_int_equal(allocator_held, 0);
}

/* Without memory a fetch fails as any other and nothing else happens: no
 * leak, no crash in a parser that does not look, no half a batch. */
static void any_failing_allocation_is_survived(void **state)
{
    (void)state;
    struct http_head head = {200, "application/json", NULL, -1};
    const size_t size = 200000;
    char *body = malloc(size);
    assert_non_null(body);
    size_t used = (size_t)snprintf(
        body, size, "{\"version\":0,\"token\":\"%01000d\",\"messages\":[", 7);
    for (size_t i = 0; i < 100; i++) {
        used +=
            (size_t)snprintf(body + used, size - used, "{\"id\":\"\\n%0*zu\"},",
                             i == 50 ? 90000 : 100, i);
    }
    used += (size_t)snprintf(body + used - 1, 3, "]}") - 1;
    fail_each_allocation(&own_shape, &head, body, used, 100);
    struct haplo_queue_options raw = {.format = HAPLO_FORMAT_RAW,
                                      .token_pattern = "token\":\"([0-9]+)"};
    fail_each_allocation(&raw, &head, body, used, 1);
    free(body);
}

/* A request can fail at any moment. */
static void a_reading_can_be_abandoned_anywhere(void **state)
{
    (void)state;
    struct capture capture = capture_load("fetch-1-message");
    struct fetch_format format;
    struct batch *batch = batch_new();
    assert_non_null(batch);
    assert_int_equal(fetch_format_init(&format, &own_shape, NULL), 0);
    fetch_reply_begin(&reply, &format, batch, CAP, &why);
    fetch_reply_abandon(&reply);
    for (size_t size = 0; size <= capture.body_size; size++) {
        batch_reset(batch);
        fetch_reply_begin(&reply, &format, batch, CAP, &why);
        fetch_reply_head(&reply, &capture.head);
        assert_int_equal(fetch_reply_data(&reply, capture.body, size), 0);
        fetch_reply_abandon(&reply);
        assert_int_equal(batch->message_count, 0);
        assert_int_equal(batch->form_size, 0);
    }
    batch_free(batch);
    fetch_format_free(&format);
    capture_free(&capture);
    assert_int_equal(allocator_held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(captured_batches_are_read),
        cmocka_unit_test(slices_are_the_exact_bytes),
        cmocka_unit_test(captured_failures_are_told_apart),
        cmocka_unit_test(every_beginning_of_a_batch_is_refused),
        cmocka_unit_test(the_content_type_decides),
        cmocka_unit_test(only_status_200_is_success),
        cmocka_unit_test(a_redirect_names_the_url_to_configure),
        cmocka_unit_test(a_body_above_its_cap_is_given_up),
        cmocka_unit_test(an_announced_size_reserves_little),
        cmocka_unit_test(only_the_beginning_of_a_page_is_kept),
        cmocka_unit_test(an_endless_page_is_given_up),
        cmocka_unit_test(the_second_batch_needs_no_allocation),
        cmocka_unit_test(any_failing_allocation_is_survived),
        cmocka_unit_test(a_reading_can_be_abandoned_anywhere),
    };
    allocator_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
