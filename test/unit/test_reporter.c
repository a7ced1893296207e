/*
 * What is logged of weeks of trouble, as golden traces in virtual time: each
 * cause once, reminders while it lasts, and that it is over.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/log/reporter.h"
#include "daemon/observe/observer.h"
#include "haplopoll.h"

#define START_MS UINT64_C(1700000000000)
#define QUEUE_COUNT 5000
#define TRACE_SIZE 16384
#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

struct scene {
    struct observer observer;
    struct observer_listener listener; /* passes transitions on */
    struct reporter reporter;
    struct observer_server server;
    struct observer_queue queues[QUEUE_COUNT];
    char names[QUEUE_COUNT][8];
    struct observer_outlet outlet;
    struct observer_inbox inbox;
    uint64_t now_ms;         /* since START_MS */
    unsigned line_count;     /* so far */
    unsigned reminder_count; /* of those */
    char trace[TRACE_SIZE];  /* the first ones */
};

static void on_report(void *data, const struct report *report)
{
    static const char levels[] = "EWIT";
    struct scene *scene = data;
    size_t size = strlen(scene->trace);
    scene->line_count++;
    scene->reminder_count += strcmp(report->event, "reminder") == 0;
    assert_true(strlen(report->text) > 0);
    (void)snprintf(scene->trace + size, TRACE_SIZE - size, "[%8.1f] %c %s\n",
                   (double)scene->now_ms / 1000, levels[report->level],
                   report->text);
}

static void on_transition(struct observer_listener *listener,
                          const struct transition *transition)
{
    struct scene *scene =
        (struct scene *)((char *)listener - offsetof(struct scene, listener));
    reporter_note(&scene->reporter, transition);
}

static struct observer_place place_of(struct scene *scene, unsigned index)
{
    return (struct observer_place){&scene->server, &scene->queues[index],
                                   scene->names[index], "main"};
}

static int setup(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    assert_non_null(scene);
    observer_init(&scene->observer, START_MS);
    reporter_init(&scene->reporter, on_report, scene);
    scene->listener.transition_cb = on_transition;
    observer_listen(&scene->observer, &scene->listener);
    observer_server_add(&scene->observer, &scene->server, "example", START_MS);
    for (unsigned i = 0; i < QUEUE_COUNT; i++) {
        struct observer_place place = place_of(scene, i);
        (void)snprintf(scene->names[i], sizeof scene->names[i], "q%u", i);
        observer_queue_add(&scene->observer, &place, START_MS);
    }
    observer_outlet_add(&scene->outlet, "out", START_MS);
    observer_inbox_add(&scene->inbox, "main", START_MS);
    *state = scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    observer_outlet_remove(&scene->observer, &scene->outlet);
    observer_inbox_remove(&scene->observer, &scene->inbox);
    for (unsigned i = 0; i < QUEUE_COUNT; i++) {
        struct observer_place place = place_of(scene, i);
        observer_queue_remove(&scene->observer, &place);
    }
    observer_server_remove(&scene->observer, &scene->server);
    reporter_free(&scene->reporter);
    observer_free(&scene->observer);
    free(scene);
    return 0;
}

/* Lets the time pass, as the timer of the daemon does. */
static void advance_to(struct scene *scene, uint64_t to_ms)
{
    while (scene->reporter.due_ms <= START_MS + to_ms) {
        uint64_t due_ms = scene->reporter.due_ms;
        scene->now_ms = due_ms > START_MS ? due_ms - START_MS : 0;
        reporter_run(&scene->reporter, due_ms);
        assert_true(scene->reporter.due_ms > due_ms);
    }
    scene->now_ms = to_ms;
}

static struct observer_note note(const struct scene *scene, int error,
                                 const char *text)
{
    return (struct observer_note){
        .now_ms = START_MS + scene->now_ms, .error = error, .text = text};
}

