#include "core/server.h"

#include <assert.h>

#define BIT(state) (1u << HAPLO_SERVER_##state)

/* The transition table: from each state, the states that may follow. */
static const uint32_t edges[] = {
    [HAPLO_SERVER_UP] = BIT(DOWN) | BIT(SILENT),
    [HAPLO_SERVER_DOWN] = BIT(PROBING) | BIT(SILENT) | BIT(UP),
    [HAPLO_SERVER_PROBING] = BIT(UP) | BIT(DOWN) | BIT(SILENT),
    [HAPLO_SERVER_SILENT] = BIT(PROBING),
};

bool server_may_follow(enum haplo_server_state from, enum haplo_server_state to)
{
    return (edges[from] & (1u << to)) != 0;
}

/* The only place that writes the state. due_ms is absolute; error is the
 * failure that causes the change, or 0. */
static void server_enter(struct server *server, enum haplo_server_state to,
                         uint64_t due_ms, int error,
                         const struct step_context *context,
                         server_trace_cb trace_cb)
{
    enum haplo_server_state from = server->state;
    assert(server_may_follow(from, to));
    server->state = to;
    server->due_ms = due_ms;
    if (trace_cb != NULL) {
        trace_cb(context->data, server, from, error);
    }
}

/* What the outcome of a request says about the server as a whole. */
enum verdict {
    VERDICT_NONE,      /* nothing: not caused by the server */
    VERDICT_ALIVE,     /* it responds like a Haplo server */
    VERDICT_LOGGED_IN, /* and it accepted the key */
    VERDICT_REFUSED,   /* and it refused the key */
    VERDICT_THROTTLED, /* it asks for silence */
    VERDICT_FAILING    /* no response, or a server error */
};

static enum verdict error_verdict(int error)
{
    switch (error) {
    case 0:
    case HAPLO_EDOCUMENT: /* 200 */
    case HAPLO_ETOOBIG:   /* 200 */
        return VERDICT_LOGGED_IN;
    case HAPLO_EREFUSED:
        return VERDICT_REFUSED;
    case HAPLO_ETHROTTLED:
        return VERDICT_THROTTLED;
    case HAPLO_ERESOLVE:
    case HAPLO_ECONNECT:
    case HAPLO_ETLS:
    case HAPLO_ETIMEDOUT:
    case HAPLO_ERESET:
    case HAPLO_ESERVER:
    case HAPLO_ELIMITED:
    case HAPLO_EPROTOCOL:
    case HAPLO_EPROXY:
        return VERDICT_FAILING;
    /* The next three are not proof that the server accepted the key: they may
     * come from a proxy, while the server's own count goes on. */
    case HAPLO_ECACHED:
    case HAPLO_ECONTENT:
    case HAPLO_EREDIRECT:
    case HAPLO_ENOTFOUND:
    case HAPLO_ESTATUS:
        return VERDICT_ALIVE;
    default:
        return VERDICT_NONE;
    }
}

void server_tell_logins(const struct login_group *group,
                        const struct step_context *context,
                        server_trace_cb trace_cb)
{
    bool is_held = login_group_is_held(group);
    struct server *server;
    TAILQ_FOREACH (server, &group->servers, group_link) {
        if (server->logins_held == is_held) {
            continue;
        }
        server->logins_held = is_held;
        /* A server that is SILENT is known to be left alone. */
        if (trace_cb != NULL && server->state != HAPLO_SERVER_SILENT) {
            trace_cb(context->data, server, server->state,
                     is_held ? HAPLO_EREFUSED : 0);
        }
    }
}

/* Not all servers of a group probe at the same moment: the first one may find
 * out that all of them have to be silent again. */
static void server_fall_silent(struct server *server,
                               const struct step_context *context,
                               server_trace_cb trace_cb)
{
    uint64_t due_ms = context->now_ms + SERVER_SILENCE_MS +
                      random_below(context->random, SERVER_SILENCE_JITTER_MS);
    server->error = HAPLO_ETHROTTLED;
    if (server->state == HAPLO_SERVER_SILENT) {
        server->due_ms = due_ms;
        return;
    }
    server_enter(server, HAPLO_SERVER_SILENT, due_ms, HAPLO_ETHROTTLED, context,
                 trace_cb);
}

