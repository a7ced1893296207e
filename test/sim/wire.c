/*
 * wire.c - the life of a request. Normally:
 *
 *   - It arrives at the server (on_arrival) and is carried out (carry_out).
 *   - Its response arrives at the client (on_answer).
 *
 * Depending on its fate, or during an outage of the server:
 *
 *   - A proxy or a fault of the application responds instead of the server; or
 *     a cache does, with an old batch.
 *   - The request or its response is lost; the connection is reset or times
 *     out.
 *   - The client gives up (wire_abandon). The request may still be carried
 *     out.
 */
#include "wire.h"

#include <string.h>

#include "network.h"
#include "process.h"
#include "world.h"

static struct answer answer_of(enum answer_kind kind)
{
    return (struct answer){.kind = kind};
}

static struct token *posted_token(struct world *world,
                                  const struct exchange *exchange)
{
    uint32_t number = answer_read_form(exchange->form, exchange->form_size);
    struct token *token = world_token(world, number);
    if (token == NULL || token->queue != exchange->queue) {
        world_violation(world, "%s: posts what is no token of it: %.*s",
                        exchange->queue->name, (int)exchange->form_size,
                        exchange->form);
    }
    return token;
}

static struct answer carry_out_mark(struct world *world,
                                    const struct exchange *exchange)
{
    struct token *token = posted_token(world, exchange);
    struct remote_queue *queue = exchange->queue;
    unsigned part_count = token->count;
    struct answer answer = answer_of(ANSWER_MARKED);
    if (exchange->fate == FATE_HALF) {
        part_count = (unsigned)dice_between(&world->dice, 0, token->count - 1);
        world_count(world, SITUATION_MARK_HALF_DONE);
    }
    if (queue->ignores_tokens && token->posts == 1 &&
        exchange->fate == FATE_FINE && !exchange->is_repeated) {
        part_count = 0;
    }
    answer.marked_count =
        remote_mark(world, token, part_count,
                    exchange->is_abandoned ? MARKER_LATE : MARKER_US);
    if (exchange->is_abandoned) {
        world_count(world, SITUATION_MARKED_LATE);
    }
    answer.unread_count = queue->server->revision == REVISION_2019
                              ? -1
                              : (int64_t)queue->unread_count;
    if (exchange->fate == FATE_HALF) {
        answer.kind = ANSWER_ERROR;
    }
    return answer;
}

/* What a cache answers to a fetch, which asks the server about the key alone;
 * NULL: nothing. */
static struct token *replay(struct world *world,
                            const struct exchange *exchange)
{
    struct remote_queue *queue = exchange->queue;
    if (exchange->fate == FATE_REPLAYED) {
        queue->cache_until_ms =
            world->now_ms + dice_between(&world->dice, 1, WIRE_CACHE_MS_MAX);
    }
    return world->is_quiet || world->now_ms >= queue->cache_until_ms
               ? NULL
               : remote_replay(world, queue);
}

static struct answer carry_out(struct world *world,
                               const struct exchange *exchange)
{
    struct answer answer = answer_of(ANSWER_BATCH);
    bool is_kept =
        !exchange->is_abandoned && exchange->asker->process->host == 0;
    switch (remote_log_in(world, exchange->queue, exchange->address,
                          exchange->key, is_kept)) {
    case LOGIN_REFUSED:
        return answer_of(ANSWER_REFUSED);
    case LOGIN_THROTTLED:
        world_count(world, SITUATION_THROTTLED);
        return answer_of(ANSWER_THROTTLED);
    case LOGIN_GOOD:
        break;
    }
    if (exchange->queue->is_forbidden) {
        return answer_of(ANSWER_PAGE);
    }
    if (exchange->is_mark) {
        return carry_out_mark(world, exchange);
    }
    answer.token = replay(world, exchange);
    if (answer.token == NULL) {
        answer.token = remote_fetch(world, exchange->queue);
    }
    return answer;
}

/* The response that the client gets. A refusal stays a refusal: the fates are
 * faults of the application, which it does not reach. */
static struct answer disguise(enum fate fate, struct answer answer)
{
    if (answer.kind != ANSWER_BATCH && answer.kind != ANSWER_MARKED) {
        return answer;
    }
    switch (fate) {
    case FATE_ERROR_AFTER:
        return answer_of(ANSWER_ERROR);
    case FATE_PAGE_AFTER:
        return answer_of(ANSWER_PAGE);
    case FATE_GARBLED:
        return (struct answer){.kind = ANSWER_GARBLED, .token = answer.token};
    default:
        return answer;
    }
}

/* The response of a proxy, or of a fault before the server did anything.
 * ANSWER_BATCH: the server itself responds. */
