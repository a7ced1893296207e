/*
 * A fleet of hosts in virtual time: how slots come to hosts, move and are taken
 * over. That no slot ever has two hosts is checked at each change, by
 * fleet_sim.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fleet_sim.h"

#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)
#define TTL (30 * SECOND)
#define RENEW (5 * SECOND)

static int setup(void **state)
{
    struct fleet_sim *sim = malloc(sizeof *sim);
    assert_non_null(sim);
    fleet_sim_init(sim, 1);
    *state = sim;
    return 0;
}

static int teardown(void **state)
{
    fleet_sim_free(*state);
    free(*state);
    return 0;
}

static void add(struct fleet_sim *sim, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char name[FLEET_HOST_SIZE];
        (void)snprintf(name, sizeof name, "host-%zu.example.ac.uk",
                       sim->host_count + 1);
        fleet_sim_add(sim, name, 1);
    }
}

static void settle(struct fleet_sim *sim)
{
    fleet_sim_run(sim, 5 * MINUTE);
    assert_true(fleet_sim_is_settled(sim));
    sim->longest_free_ms = 0;
    sim->gains = 0;
    sim->most_moves_in_second = 0;
}

/* A fleet of one begins to work at once. */
static void test_the_first_host_takes_all(void **state)
{
    struct fleet_sim *sim = *state;
    add(sim, 1);
    fleet_sim_run(sim, 2 * SECOND);
    assert_int_equal(fleet_sim_count(sim, 0), FLEET_SLOT_COUNT);
}

/* Without a storm: a few slots at a time, each for a moment. */
static void test_a_new_host_gets_its_share_slot_by_slot(void **state)
{
    struct fleet_sim *sim = *state;
    add(sim, 10);
    settle(sim);
    add(sim, 1);
    settle(sim);
    assert_in_range(fleet_sim_count(sim, 10), 1, FLEET_SLOT_COUNT * 11 / 100);
}

static void test_planned_moves_are_few_at_a_time_and_short(void **state)
{
    struct fleet_sim *sim = *state;
    add(sim, 10);
    settle(sim);
    add(sim, 1);
    fleet_sim_run(sim, 5 * MINUTE);
    assert_true(fleet_sim_is_settled(sim));
    assert_int_equal(sim->gains, fleet_sim_count(sim, 10));
    print_message("longest pause of a planned move: %llu ms; at most %zu "
                  "slots of a host in a second\n",
                  (unsigned long long)sim->longest_free_ms,
                  sim->most_moves_in_second);
    assert_in_range(sim->longest_free_ms, 1, 2 * SECOND);
    assert_in_range(sim->most_moves_in_second, 1, 8);
}

static void test_slots_of_a_killed_host_are_taken_over(void **state)
{
    struct fleet_sim *sim = *state;
    add(sim, 3);
    settle(sim);
    size_t count = fleet_sim_count(sim, 1);
    fleet_sim_kill(sim, 1);
    fleet_sim_run(sim, TTL + 15 * SECOND);
    assert_int_equal(sim->gains, count);
    print_message("longest takeover: %llu ms\n",
                  (unsigned long long)sim->longest_free_ms);
    assert_true(sim->longest_free_ms >= TTL - RENEW); /* it may have lived */
    settle(sim);
}

/* An upgrade must not move a third of the slots, nor wait for anything. */
static void test_a_host_that_starts_again_goes_on_at_once(void **state)
{
    struct fleet_sim *sim = *state;
    add(sim, 3);
    settle(sim);
    size_t count = fleet_sim_count(sim, 1);
    fleet_sim_kill(sim, 1);
    fleet_sim_run(sim, SECOND);
    fleet_sim_start(sim, 1);
    fleet_sim_run(sim, 2 * SECOND);
    assert_int_equal(fleet_sim_count(sim, 1), count);
    assert_int_equal(sim->gains, count);
}

static void test_a_clean_shutdown_releases_its_slots(void **state)
{
    struct fleet_sim *sim = *state;
    add(sim, 3);
    settle(sim);
    fleet_sim_leave(sim, 2);
    fleet_sim_run(sim, SECOND);
    assert_false(sim->hosts[2].is_running);
    fleet_sim_run(sim, RENEW);
    assert_in_range(sim->longest_free_ms, 0, RENEW + SECOND);
    settle(sim);
}

/* What it drains need not end: the others wait until its lease has ended. */
static void test_a_hasty_shutdown_keeps_what_is_under_way(void **state)
{
    struct fleet_sim *sim = *state;
    add(sim, 2);
    settle(sim);
    sim->drain_ms = 10 * MINUTE;
    fleet_sim_leave(sim, 1);
    fleet_sim_run(sim, 10 * SECOND);
    assert_true(sim->hosts[1].is_running);
    fleet_leave_now(&sim->hosts[1].fleet, sim->now_ms);
    fleet_sim_leave(sim, 1);
    fleet_sim_run(sim, SECOND);
    assert_false(sim->hosts[1].is_running);
    settle(sim);
}

