#include "fleet_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TIMEOUT_MS 3000 /* when a request is given up that got lost */

enum kind { TICK, ARRIVE, REPLY, FAIL, DRAINED };

struct fleet_sim_event {
    uint64_t at_ms;
    uint64_t sequence;
    enum kind kind;
    size_t host;
    unsigned run;
    unsigned slot;                 /* DRAINED */
    enum fleet_request_kind asked; /* ARRIVE */
    uint64_t term;                 /* ARRIVE */
    struct fleet_move *moves;      /* ARRIVE; owned */
    size_t move_count;
    bool is_lost;                 /* ARRIVE: there will be no reply */
    struct fleet_reply reply;     /* REPLY */
    struct fleet_member *members; /* REPLY; owned */
    struct fleet_slot *slots;     /* REPLY; owned */
};

/* Events */

static bool is_before(const struct fleet_sim_event *a,
                      const struct fleet_sim_event *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms
                                : a->sequence < b->sequence;
}

static void swap(struct fleet_sim_event *a, struct fleet_sim_event *b)
{
    struct fleet_sim_event event = *a;
    *a = *b;
    *b = event;
}

static void push(struct fleet_sim *sim, struct fleet_sim_event event)
{
    if (sim->event_count == sim->event_capacity) {
        sim->event_capacity = sim->event_capacity * 2 + 64;
        sim->events =
            realloc(sim->events, sim->event_capacity * sizeof *sim->events);
        assert_non_null(sim->events);
    }
    event.sequence = ++sim->event_sequence;
    size_t at = sim->event_count++;
    sim->events[at] = event;
    while (at > 0 && is_before(&sim->events[at], &sim->events[(at - 1) / 2])) {
        swap(&sim->events[at], &sim->events[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
}

static struct fleet_sim_event pop(struct fleet_sim *sim)
{
    struct fleet_sim_event first = sim->events[0];
    sim->events[0] = sim->events[--sim->event_count];
    for (size_t at = 0, child = 1; child < sim->event_count;
         at = child, child = 2 * at + 1) {
        if (child + 1 < sim->event_count &&
            is_before(&sim->events[child + 1], &sim->events[child])) {
            child++;
        }
        if (!is_before(&sim->events[child], &sim->events[at])) {
            break;
        }
        swap(&sim->events[child], &sim->events[at]);
    }
    return first;
}

static void event_free(struct fleet_sim_event *event)
{
    free(event->moves);
    free(event->members);
    free(event->slots);
}

static void plan_tick(struct fleet_sim_host *host)
{
    uint64_t due_ms = fleet_due_ms(&host->fleet);
    uint64_t now_ms = host->sim->now_ms;
    due_ms = due_ms < now_ms ? now_ms : due_ms;
    if (due_ms < host->tick_ms) {
        host->tick_ms = due_ms;
        push(host->sim,
             (struct fleet_sim_event){.at_ms = due_ms,
                                      .kind = TICK,
                                      .host = (size_t)(host - host->sim->hosts),
                                      .run = host->run});
    }
}

/* What hosts do */

static bool is_working(const struct fleet_sim_host *host, unsigned slot)
{
    enum fleet_slot_state state = host->fleet.slot_states[slot];
    return host->is_running &&
           (state == FLEET_SLOT_OWN || state == FLEET_SLOT_DRAINING);
}

/* Two hosts that poll the same queues: what leases are there to prevent. */
static void check_host(const struct fleet_sim_host *host)
{
    const struct fleet_sim *sim = host->sim;
    for (size_t i = 0; i < sim->host_count; i++) {
        const struct fleet_sim_host *other = &sim->hosts[i];
        if (other == host || !other->is_running ||
            !fleet_may_begin(&other->fleet, sim->now_ms) ||
            !fleet_may_begin(&host->fleet, sim->now_ms)) {
            continue;
        }
        for (unsigned slot = 0; slot < FLEET_SLOT_COUNT; slot++) {
            if (is_working(host, slot) && is_working(other, slot)) {
                fail_msg("at %llu ms %s and %s both work on slot %u",
                         (unsigned long long)sim->now_ms, host->name,
                         other->name, slot);
            }
        }
    }
}

static void on_gain(void *data, unsigned slot)
{
    struct fleet_sim_host *host = data;
    struct fleet_sim *sim = host->sim;
    sim->gains++;
    if (sim->free_since[slot] != FLEET_NEVER) {
        uint64_t free_ms = sim->now_ms - sim->free_since[slot];
        if (sim->freed_cb != NULL) {
            sim->freed_cb(sim->freed_data, free_ms);
        }
        if (free_ms > sim->longest_free_ms) {
            sim->longest_free_ms = free_ms;
        }
        sim->free_since[slot] = FLEET_NEVER;
    }
}

static void on_drain(void *data, unsigned slot)
{
    struct fleet_sim_host *host = data;
    struct fleet_sim *sim = host->sim;
    if (host->second != sim->now_ms / 1000) {
        host->second = sim->now_ms / 1000;
        host->moves_in_second = 0;
    }
    if (host->fleet.state == FLEET_MEMBER &&
        ++host->moves_in_second > sim->most_moves_in_second) {
        sim->most_moves_in_second = host->moves_in_second;
    }
    sim->free_since[slot] = sim->now_ms; /* it begins nothing new */
    push(sim, (struct fleet_sim_event){
                  .at_ms = sim->now_ms +
                           random_below(&sim->random, sim->drain_ms + 1),
                  .kind = DRAINED,
                  .host = (size_t)(host - sim->hosts),
                  .run = host->run,
                  .slot = slot});
}

static void on_lose(void *data, unsigned slot)
{
    (void)data;
    (void)slot;
}

static void on_ask(void *data, const struct fleet_request *request)
{
    struct fleet_sim_host *host = data;
    struct fleet_sim *sim = host->sim;
    struct fleet_sim_event event = {
        .at_ms = sim->now_ms + random_below(&sim->random, sim->latency_ms + 1),
        .kind = ARRIVE,
        .host = (size_t)(host - sim->hosts),
        .run = host->run,
        .asked = request->kind,
        .term = request->term,
        .move_count = request->move_count,
    };
    bool is_lost = random_below(&sim->random, 100) < sim->lost_percent;
    if (is_lost) {
        push(sim, (struct fleet_sim_event){.at_ms = sim->now_ms + TIMEOUT_MS,
                                           .kind = FAIL,
                                           .host = event.host,
                                           .run = host->run});
        if (random_below(&sim->random, 2) == 0) {
            return; /* it did not even arrive */
        }
    }
    event.is_lost = is_lost;
    event.moves = calloc(request->move_count + 1, sizeof *event.moves);
    assert_non_null(event.moves);
    memcpy(event.moves, request->moves,
           request->move_count * sizeof *event.moves);
    for (size_t i = 0; i < request->move_count; i++) {
        /* Names are those of hosts, which stay. */
        for (size_t j = 0; event.moves[i].to != NULL && j < sim->host_count;
             j++) {
            if (strcmp(sim->hosts[j].name, event.moves[i].to) == 0) {
                event.moves[i].to = sim->hosts[j].name;
                break;
            }
        }
    }
    push(sim, event);
}

static const struct fleet_calls calls = {
    .ask_cb = on_ask,
    .gain_cb = on_gain,
    .drain_cb = on_drain,
    .lose_cb = on_lose,
};

/* The database */

static void on_arrive(struct fleet_sim *sim, struct fleet_sim_event *event)
{
    const struct fleet_sim_host *host = &sim->hosts[event->host];
    struct fleet_sim_event reply = {
        .kind = REPLY, .host = event->host, .run = event->run};
    if (sim->now_ms < sim->down_until) {
        if (!event->is_lost) {
            reply.kind = FAIL;
            reply.at_ms = sim->now_ms + sim->latency_ms;
            push(sim, reply);
        }
        return;
    }
    const struct fleet_request request = {
        .kind = event->asked,
        .term = event->term,
        .moves = event->moves,
        .move_count = event->move_count,
    };
    fleet_tables_ask(&sim->tables, &sim->policy, sim->now_ms, host->name,
                     host->weight, &request, &reply.reply);
    if (!event->is_lost) {
        reply.members = calloc(FLEET_TABLES_MEMBERS, sizeof *reply.members);
        reply.slots = malloc(sizeof sim->tables.slots);
        assert_non_null(reply.members);
        assert_non_null(reply.slots);
        fleet_tables_show(&sim->tables, sim->now_ms, reply.members, reply.slots,
                          &reply.reply);
        reply.at_ms =
            sim->now_ms + random_below(&sim->random, sim->latency_ms + 1);
        push(sim, reply);
    }
}

/* Time */

static void on_host_event(struct fleet_sim *sim,
                          const struct fleet_sim_event *event)
{
    struct fleet_sim_host *host = &sim->hosts[event->host];
    if (!host->is_running || host->run != event->run) {
        return;
    }
    if (event->kind == TICK && host->tick_ms != event->at_ms) {
        return; /* another one is planned, or was a moment ago */
    }
    switch (event->kind) {
    case TICK:
        host->tick_ms = FLEET_NEVER;
        if (fleet_due_ms(&host->fleet) <= sim->now_ms) {
            fleet_tick(&host->fleet, sim->now_ms);
        }
        break;
    case REPLY:
        fleet_replied(&host->fleet, sim->now_ms, &event->reply);
        check_host(host);
        break;
    case FAIL:
        fleet_failed(&host->fleet, sim->now_ms);
        break;
    default:
        fleet_drained(&host->fleet, sim->now_ms, event->slot);
        break;
    }
    if (host->fleet.state == FLEET_LEFT) {
        host->is_running = false;
        fleet_free(&host->fleet);
    } else {
        plan_tick(host);
    }
}

/* Until its host goes on, with what the event owns. */
static void defer(struct fleet_sim *sim, struct fleet_sim_event *event)
{
    struct fleet_sim_host *host = &sim->hosts[event->host];
    if (event->kind == TICK && host->tick_ms == event->at_ms) {
        host->tick_ms = host->paused_until;
    }
    event->at_ms = host->paused_until;
    push(sim, *event);
}

static bool is_deferred(const struct fleet_sim *sim,
                        const struct fleet_sim_event *event)
{
    const struct fleet_sim_host *host = &sim->hosts[event->host];
    return event->kind != ARRIVE && host->is_running &&
           host->run == event->run && host->paused_until > sim->now_ms;
}

void fleet_sim_run(struct fleet_sim *sim, uint64_t for_ms)
{
    uint64_t end_ms = sim->now_ms + for_ms;
    while (sim->event_count > 0 && sim->events[0].at_ms <= end_ms) {
        struct fleet_sim_event event = pop(sim);
        sim->now_ms = event.at_ms;
        if (is_deferred(sim, &event)) {
            defer(sim, &event);
            continue;
        }
        if (event.kind == ARRIVE) {
            on_arrive(sim, &event);
        } else {
            on_host_event(sim, &event);
        }
        event_free(&event);
    }
    sim->now_ms = end_ms;
}

/* What tests do */

void fleet_sim_init(struct fleet_sim *sim, uint64_t seed)
{
    *sim = (struct fleet_sim){
        .policy = {.ttl_ms = 30000,
                   .renew_ms = 5000,
                   .soon_ms = 500,
                   .retry_ms = 1000,
                   .margin_ms = 5000,
                   .grace_ms = 5000,
                   .jitter_ms = 3000,
                   .moves_per_s = 8},
        .random = {seed},
        .now_ms = 1000000,
        .latency_ms = 20,
        .drain_ms = 300,
    };
    fleet_tables_init(&sim->tables);
    for (unsigned i = 0; i < FLEET_SLOT_COUNT; i++) {
        sim->free_since[i] = FLEET_NEVER;
    }
}

void fleet_sim_free(struct fleet_sim *sim)
{
    for (size_t i = 0; i < sim->host_count; i++) {
        if (sim->hosts[i].is_running) {
            fleet_free(&sim->hosts[i].fleet);
        }
    }
    for (size_t i = 0; i < sim->event_count; i++) {
        event_free(&sim->events[i]);
    }
    free(sim->events);
}

size_t fleet_sim_add(struct fleet_sim *sim, const char *name, uint32_t weight)
{
    struct fleet_sim_host *host = &sim->hosts[sim->host_count];
    assert_true(sim->host_count < FLEET_SIM_HOSTS);
    *host = (struct fleet_sim_host){.sim = sim, .weight = weight};
    (void)snprintf(host->name, sizeof host->name, "%s", name);
    fleet_sim_start(sim, sim->host_count);
    return sim->host_count++;
}

void fleet_sim_start(struct fleet_sim *sim, size_t index)
{
    struct fleet_sim_host *host = &sim->hosts[index];
    assert_false(host->is_running);
    assert_int_equal(
        fleet_init(&host->fleet, &sim->policy, &calls, host, host->name), 0);
    host->is_running = true;
    host->paused_until = 0;
    host->tick_ms = FLEET_NEVER;
    host->run++;
    plan_tick(host);
}

void fleet_sim_kill(struct fleet_sim *sim, size_t index)
{
    struct fleet_sim_host *host = &sim->hosts[index];
    assert_true(host->is_running);
    for (unsigned slot = 0; slot < FLEET_SLOT_COUNT; slot++) {
        if (is_working(host, slot) && sim->free_since[slot] == FLEET_NEVER) {
            sim->free_since[slot] = sim->now_ms;
        }
    }
    host->is_running = false;
    fleet_free(&host->fleet);
}

void fleet_sim_pause(struct fleet_sim *sim, size_t index, uint64_t for_ms)
{
    sim->hosts[index].paused_until = sim->now_ms + for_ms;
}

void fleet_sim_leave(struct fleet_sim *sim, size_t index)
{
    struct fleet_sim_host *host = &sim->hosts[index];
    fleet_leave(&host->fleet, sim->now_ms);
    if (host->fleet.state == FLEET_LEFT) {
        host->is_running = false;
        fleet_free(&host->fleet);
    } else {
        plan_tick(host);
    }
}

void fleet_sim_drain_host(struct fleet_sim *sim, size_t index, bool is_draining)
{
    struct fleet_tables_member *member =
        fleet_tables_find(&sim->tables, sim->hosts[index].name);
    assert_non_null(member);
    member->row.is_draining = is_draining;
}

size_t fleet_sim_count(const struct fleet_sim *sim, size_t index)
{
    size_t count = 0;
    for (unsigned slot = 0; slot < FLEET_SLOT_COUNT; slot++) {
        count += is_working(&sim->hosts[index], slot);
    }
    return count;
}

bool fleet_sim_is_settled(const struct fleet_sim *sim)
{
    size_t count = 0;
    for (size_t i = 0; i < sim->host_count; i++) {
        const struct fleet_sim_host *host = &sim->hosts[i];
        for (unsigned slot = 0; slot < FLEET_SLOT_COUNT; slot++) {
            if (host->is_running &&
                host->fleet.slot_states[slot] == FLEET_SLOT_OWN) {
                count++;
                size_t owner = sim->tables.slots[slot].owner;
                if (owner == FLEET_NOBODY ||
                    strcmp(sim->tables.members[owner].row.host, host->name) !=
                        0 ||
                    host->fleet.desired[slot] != host->fleet.self) {
                    return false;
                }
            }
        }
    }
    return count == FLEET_SLOT_COUNT;
}
