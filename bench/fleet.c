/*
 * fleet.c - how a fleet spreads queues, what it asks of the database, and how
 * long queues are without a host: the product's code in virtual time, with the
 * simulated database of test/lib/fleet_sim.h.
 *
 * Requests take up to 20 ms each way, and to drain a slot takes up to 300 ms.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "fleet_sim.h"

#define SECOND 1000
#define MINUTE (60 * SECOND)

/* A request is BEGIN, its settings, the membership, the slots, the members and
 * COMMIT, which are sent together; see pg_fleet_sql.c. */
#define STATEMENTS 6

#define SERVERS 20000
#define QUEUES 1000000

/* Queues of each server: a few have many. */
static unsigned queues_of[SERVERS];
static uint64_t in_slot[FLEET_SLOT_COUNT]; /* queues of each slot */

static void spread_queues(uint64_t count)
{
    struct random random = {1};
    double weights[SERVERS];
    double sum = 0;
    for (unsigned i = 0; i < SERVERS; i++) {
        weights[i] = 1 / (0.02 + (double)random_below(&random, 1000) / 1000);
        sum += weights[i];
    }
    for (unsigned i = 0; i < FLEET_SLOT_COUNT; i++) {
        in_slot[i] = 0;
    }
    for (unsigned i = 0; i < SERVERS; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "server-%u", i);
        queues_of[i] = (unsigned)lround(weights[i] / sum * (double)count);
        in_slot[placement_slot(name)] += queues_of[i];
    }
}

/* Placement */

static size_t owners[FLEET_SLOT_COUNT];

static void place(size_t host_count)
{
    struct placement_host hosts[FLEET_SIM_HOSTS];
    for (size_t i = 0; i < host_count; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "host-%zu", i);
        hosts[i] = (struct placement_host){placement_hash(name), 100};
    }
    for (unsigned i = 0; i < FLEET_SLOT_COUNT; i++) {
        owners[i] = placement_owner(i, hosts, host_count);
    }
}

static void print_spread(size_t host_count)
{
    uint64_t queues[FLEET_SIM_HOSTS] = {0};
    size_t slots[FLEET_SIM_HOSTS] = {0};
    uint64_t least = UINT64_MAX;
    uint64_t most = 0;
    size_t least_slots = SIZE_MAX;
    size_t most_slots = 0;
    place(host_count);
    for (unsigned i = 0; i < FLEET_SLOT_COUNT; i++) {
        queues[owners[i]] += in_slot[i];
        slots[owners[i]]++;
    }
    for (size_t i = 0; i < host_count; i++) {
        least = queues[i] < least ? queues[i] : least;
        most = queues[i] > most ? queues[i] : most;
        least_slots = slots[i] < least_slots ? slots[i] : least_slots;
        most_slots = slots[i] > most_slots ? slots[i] : most_slots;
    }
    printf("%3zu hosts: %zu to %zu slots, %llu to %llu queues each\n",
           host_count, least_slots, most_slots, (unsigned long long)least,
           (unsigned long long)most);
}

static void print_growth(size_t host_count)
{
    static size_t before[FLEET_SLOT_COUNT];
    unsigned moved = 0;
    unsigned astray = 0;
    uint64_t queues = 0;
    uint64_t all = 0;
    place(host_count);
    for (unsigned i = 0; i < FLEET_SLOT_COUNT; i++) {
        before[i] = owners[i];
    }
    place(host_count + 1);
    for (unsigned i = 0; i < FLEET_SLOT_COUNT; i++) {
        moved += owners[i] != before[i];
        astray += owners[i] != before[i] && owners[i] != host_count;
        queues += owners[i] != before[i] ? in_slot[i] : 0;
        all += in_slot[i];
    }
    printf("%3zu hosts, one more: %u slots move (%.1f %%), %.1f %% of the "
           "queues; %u between the others\n",
           host_count, moved, 100.0 * moved / FLEET_SLOT_COUNT,
           100.0 * (double)queues / (double)all, astray);
}

/* Times */

struct times {
    uint64_t *ms; /* owned */
    size_t count;
};

static void add_time(void *data, uint64_t ms)
{
    struct times *times = data;
    times->ms = realloc(times->ms, (times->count + 1) * sizeof *times->ms);
    if (times->ms == NULL) {
        fprintf(stderr, "fleet: out of memory\n");
        exit(1);
    }
    times->ms[times->count++] = ms;
}

static int compare(const void *a, const void *b)
{
    uint64_t first = *(const uint64_t *)a;
    uint64_t second = *(const uint64_t *)b;
    return first < second ? -1 : first > second ? 1 : 0;
}

static double quantile_s(const struct times *times, unsigned percent)
{
    size_t at = times->count * percent / 100;
    at = at < times->count ? at : times->count - 1;
    return (double)times->ms[at] / 1000;
}

