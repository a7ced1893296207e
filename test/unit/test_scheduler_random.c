/* Randomised runs of the scheduler: what must hold after every step. */
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "scheduler_sim.h"

/* Randomised runs */

/* How likely a request is to come to what, of 100. */
struct weather {
    unsigned fails, refuses, throttles, permanent;
};

static uint64_t draw(struct sim *sim, uint64_t bound)
{
    return random_below(&sim->random, bound);
}

static void check_list(const struct sim_server *server,
                       const struct queue_list *list, bool is_marks,
                       bool is_proven, unsigned *count)
{
    const struct queue *queue;
    uint64_t sequence = 0;
    TAILQ_FOREACH (queue, list, link) {
        CHECK(queue->server == &server->core);
        CHECK(queue->key_proven == is_proven);
        CHECK(is_marks ? queue->state == HAPLO_QUEUE_MARK_READY ||
                             queue->state == HAPLO_QUEUE_LAST_MARK_READY
                       : queue->state == HAPLO_QUEUE_READY);
        CHECK(queue->ready_sequence > sequence);
        sequence = queue->ready_sequence;
        (*count)++;
    }
}

static bool ring_has(const struct server_ring *ring,
                     const struct server *server, bool is_marks)
{
    const struct server *other = TAILQ_FIRST(ring);
    while (other != NULL && other != server) {
        other = is_marks ? TAILQ_NEXT(other, mark_link)
                         : TAILQ_NEXT(other, fetch_link);
    }
    return other != NULL;
}

static bool may_go(const struct server *server, const struct queue_list *proven,
                   const struct queue_list *unproven)
{
    return server_has_slot(server) &&
           ((!TAILQ_EMPTY(proven) && server_may_log_in(server, true)) ||
            (!TAILQ_EMPTY(unproven) && server_may_log_in(server, false)));
}

static void check_server(const struct sim *sim, const struct sim_server *server)
{
    const struct server *core = &server->core;
    const struct scheduler *scheduler = &sim->scheduler;
    unsigned listed = 0;
    unsigned waiting = 0;
    unsigned in_flight = 0;
    check_list(server, &core->marks, true, true, &listed);
    check_list(server, &core->unproven_marks, true, false, &listed);
    check_list(server, &core->fetches, false, true, &listed);
    check_list(server, &core->unproven_fetches, false, false, &listed);
    for (size_t i = 0; i < sim->queue_count; i++) {
        const struct sim_queue *queue = &sim->queues[i];
        if (queue->is_added && queue->server == server) {
            in_flight += queue_is_in_flight(&queue->core);
            waiting += queue->core.state == HAPLO_QUEUE_READY ||
                       queue->core.state == HAPLO_QUEUE_MARK_READY ||
                       queue->core.state == HAPLO_QUEUE_LAST_MARK_READY;
        }
    }
    CHECK(listed == waiting);
    CHECK(core->in_flight == in_flight);
    CHECK(in_flight <= core->policy.in_flight_max);
    CHECK(server->actual->unproven_in_flight <= 1);
    CHECK(core->group->prover_count == server->actual->unproven_in_flight);
    bool can_mark = may_go(core, &core->marks, &core->unproven_marks);
    bool can_fetch = may_go(core, &core->fetches, &core->unproven_fetches);
    CHECK(core->in_mark_ring == can_mark);
    CHECK(core->in_fetch_ring == can_fetch);
    CHECK(ring_has(&scheduler->mark_ring, core, true) == can_mark);
    CHECK(ring_has(&scheduler->fetch_ring, core, false) == can_fetch);
    CHECK(heap_due_ms(&scheduler->waits, &core->wait) == core->due_ms);
    CHECK(heap_due_ms(&scheduler->sites.waits, &core->group->wait) ==
          core->group->expires_ms);
    CHECK(core->logins_held == login_group_is_held(core->group));
    CHECK((core->group->failed > 0) == (core->group->expires_ms != HEAP_NEVER));
    CHECK((core->state == HAPLO_SERVER_DOWN ||
           core->state == HAPLO_SERVER_SILENT) == (core->due_ms != HEAP_NEVER));
    /* Twice the budget, and what was under way. */
    CHECK(server->failed_logins <= 10 + 12 - 1);
}