static void fails(struct scene *scene, unsigned index, int error,
                  const char *detail)
{
    char text[256];
    struct observer_place place = place_of(scene, index);
    (void)snprintf(text, sizeof text, "fetch example/%s: %s",
                   scene->names[index], detail);
    struct observer_note what = note(scene, error, text);
    what.delay_ms = 2 * SECOND;
    observer_queue_failed(&scene->observer, &place,
                          error == HAPLO_EREJECTED ? OBSERVER_QUEUE_BLOCKED
                          : error == HAPLO_EDELIVERY
                              ? OBSERVER_QUEUE_UNDELIVERED
                              : OBSERVER_QUEUE_FAILING,
                          &what);
}

static void works(struct scene *scene, unsigned index)
{
    struct observer_place place = place_of(scene, index);
    observer_queue_worked(&scene->observer, &place, START_MS + scene->now_ms);
}

static void server_enters(struct scene *scene, enum observer_server_state state,
                          const char *text)
{
    struct observer_note what =
        note(scene, text == NULL ? 0 : HAPLO_ECONNECT, text);
    what.delay_ms = 5 * SECOND;
    observer_server_enter(&scene->observer, &scene->server, state, &what);
}

static void expect(const struct scene *scene, const char *trace)
{
    if (strcmp(scene->trace, trace) != 0) {
        print_error("%s", scene->trace);
    }
    assert_string_equal(scene->trace, trace);
}

/* A queue that has been dead for weeks is not forgotten, nor repeated at each
 * of its 12,000 attempts. */
static void test_three_weeks_of_failure_are_a_line_a_day(void **state)
{
    struct scene *scene = *state;
    uint64_t end_ms = 21 * DAY + HOUR;
    works(scene, 0);
    for (uint64_t at_ms = 10 * SECOND; at_ms < end_ms; at_ms += 150 * SECOND) {
        advance_to(scene, at_ms);
        fails(scene, 0, HAPLO_ECONTENT, "not JSON: text/html");
    }
    assert_int_equal(scene->line_count, 1 + 2 + 21);
    assert_int_equal(scene->reminder_count, 2 + 21);
    advance_to(scene, end_ms);
    works(scene, 0);
    scene->trace[strlen(scene->trace)] = '\0';
    assert_non_null(strstr(
        scene->trace,
        "[    11.0] W fetch example/q0: not JSON: text/html; next try in 1.0 "
        "s\n"
        "[  3610.0] W example/q0: still failing after 1 h: not JSON: "
        "text/html\n"
        "[ 21610.0] W example/q0: still failing after 6 h: not JSON: "
        "text/html\n"
        "[ 86410.0] W example/q0: still failing after 24 h: not JSON: "
        "text/html\n"
        "[172810.0] W example/q0: still failing after 2 d: not JSON: "
        "text/html\n"));
    assert_non_null(strstr(
        scene->trace,
        "[1818000.0] I example/q0: works again after 12120 failures in 21 d 1 "
        "h\n"));
}

/* A maintenance page on a server with 5,000 queues, which takes ten minutes to
 * meet them all, and each of them again every five. */
static void test_a_maintenance_page_is_a_few_lines(void **state)
{
    struct scene *scene = *state;
    for (uint64_t at_ms = 0; at_ms < 2 * HOUR; at_ms += 120) {
        advance_to(scene, at_ms);
        fails(scene, (unsigned)(at_ms / 120 % QUEUE_COUNT), HAPLO_ECONTENT,
              "not JSON: text/html, 512 bytes: \"We are back at 12:30\"");
    }
    for (unsigned i = 0; i < QUEUE_COUNT; i++) {
        advance_to(scene, 2 * HOUR + i * 120);
        works(scene, i);
    }
    advance_to(scene, 4 * HOUR);
    expect(scene,
           "[     1.0] W example: 9 queues failing: not JSON: text/html, 512 "
           "bytes: \"We are back at 12:30\" (the first was example/q0)\n"
           "[    60.0] W example: 500 queues failing by now: not JSON: "
           "text/html, 512 bytes: \"We are back at 12:30\" (the first was "
           "example/q0)\n"
           "[  3600.0] W example: 5000 queues failing after 1 h: not JSON: "
           "text/html, 512 bytes: \"We are back at 12:30\" (the first was "
           "example/q0)\n"
           "[  7799.9] I example: 5000 queues work again after at most 2 h\n");
}

