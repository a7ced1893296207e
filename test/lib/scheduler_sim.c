#include "scheduler_sim.h"

uint64_t run_seed;

void run_failed(const char *what, int line)
{
    fail_msg("line %d: %s; run it again with HAPLO_TEST_SEED=%" PRIu64, line,
             what, run_seed);
}

static struct sim_queue *sim_queue_of(const struct queue *core)
{
    return (struct sim_queue *)(void *)((char *)(uintptr_t)core -
                                        offsetof(struct sim_queue, core));
}

static void on_queue_change(void *data, const struct queue *queue,
                            enum haplo_queue_state from, int error)
{
    struct sim *sim = data;
    if (sim->is_tracing) {
        trace_queue(&sim->trace, sim->now_ms, sim_queue_of(queue)->name, queue,
                    from, error);
    }
}

static void on_server_change(void *data, const struct server *server,
                             enum haplo_server_state from, int error)
{
    struct sim *sim = data;
    const struct sim_server *of =
        (const struct sim_server *)(const void *)server;
    if (sim->is_tracing) {
        trace_server(&sim->trace, sim->now_ms, of->name, server, from, error);
    }
}

struct sim *sim_new(unsigned in_flight_max, size_t held_bytes_max,
                    uint64_t seed)
{
    struct sim *sim = calloc(1, sizeof *sim);
    assert_non_null(sim);
    sim->is_tracing = true;
    sim->random.state = seed ^ UINT64_C(0x5a5a);
    scheduler_init(&sim->scheduler, in_flight_max, held_bytes_max, seed);
    sim->scheduler.queue_trace_cb = on_queue_change;
    sim->scheduler.server_trace_cb = on_server_change;
    sim->scheduler.data = sim;
    return sim;
}

/* The usual: no bound but the servers' own. */
struct sim *sim_new_plain(void)
{
    return sim_new(256, SIZE_MAX, 1);
}

void sim_free(struct sim *sim)
{
    scheduler_free(&sim->scheduler);
    free(sim);
}

static struct sim_server *server_new(struct sim *sim, unsigned in_flight_max)
{
    assert_true(sim->server_count < SIM_SERVERS);
    struct sim_server *server = &sim->servers[sim->server_count];
    const struct server_policy policy = {.in_flight_max = in_flight_max,
                                         .failed_logins_max = 5,
                                         .breaker_failures = 5};
    snprintf(server->name, sizeof server->name, "%c",
             'a' + (int)sim->server_count);
    sim->server_count++;
    server->actual = server;
    server_init(&server->core, &policy);
    return server;
}

static void server_add(struct sim *sim, struct sim_server *server)
{
    const char *site = server->actual->name;
    assert_int_equal(scheduler_add_server(&sim->scheduler, &server->core,
                                          LOCATION_KNOWN, &site, 1,
                                          sim->now_ms),
                     0);
}

struct sim_server *sim_add_server_after(struct sim *sim, unsigned in_flight_max,
                                        unsigned failed_logins)
{
    struct sim_server *server = server_new(sim, in_flight_max);
    const struct haplo_failed_logins logins = {.site = server->name,
                                               .count = failed_logins};
    assert_int_equal(
        scheduler_recall_logins(&sim->scheduler, &logins, sim->now_ms), 0);
    server_add(sim, server);
    return server;
}

struct sim_server *sim_add_alias(struct sim *sim, struct sim_server *other,
                                 unsigned in_flight_max)
{
    struct sim_server *server = server_new(sim, in_flight_max);
    server->actual = other->actual;
    server_add(sim, server);
    return server;
}

struct sim_server *sim_add_server(struct sim *sim, unsigned in_flight_max)
{
    return sim_add_server_after(sim, in_flight_max, 0);
}

void queue_add(struct sim *sim, struct sim_queue *queue,
               const struct queue_policy *policy, uint64_t due_ms)
{
    queue->policy = *policy;
    queue_init(&queue->core, &queue->policy, &queue->server->core, due_ms);
    assert_int_equal(scheduler_add_queue(&sim->scheduler, &queue->core), 0);
    queue->is_added = true;
}

const struct queue_policy plain_policy = {
    .interval_ms = MINUTE_MS,
    .backoff_ms = 1000,
    .backoff_max_ms = 5 * MINUTE_MS,
    .refused_ms = 15 * MINUTE_MS,
    .mark_attempts_max = 4,
};

/* A queue with unread messages, due at due_ms. */
struct sim_queue *sim_add_queue(struct sim *sim, struct sim_server *server,
                                const char *name, unsigned unread,
                                uint64_t due_ms)
{
    assert_true(sim->queue_count < SIM_QUEUES);
    struct sim_queue *queue = &sim->queues[sim->queue_count++];
    snprintf(queue->name, sizeof queue->name, "%s/%s", server->name, name);
    queue->server = server;
    queue->unread = unread;
    queue_add(sim, queue, &plain_policy, due_ms);
    return queue;
}