static bool state_waits(enum haplo_queue_state state)
{
    switch (state) {
    case HAPLO_QUEUE_IDLE:
    case HAPLO_QUEUE_DELIVER_WAIT:
    case HAPLO_QUEUE_MARK_WAIT:
    case HAPLO_QUEUE_LAST_MARK_WAIT:
    case HAPLO_QUEUE_BACKOFF:
    case HAPLO_QUEUE_REFUSED:
        return true;
    default:
        return false;
    }
}

static void check_queue(const struct sim *sim, const struct sim_queue *queue)
{
    const struct queue *core = &queue->core;
    CHECK(heap_due_ms(&sim->scheduler.waits, &core->wait) == core->due_ms);
    if (core->state == HAPLO_QUEUE_MARK_READY ||
        core->state == HAPLO_QUEUE_LAST_MARK_READY) {
        CHECK(core->due_ms == (queue->posts == 0
                                   ? HEAP_NEVER
                                   : queue->posted_ms + QUEUE_MARK_AGE_MAX_MS));
    } else {
        CHECK(state_waits(core->state) == (core->due_ms != HEAP_NEVER));
    }
    CHECK(queue_has_batch(core) == (queue->token != TOKEN_NONE));
    switch (core->state) {
    case HAPLO_QUEUE_DELIVERING:
    case HAPLO_QUEUE_DELIVER_WAIT:
    case HAPLO_QUEUE_LAST_DELIVERING:
        CHECK(queue->token == TOKEN_DELIVERED);
        break;
    default:
        CHECK(queue->token != TOKEN_DELIVERED);
    }
    CHECK(core->mark_attempts <= core->policy->mark_attempts_max);
    CHECK(queue->token == TOKEN_NONE || core->mark_attempts == queue->posts);
}

static void check_all(const struct sim *sim)
{
    const struct scheduler *scheduler = &sim->scheduler;
    unsigned in_flight = 0;
    uint32_t waits = 0;
    uint32_t entries = 0;
    size_t held_bytes = 0;
    for (size_t i = 0; i < sim->server_count; i++) {
        check_server(sim, &sim->servers[i]);
        in_flight += sim->servers[i].core.in_flight;
        waits += sim->servers[i].core.due_ms != HEAP_NEVER;
        entries++;
    }
    for (size_t i = 0; i < sim->queue_count; i++) {
        if (sim->queues[i].is_added) {
            check_queue(sim, &sim->queues[i]);
            waits += sim->queues[i].core.due_ms != HEAP_NEVER;
            entries++;
            held_bytes += sim->queues[i].held_bytes;
        }
    }
    CHECK(scheduler->in_flight == in_flight);
    CHECK(in_flight <= scheduler->in_flight_max);
    CHECK(scheduler->waits.count == waits);
    CHECK(scheduler->entry_count == entries);
    CHECK(scheduler->held_bytes == held_bytes);
}

static int any_outcome(struct sim *sim, const struct sim_queue *queue,
                       const struct weather *weather)
{
    static const int failures[] = {HAPLO_ECONNECT, HAPLO_ETIMEDOUT,
                                   HAPLO_ERESET, HAPLO_ESERVER, HAPLO_ETLS};
    static const int permanent[] = {HAPLO_EREDIRECT, HAPLO_ENOTFOUND,
                                    HAPLO_ECONTENT, HAPLO_EDOCUMENT,
                                    HAPLO_ENOMEM};
    uint64_t dice = draw(sim, 100);
    if (queue->has_wrong_key || dice < weather->refuses) {
        return HAPLO_EREFUSED;
    }
    dice -= weather->refuses;
    if (dice < weather->fails) {
        return failures[draw(sim, 5)];
    }
    dice -= weather->fails;
    if (dice < weather->throttles) {
        /* A POST is not told. */
        return queue->core.state == HAPLO_QUEUE_FETCHING ? HAPLO_ETHROTTLED
                                                         : HAPLO_EREFUSED;
    }
    dice -= weather->throttles;
    return dice < weather->permanent ? permanent[draw(sim, 5)] : 0;
}