/* A server that is down is one cause, whatever its queues see of it. */
static void test_a_server_that_is_down_is_one_line(void **state)
{
    struct scene *scene = *state;
    for (unsigned i = 0; i < 5; i++) {
        advance_to(scene, i * 10);
        fails(scene, i, i % 2 == 0 ? HAPLO_ECONNECT : HAPLO_ETIMEDOUT,
              "connection refused");
    }
    server_enters(scene, OBSERVER_SERVER_DOWN, "connection refused");
    for (unsigned i = 5; i < QUEUE_COUNT; i++) {
        advance_to(scene, i * 5000);
        fails(scene, i, HAPLO_ECONNECT, "connection refused");
    }
    advance_to(scene, 7 * HOUR);
    server_enters(scene, OBSERVER_SERVER_UP, NULL);
    for (unsigned i = 0; i < QUEUE_COUNT; i++) {
        works(scene, i);
    }
    advance_to(scene, 8 * HOUR);
    expect(scene,
           "[     1.0] W example: server is failing: connection refused; 5 of "
           "its 5000 queues have failed, all wait; next try in 4.0 s\n"
           "[  3600.0] W example: still down after 1 h: connection refused; "
           "721 of its 5000 queues have failed, all wait\n"
           "[ 21600.0] W example: still down after 6 h: connection refused; "
           "4321 of its 5000 queues have failed, all wait\n"
           "[ 25200.0] I example: server works again after 7 h\n");
}

/* What the server's line has covered is told once the server is back. */
static void test_a_queue_that_still_fails_gets_its_own_line(void **state)
{
    struct scene *scene = *state;
    fails(scene, 7, HAPLO_ECONNECT, "connection refused");
    server_enters(scene, OBSERVER_SERVER_DOWN, "connection refused");
    advance_to(scene, 10 * MINUTE);
    server_enters(scene, OBSERVER_SERVER_UP, NULL);
    advance_to(scene, 20 * MINUTE);
    expect(scene,
           "[     1.0] W example: server is failing: connection refused; 1 of "
           "its 5000 queues has failed, all wait; next try in 4.0 s\n"
           "[   600.0] I example: server works again after 10 min\n"
           "[   660.0] W fetch example/q7: connection refused; it is tried "
           "again\n");
}

/* An inbox whose disk fails affects queues of all servers: one cause. */
static void test_an_inbox_that_cannot_store_is_one_line(void **state)
{
    struct scene *scene = *state;
    for (unsigned i = 0; i < 100; i++) {
        fails(scene, i, HAPLO_EDELIVERY, "inbox main: database is locked");
    }
    advance_to(scene, 2 * SECOND);
    for (unsigned i = 0; i < 100; i++) {
        works(scene, i);
    }
    expect(scene,
           "[     1.0] W inbox main: 100 queues undelivered: inbox main: "
           "database is locked (the first was example/q0)\n"
           "[     2.0] I inbox main: 100 queues work again after at most 2.0 "
           "s\n");
}

/* A queue that fails at every other poll for a month. */
static void test_what_comes_and_goes_does_not_flood(void **state)
{
    struct scene *scene = *state;
    for (uint64_t at_ms = 0; at_ms < 30 * DAY; at_ms += 2 * MINUTE) {
        advance_to(scene, at_ms);
        fails(scene, 0, HAPLO_ETIMEDOUT, "timed out");
        advance_to(scene, at_ms + MINUTE);
        works(scene, 0);
    }
    assert_in_range(scene->line_count, 30, 45);
    assert_non_null(
        strstr(scene->trace, "q0: still failing on and off after 24 h"));
    advance_to(scene, 31 * DAY);
    assert_non_null(strstr(scene->trace, "works again"));
    assert_true(TAILQ_EMPTY(&scene->reporter.causes.list));
}