static void server_throttled(const struct server *server,
                             const struct step_context *context,
                             server_trace_cb trace_cb)
{
    struct login_group *group = server->group;
    struct server *other;
    login_group_throttled(group, context->now_ms);
    TAILQ_FOREACH (other, &group->servers, group_link) {
        server_fall_silent(other, context, trace_cb);
    }
    server_tell_logins(group, context, trace_cb);
}

static void server_failed(struct server *server,
                          const struct step_context *context,
                          server_trace_cb trace_cb)
{
    server->failures++;
    bool opens = server->state == HAPLO_SERVER_PROBING ||
                 (server->state == HAPLO_SERVER_UP &&
                  server->failures >= server->policy.breaker_failures);
    if (!opens) {
        return;
    }
    /* At least half of it: here one probe stands for all queues. */
    uint64_t half_ms = backoff_ceiling_ms(SERVER_DOWN_MS, SERVER_DOWN_MAX_MS,
                                          ++server->times_down) /
                       2;
    server_enter(server, HAPLO_SERVER_DOWN,
                 context->now_ms + half_ms +
                     random_below(context->random, half_ms + 1),
                 server->error, context, trace_cb);
}

static void server_lives(struct server *server,
                         const struct step_context *context,
                         server_trace_cb trace_cb)
{
    server->failures = 0;
    if (server->state == HAPLO_SERVER_PROBING ||
        server->state == HAPLO_SERVER_DOWN) {
        server->times_down = 0;
        server_enter(server, HAPLO_SERVER_UP, HEAP_NEVER, 0, context, trace_cb);
    }
}

static void server_refused_key(const struct server *server,
                               const struct step_context *context,
                               server_trace_cb trace_cb)
{
    login_group_failed(server->group, context->now_ms);
    server_tell_logins(server->group, context, trace_cb);
}

static void server_logged_in(const struct server *server,
                             const struct step_context *context,
                             server_trace_cb trace_cb)
{
    /* One that is SILENT has answered a request from before the throttle. */
    if (server->group->failed > 0 && server->state != HAPLO_SERVER_SILENT) {
        login_group_cleared(server->group);
        server_tell_logins(server->group, context, trace_cb);
    }
}

void server_init(struct server *server, const struct server_policy *policy)
{
    *server = (struct server){
        .policy = *policy,
        .state = HAPLO_SERVER_UP,
        .due_ms = HEAP_NEVER,
    };
    TAILQ_INIT(&server->marks);
    TAILQ_INIT(&server->unproven_marks);
    TAILQ_INIT(&server->fetches);
    TAILQ_INIT(&server->unproven_fetches);
}

void server_answered(struct server *server, int error,
                     const struct step_context *context,
                     server_trace_cb trace_cb)
{
    enum verdict verdict = error_verdict(error);
    if (verdict == VERDICT_NONE) {
        return;
    }
    server->error = verdict == VERDICT_LOGGED_IN ? 0 : error;
    switch (verdict) {
    case VERDICT_FAILING:
        server_failed(server, context, trace_cb);
        return;
    case VERDICT_THROTTLED:
        server_throttled(server, context, trace_cb);
        return;
    case VERDICT_REFUSED:
        server_refused_key(server, context, trace_cb);
        break;
    case VERDICT_LOGGED_IN:
        server_logged_in(server, context, trace_cb);
        break;
    case VERDICT_ALIVE:
    case VERDICT_NONE:
        break;
    }
    server_lives(server, context, trace_cb);
}

void server_wait_over(struct server *server, const struct step_context *context,
                      server_trace_cb trace_cb)
{
    assert(server->state == HAPLO_SERVER_DOWN ||
           server->state == HAPLO_SERVER_SILENT);
    server_enter(server, HAPLO_SERVER_PROBING, HEAP_NEVER, 0, context,
                 trace_cb);
}

bool server_has_slot(const struct server *server)
{
    switch (server->state) {
    case HAPLO_SERVER_UP:
        if (server->location == LOCATION_KNOWN) {
            return server->in_flight < server->policy.in_flight_max;
        }
        break;
    case HAPLO_SERVER_PROBING:
        break;
    default:
        return false;
    }
    return server->in_flight == 0 && server->location != LOCATION_SOUGHT;
}

bool server_error_proves_key(int error)
{
    return error_verdict(error) == VERDICT_LOGGED_IN;
}
