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
    case HAPLO_EPROTOCOL:
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

static void server_fell_silent(struct server *server,
                               const struct step_context *context,
                               server_trace_cb trace_cb)
{
    uint64_t due_ms = context->now_ms + SERVER_SILENCE_MS +
                      random_below(context->random, SERVER_SILENCE_JITTER_MS);
    if (server->state == HAPLO_SERVER_SILENT) {
        server->due_ms = due_ms; /* of a request that was still in flight */
        return;
    }
    server_enter(server, HAPLO_SERVER_SILENT, due_ms, HAPLO_ETHROTTLED, context,
                 trace_cb);
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

static void server_refused_key(struct server *server,
                               const struct step_context *context,
                               server_trace_cb trace_cb)
{
    server->failed_logins++;
    if (server->failed_logins < server->policy.failed_logins_max) {
        return;
    }
    server->login_due_ms = context->now_ms + SERVER_SILENCE_MS;
    if (!server->logins_held) {
        server->logins_held = true;
        if (trace_cb != NULL) {
            trace_cb(context->data, server, server->state, HAPLO_EREFUSED);
        }
    }
}

static void server_clear_logins(struct server *server)
{
    server->failed_logins = 0;
    server->logins_held = false;
    server->login_due_ms = HEAP_NEVER;
}

void server_init(struct server *server, const struct server_policy *policy)
{
    *server = (struct server){
        .policy = *policy,
        .state = HAPLO_SERVER_UP,
        .due_ms = HEAP_NEVER,
        .login_due_ms = HEAP_NEVER,
    };
    TAILQ_INIT(&server->marks);
    TAILQ_INIT(&server->unproven_marks);
    TAILQ_INIT(&server->fetches);
    TAILQ_INIT(&server->unproven_fetches);
}

void server_recall_logins(struct server *server, unsigned failed_logins,
                          uint64_t age_ms, uint64_t now_ms)
{
    unsigned most =
        2 * server->policy
                .failed_logins_max; /* at this count proven keys wait too */
    if (age_ms >= SERVER_SILENCE_MS) {
        return;
    }
    server->failed_logins = failed_logins < most ? failed_logins : most;
    if (server->failed_logins >= server->policy.failed_logins_max) {
        server->logins_held = true;
        server->login_due_ms = now_ms + SERVER_SILENCE_MS - age_ms;
    }
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
        server_fell_silent(server, context, trace_cb);
        return;
    case VERDICT_REFUSED:
        server_refused_key(server, context, trace_cb);
        break;
    case VERDICT_LOGGED_IN:
        server_clear_logins(server);
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

void server_login_wait_over(struct server *server,
                            const struct step_context *context,
                            server_trace_cb trace_cb)
{
    server_clear_logins(server);
    if (trace_cb != NULL) {
        trace_cb(context->data, server, server->state, 0);
    }
}

bool server_has_slot(const struct server *server)
{
    switch (server->state) {
    case HAPLO_SERVER_UP:
        return server->in_flight < server->policy.in_flight_max;
    case HAPLO_SERVER_PROBING:
        return server->in_flight == 0;
    default:
        return false;
    }
}

bool server_may_log_in(const struct server *server, bool key_proven)
{
    if (!key_proven) {
        return server->prover == NULL && !server->logins_held;
    }
    return !server->logins_held ||
           server->failed_logins < 2 * server->policy.failed_logins_max;
}

bool server_error_proves_key(int error)
{
    return error_verdict(error) == VERDICT_LOGGED_IN;
}