/* Three blips must not hide that it fails for good the fourth time. */
static void test_what_is_back_to_stay_is_told_after_a_minute(void **state)
{
    struct scene *scene = *state;
    for (uint64_t at_ms = 0; at_ms < 4 * 10 * SECOND; at_ms += 10 * SECOND) {
        advance_to(scene, at_ms);
        fails(scene, 0, HAPLO_ETIMEDOUT, "timed out");
        advance_to(scene, at_ms + 100);
        works(scene, 0);
    }
    advance_to(scene, 40 * SECOND);
    fails(scene, 0, HAPLO_ETIMEDOUT, "timed out");
    unsigned before = scene->line_count;
    scene->trace[0] = '\0';
    advance_to(scene, 30 * MINUTE);
    assert_int_equal(scene->line_count, before + 1);
    assert_non_null(strstr(scene->trace, "[   100.0] W "));
    assert_non_null(strstr(scene->trace, "timed out"));
}

/* What an operator reads is what is wrong now, not what was first noticed. */
static void test_an_outlet_is_logged_with_its_newest_reason(void **state)
{
    struct scene *scene = *state;
    struct observer_note what = note(scene, 0, "the connection was lost");
    observer_outlet_enter(&scene->observer, &scene->outlet, NULL, NULL,
                          OBSERVER_OUTLET_BROKEN, &what);
    advance_to(scene, 500);
    what = note(scene, 0, "cannot connect");
    observer_outlet_enter(&scene->observer, &scene->outlet, NULL, NULL,
                          OBSERVER_OUTLET_BROKEN, &what);
    advance_to(scene, 10 * MINUTE);
    what = note(scene, 0, "no such stream");
    observer_outlet_enter(&scene->observer, &scene->outlet, NULL, NULL,
                          OBSERVER_OUTLET_BROKEN, &what);
    advance_to(scene, HOUR);
    expect(scene, "[     1.0] W outlet out: broken: cannot connect\n"
                  "[  3600.0] W outlet out: still broken after 1 h: no such "
                  "stream\n");
}

/* A server that comes and goes is reminded of in between, even if a reload has
 * removed it by then: nothing of it may be looked at. */
static void test_a_removed_server_that_flapped_is_not_looked_at(void **state)
{
    struct scene *scene = *state;
    struct observer_server *server = calloc(1, sizeof *server);
    struct observer_note what;
    assert_non_null(server);
    observer_server_add(&scene->observer, server, "other", START_MS);
    for (uint64_t at_ms = 0; at_ms <= HOUR - MINUTE; at_ms += 2 * MINUTE) {
        advance_to(scene, at_ms);
        what = note(scene, HAPLO_ETIMEDOUT, "timed out");
        observer_server_enter(&scene->observer, server, OBSERVER_SERVER_DOWN,
                              &what);
        advance_to(scene, at_ms + MINUTE);
        what = note(scene, 0, "");
        observer_server_enter(&scene->observer, server, OBSERVER_SERVER_UP,
                              &what);
    }
    observer_server_remove(&scene->observer, server);
    memset(server, 0xff, sizeof *server);
    free(server);
    scene->trace[0] = '\0';
    advance_to(scene, HOUR + 5 * MINUTE);
    assert_non_null(strstr(scene->trace, "other: still down on and off"));
    assert_null(strstr(scene->trace, "of its")); /* queues */
}

/* What is over within a second is one line, and a flood of that is not. */
static void test_a_blip_is_one_line(void **state)
{
    struct scene *scene = *state;
    for (unsigned i = 0; i < 10000; i++) {
        fails(scene, 0, HAPLO_ETIMEDOUT, "timed out");
        advance_to(scene, scene->now_ms + 300);
        works(scene, 0);
    }
    expect(scene, "[     0.3] W fetch example/q0: timed out; it worked again "
                  "after 0.3 s\n"
                  "[     0.6] W fetch example/q0: timed out; it worked again "
                  "after 0.3 s\n"
                  "[     0.9] W fetch example/q0: timed out; it worked again "
                  "after 0.3 s\n");
}

