/*
 * What operators are told of a fleet, as golden traces in virtual time: hosts
 * that come and go, slots that have moved, a membership that cannot be renewed,
 * configurations that differ.
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
#include "daemon/observe/observer_fleet.h"

#define START_MS UINT64_C(1700000000000)
#define TRACE_SIZE 8192
#define MEMBER_COUNT 4
#define TTL_MS 30000

/* This host is "a". */
struct scene {
    struct observer observer;
    struct observer_listener listener;
    struct reporter reporter;
    struct fleet fleet;
    struct fleet_request asked;                      /* the last one */
    struct fleet_member members[MEMBER_COUNT];       /* of the tables */
    struct inbox_fleet_detail details[MEMBER_COUNT]; /* likewise */
    size_t member_count;                             /* length of both */
    struct fleet_slot slots[FLEET_SLOT_COUNT];       /* likewise */
    uint64_t now_ms;                                 /* since START_MS */
    char trace[TRACE_SIZE];
};

static const struct fleet_policy policy = {
    .ttl_ms = TTL_MS,
    .renew_ms = 5000,
    .soon_ms = 500,
    .retry_ms = 1000,
    .margin_ms = 5000,
    .grace_ms = 5000,
    .jitter_ms = 3000,
    .moves_per_s = 8,
};

static void on_ask(void *data, const struct fleet_request *request)
{
    ((struct scene *)data)->asked = *request;
}

static void on_slot(void *data, unsigned slot)
{
    (void)data;
    (void)slot;
}

static const struct fleet_calls calls = {
    .ask_cb = on_ask,
    .gain_cb = on_slot,
    .drain_cb = on_slot,
    .lose_cb = on_slot,
};

