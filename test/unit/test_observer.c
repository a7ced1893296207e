/*
 * What the observer knows after events, as golden traces in virtual time, and
 * what it costs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/observe/observer.h"
#include "daemon/observe/resends.h"
#include "haplopoll.h"

#define START_MS UINT64_C(1700000000000)
#define TRACE_SIZE 4096

/* One server with two queues, an outlet and an inbox. */
struct scene {
    struct observer observer;
    struct observer_listener listener; /* writes the trace */
    struct observer_server server;
    struct observer_queue queues[2];
    struct observer_outlet outlet;
    struct observer_inbox inbox;
    char trace[TRACE_SIZE];
};

static void on_transition(struct observer_listener *listener,
                          const struct transition *transition)
{
    struct scene *scene =
        (struct scene *)((char *)listener - offsetof(struct scene, listener));
    size_t size = strlen(scene->trace);
    (void)snprintf(
        scene->trace + size, TRACE_SIZE - size,
        "[%6.1f] %s%s%s%s%s: %s -> %s%s%s\n",
        (double)(transition->at_ms - START_MS) / 1000,
        transition->outlet == NULL ? "" : transition->outlet,
        transition->outlet == NULL ? "" : ": ",
        transition->server == NULL ? "" : transition->server,
        transition->server != NULL && transition->name != NULL ? "/" : "",
        transition->name == NULL ? "" : transition->name, transition->from,
        transition->to, transition->text == NULL ? "" : " ",
        transition->text == NULL ? "" : transition->text);
    if (transition->lasted_ms > 0) {
        size = strlen(scene->trace) - 1;
        (void)snprintf(scene->trace + size, TRACE_SIZE - size,
                       " after %.1f s, %llu failures\n",
                       (double)transition->lasted_ms / 1000,
                       (unsigned long long)transition->failures);
    }
}

static struct observer_place place_of(struct scene *scene, unsigned index)
{
    static const char *const names[] = {"student", "staff"};
    return (struct observer_place){&scene->server, &scene->queues[index],
                                   names[index], "main"};
}

static int setup(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    assert_non_null(scene);
    observer_init(&scene->observer, START_MS);
    scene->listener.transition_cb = on_transition;
    observer_listen(&scene->observer, &scene->listener);
    observer_server_add(&scene->observer, &scene->server, "example", START_MS);
    for (unsigned i = 0; i < 2; i++) {
        struct observer_place place = place_of(scene, i);
        observer_queue_add(&scene->observer, &place, START_MS);
    }
    observer_outlet_add(&scene->outlet, "files", START_MS);
    observer_inbox_add(&scene->inbox, "main", START_MS);
    *state = scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    observer_outlet_remove(&scene->observer, &scene->outlet);
    observer_inbox_remove(&scene->observer, &scene->inbox);
    for (unsigned i = 0; i < 2; i++) {
        struct observer_place place = place_of(scene, i);
        observer_queue_remove(&scene->observer, &place);
    }
    for (unsigned i = 0; i < OBSERVER_QUEUE_STATE_COUNT; i++) {
        assert_int_equal(scene->server.sums.queue_counts[i], 0);
        assert_int_equal(scene->observer.sums.queue_counts[i], 0);
    }
    assert_int_equal(scene->server.sums.unread_count, 0);
    observer_server_remove(&scene->observer, &scene->server);
    observer_unlisten(&scene->listener);
    observer_free(&scene->observer);
    free(scene);
    return 0;
}

/* What is told of the whole, and is not walked, must be what a walk finds. */
static void check_sums(const struct scene *scene)
{
    size_t untried_count = 0;
    size_t counts[OBSERVER_QUEUE_STATE_COUNT] = {0};
    for (unsigned i = 0; i < 2; i++) {
        enum observer_queue_state state = scene->queues[i].state;
        counts[state]++;
        untried_count += scene->server.state != OBSERVER_SERVER_UP &&
                         (state == OBSERVER_QUEUE_STARTING ||
                          state == OBSERVER_QUEUE_WORKING);
    }
    assert_memory_equal(counts, scene->server.sums.queue_counts, sizeof counts);
    assert_memory_equal(&scene->observer.sums, &scene->server.sums,
                        sizeof scene->server.sums);
    assert_int_equal(scene->observer.untried_count, untried_count);
    assert_int_equal(observer_untried_count(&scene->server), untried_count);
    for (int i = 0; i < OBSERVER_SERVER_STATE_COUNT; i++) {
        assert_int_equal(scene->observer.server_counts[i],
                         (int)scene->server.state == i ? 1 : 0);
    }
}

static struct observer_note note_at(uint64_t seconds, int error,
                                    const char *text)
{
    return (struct observer_note){
        .now_ms = START_MS + seconds * 1000, .error = error, .text = text};
}