/* Somebody must decide: an error, with what to do. */
static void test_a_blocked_lane_says_what_to_do(void **state)
{
    struct scene *scene = *state;
    struct observer_note what = note(scene, 0, "400 Bad Request");
    what.arrival = 12;
    observer_outlet_enter(&scene->observer, &scene->outlet, "example", "q1",
                          OBSERVER_OUTLET_BLOCKED, &what);
    advance_to(scene, DAY);
    what = note(scene, 0, "");
    observer_outlet_enter(&scene->observer, &scene->outlet, "example", "q1",
                          OBSERVER_OUTLET_WORKING, &what);
    expect(scene,
           "[     1.0] E outlet out: example/q1: blocked by message 12: 400 "
           "Bad Request; `haplo-poll outlet skip out example/q1` passes over "
           "it\n"
           "[  3600.0] E outlet out: example/q1: still blocked after 1 h: 400 "
           "Bad Request\n"
           "[ 21600.0] E outlet out: example/q1: still blocked after 6 h: 400 "
           "Bad Request\n"
           "[ 86400.0] E outlet out: example/q1: still blocked after 24 h: "
           "400 Bad Request\n"
           "[ 86400.0] I outlet out: example/q1: works again after 1 failure "
           "in 24 h\n");
}

/* 10,000 dead letters for one reason are that reason and a number. */
static void test_dead_letters_are_counted(void **state)
{
    struct scene *scene = *state;
    for (unsigned i = 1; i <= 10000; i++) {
        struct observer_note what = note(scene, 0, "");
        char text[64];
        (void)snprintf(text, sizeof text, "HTTP 422, request %u", i);
        what.text = text;
        what.arrival = i;
        observer_outlet_tell(&scene->observer, &scene->outlet, "example", "q1",
                             "dead_letter", &what);
    }
    advance_to(scene, 3 * DAY);
    expect(scene,
           "[     0.0] W outlet out: example/q1: message 1 is a dead letter: "
           "HTTP 422, request 1\n"
           "[  3600.0] W outlet out: example/q1: message 1 is a dead letter: "
           "HTTP 422, request 1 (and 9999 more like this)\n");
}

/* Who asks for a replay learns that it starts and how it ends, at once, while
 * the trouble of its outlet goes on unaffected. */
static void test_a_replay_is_told_at_once(void **state)
{
    static const char *const news[] = {
        "replay 1 starts; delivered: 0, refused: 0",
        "replay 1 is stopped; delivered: 7, refused: 1",
        "replay 2 starts; delivered: 0, refused: 0",
        "replay 2 is done; delivered: 120, refused: 0"};
    struct scene *scene = *state;
    struct observer_note what = note(scene, 0, "cannot connect");
    observer_outlet_enter(&scene->observer, &scene->outlet, NULL, NULL,
                          OBSERVER_OUTLET_WAITING, &what);
    for (unsigned i = 0; i < sizeof news / sizeof *news; i++) {
        advance_to(scene, (i + 1) * 600);
        what = note(scene, 0, news[i]);
        observer_outlet_tell(&scene->observer, &scene->outlet, NULL, NULL,
                             "replay", &what);
    }
    advance_to(scene, 5 * SECOND);
    what = note(scene, 0, "");
    observer_outlet_enter(&scene->observer, &scene->outlet, NULL, NULL,
                          OBSERVER_OUTLET_WORKING, &what);
    expect(scene,
           "[     0.6] I outlet out: replay 1 starts; delivered: 0, refused: "
           "0\n"
           "[     1.0] W outlet out: waiting: cannot connect\n"
           "[     1.2] I outlet out: replay 1 is stopped; delivered: 7, "
           "refused: 1\n"
           "[     1.8] I outlet out: replay 2 starts; delivered: 0, refused: "
           "0\n"
           "[     2.4] I outlet out: replay 2 is done; delivered: 120, "
           "refused: 0\n"
           "[     5.0] I outlet out: works again after 5.0 s\n");
}

/* 5,000 queues with a reason each must not be 5,000 lines. */
static void test_as_many_reasons_as_queues_are_a_few_lines(void **state)
{
    struct scene *scene = *state;
    for (unsigned i = 0; i < QUEUE_COUNT; i++) {
        char detail[64];
        (void)snprintf(detail, sizeof detail, "unexpected %c%c%c",
                       'a' + (char)(i % 26), 'a' + (char)(i / 26 % 26),
                       'a' + (char)(i / 676));
        fails(scene, i, HAPLO_EDOCUMENT, detail);
    }
    advance_to(scene, 2 * SECOND);
    assert_int_equal(scene->line_count, CAUSE_FAMILY_MAX + 1);
    assert_non_null(strstr(scene->trace, "example: 4992 queues failing"));
}