/* The queue's next request comes to this. */
void script(struct sim_queue *queue, int error)
{
    assert_true(queue->script_size < SIM_SCRIPT);
    queue->script[queue->script_size++] = error;
}

void script_times(struct sim_queue *queue, int error, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        script(queue, error);
    }
}

static void count_bytes(struct sim *sim, struct sim_queue *queue, size_t bytes)
{
    sim->scheduler.held_bytes += bytes - queue->held_bytes;
    queue->held_bytes = bytes;
}

static void drop_batch(struct sim *sim, struct sim_queue *queue)
{
    queue->token = TOKEN_NONE;
    queue->posts = 0;
    count_bytes(sim, queue, 0);
}

void sim_say(struct sim *sim, struct sim_queue *queue,
             enum queue_event_kind kind)
{
    sim_step(sim, queue, (struct queue_event){.kind = kind});
}

static void deliver(struct sim *sim, struct sim_queue *queue)
{
    CHECK(queue->token == TOKEN_DELIVERED);
    queue->deliveries++;
    if (!queue->keeps_batch) {
        sim_say(sim, queue, QUEUE_EVENT_ACCEPTED);
    }
}

void forget_request(struct sim *sim, struct sim_queue *queue, int error)
{
    if (!queue->was_proven) {
        queue->server->actual->unproven_in_flight--;
    }
    scheduler_request_ended(&sim->scheduler, &queue->core, error, sim->now_ms);
}

/* What the application and the poller do about a step. */
void sim_step(struct sim *sim, struct sim_queue *queue,
              struct queue_event event)
{
    if (event.kind == QUEUE_EVENT_FETCHED) {
        CHECK(queue->token == TOKEN_NONE);
        queue->token = TOKEN_DELIVERED;
        queue->posts = 0;
        count_bytes(sim, queue, 1000);
    } else if (event.kind == QUEUE_EVENT_ACCEPTED) {
        CHECK(queue->token == TOKEN_DELIVERED);
        queue->token = TOKEN_ACCEPTED;
    }
    switch (
        scheduler_step(&sim->scheduler, &queue->core, &event, sim->now_ms)) {
    case QUEUE_ACTION_NONE:
        break;
    case QUEUE_ACTION_DROP:
        drop_batch(sim, queue);
        break;
    case QUEUE_ACTION_CANCEL:
        forget_request(sim, queue, HAPLO_ECANCELED);
        drop_batch(sim, queue);
        break;
    case QUEUE_ACTION_CONFIRM:
        queue->confirmed++;
        drop_batch(sim, queue);
        break;
    case QUEUE_ACTION_DELIVER:
        deliver(sim, queue);
        break;
    }
}

/* What may never go out. */
static void check_start(const struct sim *sim, const struct sim_queue *queue)
{
    const struct sim_server *server = queue->server;
    CHECK(server->core.state == HAPLO_SERVER_UP ||
          server->core.state == HAPLO_SERVER_PROBING);
    CHECK(server->core.state == HAPLO_SERVER_UP || server->core.in_flight == 1);
    CHECK(!server->actual->was_throttled ||
          sim->now_ms >= server->actual->throttled_ms + SERVER_SILENCE_MS);
    CHECK(queue->was_proven || server->actual->unproven_in_flight == 0);
    CHECK(queue->was_proven || !server->core.logins_held);
    CHECK(server->core.group->failed + server->core.group->in_flight <=
          server->core.group->risk_max);
    if (queue->core.state == HAPLO_QUEUE_FETCHING) {
        CHECK(queue->token == TOKEN_NONE);
        CHECK(sim->scheduler.held_bytes < sim->scheduler.held_bytes_max);
        return;
    }
    CHECK(queue->core.state == HAPLO_QUEUE_MARKING ||
          queue->core.state == HAPLO_QUEUE_LAST_MARKING);
    CHECK(queue->token == TOKEN_ACCEPTED);
    CHECK(queue->posts < queue->core.policy->mark_attempts_max);
    CHECK(queue->posts == 0 ||
          sim->now_ms < queue->posted_ms + QUEUE_MARK_AGE_MAX_MS);
}