static void fails(struct scene *scene, unsigned index, uint64_t seconds,
                  int error, const char *text)
{
    struct observer_place place = place_of(scene, index);
    struct observer_note note = note_at(seconds, error, text);
    observer_queue_failed(&scene->observer, &place,
                          error == HAPLO_EREFUSED ? OBSERVER_QUEUE_REFUSED
                                                  : OBSERVER_QUEUE_FAILING,
                          &note);
}

static void works(struct scene *scene, unsigned index, uint64_t seconds)
{
    struct observer_place place = place_of(scene, index);
    observer_queue_worked(&scene->observer, &place, START_MS + seconds * 1000);
}

/* A queue that works is in no history: there may be a million of them. */
static void test_a_queue_that_works_leaves_no_trace(void **state)
{
    struct scene *scene = *state;
    for (unsigned i = 1; i <= 1000; i++) {
        works(scene, 0, i);
    }
    assert_string_equal(scene->trace, "");
    assert_null(scene->queues[0].trouble);
    assert_null(scene->observer.history.ring);
    assert_int_equal(scene->queues[0].state, OBSERVER_QUEUE_WORKING);
    assert_int_equal(scene->queues[0].since_ms, START_MS + 1000);
    assert_int_equal(scene->queues[0].success_ms, START_MS + 1000000);
    assert_int_equal(scene->server.sums.queue_counts[OBSERVER_QUEUE_WORKING],
                     1);
    assert_int_equal(scene->server.sums.queue_counts[OBSERVER_QUEUE_STARTING],
                     1);
    assert_true(sizeof(struct observer_queue) <= 32);
}

/* An operator is to see what changed, not each attempt. */
static void test_transitions_are_told_and_attempts_are_not(void **state)
{
    struct scene *scene = *state;
    works(scene, 0, 1);
    fails(scene, 0, 2, HAPLO_ECONNECT, "connection refused");
    fails(scene, 0, 3, HAPLO_ECONNECT, "connection refused");
    fails(scene, 0, 5, HAPLO_ETIMEDOUT, "timed out");
    fails(scene, 0, 9, HAPLO_EREFUSED, "invalid API key");
    fails(scene, 0, 900, HAPLO_EREFUSED, "invalid API key");
    works(scene, 0, 1000);
    works(scene, 0, 1001);
    assert_string_equal(
        scene->trace,
        "[   2.0] example/student: working -> failing connection refused\n"
        "[   5.0] example/student: failing -> failing timed out\n"
        "[   9.0] example/student: failing -> refused invalid API key\n"
        "[1000.0] example/student: refused -> working after 998.0 s, 5 "
        "failures\n");
}

/* Metrics and the log count failures by who can do something about them. */
static void test_failures_are_counted_by_class(void **state)
{
    struct scene *scene = *state;
    fails(scene, 0, 1, HAPLO_ECONNECT, "refused");
    fails(scene, 1, 2, HAPLO_ERESET, "reset");
    fails(scene, 1, 3, HAPLO_ETLS, "expired");
    assert_int_equal(scene->server.sums.failures[FAILURE_NETWORK], 2);
    assert_int_equal(scene->server.sums.failures[FAILURE_TLS], 1);
    assert_int_equal(scene->queues[1].trouble->failures[FAILURE_NETWORK], 1);
    assert_int_equal(scene->queues[1].trouble->in_a_row, 2);
    assert_string_equal(scene->queues[1].trouble->text, "expired");
    for (int error = HAPLO_ESTALE; error < 0; error++) {
        assert_in_range(failure_class_of(error), 0, FAILURE_CLASS_COUNT - 1);
    }
}

/* The story of one queue must not need the whole history to be searched. */
static void test_the_transitions_of_a_queue_are_linked(void **state)
{
    struct scene *scene = *state;
    const struct history *history = &scene->observer.history;
    const struct transition *found;
    fails(scene, 0, 1, HAPLO_ECONNECT, "one");
    fails(scene, 1, 2, HAPLO_ECONNECT, "other");
    fails(scene, 0, 3, HAPLO_ETLS, "two");
    found = history_find(history, scene->queues[0].trouble->newest_id);
    assert_string_equal(found->text, "two");
    assert_string_equal(found->server, "example");
    assert_string_equal(found->name, "student");
    found = history_find(history, found->previous_id);
    assert_string_equal(found->text, "one");
    assert_int_equal(found->previous_id, 0);
    assert_null(history_find(history, 0));
    assert_null(history_find(history, 4));
}