/* A queue that a reload removes has not recovered, and leaves nothing. */
static void test_a_removed_queue_is_not_reported_to_work(void **state)
{
    struct scene *scene = *state;
    struct observer_place place = place_of(scene, 0);
    fails(scene, 0, HAPLO_ECONTENT, "not JSON");
    advance_to(scene, MINUTE);
    observer_queue_remove(&scene->observer, &place);
    observer_queue_add(&scene->observer, &place, START_MS);
    advance_to(scene, DAY);
    expect(scene, "[     1.0] W fetch example/q0: not JSON; next try in 1.0 "
                  "s\n");
}

/* A full disk pauses queues that could not be stored: no reminders of these. */
static void test_a_queue_that_is_paused_is_in_no_cause(void **state)
{
    struct scene *scene = *state;
    struct observer_place place = place_of(scene, 0);
    fails(scene, 0, HAPLO_EDELIVERY, "disk full");
    struct observer_note what = note(scene, 0, NULL);
    observer_queue_enter(&scene->observer, &place, OBSERVER_QUEUE_PAUSED,
                         &what);
    advance_to(scene, DAY);
    expect(scene, "");
    assert_true(TAILQ_EMPTY(&scene->reporter.causes.list));
}

/* A reload may replace a server that is down by one of the same name. */
static void test_a_server_that_is_replaced_is_the_new_one(void **state)
{
    struct scene *scene = *state;
    struct observer_server old = scene->server;
    server_enters(scene, OBSERVER_SERVER_DOWN, "connection refused");
    advance_to(scene, MINUTE);
    observer_server_remove(&scene->observer, &scene->server);
    observer_server_add(&scene->observer, &old, "example", START_MS);
    old.sums.queue_counts[OBSERVER_QUEUE_FAILING] = 7;
    struct observer_note what = note(scene, HAPLO_ECONNECT, "no route");
    observer_server_enter(&scene->observer, &old, OBSERVER_SERVER_DOWN, &what);
    advance_to(scene, MINUTE + 2 * SECOND);
    expect(scene, "[     1.0] W example: server is failing: connection "
                  "refused; 0 of its 5000 queues have failed, all wait; next "
                  "try in 4.0 s\n"
                  "[    61.0] W example: server is failing: no route; 7 of "
                  "its 7 queues have failed, all wait\n");
    observer_server_remove(&scene->observer, &old);
    scene->server.state = OBSERVER_SERVER_UP;
}

/* A clock that is set forward by a month is no month of reminders. */
static void test_a_jump_of_the_clock_is_one_reminder(void **state)
{
    struct scene *scene = *state;
    fails(scene, 0, HAPLO_ECONTENT, "not JSON");
    advance_to(scene, MINUTE);
    reporter_run(&scene->reporter, START_MS + 30 * DAY);
    assert_int_equal(scene->reminder_count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_three_weeks_of_failure_are_a_line_a_day),
        TEST(test_a_maintenance_page_is_a_few_lines),
        TEST(test_a_server_that_is_down_is_one_line),
        TEST(test_a_queue_that_still_fails_gets_its_own_line),
        TEST(test_an_inbox_that_cannot_store_is_one_line),
        TEST(test_what_comes_and_goes_does_not_flood),
        TEST(test_what_is_back_to_stay_is_told_after_a_minute),
        TEST(test_an_outlet_is_logged_with_its_newest_reason),
        TEST(test_a_removed_server_that_flapped_is_not_looked_at),
        TEST(test_a_blip_is_one_line),
        TEST(test_a_blocked_lane_says_what_to_do),
        TEST(test_dead_letters_are_counted),
        TEST(test_a_replay_is_told_at_once),
        TEST(test_as_many_reasons_as_queues_are_a_few_lines),
        TEST(test_a_removed_queue_is_not_reported_to_work),
        TEST(test_a_queue_that_is_paused_is_in_no_cause),
        TEST(test_a_server_that_is_replaced_is_the_new_one),
        TEST(test_a_jump_of_the_clock_is_one_reminder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