static void print_times(const char *what, struct times *times)
{
    qsort(times->ms, times->count, sizeof *times->ms, compare);
    printf("%s: %zu slots, p50 %.2f s, p99 %.2f s, at most %.2f s\n", what,
           times->count, quantile_s(times, 50), quantile_s(times, 99),
           quantile_s(times, 100));
    free(times->ms);
    *times = (struct times){0};
}

static struct fleet_sim *sim_new(uint64_t seed, size_t host_count)
{
    struct fleet_sim *sim = malloc(sizeof *sim);
    if (sim == NULL) {
        fprintf(stderr, "fleet: out of memory\n");
        exit(1);
    }
    fleet_sim_init(sim, seed);
    for (size_t i = 0; i < host_count; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "host-%zu", i);
        (void)fleet_sim_add(sim, name, 100);
        fleet_sim_run(sim, random_below(&sim->random, SECOND));
    }
    while (!fleet_sim_is_settled(sim)) {
        fleet_sim_run(sim, SECOND);
    }
    fleet_sim_run(sim, random_below(&sim->random, MINUTE));
    return sim;
}

static void sim_delete(struct fleet_sim *sim)
{
    fleet_sim_free(sim);
    free(sim);
}

static void print_requests(const char *what, double requests, double seconds)
{
    printf("%s: %.2f requests a second, %.1f statements\n", what,
           requests / seconds, STATEMENTS * requests / seconds);
}

static void ask_at_rest(size_t host_count)
{
    struct fleet_sim *sim = sim_new(1, host_count);
    size_t before = sim->tables.requests;
    char what[64];
    fleet_sim_run(sim, MINUTE);
    (void)snprintf(what, sizeof what, "%zu hosts at rest", host_count);
    print_requests(what, (double)(sim->tables.requests - before), 60);
    sim_delete(sim);
}

#define TAKEOVER_S 60

/* A host is killed, at any moment. */
static void take_over(size_t host_count, unsigned times_killed)
{
    struct times times = {0};
    size_t requests = 0;
    char what[64];
    for (unsigned seed = 1; seed <= times_killed; seed++) {
        struct fleet_sim *sim = sim_new(seed, host_count);
        size_t before = sim->tables.requests;
        sim->freed_cb = add_time;
        sim->freed_data = &times;
        fleet_sim_kill(sim, random_below(&sim->random, host_count));
        fleet_sim_run(sim, TAKEOVER_S * SECOND);
        requests += sim->tables.requests - before;
        sim_delete(sim);
    }
    (void)snprintf(what, sizeof what, "%zu hosts, one killed", host_count);
    print_times(what, &times);
    (void)snprintf(what, sizeof what, "%zu hosts, the minute of a takeover",
                   host_count);
    print_requests(what, (double)requests, times_killed * TAKEOVER_S);
}

/* A host comes, and another one is drained. */
static void move(size_t host_count, unsigned times_moved)
{
    struct times joins = {0};
    struct times drains = {0};
    uint64_t took_ms = 0;
    char what[64];
    for (unsigned seed = 1; seed <= times_moved; seed++) {
        struct fleet_sim *sim = sim_new(seed, host_count);
        uint64_t begun_ms = sim->now_ms;
        sim->freed_cb = add_time;
        sim->freed_data = &joins;
        size_t newcomer = fleet_sim_add(sim, "newcomer", 100);
        do {
            fleet_sim_run(sim, SECOND);
        } while (fleet_sim_count(sim, newcomer) == 0 ||
                 !fleet_sim_is_settled(sim));
        took_ms += sim->now_ms - begun_ms;
        sim->freed_data = &drains;
        fleet_sim_drain_host(sim, 0, true);
        fleet_sim_run(sim, 5 * MINUTE);
        sim_delete(sim);
    }
    (void)snprintf(what, sizeof what, "%zu hosts, one more, in %.0f s",
                   host_count, (double)took_ms / times_moved / 1000);
    print_times(what, &joins);
    (void)snprintf(what, sizeof what, "%zu hosts, one drained", host_count);
    print_times(what, &drains);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("-- %d queues of %d servers, %d slots\n", QUEUES, SERVERS,
           FLEET_SLOT_COUNT);
    spread_queues(QUEUES);
    print_spread(10);
    print_spread(100);
    print_growth(10);
    print_growth(100);
    printf("-- times without a host\n");
    take_over(10, 20);
    move(10, 5);
    take_over(100, 2);
    move(100, 1);
    printf("-- the database; 10 hosts with 100,000 queues ask as little as "
           "with one\n");
    ask_at_rest(3);
    ask_at_rest(10);
    ask_at_rest(100);
    return 0;
}
