#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "capture.h"
#include "core/mark_reply.h"

static struct mark_reply reply;
static struct reason why;

static int read_in_steps(const struct http_head *head, const char *body,
                         size_t size, size_t step)
{
    why.text[0] = '\0';
    mark_reply_begin(&reply, &why);
    mark_reply_head(&reply, head);
    for (size_t at = 0; at < size; at += step) {
        size_t left = size - at;
        if (mark_reply_data(&reply, body + at, left < step ? left : step) !=
            0) {
            break;
        }
    }
    int error = mark_reply_end(&reply);
    assert_true((error == 0) == (why.text[0] == '\0'));
    return error;
}

/* Whole, then a byte at a time. */
static int read_reply(const struct http_head *head, const char *body,
                      size_t size)
{
    int error = read_in_steps(head, body, size, SIZE_MAX / 2);
    uint64_t marked = reply.marked_count;
    int64_t unread = reply.unread_count;
    assert_int_equal(read_in_steps(head, body, size, 1), error);
    if (error == 0) {
        assert_int_equal(reply.marked_count, marked);
        assert_int_equal(reply.unread_count, unread);
    }
    return error;
}

static int read_200(const char *content_type, const char *body)
{
    struct http_head head = {200, content_type, NULL, -1};
    return read_reply(&head, body, strlen(body));
}

static void assert_counts(const char *content_type, const char *body,
                          uint64_t marked, int64_t unread)
{
    assert_int_equal(read_200(content_type, body), 0);
    assert_int_equal(reply.marked_count, marked);
    assert_int_equal(reply.unread_count, unread);
}

static void assert_capture(const char *name, int error, uint64_t marked,
                           int64_t unread)
{
    struct capture capture = capture_load(name);
    print_message("%s\n", name);
    assert_int_equal(read_reply(&capture.head, capture.body, capture.body_size),
                     error);
    if (error == 0) {
        assert_int_equal(reply.marked_count, marked);
        assert_int_equal(reply.unread_count, unread);
    }
    capture_free(&capture);
}

/* These are what servers answer; each must be told for what it is. */
static void captured_marks_are_understood(void **state)
{
    (void)state;
    assert_capture("mark-1-ok", 0, 3, 1);
    assert_capture("mark-2-same-token-again", 0, 0, 1);
    assert_capture("mark-3-empty-token", 0, 0, 1);
    assert_capture("mark-4-no-body", 0, 0, 1);
    assert_capture("mark-5-json-body-is-ignored", 0, 0, 1);
    assert_capture("mark-9-by-get", 0, 0, 1);
    assert_capture("mark-10-ids-of-another-queue", 0, 0, 20);
    assert_capture("docs-script-mark", 0, 3, 0);
    assert_capture("error-mark-repeated-after-that", 0, 11, 4);
    assert_capture("plugin2019-mark", 0, 20, -1);
    assert_capture("redirect-followed-with-auth-marks-nothing", 0, 0, 2);
}

/* None of these may be taken for "marked". */
static void captured_failures_are_told_apart(void **state)
{
    (void)state;
    assert_capture("mark-6-token-of-docs-example-500", HAPLO_ESERVER, 0, 0);
    assert_capture("mark-7-plus-not-encoded-500", HAPLO_ESERVER, 0, 0);
    assert_capture("mark-8-multipart-500", HAPLO_ESERVER, 0, 0);
    assert_capture("error-mark-fails-half-way-500", HAPLO_ESERVER, 0, 0);
    assert_capture("auth-bad-key-post-is-html", HAPLO_EREFUSED, 0, 0);
    assert_capture("auth-blocked-user-post", HAPLO_EREFUSED, 0, 0);
    assert_capture("auth-key-of-other-queue-post", HAPLO_EREFUSED, 0, 0);
    assert_capture("auth-no-header-post", HAPLO_EREFUSED, 0, 0);
    assert_capture("app-not-active-post", HAPLO_EREFUSED, 0, 0);
    assert_capture("https-bad-key-post-secure-cookie", HAPLO_EREFUSED, 0, 0);
    assert_capture("throttle-post-with-good-key-is-html", HAPLO_EREFUSED, 0, 0);
    assert_capture("redirect-followed-post-becomes-get", HAPLO_EREFUSED, 0, 0);
    assert_capture("queue-unknown-mark-is-200-html", HAPLO_ECONTENT, 0, 0);
    assert_capture("redirect-hostname-post", HAPLO_EREDIRECT, 0, 0);
    assert_capture("http-redirects-to-https-post", HAPLO_EREDIRECT, 0, 0);
    assert_capture("method-put", HAPLO_ENOTFOUND, 0, 0);
    assert_capture("method-options", HAPLO_ESTATUS, 0, 0);
    assert_capture("path-neither-fetch-nor-mark", HAPLO_ESTATUS, 0, 0);
}

/* Three revisions are in the field. */
static void the_three_forms_are_read(void **state)
{
    (void)state;
    assert_counts("text/plain", "Marked: 0", 0, -1);
    assert_counts("text/plain; charset=utf-8", "Marked: 16, Unread: 3", 16, 3);
    assert_counts("Application/JSON;charset=UTF-8",
                  "{\"markedCount\":16,\"unreadCount\":0}", 16, 0);
    assert_counts("application/json",
                  " {\n \"unreadCount\" : 4 , \"markedCount\" : 2 } \n", 2, 4);
    assert_counts("text/plain",
                  "Marked: 9223372036854775807, Unread: "
                  "9223372036854775807\n",
                  (uint64_t)INT64_MAX, INT64_MAX);
}

