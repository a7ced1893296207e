/*
 * server_machine.h - the state machine of one server, alone, with a clock that
 * the test moves; for golden traces in virtual time.
 */
#ifndef TEST_SERVER_MACHINE_H
#define TEST_SERVER_MACHINE_H

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "trace.h"

#define STATES (HAPLO_SERVER_SILENT + 1)

/* One server, its login group, its clock and what it did. */
struct machine {
    struct server server;
    struct login_group group;
    struct random random;
    uint64_t now_ms;
    struct trace trace;
    unsigned edges_seen[STATES][STATES];
};

static inline void on_change(void *data, const struct server *server,
                             enum haplo_server_state from, int error)
{
    struct machine *m = data;
    if (from != server->state) {
        m->edges_seen[from][server->state]++;
    }
    trace_server(&m->trace, m->now_ms, "a", server, from, error);
}

/* One more server that is the same actual one. */
static inline void machine_join(struct machine *m, struct server *server)
{
    server->group = &m->group;
    TAILQ_INSERT_TAIL(&m->group.servers, server, group_link);
    login_group_recount(&m->group);
    (void)login_group_update(&m->group);
}

static inline void start(struct machine *m)
{
    static const struct server_policy policy = {
        .in_flight_max = 2, .failed_logins_max = 5, .breaker_failures = 5};
    memset(m, 0, sizeof *m);
    m->random.state = 1;
    server_init(&m->server, &policy);
    m->server.location = LOCATION_KNOWN;
    login_group_init(&m->group);
    machine_join(m, &m->server);
}

static inline void answer(struct machine *m, int error)
{
    const struct step_context context = {m->now_ms, &m->random, NULL, m};
    server_answered(&m->server, error, &context, on_change);
    (void)login_group_update(&m->group);
}

static inline void answer_times(struct machine *m, int error, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        answer(m, error);
    }
}

/* The wait of DOWN or SILENT, as it stands now. */
static inline uint64_t wait_ms(const struct machine *m)
{
    return m->server.due_ms == HEAP_NEVER ? HEAP_NEVER
                                          : m->server.due_ms - m->now_ms;
}

/* Lets the wait of DOWN or SILENT pass. */
static inline void wait_over(struct machine *m)
{
    assert_true(m->server.due_ms != HEAP_NEVER);
    m->now_ms = m->server.due_ms;
    const struct step_context context = {m->now_ms, &m->random, NULL, m};
    server_wait_over(&m->server, &context, on_change);
}

/* Lets the count of failed logins expire. */
static inline void logins_expire(struct machine *m)
{
    assert_true(m->group.expires_ms != HEAP_NEVER);
    m->now_ms = m->group.expires_ms;
    const struct step_context context = {m->now_ms, &m->random, NULL, m};
    login_group_cleared(&m->group);
    server_tell_logins(&m->group, &context, on_change);
    (void)login_group_update(&m->group);
}

static inline void assert_state(const struct machine *m,
                                enum haplo_server_state state)
{
    assert_string_equal(haplo_server_state_name(m->server.state),
                        haplo_server_state_name(state));
}

static inline void assert_trace(struct machine *m, const char *expected)
{
    assert_string_equal(m->trace.text, expected);
    trace_clear(&m->trace);
}

static inline void go(struct machine *m, enum haplo_server_state state)
{
    start(m);
    switch (state) {
    case HAPLO_SERVER_UP:
        break;
    case HAPLO_SERVER_DOWN:
        answer_times(m, HAPLO_ECONNECT, 5);
        break;
    case HAPLO_SERVER_PROBING:
        answer_times(m, HAPLO_ECONNECT, 5);
        wait_over(m);
        break;
    case HAPLO_SERVER_SILENT:
        answer(m, HAPLO_ETHROTTLED);
        break;
    }
    assert_state(m, state);
    trace_clear(&m->trace);
}

#endif