static void on_report(void *data, const struct report *report)
{
    static const char levels[] = "EWIT";
    struct scene *scene = data;
    size_t size = strlen(scene->trace);
    (void)snprintf(scene->trace + size, TRACE_SIZE - size, "[%6.1f] %c %s\n",
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

static void member_set(struct scene *scene, size_t index, const char *host,
                       int64_t left_ms)
{
    scene->members[index] =
        (struct fleet_member){.term = 1, .left_ms = left_ms, .weight = 100};
    (void)snprintf(scene->members[index].host, FLEET_HOST_SIZE, "%s", host);
    scene->details[index] = (struct inbox_fleet_detail){
        .version = "0.1.0", .digest = "d1", .joined_at_ms = START_MS};
    if (index >= scene->member_count) {
        scene->member_count = index + 1;
    }
}

/* The slots from first on belong to this member. */
static void slots_set(struct scene *scene, unsigned first, unsigned count,
                      size_t owner)
{
    for (unsigned i = 0; i < count; i++) {
        scene->slots[first + i].owner = owner;
        scene->slots[first + i].term++;
    }
}

static int setup(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    assert_non_null(scene);
    observer_init(&scene->observer, START_MS);
    reporter_init(&scene->reporter, on_report, scene);
    scene->listener.transition_cb = on_transition;
    observer_listen(&scene->observer, &scene->listener);
    assert_int_equal(fleet_init(&scene->fleet, &policy, &calls, scene, "a"), 0);
    assert_int_equal(
        observer_fleet_add(&scene->observer, &scene->fleet, "a", START_MS), 0);
    slots_set(scene, 0, FLEET_SLOT_COUNT, FLEET_NOBODY);
    *state = scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    fleet_free(&scene->fleet);
    reporter_free(&scene->reporter);
    observer_free(&scene->observer);
    free(scene);
    return 0;
}

static struct observer_fleet_note note_of(const struct scene *scene,
                                          const char *why)
{
    return (struct observer_fleet_note){
        .now_ms = START_MS + scene->now_ms,
        .clock_ms = scene->now_ms,
        .details = scene->details,
        .detail_count = scene->member_count,
        .why = why,
    };
}

/* The fleet asks at this time, and is answered at once; why: it fails. */
static void ask_at(struct scene *scene, uint64_t now_ms, const char *why)
{
    const struct fleet_reply reply = {
        .is_member = true,
        .term = 1,
        .members = scene->members,
        .member_count = scene->member_count,
        .slots = scene->slots,
    };
    scene->now_ms = now_ms;
    scene->fleet.ask_due_ms = now_ms;
    fleet_tick(&scene->fleet, now_ms);
    if (why == NULL) {
        fleet_replied(&scene->fleet, now_ms, &reply);
    } else {
        fleet_failed(&scene->fleet, now_ms);
    }
    struct observer_fleet_note note = note_of(scene, why);
    observer_fleet_note(&scene->observer, &note);
}

/* Two hosts that have half of the slots each. */
static void settle(struct scene *scene)
{
    member_set(scene, 0, "a", TTL_MS);
    member_set(scene, 1, "b", TTL_MS);
    slots_set(scene, 0, 512, 0);
    slots_set(scene, 512, 512, 1);
    ask_at(scene, 0, NULL);
}

static void assert_trace(const struct scene *scene, const char *expected)
{
    assert_string_equal(scene->trace, expected);
}

/* The first thing that somebody looks for after a start. */
static void joining_is_told_once(void **state)
{
    struct scene *scene = *state;
    settle(scene);
    ask_at(scene, 5000, NULL);
    ask_at(scene, 10000, NULL);
    assert_trace(scene,
                 "[   0.0] I fleet: joined as host a; hosts: 2, own slots: "
                 "512\n");
    assert_int_equal(scene->observer.fleet->state, OBSERVER_HOST_MEMBER);
    assert_int_equal(scene->observer.fleet->free_count, 0);
}

/* Why nothing is polled must be in the log, once for each reason. */
static void what_keeps_a_host_outside_is_told(void **state)
{
    struct scene *scene = *state;
    for (uint64_t i = 0; i < 5; i++) {
        ask_at(scene, i * 1000, "cannot connect");
    }
    ask_at(scene, 5000, "another process is host a");
    for (uint64_t i = 6; i < 3700; i++) {
        ask_at(scene, i * 1000, "another process is host a");
    }
    assert_trace(scene,
                 "[   0.0] W fleet: this host cannot join, and polls nothing: "
                 "cannot connect\n"
                 "[   5.0] W fleet: this host cannot join, and polls nothing: "
                 "another process is host a\n"
                 "[3605.0] W fleet: this host cannot join, and polls nothing: "
                 "another process is host a\n");
    assert_int_equal(scene->observer.fleet->counts.failure_count, 3700);
}

/* One request may fail; more is worth a line before polling stops. */
static void a_membership_that_cannot_be_renewed_is_told(void **state)
{
    struct scene *scene = *state;
    settle(scene);
    ask_at(scene, 5000, "timeout");
    ask_at(scene, 6000, NULL);
    scene->trace[0] = '\0';
    for (uint64_t i = 11; i <= 35; i++) {
        ask_at(scene, i * 1000, "timeout");
    }
    assert_int_equal(scene->observer.fleet->state, OBSERVER_HOST_STOPPED);
    ask_at(scene, 36000, NULL);
    assert_trace(scene,
                 "[  12.0] W fleet: this host cannot renew its membership, and "
                 "stops polling in 19 s: timeout\n"
                 "[  31.0] W fleet: this host polls nothing, as it has not "
                 "been able to renew its membership for 20 s: timeout\n"
                 "[  36.0] I fleet: this host renews its membership again "
                 "after 25 s\n");
}

/* Slots come a few at a time, which is one line. */
static void slots_that_move_are_one_line(void **state)
{
    struct scene *scene = *state;
    settle(scene);
    scene->trace[0] = '\0';
    for (unsigned i = 0; i < 10; i++) {
        slots_set(scene, 512 + 4 * i, 4, 0);
        ask_at(scene, 5000 + 500 * i, NULL);
    }
    ask_at(scene, 15000, NULL);
    slots_set(scene, 0, 1, 1);
    ask_at(scene, 20000, NULL);
    ask_at(scene, 25000, NULL);
    assert_trace(scene, "[  15.0] I fleet: took over 40 slots of host b\n"
                        "[  25.0] I fleet: handed over 1 slot to host b\n");
    assert_int_equal(scene->observer.fleet->counts.took_count, 40);
    assert_int_equal(scene->observer.fleet->counts.handed_count, 1);
}

/* If moves never end, they are told all the same. */
static void moves_that_go_on_are_told_each_minute(void **state)
{
    struct scene *scene = *state;
    settle(scene);
    scene->trace[0] = '\0';
    for (unsigned i = 0; i < 20; i++) {
        slots_set(scene, 512 + i, 1, 0);
        ask_at(scene, 5000 + 5000 * i, NULL);
    }
    assert_trace(scene, "[  65.0] I fleet: took over 13 slots of host b\n");
}

static void a_host_that_fails_is_told_and_replaced(void **state)
{
    struct scene *scene = *state;
    settle(scene);
    scene->trace[0] = '\0';
    member_set(scene, 1, "b", -1000);
    ask_at(scene, 31000, NULL);
    assert_int_equal(scene->observer.fleet->free_count, 512);
    assert_int_equal(observer_fleet_free_since(scene->observer.fleet),
                     START_MS + 31000);
    slots_set(scene, 512, 512, 0);
    ask_at(scene, 36000, NULL);
    ask_at(scene, 41000, NULL);
    assert_trace(scene,
                 "[  31.0] W fleet: host b is not heard of any more: others "
                 "take over its slots (512)\n"
                 "[  41.0] I fleet: took over 512 slots of host b\n");
    assert_int_equal(scene->observer.fleet->members[1].state,
                     OBSERVER_MEMBER_GONE);
    assert_int_equal(observer_fleet_free_since(scene->observer.fleet), 0);
}

static void hosts_that_come_go_and_are_drained_are_told(void **state)
{
    struct scene *scene = *state;
    settle(scene);
    scene->trace[0] = '\0';
    member_set(scene, 2, "c", TTL_MS);
    ask_at(scene, 5000, NULL);
    scene->members[2].is_draining = true;
    ask_at(scene, 10000, NULL);
    scene->members[2].is_draining = false;
    ask_at(scene, 15000, NULL);
    scene->members[2].left_ms = 0;
    ask_at(scene, 20000, NULL);
    assert_trace(scene,
                 "[   5.0] I fleet: host c has joined\n"
                 "[  10.0] I fleet: host c is being drained: it hands over all "
                 "of its slots\n"
                 "[  15.0] I fleet: host c is not being drained any more\n"
                 "[  20.0] I fleet: host c has left\n");
}

/* Others have taken over what this host could not poll: that is not a planned
 * move. */
static void slots_that_were_lost_are_no_planned_move(void **state)
{
    struct scene *scene = *state;
    settle(scene);
    for (uint64_t i = 5; i <= 40; i++) {
        ask_at(scene, i * 1000, "timeout");
    }
    scene->trace[0] = '\0';
    slots_set(scene, 0, 512, 1);
    ask_at(scene, 41000, NULL);
    ask_at(scene, 46000, NULL);
    assert_trace(scene,
                 "[  41.0] I fleet: this host renews its membership again "
                 "after 36 s\n"
                 "[  46.0] W fleet: host b has taken over 512 slots of this "
                 "host\n");
}

/* A file is changed on one host after the other, so it may take a minute. */
static void configurations_that_differ_are_told(void **state)
{
    struct scene *scene = *state;
    settle(scene);
    scene->trace[0] = '\0';
    (void)strcpy(scene->details[1].digest, "d2");
    for (uint64_t i = 1; i < 30; i++) {
        ask_at(scene, i * 5000, NULL);
    }
    assert_true(scene->observer.fleet->members[1].differs);
    (void)strcpy(scene->details[1].digest, "d1");
    ask_at(scene, 150000, NULL);
    (void)strcpy(scene->details[1].digest, "d2");
    ask_at(scene, 155000, NULL);
    (void)strcpy(scene->details[1].digest, "d1");
    ask_at(scene, 160000, NULL);
    assert_trace(scene,
                 "[  65.0] W fleet: host b: another configuration than this "
                 "host has: give all hosts the same file, and reload\n"
                 "[ 150.0] I fleet: all hosts have the same configuration "
                 "again\n");
}

/* "polled by HOST" for whoever looks at the wrong host. */
static void the_host_that_polls_a_server_is_known(void **state)
{
    struct scene *scene = *state;
    assert_null(observer_fleet_owner(&scene->observer, "example"));
    settle(scene);
    assert_string_equal(observer_fleet_owner(&scene->observer, "example"),
                        placement_slot("example") < 512 ? "a" : "b");
    slots_set(scene, placement_slot("example"), 1, FLEET_NOBODY);
    ask_at(scene, 5000, NULL);
    assert_null(observer_fleet_owner(&scene->observer, "example"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(joining_is_told_once),
        TEST(what_keeps_a_host_outside_is_told),
        TEST(a_membership_that_cannot_be_renewed_is_told),
        TEST(slots_that_move_are_one_line),
        TEST(moves_that_go_on_are_told_each_minute),
        TEST(a_host_that_fails_is_told_and_replaced),
        TEST(hosts_that_come_go_and_are_drained_are_told),
        TEST(slots_that_were_lost_are_no_planned_move),
        TEST(configurations_that_differ_are_told),
        TEST(the_host_that_polls_a_server_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