static void sim_start(struct sim *sim, struct sim_queue *queue)
{
    struct sim_server *server = queue->server;
    queue->was_proven = queue->core.key_proven;
    check_start(sim, queue);
    server->actual->unproven_in_flight += !queue->was_proven;
    server->requests++;
    if (queue->core.state == HAPLO_QUEUE_FETCHING) {
        queue->fetches++;
    } else {
        queue->marks++;
        if (queue->posts++ == 0) {
            queue->posted_ms = sim->now_ms;
        }
    }
    if (server->core.in_flight > server->in_flight_most) {
        server->in_flight_most = server->core.in_flight;
    }
    if (sim->scheduler.in_flight > sim->in_flight_most) {
        sim->in_flight_most = sim->scheduler.in_flight;
    }
    queue->done_ms = sim->now_ms + SIM_LATENCY_MS;
}

/* The server's side of logins: it forgets 300 s after the last failure. */
void server_counts_login(const struct sim *sim, struct sim_server *server,
                         int error)
{
    if (sim->now_ms >= server->failed_login_ms + 300000 ||
        server_error_proves_key(error)) {
        server->failed_logins = 0;
    }
    if (error == HAPLO_EREFUSED) {
        server->failed_logins++;
        server->failed_login_ms = sim->now_ms;
    }
    if (server->failed_logins > server->failed_logins_most) {
        server->failed_logins_most = server->failed_logins;
    }
    if (error == HAPLO_ETHROTTLED) {
        server->was_throttled = true;
        server->throttled_ms = sim->now_ms;
    }
}

/* The request in flight comes to this. */
void sim_answer(struct sim *sim, struct sim_queue *queue, int error)
{
    bool is_fetch = queue->core.state == HAPLO_QUEUE_FETCHING;
    struct queue_event event = {.kind = QUEUE_EVENT_FAILED, .error = error};
    server_counts_login(sim, queue->server->actual, error);
    forget_request(sim, queue, error);
    if (error == 0) {
        unsigned count = queue->unread < BATCH ? queue->unread : BATCH;
        event.count = count;
        if (!is_fetch) {
            queue->unread -= count;
            event.kind = QUEUE_EVENT_MARKED;
            event.unread_count = queue->unread;
        } else {
            event.kind = count > 0 ? QUEUE_EVENT_FETCHED : QUEUE_EVENT_EMPTY;
        }
    }
    sim_step(sim, queue, event);
}

static int next_of_script(struct sim_queue *queue)
{
    if (queue->script_position < queue->script_size) {
        return queue->script[queue->script_position++];
    }
    return queue->has_wrong_key ? HAPLO_EREFUSED : 0;
}

/* Deals with all that is due or may start now. */
void sim_pump(struct sim *sim)
{
    struct queue *core;
    while ((core = scheduler_take_due(&sim->scheduler, sim->now_ms)) != NULL) {
        sim_say(sim, sim_queue_of(core), QUEUE_EVENT_DUE);
    }
    while ((core = scheduler_next(&sim->scheduler, sim->now_ms)) != NULL) {
        sim_start(sim, sim_queue_of(core));
    }
}

/* The request whose answer comes first; NULL if none is in flight. */
static struct sim_queue *first_answer(struct sim *sim)
{
    struct sim_queue *first = NULL;
    for (size_t i = 0; i < sim->queue_count; i++) {
        struct sim_queue *queue = &sim->queues[i];
        if (queue->is_added && queue_is_in_flight(&queue->core) &&
            (first == NULL || queue->done_ms < first->done_ms)) {
            first = queue;
        }
    }
    return first;
}

/* Runs until all that happens up to until_ms has happened. */
void sim_run(struct sim *sim, uint64_t until_ms)
{
    for (;;) {
        sim_pump(sim);
        struct sim_queue *answered = first_answer(sim);
        uint64_t due_ms = scheduler_due_ms(&sim->scheduler);
        uint64_t answer_ms = answered == NULL ? HEAP_NEVER : answered->done_ms;
        uint64_t next_ms = due_ms < answer_ms ? due_ms : answer_ms;
        if (next_ms > until_ms) {
            sim->now_ms = until_ms;
            return;
        }
        if (next_ms > sim->now_ms) {
            sim->now_ms = next_ms;
        }
        if (answer_ms == next_ms) {
            sim_answer(sim, answered, next_of_script(answered));
        }
    }
}

void assert_trace(struct sim *sim, const char *expected)
{
    assert_string_equal(sim->trace.text, expected);
    trace_clear(&sim->trace);
}

void assert_state(const struct sim_queue *queue, enum haplo_queue_state state)
{
    assert_string_equal(haplo_queue_state_name(queue->core.state),
                        haplo_queue_state_name(state));
}

void assert_server_state(const struct sim_server *server,
                         enum haplo_server_state state)
{
    assert_string_equal(haplo_server_state_name(server->core.state),
                        haplo_server_state_name(state));
}

void sim_remove_queue(struct sim *sim, struct sim_queue *queue)
{
    scheduler_remove_queue(&sim->scheduler, &queue->core);
    queue->is_added = false;
}