/* A guess here would confirm a mark that has not been made. */
static void anything_else_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "Marked:",
        "Marked: ",
        "Marked: -1",
        "Marked: +1",
        "Marked: 01",
        "Marked: 1.0",
        "Marked: 1,",
        "Marked: 1, Unread:",
        "Marked: 1, Unread: x",
        "Marked: 1, Unread: 2, More: 3",
        "marked: 1",
        " Marked: 1",
        "Marked: 9223372036854775808",
        "{\"markedCount\":1,\"unreadCount\":0}",
        "OK",
    };
    static const char *const documents[] = {
        "",
        "{}",
        "Marked: 1",
        "{\"markedCount\":1}",
        "{\"unreadCount\":1}",
        "{\"markedCount\":1,\"unreadCount\":0",
        "{\"markedCount\":1,\"unreadCount\":0,}",
        "{\"markedCount\":1,\"unreadCount\":0}}",
        "{\"markedCount\":1,\"unreadCount\":0,\"x\":1}",
        "{\"markedCount\":1,\"markedCount\":0}",
        "{\"markedCount\":\"1\",\"unreadCount\":0}",
        "{\"markedCount\":1.5,\"unreadCount\":0}",
        "{\"markedCount\":1e2,\"unreadCount\":0}",
        "{\"markedCount\":-1,\"unreadCount\":0}",
        "{\"markedCount\":null,\"unreadCount\":0}",
        "{\"markedCount\":01,\"unreadCount\":0}",
        "{\"markedCount\":1,\"unreadCount\":18446744073709551616}",
        "{\"success\":false,\"kind\":\"UNAUTHORISED\"}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(read_200("text/plain", texts[i]), HAPLO_EDOCUMENT);
    }
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        assert_int_equal(read_200("application/json", documents[i]),
                         HAPLO_EDOCUMENT);
    }
    assert_int_equal(read_200("text/html", "Marked: 1"), HAPLO_ECONTENT);
    assert_int_equal(read_200(NULL, "Marked: 1"), HAPLO_ECONTENT);
    assert_int_equal(read_200("text/csv", "Marked: 1"), HAPLO_ECONTENT);
}

/* A confirmation is short; a longer answer must be given up, but the page of
 * a failure must be read so that the connection can be used again. */
static void only_an_endless_confirmation_is_given_up(void **state)
{
    (void)state;
    static char body[3 * MARK_REPLY_BODY_SIZE_MAX];
    struct http_head head = {200, "text/plain", NULL, -1};
    memset(body, ' ', sizeof body);
    body[snprintf(body, sizeof body, "Marked: 1")] = ' ';
    assert_int_equal(read_reply(&head, body, MARK_REPLY_BODY_SIZE_MAX), 0);
    assert_int_equal(read_reply(&head, body, sizeof body), HAPLO_EDOCUMENT);
    mark_reply_begin(&reply, &why);
    mark_reply_head(&reply, &head);
    assert_int_equal(mark_reply_data(&reply, body, sizeof body),
                     HAPLO_EDOCUMENT);
    head.status = 500;
    mark_reply_begin(&reply, &why);
    mark_reply_head(&reply, &head);
    assert_int_equal(mark_reply_data(&reply, body, sizeof body), 0);
    assert_int_equal(mark_reply_data(&reply, body, sizeof body), 0);
    assert_int_equal(reply.body_size, MARK_REPLY_BODY_SIZE_MAX);
    assert_int_equal(mark_reply_end(&reply), HAPLO_ESERVER);
}

/* An endless one, or one compressed a thousandfold, must not keep the loop
 * busy: its beginning tells all. */
static void an_endless_page_is_given_up(void **state)
{
    (void)state;
    static char page[65536];
    struct http_head head = {403, "text/html", NULL, -1};
    int error = 0;
    size_t size = 0;
    memset(page, 'x', sizeof page);
    mark_reply_begin(&reply, &why);
    mark_reply_head(&reply, &head);
    for (; error == 0 && size < 2 * REPLY_PAGE_SIZE_MAX; size += sizeof page) {
        error = mark_reply_data(&reply, page, sizeof page);
    }
    assert_int_equal(error, HAPLO_EREFUSED);
    assert_in_range(size, REPLY_PAGE_SIZE_MAX,
                    REPLY_PAGE_SIZE_MAX + 2 * sizeof page);
    assert_int_equal(mark_reply_end(&reply), HAPLO_EREFUSED);
    assert_non_null(strstr(why.text, "403 without a reason"));
}

/* An operator must learn from the text what to change. */
static void the_text_says_what_is_wrong(void **state)
{
    (void)state;
    struct capture capture = capture_load("redirect-hostname-post");
    read_reply(&capture.head, capture.body, capture.body_size);
    assert_non_null(strstr(why.text, "`url` to http://localhost:39649"));
    capture_free(&capture);
    capture = capture_load("queue-unknown-mark-is-200-html");
    read_reply(&capture.head, capture.body, capture.body_size);
    assert_non_null(strstr(why.text, "\"Group not defined\""));
    capture_free(&capture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(captured_marks_are_understood),
        cmocka_unit_test(captured_failures_are_told_apart),
        cmocka_unit_test(the_three_forms_are_read),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(only_an_endless_confirmation_is_given_up),
        cmocka_unit_test(an_endless_page_is_given_up),
        cmocka_unit_test(the_text_says_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