/* An answer with counts of its own, where the fetch or mark succeeds. */
static void answer_somehow(struct sim *sim, struct sim_queue *queue,
                           const struct weather *weather)
{
    int error = any_outcome(sim, queue, weather);
    struct queue_event event = {.kind = QUEUE_EVENT_FAILED, .error = error};
    if (draw(sim, 10) == 0) {
        event.delay_ms = draw(sim, 100000);
    }
    if (error == 0 && queue->core.state == HAPLO_QUEUE_FETCHING) {
        event.count = draw(sim, 20);
        event.kind = event.count == 0 ? QUEUE_EVENT_EMPTY : QUEUE_EVENT_FETCHED;
    } else if (error == 0) {
        event.kind = QUEUE_EVENT_MARKED;
        event.count = draw(sim, 4) == 0 ? 0 : queue->core.batch_count;
        event.unread_count = (int64_t)draw(sim, 4) - 1;
    }
    server_counts_login(sim, queue->server->actual, error);
    forget_request(sim, queue, error);
    sim_step(sim, queue, event);
}

static void application_answers(struct sim *sim, struct sim_queue *queue)
{
    uint64_t dice = draw(sim, 10);
    struct queue_event event = {.kind = QUEUE_EVENT_ACCEPTED};
    if (dice == 0) {
        event.kind = QUEUE_EVENT_REJECTED;
        event.error = HAPLO_EREJECTED;
    } else if (dice < 3) {
        event.kind = QUEUE_EVENT_RETRY;
        event.delay_ms = draw(sim, 2) == 0 ? 0 : draw(sim, 5000);
    } else if (dice == 3) {
        event.kind = QUEUE_EVENT_STALE;
    } else if (dice == 4) {
        event.kind = QUEUE_EVENT_DROPPED;
        event.error = HAPLO_EDELIVERY;
    }
    sim_step(sim, queue, event);
}

/* Something that can happen to this queue now, if anything can. */
static void happen_to(struct sim *sim, struct sim_queue *queue,
                      const struct weather *weather)
{
    switch (draw(sim, 40)) {
    case 0:
        sim_say(sim, queue, QUEUE_EVENT_PAUSE);
        return;
    case 1:
    case 2:
        sim_say(sim, queue, QUEUE_EVENT_RESUME);
        return;
    case 3:
        sim_say(sim, queue, QUEUE_EVENT_POLL_NOW);
        return;
    case 4:
        queue->has_wrong_key = draw(sim, 100) < weather->refuses;
        if (!queue_is_in_flight(&queue->core)) {
            sim_say(sim, queue, QUEUE_EVENT_NEW_KEY);
        }
        return;
    default:
        break;
    }
    if (queue_is_in_flight(&queue->core)) {
        answer_somehow(sim, queue, weather);
    } else if (queue->core.state == HAPLO_QUEUE_DELIVERING ||
               queue->core.state == HAPLO_QUEUE_LAST_DELIVERING) {
        application_answers(sim, queue);
    }
}

/* Removal as the poller does it: paused first. Then it comes again, as if it
 * had been added. */
static void remove_and_add(struct sim *sim, struct sim_queue *queue)
{
    if (queue->core.state != HAPLO_QUEUE_PAUSED &&
        queue->core.state != HAPLO_QUEUE_READY) {
        return;
    }
    sim_remove_queue(sim, queue);
    check_all(sim);
    queue_add(sim, queue, &queue->policy, sim->now_ms + draw(sim, MINUTE_MS));
}

static void pass_time(struct sim *sim)
{
    uint64_t due_ms = scheduler_due_ms(&sim->scheduler);
    switch (draw(sim, 40)) {
    case 0:
        /* A laptop that slept: all waits are over at once. */
        sim->now_ms += draw(sim, 20 * MINUTE_MS);
        break;
    case 1:
    case 2:
    case 3:
    case 4:
        if (due_ms != HEAP_NEVER && due_ms > sim->now_ms) {
            sim->now_ms = due_ms;
        }
        break;
    default:
        sim->now_ms += draw(sim, 200);
    }
}

static struct sim *random_sim(uint64_t seed)
{
    struct random random = {seed};
    unsigned in_flight_max = 1 + (unsigned)random_below(&random, 12);
    size_t held_bytes_max = 1000 * (1 + (size_t)random_below(&random, 12));
    struct sim *sim = sim_new(in_flight_max, held_bytes_max, seed);
    sim->is_tracing = false;
    uint64_t servers = 1 + draw(sim, 3);
    for (uint64_t s = 0; s < servers; s++) {
        unsigned in_flight_max_of_it = 1 + (unsigned)draw(sim, 4);
        struct sim_server *server =
            s > 0 && draw(sim, 3) == 0
                ? sim_add_alias(sim, &sim->servers[0], in_flight_max_of_it)
                : sim_add_server(sim, in_flight_max_of_it);
        uint64_t queues = 1 + draw(sim, 7);
        for (uint64_t q = 0; q < queues; q++) {
            struct sim_queue *queue =
                sim_add_queue(sim, server, "q", 0, draw(sim, MINUTE_MS));
            queue->keeps_batch = true;
            queue->policy.mark_attempts_max = 1 + (unsigned)draw(sim, 4);
        }
    }
    return sim;
}

