/*
 * Fleets to which anything may happen, in any order. That no slot ever has two
 * hosts is checked by fleet_sim.c at each change; here, that all slots have the
 * right host once nothing happens any more. HAPLO_FLEET_SEEDS: how many worlds.
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
#define HOSTS 8
#define TAKEOVERS 40

static void add(struct fleet_sim *sim, uint32_t weight)
{
    char name[FLEET_HOST_SIZE];
    (void)snprintf(name, sizeof name, "host-%zu.example.ac.uk",
                   sim->host_count + 1);
    fleet_sim_add(sim, name, weight);
}

static bool is_member(const struct fleet_sim *sim, size_t host)
{
    for (size_t i = 0; i < sim->tables.member_count; i++) {
        if (placement_hash(sim->tables.members[i].row.host) ==
            placement_hash(sim->hosts[host].name)) {
            return true;
        }
    }
    return false;
}

/* Something happens to a host, or to the database. */
static void strike(struct fleet_sim *sim, struct random *random)
{
    size_t host = random_below(random, sim->host_count);
    bool is_running = sim->hosts[host].is_running;
    bool is_awake = is_running && sim->hosts[host].paused_until <= sim->now_ms;
    switch (random_below(random, 8)) {
    case 0:
        sim->down_until = sim->now_ms + random_below(random, MINUTE);
        break;
    case 1:
        sim->lost_percent = (unsigned)random_below(random, 30);
        break;
    case 2:
        if (is_member(sim, host)) {
            fleet_sim_drain_host(sim, host, random_below(random, 2) == 0);
        }
        break;
    case 3:
        if (is_awake) {
            fleet_sim_pause(sim, host, random_below(random, 2 * MINUTE));
        }
        break;
    case 4:
        if (is_awake) {
            fleet_sim_leave(sim, host);
        }
        break;
    case 5:
        if (sim->host_count < HOSTS) {
            add(sim, 1 + (uint32_t)random_below(random, 3));
        }
        break;
    default:
        if (is_running) {
            fleet_sim_kill(sim, host);
        } else {
            fleet_sim_start(sim, host);
        }
        break;
    }
}

static void heal(struct fleet_sim *sim)
{
    sim->down_until = 0;
    sim->lost_percent = 0;
    for (size_t i = 0; i < sim->host_count; i++) {
        if (is_member(sim, i)) {
            fleet_sim_drain_host(sim, i, false);
        }
        if (!sim->hosts[i].is_running) {
            fleet_sim_start(sim, i);
        }
    }
    fleet_sim_run(sim, 10 * MINUTE);
}

static void test_any_fleet_comes_to_rest(void **state)
{
    (void)state;
    const char *text = getenv("HAPLO_FLEET_SEEDS");
    unsigned long seeds = text == NULL ? 12 : strtoul(text, NULL, 10);
    unsigned long long stale_moves = 0;
    for (unsigned long seed = 1; seed <= seeds; seed++) {
        struct fleet_sim *sim = malloc(sizeof *sim);
        struct random random = {seed};
        assert_non_null(sim);
        fleet_sim_init(sim, seed);
        sim->drain_ms = random_below(&random, 20 * SECOND);
        sim->latency_ms = random_below(&random, 4 * SECOND);
        if (seed % 2 == 0) { /* what gives time to spare hides faults */
            sim->policy.grace_ms = sim->policy.jitter_ms = 0;
            sim->policy.margin_ms = 0;
        }
        add(sim, 1);
        for (unsigned i = 0; i < 60; i++) {
            strike(sim, &random);
            fleet_sim_run(sim, random_below(&random, 20 * SECOND));
        }
        heal(sim);
        if (!fleet_sim_is_settled(sim)) {
            fail_msg("seed %lu does not come to rest", seed);
        }
        stale_moves += sim->tables.stale_moves;
        fleet_sim_free(sim);
        free(sim);
    }
    print_message("%lu fleets; the database refused %llu stale moves\n", seeds,
                  stale_moves);
    assert_true(stale_moves > 0);
}

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

/* Each time one of ten hosts is killed, at any moment. */
static void test_a_takeover_takes_its_time_and_no_more(void **state)
{
    (void)state;
    static uint64_t waits[TAKEOVERS];
    for (unsigned i = 0; i < TAKEOVERS; i++) {
        struct fleet_sim *sim = malloc(sizeof *sim);
        assert_non_null(sim);
        fleet_sim_init(sim, i + 1);
        for (unsigned j = 0; j < 10; j++) {
            add(sim, 1);
        }
        fleet_sim_run(sim, 2 * MINUTE + random_below(&sim->random, MINUTE));
        assert_true(fleet_sim_is_settled(sim));
        sim->longest_free_ms = 0;
        fleet_sim_kill(sim, random_below(&sim->random, 10));
        fleet_sim_run(sim, MINUTE);
        waits[i] = sim->longest_free_ms;
        fleet_sim_free(sim);
        free(sim);
    }
    qsort(waits, TAKEOVERS, sizeof waits[0], compare);
    print_message("the last slot of a killed host: median %.1f s, at most "
                  "%.1f s\n",
                  (double)waits[TAKEOVERS / 2] / 1000,
                  (double)waits[TAKEOVERS - 1] / 1000);
    assert_in_range(waits[TAKEOVERS - 1], 30 * SECOND, 45 * SECOND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_fleet_comes_to_rest),
        cmocka_unit_test(test_a_takeover_takes_its_time_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