static enum answer_kind answered_before(const struct exchange *exchange)
{
    static const enum answer_kind by_outage[OUTAGE_COUNT] = {
        [OUTAGE_ERROR] = ANSWER_ERROR,       [OUTAGE_BUSY] = ANSWER_BUSY,
        [OUTAGE_PAGE] = ANSWER_PAGE,         [OUTAGE_ABSENT] = ANSWER_ABSENT,
        [OUTAGE_REDIRECT] = ANSWER_REDIRECT,
    };
    static const enum answer_kind by_fate[FATE_COUNT] = {
        [FATE_ERROR_BEFORE] = ANSWER_ERROR,
        [FATE_PAGE_BEFORE] = ANSWER_PAGE,
        [FATE_ODD] = ANSWER_ODD,
        [FATE_REFUSED] = ANSWER_FORBIDDEN,
    };
    enum outage outage = exchange->queue->server->outage;
    if (outage == OUTAGE_ABSENT && exchange->is_mark) {
        return ANSWER_FORBIDDEN; /* the response to a POST */
    }
    return by_outage[outage] != ANSWER_BATCH ? by_outage[outage]
                                             : by_fate[exchange->fate];
}

/* A Retry-After of a proxy, sometimes absurdly long. */
static uint64_t draw_retry_after_ms(struct world *world)
{
    if (dice_hit(&world->dice, 400)) {
        return 0;
    }
    return UINT64_C(1000) * (dice_hit(&world->dice, 50)
                                 ? 7200
                                 : dice_between(&world->dice, 1, 120));
}

/* True if a proxy responds, and the server does nothing. */
static bool is_answered_before(struct world *world,
                               const struct exchange *exchange,
                               struct answer *answer)
{
    enum answer_kind kind = answered_before(exchange);
    if (kind == ANSWER_BATCH) {
        return false;
    }
    *answer = answer_of(kind);
    if (kind == ANSWER_BUSY) {
        answer->retry_after_ms = draw_retry_after_ms(world);
    }
    return true;
}

static void trace_done(struct world *world, const struct exchange *exchange,
                       const char *how)
{
    char text[64];
    TRACE(world, "%s: %s %s: %s", exchange->queue->name,
          exchange->is_mark ? "mark" : "fetch", how,
          answer_text(&exchange->answer, text, sizeof text));
}

/* An admin may be quick and hit the time between mark and confirmation. */
static void maybe_unsend_at_once(struct world *world,
                                 const struct exchange *exchange)
{
    if (exchange->is_mark && exchange->answer.kind == ANSWER_MARKED &&
        exchange->token->count > 0 &&
        dice_hit(&world->dice, world->plan.quick_unsend_permille)) {
        world_unsend_soon(world, exchange->token);
    }
}

static void execute(struct world *world, struct exchange *exchange)
{
    if (is_answered_before(world, exchange, &exchange->answer)) {
        trace_done(world, exchange, "answered on its way");
        return;
    }
    exchange->answer = carry_out(world, exchange);
    trace_done(world, exchange,
               exchange->is_abandoned ? "carried out late" : "carried out");
    maybe_unsend_at_once(world, exchange);
    exchange->answer = disguise(exchange->fate, exchange->answer);
    if (exchange->is_mark && !exchange->is_abandoned) {
        process_enter(exchange->asker->process);
        world_crash_point(world, CRASH_AFTER_MARK_CARRIED_OUT);
    }
}

static void on_answer(struct world *world, void *subject, uint64_t stamp)
{
    struct exchange *exchange = subject;
    (void)stamp;
    if (!exchange->is_abandoned) {
        process_enter(exchange->asker->process);
        network_answered(world, exchange);
    }
}

static void on_reset(struct world *world, void *subject, uint64_t stamp)
{
    struct exchange *exchange = subject;
    (void)stamp;
    if (!exchange->is_abandoned) {
        process_enter(exchange->asker->process);
        exchange->is_abandoned = true;
        network_failed(world, exchange);
    }
}

static void fail_in(struct world *world, struct exchange *exchange,
                    uint64_t delay_ms, int error)
{
    (void)world;
    exchange->error = error;
    process_at(exchange->asker->process, delay_ms, on_reset, exchange, 0);
}

static uint64_t latency_ms(struct world *world)
{
    return dice_between(&world->dice, 1, world->plan.latency_ms_max);
}