/* Years of trouble must not need more memory than a day of it. */
static void test_the_history_forgets_the_oldest(void **state)
{
    struct scene *scene = *state;
    const struct history *history = &scene->observer.history;
    for (unsigned i = 0; i < HISTORY_COUNT_MAX + 10; i++) {
        fails(scene, 0, i, i % 2 == 0 ? HAPLO_ETLS : HAPLO_ECONNECT, "why");
        scene->trace[0] = '\0';
    }
    assert_int_equal(history->capacity, HISTORY_COUNT_MAX);
    assert_int_equal(history_oldest_id(history), 11);
    assert_non_null(history_find(history, 11));
    assert_null(history_find(history, 10));
}

/* A disk that is nearly full pauses 100,000 queues: one cause, not as many. */
static void test_a_cause_that_is_told_elsewhere_is_no_transition(void **state)
{
    struct scene *scene = *state;
    struct observer_place place = place_of(scene, 0);
    struct observer_note note = note_at(1, 0, NULL);
    observer_queue_enter(&scene->observer, &place, OBSERVER_QUEUE_PAUSED,
                         &note);
    assert_string_equal(scene->trace, "");
    assert_int_equal(scene->queues[0].state, OBSERVER_QUEUE_PAUSED);
    note.text = "paused by root";
    observer_queue_enter(&scene->observer, &place, OBSERVER_QUEUE_STARTING,
                         &note);
    assert_string_equal(
        scene->trace,
        "[   1.0] example/student: paused -> starting paused by root\n");
}

/* A queue that another host forwards from now on is in trouble no longer here,
 * and has not recovered. */
static void test_a_lane_that_goes_to_another_host_is_removed(void **state)
{
    struct scene *scene = *state;
    struct observer *observer = &scene->observer;
    struct observer_note note = note_at(1, 0, "HTTP 400");
    observer_outlet_enter(observer, &scene->outlet, "example", "student",
                          OBSERVER_OUTLET_BLOCKED, &note);
    note = note_at(5, 0, NULL);
    observer_outlet_forget_lane(observer, &scene->outlet, "example", "student",
                                &note);
    observer_outlet_forget_lane(observer, &scene->outlet, "example", "staff",
                                &note);
    assert_null(observer_lane_find(observer, "files", "example", "student"));
    assert_string_equal(
        scene->trace,
        "[   1.0] files: example/student: working -> blocked HTTP 400\n"
        "[   5.0] files: example/student: blocked -> removed\n");
}

/* Servers, outlets, lanes and inboxes are told with what ended, too. */
static void test_every_kind_of_object_has_a_story(void **state)
{
    struct scene *scene = *state;
    struct observer *observer = &scene->observer;
    struct observer_note note = note_at(1, HAPLO_ECONNECT, "refused");
    observer_server_enter(observer, &scene->server, OBSERVER_SERVER_DOWN,
                          &note);
    observer_server_enter(observer, &scene->server, OBSERVER_SERVER_DOWN,
                          &note);
    note = note_at(61, 0, NULL);
    observer_server_enter(observer, &scene->server, OBSERVER_SERVER_UP, &note);
    note = note_at(70, 0, "HTTP 503");
    observer_outlet_enter(observer, &scene->outlet, "example", "student",
                          OBSERVER_OUTLET_WAITING, &note);
    observer_outlet_enter(observer, &scene->outlet, "example", "student",
                          OBSERVER_OUTLET_WAITING, &note);
    assert_non_null(
        observer_lane_find(observer, "files", "example", "student"));
    observer_outlet_enter(observer, &scene->outlet, NULL, NULL,
                          OBSERVER_OUTLET_BROKEN, &note);
    note = note_at(80, 0, NULL);
    observer_outlet_enter(observer, &scene->outlet, NULL, NULL,
                          OBSERVER_OUTLET_WORKING, &note);
    observer_outlet_enter(observer, &scene->outlet, "example", "student",
                          OBSERVER_OUTLET_WORKING, &note);
    assert_null(observer_lane_find(observer, "files", "example", "student"));
    note = note_at(90, 0, "400");
    observer_outlet_tell(observer, &scene->outlet, "example", "staff",
                         "dead_letter", &note);
    observer_inbox_enter(observer, &scene->inbox, OBSERVER_INBOX_SHORT, &note);
    note = note_at(99, 0, NULL);
    observer_inbox_enter(observer, &scene->inbox, OBSERVER_INBOX_WORKING,
                         &note);
    assert_string_equal(
        scene->trace,
        "[   1.0] example: up -> down refused\n"
        "[  61.0] example: down -> up after 60.0 s, 0 failures\n"
        "[  70.0] files: example/student: working -> waiting HTTP 503\n"
        "[  70.0] files: working -> broken HTTP 503\n"
        "[  80.0] files: broken -> working after 10.0 s, 0 failures\n"
        "[  80.0] files: example/student: waiting -> working after 10.0 s, 2 "
        "failures\n"
        "[  90.0] files: example/staff: working -> dead_letter 400\n"
        "[  90.0] main: working -> short 400\n"
        "[  99.0] main: short -> working after 9.0 s, 0 failures\n");
    assert_int_equal(scene->outlet.refused_count, 1);
}