/* It learns from its own clock that it may not go on, before anybody tells it:
 * nothing but the clock reaches a host that was suspended. */
static void test_a_paused_host_stops_by_its_own_clock(void **state)
{
    struct fleet_sim *sim = *state;
    add(sim, 2);
    settle(sim);
    const struct fleet *fleet = &sim->hosts[1].fleet;
    fleet_sim_pause(sim, 1, 2 * TTL);
    assert_true(fleet_may_begin(fleet, sim->now_ms));
    fleet_sim_run(sim, TTL - sim->policy.margin_ms);
    assert_false(fleet_may_begin(fleet, sim->now_ms));
    assert_true(fleet_sim_count(sim, 1) > 0); /* it does not know it yet */
    fleet_sim_run(sim, TTL);
    assert_int_equal(fleet_sim_count(sim, 0), FLEET_SLOT_COUNT);
    settle(sim);
    assert_true(fleet_sim_count(sim, 1) > 0);
}

static void test_an_operator_drains_a_host(void **state)
{
    struct fleet_sim *sim = *state;
    add(sim, 3);
    settle(sim);
    fleet_sim_drain_host(sim, 0, true);
    fleet_sim_run(sim, 5 * MINUTE);
    assert_int_equal(fleet_sim_count(sim, 0), 0);
    assert_true(sim->hosts[0].is_running);
    assert_in_range(sim->longest_free_ms, 1, 2 * SECOND);
    assert_in_range(sim->most_moves_in_second, 1, 8);
    fleet_sim_drain_host(sim, 0, false);
    settle(sim);
    assert_true(fleet_sim_count(sim, 0) > 0);
}

/* There is nowhere to go. */
static void test_the_last_host_keeps_its_slots_when_drained(void **state)
{
    struct fleet_sim *sim = *state;
    add(sim, 1);
    settle(sim);
    fleet_sim_drain_host(sim, 0, true);
    fleet_sim_run(sim, MINUTE);
    assert_int_equal(fleet_sim_count(sim, 0), FLEET_SLOT_COUNT);
}

/* Nobody may begin anything without the database; when it is back, everything
 * goes on where it was. */
static void test_without_the_database_all_stop_in_time(void **state)
{
    struct fleet_sim *sim = *state;
    add(sim, 3);
    settle(sim);
    sim->down_until = sim->now_ms + 10 * MINUTE;
    fleet_sim_run(sim, TTL);
    for (size_t i = 0; i < 3; i++) {
        assert_false(fleet_may_begin(&sim->hosts[i].fleet, sim->now_ms));
        assert_int_equal(fleet_sim_count(sim, i), 0); /* it drops everything */
    }
    fleet_sim_run(sim, 10 * MINUTE);
    settle(sim);
    for (size_t i = 0; i < 3; i++) {
        assert_true(fleet_may_begin(&sim->hosts[i].fleet, sim->now_ms));
    }
}

/* Two machines with one name: the newer one has it. */
static void test_a_name_belongs_to_whoever_joined_last(void **state)
{
    struct fleet_sim *sim = *state;
    add(sim, 2);
    settle(sim);
    for (size_t i = 0; i < sim->tables.member_count; i++) {
        sim->tables.members[i].row.term +=
            i == 1; /* somebody has joined as it */
    }
    fleet_sim_run(sim, 2 * RENEW);
    assert_int_equal(sim->hosts[1].fleet.state, FLEET_MEMBER); /* again */
    settle(sim);
}

/* The membership must not be left behind. */
static void test_leaving_while_joining_leaves_nothing_behind(void **state)
{
    struct fleet_sim *sim = *state;
    add(sim, 1);
    fleet_sim_run(sim, 0);
    assert_int_equal(sim->hosts[0].fleet.state, FLEET_OUTSIDE);
    assert_true(sim->hosts[0].fleet.is_asking);
    fleet_sim_leave(sim, 0);
    fleet_sim_run(sim, SECOND);
    assert_false(sim->hosts[0].is_running);
    assert_true(sim->tables.members[0].expires_ms <= sim->now_ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(test_the_first_host_takes_all),
        TEST(test_a_new_host_gets_its_share_slot_by_slot),
        TEST(test_planned_moves_are_few_at_a_time_and_short),
        TEST(test_slots_of_a_killed_host_are_taken_over),
        TEST(test_a_host_that_starts_again_goes_on_at_once),
        TEST(test_a_clean_shutdown_releases_its_slots),
        TEST(test_a_hasty_shutdown_keeps_what_is_under_way),
        TEST(test_a_paused_host_stops_by_its_own_clock),
        TEST(test_an_operator_drains_a_host),
        TEST(test_the_last_host_keeps_its_slots_when_drained),
        TEST(test_without_the_database_all_stop_in_time),
        TEST(test_a_name_belongs_to_whoever_joined_last),
        TEST(test_leaving_while_joining_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