static void random_run(uint64_t seed, int steps)
{
    static const struct weather weathers[] = {{5, 1, 0, 2},
                                              {40, 2, 1, 5},
                                              {80, 0, 0, 0},
                                              {2, 50, 1, 2},
                                              {10, 10, 10, 10}};
    run_seed = seed;
    struct sim *sim = random_sim(seed);
    const struct weather *weather = &weathers[0];
    for (int i = 0; i < steps; i++) {
        if (i % 500 == 0) {
            weather = &weathers[draw(sim, 5)];
        }
        struct sim_queue *queue = &sim->queues[draw(sim, sim->queue_count)];
        happen_to(sim, queue, weather);
        check_all(sim);
        if (draw(sim, 200) == 0) {
            remove_and_add(sim, queue);
            check_all(sim);
        }
        pass_time(sim);
        sim_pump(sim);
        check_all(sim);
    }
    sim_free(sim);
}

/* An assertion in the core ends the process: say how to meet it again. */
static void on_abort(int number)
{
    char text[100];
    int size =
        snprintf(text, sizeof text,
                 "run it again with HAPLO_TEST_SEED=%" PRIu64 "\n", run_seed);
    (void)number;
    if (size > 0 && write(STDERR_FILENO, text, (size_t)size) < 0) {
        _exit(2);
    }
}

/* Whatever servers, applications and operators do, in whatever order: never
 * two tokens of one queue, never a mark without an accept, never a request to
 * a server that asked for silence, never more requests than there are slots,
 * and lists and heap that agree with every state. */
static void invariants_hold_in_randomised_runs(void **state)
{
    (void)state;
    const char *again = getenv("HAPLO_TEST_SEED");
    signal(SIGABRT, on_abort);
    if (again != NULL) {
        random_run(strtoull(again, NULL, 10), 5000);
    } else {
        for (uint64_t seed = 1; seed <= 30; seed++) {
            random_run(seed, 5000);
        }
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        random_run((uint64_t)now.tv_nsec + (uint64_t)now.tv_sec, 5000);
    }
    signal(SIGABRT, SIG_DFL);
}

/* When the weather clears, everything is fetched and marked in the end: no
 * queue and no server is left behind in a state that nothing ends. */
static void everything_is_drained_after_trouble(void **state)
{
    (void)state;
    const struct weather storm = {30, 5, 2, 5};
    for (uint64_t seed = 1; seed <= 30; seed++) {
        run_seed = seed;
        struct sim *sim = random_sim(seed);
        for (int i = 0; i < 1000; i++) {
            happen_to(sim, &sim->queues[draw(sim, sim->queue_count)], &storm);
            pass_time(sim);
            sim_pump(sim);
        }
        for (size_t i = 0; i < sim->queue_count; i++) {
            struct sim_queue *queue = &sim->queues[i];
            queue->has_wrong_key = false;
            queue->keeps_batch = false;
            queue->unread = 40;
            if (queue->core.state == HAPLO_QUEUE_DELIVERING ||
                queue->core.state == HAPLO_QUEUE_LAST_DELIVERING) {
                sim_say(sim, queue, QUEUE_EVENT_ACCEPTED);
            }
            sim_say(sim, queue, QUEUE_EVENT_RESUME);
            sim_say(sim, queue, QUEUE_EVENT_POLL_NOW);
        }
        sim_run(sim, sim->now_ms + 60 * MINUTE_MS);
        for (size_t i = 0; i < sim->queue_count; i++) {
            CHECK(sim->queues[i].unread == 0);
            CHECK(sim->queues[i].core.error == 0);
        }
        for (size_t i = 0; i < sim->server_count; i++) {
            CHECK(sim->servers[i].core.state == HAPLO_SERVER_UP);
        }
        CHECK(sim->scheduler.held_bytes == 0);
        sim_free(sim);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(invariants_hold_in_randomised_runs),
        cmocka_unit_test(everything_is_drained_after_trouble),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