static void on_arrival(struct world *world, void *subject, uint64_t stamp)
{
    struct exchange *exchange = subject;
    (void)stamp;
    if (exchange->is_dropped) {
        return;
    }
    execute(world, exchange);
    if (exchange->is_abandoned) {
        return;
    }
    switch (exchange->fate) {
    case FATE_ANSWER_LOST:
        world_count(world, SITUATION_ANSWER_LOST);
        fail_in(world, exchange, latency_ms(world), HAPLO_ERESET);
        break;
    case FATE_ANSWER_STALLS:
        fail_in(world, exchange, exchange->queue->server->timeout_ms,
                HAPLO_ETIMEDOUT);
        break;
    case FATE_SENT_TWICE:
    case FATE_RESENT:
        exchange->is_repeated = true;
        if (exchange->fate == FATE_SENT_TWICE) {
            exchange->fate = FATE_FINE;
            world_at(world, latency_ms(world), on_arrival, exchange, 0);
            break;
        }
        process_at(exchange->asker->process, latency_ms(world), on_answer,
                   exchange, 0);
        break;
    default:
        process_at(exchange->asker->process, latency_ms(world), on_answer,
                   exchange, 0);
        break;
    }
}

static void send_late(struct world *world, struct exchange *exchange)
{
    uint64_t timeout_ms = exchange->queue->server->timeout_ms;
    fail_in(world, exchange, timeout_ms, HAPLO_ETIMEDOUT);
    world_at(world,
             timeout_ms + dice_between(&world->dice, 1, WIRE_LATE_MS_MAX),
             on_arrival, exchange, 0);
}

static int connection_error(struct world *world)
{
    static const int errors[] = {HAPLO_ECONNECT, HAPLO_ERESOLVE, HAPLO_ETLS,
                                 HAPLO_EPROTOCOL};
    return errors[dice_below(&world->dice, 4)];
}

/* Its host is. */
static bool is_cut_off(const struct world *world,
                       const struct exchange *exchange)
{
    return world->machines[exchange->asker->process->host].is_cut_from_servers;
}

static void set_out(struct world *world, struct exchange *exchange)
{
    const struct remote_server *server = exchange->queue->server;
    if (exchange->fate == FATE_UNRESOLVED) {
        fail_in(world, exchange, latency_ms(world), HAPLO_ERESOLVE);
    } else if (is_cut_off(world, exchange) && dice_hit(&world->dice, 500)) {
        fail_in(world, exchange, server->timeout_ms, HAPLO_ETIMEDOUT);
    } else if (is_cut_off(world, exchange) ||
               server->outage == OUTAGE_UNREACHABLE ||
               exchange->fate == FATE_NO_CONNECTION) {
        fail_in(world, exchange, latency_ms(world), connection_error(world));
    } else if (exchange->fate == FATE_REQUEST_LOST) {
        fail_in(world, exchange, latency_ms(world), HAPLO_ERESET);
    } else if (server->outage == OUTAGE_STALLED ||
               exchange->fate == FATE_REQUEST_STALLS) {
        fail_in(world, exchange, server->timeout_ms, HAPLO_ETIMEDOUT);
    } else if (exchange->fate == FATE_LATE) {
        send_late(world, exchange);
    } else {
        world_at(world, latency_ms(world), on_arrival, exchange, 0);
    }
}

/* A fate of a mark, after which it may be tried again. */
static enum fate draw_mark_fate(struct world *world)
{
    static const enum fate fates[] = {
        FATE_NO_CONNECTION, FATE_REQUEST_LOST, FATE_ANSWER_LOST,
        FATE_ANSWER_STALLS, FATE_ERROR_BEFORE, FATE_ERROR_AFTER,
        FATE_HALF,          FATE_LATE,
    };
    return fates[dice_below(&world->dice, sizeof fates / sizeof *fates)];
}

enum fate wire_draw_fate(struct world *world, const struct remote_queue *queue,
                         bool is_mark, const struct token *token)
{
    uint64_t drawn = dice_below(&world->dice, 1000);
    if (world->is_quiet || (queue->ignores_tokens && token != NULL)) {
        return FATE_FINE;
    }
    if (is_mark && dice_hit(&world->dice, world->plan.mark_fails_permille)) {
        return draw_mark_fate(world);
    }
    for (unsigned fate = 0; fate < FATE_COUNT; fate++) {
        unsigned own = world->plan.fate_permille[fate];
        if (drawn < own) {
            return fate == FATE_HALF && !is_mark ? FATE_ERROR_BEFORE
                                                 : (enum fate)fate;
        }
        drawn -= own;
    }
    return FATE_FINE;
}

struct exchange *wire_send(struct world *world, struct exchange draft)
{
    struct exchange *exchange = pool_take(&world->pool, sizeof *exchange);
    *exchange = draft;
    set_out(world, exchange);
    return exchange;
}

void wire_abandon(struct world *world, struct exchange *exchange)
{
    exchange->is_abandoned = true;
    exchange->is_dropped = dice_hit(&world->dice, 500);
}