/* The backlog on the servers is a sum that nobody has to walk queues for. */
static void test_unread_messages_are_summed_up(void **state)
{
    struct scene *scene = *state;
    struct observer_place first = place_of(scene, 0);
    struct observer_place second = place_of(scene, 1);
    observer_queue_unread(&scene->observer, &first, 100);
    observer_queue_unread(&scene->observer, &second, 20);
    observer_queue_unread(&scene->observer, &first, 84);
    assert_int_equal(scene->server.sums.unread_count, 104);
}

/* A quantile of commits is read from these buckets. */
static void test_commits_are_counted_by_how_long_they_took(void **state)
{
    struct scene *scene = *state;
    observer_inbox_committed(&scene->inbox, 1000);
    observer_inbox_committed(&scene->inbox, 1001);
    observer_inbox_committed(&scene->inbox, 60000000);
    assert_int_equal(scene->inbox.commits[0], 1);
    assert_int_equal(scene->inbox.commits[1], 1);
    assert_int_equal(scene->inbox.commits[OBSERVER_COMMIT_BUCKET_COUNT - 1], 1);
    assert_int_equal(scene->inbox.commit_sum_us, 60002001);
}

/* An administrator who sends messages again wants to see that they came. */
static void test_a_message_of_the_same_queue_is_a_resend(void **state)
{
    struct resends resends = {NULL};
    const uint8_t key[16] = {1, 2, 3};
    const uint8_t other[16] = {9, 2, 3};
    (void)state;
    assert_false(resends_note(&resends, &resends, key));
    assert_false(resends_note(&resends, &resends, other));
    assert_false(resends_note(&resends, key, key));
    assert_true(resends_note(&resends, &resends, key));
    resends_free(&resends);
}

/* Whatever happens, in whichever order. */
static void test_sums_are_those_of_a_walk(void **state)
{
    struct scene *scene = *state;
    uint32_t seed = 1;
    for (unsigned i = 0; i < 5000; i++) {
        seed = seed * 1664525 + 1013904223;
        struct observer_place place = place_of(scene, seed >> 30 & 1);
        struct observer_note note =
            note_at(i, (seed >> 8 & 1) != 0 ? HAPLO_ECONNECT : 0, "a cause");
        switch (seed >> 16 & 7) {
        case 0:
            observer_queue_worked(&scene->observer, &place, note.now_ms);
            break;
        case 1:
            observer_queue_failed(
                &scene->observer, &place,
                (enum observer_queue_state)((seed >> 20) %
                                            (OBSERVER_QUEUE_STATE_COUNT + 1)),
                &note);
            break;
        case 2:
            observer_queue_enter(&scene->observer, &place,
                                 (enum observer_queue_state)(
                                     (seed >> 20) % OBSERVER_QUEUE_STATE_COUNT),
                                 &note);
            break;
        case 3:
            observer_server_enter(
                &scene->observer, &scene->server,
                (enum observer_server_state)((seed >> 20) %
                                             OBSERVER_SERVER_STATE_COUNT),
                &note);
            break;
        case 4:
            observer_queue_unread(&scene->observer, &place, seed >> 20);
            break;
        case 5:
            observer_fetched(&scene->observer, &scene->server, seed >> 28);
            observer_resent(&scene->observer, &scene->server);
            break;
        case 6:
            observer_stored(&scene->observer, &scene->server, seed >> 28, 1);
            observer_marked(&scene->observer, &scene->server, seed >> 28);
            break;
        default:
            observer_queue_remove(&scene->observer, &place);
            observer_queue_add(&scene->observer, &place, note.now_ms);
            break;
        }
        check_sums(scene);
    }
    observer_server_enter(&scene->observer, &scene->server, OBSERVER_SERVER_UP,
                          &(struct observer_note){.now_ms = START_MS});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_a_queue_that_works_leaves_no_trace),
        TEST(test_transitions_are_told_and_attempts_are_not),
        TEST(test_failures_are_counted_by_class),
        TEST(test_the_transitions_of_a_queue_are_linked),
        TEST(test_the_history_forgets_the_oldest),
        TEST(test_a_cause_that_is_told_elsewhere_is_no_transition),
        TEST(test_a_lane_that_goes_to_another_host_is_removed),
        TEST(test_every_kind_of_object_has_a_story),
        TEST(test_unread_messages_are_summed_up),
        TEST(test_sums_are_those_of_a_walk),
        TEST(test_commits_are_counted_by_how_long_they_took),
        cmocka_unit_test(test_a_message_of_the_same_queue_is_a_resend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
