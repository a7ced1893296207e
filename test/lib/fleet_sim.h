/*
 * fleet_sim.h - a fleet in virtual time: hosts with the product's code, and a
 * database that carries out their requests as one transaction each. Requests
 * take a while, or get lost before or after the database has seen them; hosts
 * drain their slots, are paused, killed and started again.
 *
 * It checks at each change that no slot has two hosts that may begin something
 * there, and notes how long slots were without a host.
 */
#ifndef TEST_FLEET_SIM_H
#define TEST_FLEET_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/backoff.h"
#include "fleet/fleet.h"
#include "fleet_tables.h"

#define FLEET_SIM_HOSTS FLEET_TABLES_MEMBERS

struct fleet_sim;

struct fleet_sim_host {
    struct fleet_sim *sim;
    struct fleet fleet;
    char name[FLEET_HOST_SIZE];
    uint32_t weight;
    bool is_running;
    unsigned run;           /* events of earlier ones are dropped */
    uint64_t paused_until;  /* SIGSTOP */
    uint64_t tick_ms;       /* when it does what is due; FLEET_NEVER */
    size_t moves_in_second; /* slots that began to move in this one */
    uint64_t second;        /* of these */
};

struct fleet_sim_event; /* see fleet_sim.c */

struct fleet_sim {
    struct fleet_policy policy;
    struct random random;
    uint64_t now_ms;
    struct fleet_sim_host hosts[FLEET_SIM_HOSTS];
    size_t host_count;
    struct fleet_tables tables;     /* in the database */
    struct fleet_sim_event *events; /* owned; a heap */
    size_t event_count;
    size_t event_capacity;
    uint64_t event_sequence;
    uint64_t down_until;   /* the database answers nothing */
    uint64_t latency_ms;   /* of a request, each way, at most */
    unsigned lost_percent; /* of requests, half of them after they were done */
    uint64_t drain_ms;     /* how long it takes to drain a slot, at most */
    uint64_t free_since[FLEET_SLOT_COUNT]; /* without a host; FLEET_NEVER */
    uint64_t longest_free_ms;              /* since it was last set to 0 */
    void (*freed_cb)(void *data, uint64_t free_ms); /* each; or NULL */
    void *freed_data;                               /* for freed_cb */
    size_t gains;                /* slots that came to a host */
    size_t most_moves_in_second; /* that one host began */
};

/* TTL 30 s, heartbeat 5 s, 8 moves a second. */
void fleet_sim_init(struct fleet_sim *sim, uint64_t seed);
void fleet_sim_free(struct fleet_sim *sim);

/* Each returns or takes the index of a host. A host that has ended may be
 * started again. */
size_t fleet_sim_add(struct fleet_sim *sim, const char *name, uint32_t weight);
void fleet_sim_start(struct fleet_sim *sim, size_t host);
void fleet_sim_kill(struct fleet_sim *sim, size_t host);
void fleet_sim_pause(struct fleet_sim *sim, size_t host, uint64_t for_ms);
void fleet_sim_leave(struct fleet_sim *sim, size_t host);
/* As an operator does it. */
void fleet_sim_drain_host(struct fleet_sim *sim, size_t host, bool is_draining);

/* Lets time pass. */
void fleet_sim_run(struct fleet_sim *sim, uint64_t for_ms);

/* Slots that the host works on. */
size_t fleet_sim_count(const struct fleet_sim *sim, size_t host);
/* Whether the hosts that run have all slots, each the ones that it should. */
bool fleet_sim_is_settled(const struct fleet_sim *sim);

#endif
