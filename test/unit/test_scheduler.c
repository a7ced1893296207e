/* Many queues on many servers in virtual time: a driver carries out what the
 * scheduler says and answers from scripts, without I/O and without a clock.
 * First golden traces, then randomised runs against the invariants. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/scheduler.h"
#include "trace.h"

#define SIM_SERVERS 4
#define SIM_QUEUES 128 /* of all servers */
#define SIM_SCRIPT 32
#define SIM_LATENCY_MS 100
#define BATCH 16
#define MINUTE_MS 60000

/* -- The driver ---------------------------------------------------------------
 */

enum sim_token { TOKEN_NONE, TOKEN_DELIVERED, TOKEN_ACCEPTED };

struct sim_server {
    struct server core;
    char name[16];
    unsigned in_flight_most;     /* that were ever seen at once */
    unsigned unproven_in_flight; /* begun with a key that was not proven */
    unsigned requests;           /* begun */
    unsigned failed_logins;      /* as the server counts them */
    unsigned failed_logins_most; /* that it ever counted */
    uint64_t failed_login_ms;    /* the newest */
    uint64_t throttled_ms;       /* the newest answer that said so */
    bool was_throttled;          /* */
};

struct sim_queue {
    struct queue core;
    struct queue_policy policy; /* of core */
    char name[32];
    struct sim_server *server;
    unsigned unread;         /* messages on the server */
    bool has_wrong_key;      /* every request is refused */
    bool keeps_batch;        /* the application answers later */
    int script[SIM_SCRIPT];  /* what the next requests come to; 0: all
                                right */
    size_t script_size;      /* */
    size_t script_position;  /* */
    uint64_t done_ms;        /* in flight: when the answer comes */
    bool was_proven;         /* in flight: as it began */
    bool is_added;           /* */
    enum sim_token token;    /* what became of the batch at hand */
    unsigned posts;          /* of that token */
    uint64_t posted_ms;      /* first */
    uint64_t epoch;          /* as confirmed to the application */
    size_t held_bytes;       /* */
    unsigned fetches, marks; /* begun */
    unsigned deliveries;     /* to the application */
};

struct sim {
    struct scheduler scheduler;
    struct random random;
    uint64_t now_ms;
    struct trace trace;
    bool is_tracing;
    unsigned in_flight_most;
    struct sim_server servers[SIM_SERVERS];
    size_t server_count;
    struct sim_queue queues[SIM_QUEUES];
    size_t queue_count;
};

/* A check that tells how to run it again. */
static uint64_t run_seed;

static void run_failed(const char *what, int line)
{
    fail_msg("line %d: %s; run it again with HAPLO_TEST_SEED=%" PRIu64, line,
             what, run_seed);
}

#define CHECK(condition)                      \
    do {                                      \
        if (!(condition)) {                   \
            run_failed(#condition, __LINE__); \
        }                                     \
    } while (0)

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

static struct sim *sim_new(unsigned in_flight_max, size_t held_bytes_max,
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
static struct sim *sim_new_plain(void)
{
    return sim_new(256, SIZE_MAX, 1);
}

static void sim_free(struct sim *sim)
{
    scheduler_free(&sim->scheduler);
    free(sim);
}

/* Servers are named a, b, c ... failed_logins: of an earlier process, just
 * now. */
static struct sim_server *sim_add_server_after(struct sim *sim,
                                               unsigned in_flight_max,
                                               unsigned failed_logins)
{
    const struct server_policy policy = {.in_flight_max = in_flight_max,
                                         .failed_logins_max = 5,
                                         .breaker_failures = 5};
    assert_true(sim->server_count < SIM_SERVERS);
    struct sim_server *server = &sim->servers[sim->server_count];
    snprintf(server->name, sizeof server->name, "%c",
             'a' + (int)sim->server_count);
    sim->server_count++;
    server_init(&server->core, &policy);
    server_recall_logins(&server->core, failed_logins, 0, sim->now_ms);
    assert_int_equal(scheduler_add_server(&sim->scheduler, &server->core), 0);
    return server;
}

static struct sim_server *sim_add_server(struct sim *sim,
                                         unsigned in_flight_max)
{
    return sim_add_server_after(sim, in_flight_max, 0);
}

static void queue_add(struct sim *sim, struct sim_queue *queue,
                      const struct queue_policy *policy, uint64_t due_ms)
{
    queue->policy = *policy;
    queue_init(&queue->core, &queue->policy, &queue->server->core, queue->epoch,
               false, due_ms);
    assert_int_equal(scheduler_add_queue(&sim->scheduler, &queue->core), 0);
    queue->is_added = true;
}

static const struct queue_policy plain_policy = {
    .interval_ms = MINUTE_MS,
    .backoff_ms = 1000,
    .backoff_max_ms = 5 * MINUTE_MS,
    .refused_ms = 15 * MINUTE_MS,
    .mark_attempts_max = 4,
};

/* A queue with unread messages, due at due_ms. */
static struct sim_queue *sim_add_queue(struct sim *sim,
                                       struct sim_server *server,
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
static void script(struct sim_queue *queue, int error)
{
    assert_true(queue->script_size < SIM_SCRIPT);
    queue->script[queue->script_size++] = error;
}

static void script_times(struct sim_queue *queue, int error, unsigned times)
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

static void sim_step(struct sim *sim, struct sim_queue *queue,
                     struct queue_event event);

static void sim_say(struct sim *sim, struct sim_queue *queue,
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

static void forget_request(struct sim *sim, struct sim_queue *queue, int error)
{
    if (!queue->was_proven) {
        queue->server->unproven_in_flight--;
    }
    scheduler_request_ended(&sim->scheduler, &queue->core, error, sim->now_ms);
}

/* What the application and the poller do about a step. */
static void sim_step(struct sim *sim, struct sim_queue *queue,
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
        /* By two where leftovers of a lost mark are in the next one. */
        CHECK(queue->core.epoch == queue->epoch + 1 ||
              queue->core.epoch == queue->epoch + 2);
        queue->epoch = queue->core.epoch;
        drop_batch(sim, queue);
        break;
    case QUEUE_ACTION_DELIVER:
        deliver(sim, queue);
        break;
    }
    CHECK(queue->core.epoch == queue->epoch);
}

/* What may never go out. */
static void check_start(const struct sim *sim, const struct sim_queue *queue)
{
    const struct sim_server *server = queue->server;
    CHECK(server->core.state == HAPLO_SERVER_UP ||
          server->core.state == HAPLO_SERVER_PROBING);
    CHECK(server->core.state == HAPLO_SERVER_UP || server->core.in_flight == 1);
    CHECK(!server->was_throttled ||
          sim->now_ms >= server->throttled_ms + SERVER_SILENCE_MS);
    CHECK(queue->was_proven || server->unproven_in_flight == 0);
    CHECK(queue->was_proven || !server->core.logins_held);
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
    server->unproven_in_flight += !queue->was_proven;
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
static void server_counts_login(const struct sim *sim,
                                struct sim_server *server, int error)
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
static void sim_answer(struct sim *sim, struct sim_queue *queue, int error)
{
    bool is_fetch = queue->core.state == HAPLO_QUEUE_FETCHING;
    struct queue_event event = {.kind = QUEUE_EVENT_FAILED, .error = error};
    server_counts_login(sim, queue->server, error);
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
static void sim_pump(struct sim *sim)
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
static void sim_run(struct sim *sim, uint64_t until_ms)
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

static void assert_trace(struct sim *sim, const char *expected)
{
    assert_string_equal(sim->trace.text, expected);
    trace_clear(&sim->trace);
}

static void assert_state(const struct sim_queue *queue,
                         enum haplo_queue_state state)
{
    assert_string_equal(haplo_queue_state_name(queue->core.state),
                        haplo_queue_state_name(state));
}

static void assert_server_state(const struct sim_server *server,
                                enum haplo_server_state state)
{
    assert_string_equal(haplo_server_state_name(server->core.state),
                        haplo_server_state_name(state));
}

/* -- Order -------------------------------------------------------------------
 */

/* The whole story of one queue: a backlog is drained in three batches, each
 * marked before the next is fetched. */
static void backlog_of_40_is_drained_in_three_batches(void **state)
{
    (void)state;
    struct sim *sim = sim_new_plain();
    struct sim_server *a = sim_add_server(sim, 1);
    struct sim_queue *student = sim_add_queue(sim, a, "student", 40, 0);
    sim_run(sim, 1000);
    assert_trace(sim, "[   0] a/student: IDLE -> READY\n"
                      "[   0] a/student: READY -> FETCHING\n"
                      "[ 100] a/student: FETCHING -> DELIVERING 16\n"
                      "[ 100] a/student: DELIVERING -> MARK_READY 16\n"
                      "[ 100] a/student: MARK_READY -> MARKING 16\n"
                      "[ 200] a/student: MARKING -> READY\n"
                      "[ 200] a/student: READY -> FETCHING\n"
                      "[ 300] a/student: FETCHING -> DELIVERING 16\n"
                      "[ 300] a/student: DELIVERING -> MARK_READY 16\n"
                      "[ 300] a/student: MARK_READY -> MARKING 16\n"
                      "[ 400] a/student: MARKING -> READY\n"
                      "[ 400] a/student: READY -> FETCHING\n"
                      "[ 500] a/student: FETCHING -> DELIVERING 8\n"
                      "[ 500] a/student: DELIVERING -> MARK_READY 8\n"
                      "[ 500] a/student: MARK_READY -> MARKING 8\n"
                      "[ 600] a/student: MARKING -> IDLE\n");
    assert_int_equal(student->core.epoch, 3);
    assert_int_equal(student->unread, 0);
    sim_free(sim);
}

/* One deep queue must not keep the others of its server waiting: it goes
 * behind them after each batch. */
static void deep_queue_goes_behind_the_others_after_each_batch(void **state)
{
    (void)state;
    struct sim *sim = sim_new_plain();
    struct sim_server *a = sim_add_server(sim, 1);
    struct sim_queue *deep = sim_add_queue(sim, a, "deep", 48, 0);
    sim_add_queue(sim, a, "x", 16, 10);
    sim_add_queue(sim, a, "y", 32, 20);
    sim_run(sim, 200);
    assert_trace(sim, "[   0] a/deep: IDLE -> READY\n"
                      "[   0] a/deep: READY -> FETCHING\n"
                      "[  10] a/x: IDLE -> READY\n"
                      "[  20] a/y: IDLE -> READY\n"
                      "[ 100] a/deep: FETCHING -> DELIVERING 16\n"
                      "[ 100] a/deep: DELIVERING -> MARK_READY 16\n"
                      "[ 100] a/deep: MARK_READY -> MARKING 16\n"
                      "[ 200] a/deep: MARKING -> READY\n"
                      "[ 200] a/x: READY -> FETCHING\n");
    sim_run(sim, 700);
    assert_trace(sim, "[ 300] a/x: FETCHING -> DELIVERING 16\n"
                      "[ 300] a/x: DELIVERING -> MARK_READY 16\n"
                      "[ 300] a/x: MARK_READY -> MARKING 16\n"
                      "[ 400] a/x: MARKING -> IDLE\n"
                      "[ 400] a/y: READY -> FETCHING\n"
                      "[ 500] a/y: FETCHING -> DELIVERING 16\n"
                      "[ 500] a/y: DELIVERING -> MARK_READY 16\n"
                      "[ 500] a/y: MARK_READY -> MARKING 16\n"
                      "[ 600] a/y: MARKING -> READY\n"
                      "[ 600] a/deep: READY -> FETCHING\n"
                      "[ 700] a/deep: FETCHING -> DELIVERING 16\n"
                      "[ 700] a/deep: DELIVERING -> MARK_READY 16\n"
                      "[ 700] a/deep: MARK_READY -> MARKING 16\n");
    sim_run(sim, 2000);
    assert_int_equal(deep->unread, 0);
    sim_free(sim);
}

/* A mark frees memory and ends a token: it goes before any fetch. */
static void marks_go_before_fetches(void **state)
{
    (void)state;
    struct sim *sim = sim_new_plain();
    struct sim_server *a = sim_add_server(sim, 1);
    struct sim_queue *x = sim_add_queue(sim, a, "x", 16, 0);
    sim_add_queue(sim, a, "y", 0, 10);
    sim_add_queue(sim, a, "z", 0, 20);
    x->keeps_batch = true;
    sim_run(sim, 150);
    trace_clear(&sim->trace);
    sim_say(sim, x, QUEUE_EVENT_ACCEPTED);
    sim_run(sim, 400);
    assert_trace(sim, "[ 150] a/x: DELIVERING -> MARK_READY 16\n"
                      "[ 200] a/y: FETCHING -> IDLE\n"
                      "[ 200] a/x: MARK_READY -> MARKING 16\n"
                      "[ 300] a/x: MARKING -> IDLE\n"
                      "[ 300] a/z: READY -> FETCHING\n"
                      "[ 400] a/z: FETCHING -> IDLE\n");
    sim_free(sim);
}

/* Servers take turns, however many queues of one are waiting and however many
 * slots it has left. */
static void servers_take_turns(void **state)
{
    (void)state;
    struct sim *sim = sim_new(1, SIZE_MAX, 1);
    struct sim_server *a = sim_add_server(sim, 8);
    struct sim_server *b = sim_add_server(sim, 8);
    sim_add_queue(sim, a, "x", 0, 1);
    sim_add_queue(sim, a, "y", 0, 3);
    sim_add_queue(sim, a, "z", 0, 4);
    sim_add_queue(sim, b, "q", 0, 5);
    for (size_t i = 0; i < 4; i++) {
        sim->queues[i].core.key_proven = true;
    }
    sim_run(sim, 400);
    assert_trace(sim, "[   1] a/x: IDLE -> READY\n"
                      "[   1] a/x: READY -> FETCHING\n"
                      "[   3] a/y: IDLE -> READY\n"
                      "[   4] a/z: IDLE -> READY\n"
                      "[   5] b/q: IDLE -> READY\n"
                      "[ 101] a/x: FETCHING -> IDLE\n"
                      "[ 101] a/y: READY -> FETCHING\n"
                      "[ 201] a/y: FETCHING -> IDLE\n"
                      "[ 201] b/q: READY -> FETCHING\n"
                      "[ 301] b/q: FETCHING -> IDLE\n"
                      "[ 301] a/z: READY -> FETCHING\n");
    sim_free(sim);
}

/* The same for marks: one server's many deliveries must not keep another's
 * tokens waiting. */
static void marks_of_servers_take_turns(void **state)
{
    (void)state;
    struct sim *sim = sim_new(1, SIZE_MAX, 1);
    struct sim_server *a = sim_add_server(sim, 8);
    struct sim_server *b = sim_add_server(sim, 8);
    sim_add_queue(sim, a, "x", 16, 0);
    sim_add_queue(sim, a, "y", 16, 0);
    sim_add_queue(sim, b, "q", 16, 0);
    for (size_t i = 0; i < 3; i++) {
        sim->queues[i].core.key_proven = true;
        sim->queues[i].keeps_batch = true;
    }
    sim_run(sim, 300);
    for (size_t i = 0; i < 3; i++) {
        sim_say(sim, &sim->queues[i], QUEUE_EVENT_ACCEPTED);
    }
    trace_clear(&sim->trace);
    sim_run(sim, 600);
    assert_trace(sim, "[ 300] a/x: MARK_READY -> MARKING 16\n"
                      "[ 400] a/x: MARKING -> IDLE\n"
                      "[ 400] b/q: MARK_READY -> MARKING 16\n"
                      "[ 500] b/q: MARKING -> IDLE\n"
                      "[ 500] a/y: MARK_READY -> MARKING 16\n"
                      "[ 600] a/y: MARKING -> IDLE\n");
    sim_free(sim);
}

/* Starts are spread over the interval by the caller: no queue goes before the
 * time that it was given. */
static void starts_are_spread_as_given(void **state)
{
    (void)state;
    struct sim *sim = sim_new_plain();
    struct sim_server *a = sim_add_server(sim, 8);
    for (unsigned i = 0; i < 60; i++) {
        sim_add_queue(sim, a, "q", 0, 1000 * i);
    }
    sim->is_tracing = false;
    for (unsigned i = 0; i < 50; i++) {
        sim_run(sim, 1000 * i);
        assert_int_equal(a->requests, i + 1);
    }
    assert_int_equal(a->in_flight_most, 1);
    sim_free(sim);
}

/* -- Bounds
 * -------------------------------------------------------------------- */

/* The server runs eight requests at a time for all its users: the slots that
 * the operator grants are used, and never exceeded. */
static void server_has_its_slots_and_no_more(void **state)
{
    (void)state;
    struct sim *sim = sim_new_plain();
    struct sim_server *a = sim_add_server(sim, 3);
    sim->is_tracing = false;
    for (int i = 0; i < 10; i++) {
        struct sim_queue *queue = sim_add_queue(sim, a, "q", 64, 0);
        queue->core.key_proven = true;
    }
    sim_run(sim, 50000);
    assert_int_equal(a->in_flight_most, 3);
    for (size_t i = 0; i < sim->queue_count; i++) {
        assert_int_equal(sim->queues[i].unread, 0);
    }
    sim_free(sim);
}

/* Descriptors and memory are finite: the limit is one over all servers. */
static void requests_in_flight_are_limited_over_all_servers(void **state)
{
    (void)state;
    struct sim *sim = sim_new(5, SIZE_MAX, 1);
    sim->is_tracing = false;
    for (int s = 0; s < 4; s++) {
        struct sim_server *server = sim_add_server(sim, 8);
        for (int i = 0; i < 8; i++) {
            struct sim_queue *queue = sim_add_queue(sim, server, "q", 32, 0);
            queue->core.key_proven = true;
        }
    }
    sim_run(sim, 50000);
    assert_int_equal(sim->in_flight_most, 5);
    for (size_t i = 0; i < sim->queue_count; i++) {
        assert_int_equal(sim->queues[i].unread, 0);
    }
    sim_free(sim);
}

/* A slow sink must not fill the memory; its marks must go out all the same,
 * for they alone make room again. */
static void byte_budget_stops_fetches_but_not_marks(void **state)
{
    (void)state;
    struct sim *sim = sim_new(256, 2000, 1);
    struct sim_server *a = sim_add_server(sim, 1);
    struct sim_queue *x = sim_add_queue(sim, a, "x", 16, 0);
    struct sim_queue *y = sim_add_queue(sim, a, "y", 16, 1);
    struct sim_queue *z = sim_add_queue(sim, a, "z", 16, 2);
    x->keeps_batch = y->keeps_batch = z->keeps_batch = true;
    sim_run(sim, 5000);
    assert_state(x, HAPLO_QUEUE_DELIVERING);
    assert_state(y, HAPLO_QUEUE_DELIVERING);
    assert_state(z, HAPLO_QUEUE_READY);
    assert_int_equal(sim->scheduler.held_bytes, 2000);
    trace_clear(&sim->trace);
    sim_say(sim, x, QUEUE_EVENT_ACCEPTED);
    sim_run(sim, 6000);
    assert_trace(sim, "[5000] a/x: DELIVERING -> MARK_READY 16\n"
                      "[5000] a/x: MARK_READY -> MARKING 16\n"
                      "[5100] a/x: MARKING -> IDLE\n"
                      "[5100] a/z: READY -> FETCHING\n"
                      "[5200] a/z: FETCHING -> DELIVERING 16\n");
    sim_free(sim);
}

/* -- Breaker and silence
 * --------------------------------------------------------- */

/* Hundreds of queues must not hammer a server that is down: one request at a
 * time finds out when it is back, and then all go on. */
static void breaker_opens_probes_with_one_and_closes(void **state)
{
    (void)state;
    struct sim *sim = sim_new_plain();
    struct sim_server *a = sim_add_server(sim, 8);
    for (int i = 0; i < 8; i++) {
        struct sim_queue *queue = sim_add_queue(sim, a, "q", 0, 0);
        queue->core.key_proven = true;
        script_times(queue, HAPLO_ECONNECT, 2);
    }
    sim_run(sim, 100);
    assert_server_state(a, HAPLO_SERVER_DOWN);
    assert_int_equal(a->requests, 8);
    sim_run(sim, a->core.due_ms - 1);
    assert_int_equal(a->requests, 8);
    uint64_t first_wait_ms = a->core.due_ms;
    sim_run(sim, first_wait_ms + 99);
    assert_server_state(a, HAPLO_SERVER_PROBING);
    assert_int_equal(a->requests, 9);
    sim_run(sim, first_wait_ms + 100);
    assert_server_state(a, HAPLO_SERVER_DOWN);
    assert_in_range(a->core.due_ms - sim->now_ms, 5000, 10000);
    for (size_t i = 0; i < sim->queue_count; i++) {
        sim->queues[i].script_size = 0;
        sim->queues[i].script_position = 0;
    }
    trace_clear(&sim->trace);
    sim->is_tracing = false;
    sim_run(sim, a->core.due_ms + 99);
    assert_int_equal(a->requests, 10);
    sim_run(sim, sim->now_ms + 10000);
    assert_server_state(a, HAPLO_SERVER_UP);
    assert_true(a->requests >= 17);
    sim_free(sim);
}

/* A request from before the breaker opened is answered after: the server
 * lives, and nobody has to wait for the probe. */
static void late_success_while_down_closes_the_breaker(void **state)
{
    (void)state;
    struct sim *sim = sim_new_plain();
    struct sim_server *a = sim_add_server(sim, 8);
    struct sim_queue *slow = sim_add_queue(sim, a, "slow", 16, 0);
    slow->core.key_proven = true;
    sim_run(sim, 0);
    slow->done_ms = 1000;
    sim->is_tracing = false;
    for (int i = 0; i < 5; i++) {
        struct sim_queue *queue = sim_add_queue(sim, a, "q", 0, 0);
        queue->core.key_proven = true;
        script(queue, HAPLO_ETIMEDOUT);
    }
    sim_run(sim, 999);
    assert_server_state(a, HAPLO_SERVER_DOWN);
    assert_int_equal(a->requests, 6);
    sim_run(sim, 1000);
    assert_server_state(a, HAPLO_SERVER_UP);
    assert_int_equal(a->core.in_flight, 1 + (a->requests - 7));
    assert_state(slow, HAPLO_QUEUE_MARKING);
    sim_free(sim);
}

/* A queue whose wait ends meanwhile is due, and goes as soon as its server
 * may be asked again; its wait is not begun anew. */
static void wait_that_ends_while_the_server_is_silent_makes_ready(void **state)
{
    (void)state;
    struct sim *sim = sim_new_plain();
    struct sim_server *a = sim_add_server(sim, 1);
    struct sim_queue *x = sim_add_queue(sim, a, "x", 0, 0);
    sim_add_queue(sim, a, "y", 0, 5000);
    script(x, HAPLO_ETHROTTLED);
    sim_run(sim, 300000);
    uint64_t end_ms = a->core.due_ms;
    assert_in_range(end_ms, 310100, 340100);
    /* x fails, waits, is due again; y is due for the first time. */
    assert_state(x, HAPLO_QUEUE_READY);
    assert_state(&sim->queues[1], HAPLO_QUEUE_READY);
    assert_int_equal(a->requests, 1);
    sim_run(sim, end_ms - 1);
    assert_int_equal(a->requests, 1);
    sim_run(sim, end_ms + 200);
    assert_int_equal(a->requests, 3);
    assert_server_state(a, HAPLO_SERVER_UP);
    assert_state(x, HAPLO_QUEUE_IDLE);
    sim_free(sim);
}

/* THROTTLE counts for the address: every queue of that server is silent, its
 * marks too, and no other server suffers for it. */
static void throttle_silences_its_server_and_no_other(void **state)
{
    (void)state;
    struct sim *sim = sim_new_plain();
    struct sim_server *a = sim_add_server(sim, 2);
    struct sim_server *b = sim_add_server(sim, 2);
    struct sim_queue *marking = sim_add_queue(sim, a, "marking", 16, 0);
    sim->is_tracing = false;
    marking->keeps_batch = true;
    sim_run(sim, 200);
    for (int i = 0; i < 10; i++) {
        sim_add_queue(sim, a, "q", 0, 1000);
        sim_add_queue(sim, b, "q", 0, 1000)->core.key_proven = true;
    }
    script(&sim->queues[1], HAPLO_ETHROTTLED);
    sim_run(sim, 1100);
    assert_server_state(a, HAPLO_SERVER_SILENT);
    assert_int_equal(a->requests, 2);
    sim_say(sim, marking, QUEUE_EVENT_ACCEPTED);
    sim_run(sim, 1100 + SERVER_SILENCE_MS - 1);
    assert_int_equal(a->requests, 2);
    assert_state(marking, HAPLO_QUEUE_MARK_READY);
    assert_true(b->requests >= 10 * 4);
    assert_server_state(b, HAPLO_SERVER_UP);
    /* The mark was never posted: its token is as good as before. */
    sim_run(sim, 1100 + SERVER_SILENCE_MS + SERVER_SILENCE_JITTER_MS + 200);
    assert_server_state(a, HAPLO_SERVER_UP);
    assert_int_equal(marking->marks, 1);
    assert_int_equal(marking->core.epoch, 1);
    sim_free(sim);
}

/* The probe that ends a silence may find that it was too short. */
static void throttle_while_probing_is_silent_again(void **state)
{
    (void)state;
    struct sim *sim = sim_new_plain();
    struct sim_server *a = sim_add_server(sim, 8);
    sim->is_tracing = false;
    for (int i = 0; i < 8; i++) {
        struct sim_queue *queue = sim_add_queue(sim, a, "q", 0, 0);
        queue->core.key_proven = true;
        script_times(queue, HAPLO_ETHROTTLED, 2);
    }
    sim_run(sim, 100);
    assert_server_state(a, HAPLO_SERVER_SILENT);
    assert_int_equal(a->requests, 8);
    for (unsigned i = 1; i <= 3; i++) {
        uint64_t due_ms = a->core.due_ms;
        sim_run(sim, due_ms);
        assert_server_state(a, HAPLO_SERVER_PROBING);
        sim_run(sim, due_ms + 100);
        assert_server_state(a, HAPLO_SERVER_SILENT);
        assert_in_range(a->core.due_ms - sim->now_ms, 310000, 340000);
        assert_int_equal(a->requests, 8 + i);
    }
    sim_free(sim);
}

/* A token that was posted once must not be posted again long after: when its
 * server stays away, it is given up, and the epoch stays. */
static void repeated_mark_is_given_up_while_its_server_is_down(void **state)
{
    (void)state;
    struct sim *sim = sim_new_plain();
    struct sim_server *a = sim_add_server(sim, 1);
    struct sim_queue *x = sim_add_queue(sim, a, "x", 16, 0);
    script(x, 0);
    script_times(x, HAPLO_ECONNECT, 20);
    a->core.policy.breaker_failures = 1;
    sim_run(sim, 200);
    assert_server_state(a, HAPLO_SERVER_DOWN);
    assert_state(x, HAPLO_QUEUE_MARK_WAIT);
    a->core.times_down = 6;
    sim_run(sim, a->core.due_ms + 100);
    assert_server_state(a, HAPLO_SERVER_DOWN);
    assert_true(a->core.due_ms > 100 + QUEUE_MARK_AGE_MAX_MS);
    sim_run(sim, 60099);
    assert_state(x, HAPLO_QUEUE_MARK_READY);
    trace_clear(&sim->trace);
    sim_run(sim, 60100);
    assert_trace(sim, "[60100] a/x: MARK_READY -> BACKOFF ECONNECT\n");
    assert_int_equal(x->core.epoch, 0);
    assert_int_equal(x->held_bytes, 0);
    unsigned marks = x->marks;
    x->script_size = x->script_position;
    sim_run(sim, a->core.due_ms + 1000);
    assert_int_equal(x->marks, marks + 1);
    assert_int_equal(x->fetches, 2);
    assert_int_equal(x->core.epoch, 2);
    sim_free(sim);
}

/* A process that was suspended may see an answer before its timers: the slot
 * that it frees is not for a token that has become too old meanwhile. */
static void token_that_became_too_old_has_no_turn(void **state)
{
    (void)state;
    struct sim *sim = sim_new_plain();
    struct sim_server *a = sim_add_server(sim, 1);
    struct sim_queue *x = sim_add_queue(sim, a, "x", 16, 0);
    struct sim_queue *y = sim_add_queue(sim, a, "y", 16, 150);
    script(x, 0);
    script(x, HAPLO_ERESET);
    y->keeps_batch = true;
    sim_run(sim, 200);
    assert_state(x, HAPLO_QUEUE_MARK_WAIT);
    assert_state(y, HAPLO_QUEUE_FETCHING);
    y->done_ms = 100 + QUEUE_MARK_AGE_MAX_MS;
    sim_run(sim, y->done_ms - 1);
    assert_state(x, HAPLO_QUEUE_MARK_READY);
    sim->now_ms = y->done_ms;
    sim_answer(sim, y, 0);
    assert_null(scheduler_next(&sim->scheduler, sim->now_ms));
    sim_run(sim, sim->now_ms);
    assert_state(x, HAPLO_QUEUE_BACKOFF);
    assert_int_equal(x->marks, 1);
    sim_free(sim);
}

/* -- Keys
 * ------------------------------------------------------------------------ */

/* Twenty wrong keys in a new configuration must not lock out the address,
 * with everybody who logs in from there. */
static void twenty_wrong_keys_cost_five_logins_until_the_hold_ends(void **state)
{
    (void)state;
    struct sim *sim = sim_new_plain();
    struct sim_server *a = sim_add_server(sim, 8);
    sim->is_tracing = false;
    for (int i = 0; i < 20; i++) {
        sim_add_queue(sim, a, "q", 0, 0)->has_wrong_key = true;
    }
    sim_run(sim, 500);
    assert_int_equal(a->requests, 5);
    assert_true(a->core.logins_held);
    sim_run(sim, 500 + SERVER_SILENCE_MS - 1);
    assert_int_equal(a->requests, 5);
    sim_run(sim, 500 + SERVER_SILENCE_MS + 500);
    assert_int_equal(a->requests, 10);
    sim_run(sim, 24 * 60 * (uint64_t)MINUTE_MS);
    assert_int_equal(a->failed_logins_most, 5);
    assert_true(sim->queues[19].fetches > 50);
    sim_free(sim);
}

/* Keys that the server has not taken yet are tried one at a time, however
 * many slots there are: the first refusals must be known before the next. */
static void unproven_keys_are_tried_one_at_a_time(void **state)
{
    (void)state;
    struct sim *sim = sim_new_plain();
    struct sim_server *a = sim_add_server(sim, 8);
    struct sim_queue *x = sim_add_queue(sim, a, "x", 0, 0);
    struct sim_queue *y = sim_add_queue(sim, a, "y", 0, 1);
    struct sim_queue *z = sim_add_queue(sim, a, "z", 0, 2);
    z->core.key_proven = true;
    x->has_wrong_key = true;
    sim_run(sim, 200);
    assert_trace(sim, "[   0] a/x: IDLE -> READY\n"
                      "[   0] a/x: READY -> FETCHING\n"
                      "[   1] a/y: IDLE -> READY\n"
                      "[   2] a/z: IDLE -> READY\n"
                      "[   2] a/z: READY -> FETCHING\n"
                      "[ 100] a/x: FETCHING -> REFUSED EREFUSED\n"
                      "[ 100] a/y: READY -> FETCHING\n"
                      "[ 102] a/z: FETCHING -> IDLE\n"
                      "[ 200] a/y: FETCHING -> IDLE\n");
    assert_true(y->core.key_proven);
    assert_false(x->core.key_proven);
    sim_free(sim);
}

/* A key that the server takes no longer is tried again as a new one is: within
 * the budget, one at a time. */
static void refused_key_has_to_be_proven_again(void **state)
{
    (void)state;
    struct sim *sim = sim_new_plain();
    struct sim_server *a = sim_add_server(sim, 8);
    struct sim_queue *x = sim_add_queue(sim, a, "x", 0, 0);
    sim_run(sim, 100);
    assert_true(x->core.key_proven);
    x->has_wrong_key = true;
    sim_say(sim, x, QUEUE_EVENT_POLL_NOW);
    sim_run(sim, 200);
    assert_state(x, HAPLO_QUEUE_REFUSED);
    assert_false(x->core.key_proven);
    sim_say(sim, x, QUEUE_EVENT_POLL_NOW);
    sim_pump(sim);
    assert_ptr_equal(a->core.prover, &x->core);
    sim_free(sim);
}

/* A success from the same address clears the server's count, and the hold:
 * good queues that were added among wrong ones need not wait for minutes. */
static void success_of_a_proven_queue_clears_the_hold(void **state)
{
    (void)state;
    struct sim *sim = sim_new_plain();
    struct sim_server *a = sim_add_server(sim, 1);
    struct sim_queue *good = sim_add_queue(sim, a, "good", 0, 10000);
    good->core.key_proven = true;
    sim->is_tracing = false;
    for (int i = 0; i < 7; i++) {
        sim_add_queue(sim, a, "q", 0, 0)->has_wrong_key = true;
    }
    sim_run(sim, 9999);
    assert_int_equal(a->requests, 5);
    trace_clear(&sim->trace);
    sim->is_tracing = true;
    sim_run(sim, 10100);
    assert_trace(sim, "[10000] a/good: IDLE -> READY\n"
                      "[10000] a/good: READY -> FETCHING\n"
                      "[10100] a/good: FETCHING -> IDLE\n"
                      "[10100] a/q: READY -> FETCHING\n");
    assert_false(a->core.logins_held);
    sim_free(sim);
}

/* What an earlier process has spent holds from the first moment on, and ends
 * by itself; keys that have worked do not wait for it. */
static void hold_of_an_earlier_process_ends_in_time(void **state)
{
    (void)state;
    struct sim *sim = sim_new_plain();
    struct sim_server *a = sim_add_server_after(sim, 8, 5);
    sim_add_queue(sim, a, "x", 0, 0);
    sim_run(sim, 309999);
    assert_int_equal(a->requests, 0);
    trace_clear(&sim->trace);
    sim_run(sim, 310100);
    assert_trace(sim, "[310000] a: logins free\n"
                      "[310000] a/x: READY -> FETCHING\n"
                      "[310100] a/x: FETCHING -> IDLE\n");
    struct sim_server *b = sim_add_server_after(sim, 8, 5);
    sim_add_queue(sim, b, "y", 0, 320000);
    sim_add_queue(sim, b, "z", 0, 330000)->core.key_proven = true;
    trace_clear(&sim->trace);
    sim_run(sim, 330200);
    assert_trace(sim, "[320000] b/y: IDLE -> READY\n"
                      "[330000] b/z: IDLE -> READY\n"
                      "[330000] b/z: READY -> FETCHING\n"
                      "[330100] b/z: FETCHING -> IDLE\n"
                      "[330100] b/y: READY -> FETCHING\n"
                      "[330200] b/y: FETCHING -> IDLE\n");
    sim_free(sim);
}

/* Marks log in, too: keys that were changed while batches were with the
 * application must not slip past the budget as marks. */
static void marks_with_unproven_keys_keep_to_the_budget(void **state)
{
    (void)state;
    struct sim *sim = sim_new_plain();
    struct sim_server *a = sim_add_server(sim, 8);
    sim->is_tracing = false;
    for (int i = 0; i < 20; i++) {
        sim_add_queue(sim, a, "q", 16, 0)->keeps_batch = true;
    }
    sim_run(sim, 5000);
    for (size_t i = 0; i < 20; i++) {
        assert_state(&sim->queues[i], HAPLO_QUEUE_DELIVERING);
        sim->queues[i].has_wrong_key = true;
        sim_say(sim, &sim->queues[i], QUEUE_EVENT_NEW_KEY);
        sim_say(sim, &sim->queues[i], QUEUE_EVENT_ACCEPTED);
    }
    unsigned before = a->requests;
    sim_run(sim, 5000 + SERVER_SILENCE_MS);
    assert_int_equal(a->requests - before, 5);
    assert_int_equal(a->failed_logins_most, 5);
    sim_free(sim);
}

/* A hundred queues may share one key, each of them proven: when an
 * administrator revokes it, they must stop far below 50 failures. */
static void revoked_shared_key_stops_far_below_a_throttle(void **state)
{
    (void)state;
    struct sim *sim = sim_new_plain();
    struct sim_server *a = sim_add_server(sim, 8);
    sim->is_tracing = false;
    for (unsigned i = 0; i < 100; i++) {
        sim_add_queue(sim, a, "q", 0, 600 * i);
    }
    sim_run(sim, MINUTE_MS);
    assert_true(a->requests >= 100);
    for (size_t i = 0; i < 100; i++) {
        sim->queues[i].has_wrong_key = true;
    }
    sim_run(sim, 24 * 60 * (uint64_t)MINUTE_MS);
    assert_in_range(a->failed_logins_most, 5, 10 + 7);
    for (size_t i = 0; i < 100; i++) {
        assert_true(sim->queues[i].fetches > 2);
    }
    sim_free(sim);
}

/* A 403 on a mark does not say why. One fetch does, and when it says
 * THROTTLE, the server is silent at once. */
static void refused_mark_learns_of_a_throttle_by_one_fetch(void **state)
{
    (void)state;
    struct sim *sim = sim_new_plain();
    struct sim_server *a = sim_add_server(sim, 1);
    struct sim_queue *x = sim_add_queue(sim, a, "x", 16, 0);
    script(x, 0);
    script(x, HAPLO_EREFUSED);
    script(x, HAPLO_ETHROTTLED);
    sim_run(sim, 100);
    trace_clear(&sim->trace);
    sim_run(sim, 300);
    const char *expected = "[ 200] a/x: MARKING -> READY EREFUSED\n"
                           "[ 200] a/x: READY -> FETCHING\n"
                           "[ 300] a: UP -> SILENT ETHROTTLED\n"
                           "[ 300] a/x: FETCHING -> BACKOFF ETHROTTLED\n";
    assert_trace(sim, expected);
    assert_int_equal(x->core.epoch, 0);
    sim_free(sim);
}

/* A queue that waits for its turn changes lists with its key: left in the old
 * one it would pass for proven, or corrupt both. */
static void new_key_moves_a_waiting_queue_among_the_unproven(void **state)
{
    (void)state;
    struct sim *sim = sim_new_plain();
    struct sim_server *a = sim_add_server(sim, 1);
    struct sim_queue *busy = sim_add_queue(sim, a, "busy", 0, 0);
    struct sim_queue *fetch = sim_add_queue(sim, a, "fetch", 0, 1);
    struct sim_queue *mark = sim_add_queue(sim, a, "mark", 16, 0);
    busy->core.key_proven = fetch->core.key_proven = true;
    mark->keeps_batch = true;
    sim_run(sim, 200);
    assert_state(mark, HAPLO_QUEUE_DELIVERING);
    sim_say(sim, busy, QUEUE_EVENT_POLL_NOW);
    sim_pump(sim);
    sim_say(sim, fetch, QUEUE_EVENT_POLL_NOW);
    sim_say(sim, mark, QUEUE_EVENT_ACCEPTED);
    /* fetch is in flight since its own time; whoever waits, waits. */
    sim_say(sim, busy, QUEUE_EVENT_NEW_KEY);
    sim_say(sim, mark, QUEUE_EVENT_NEW_KEY);
    assert_ptr_equal(TAILQ_FIRST(&a->core.unproven_marks), &mark->core);
    assert_true(TAILQ_EMPTY(&a->core.marks));
    sim_run(sim, 5000);
    assert_int_equal(mark->core.epoch, 1);
    assert_true(mark->core.key_proven);
    assert_true(busy->core.key_proven);
    sim_free(sim);
}

/* -- Coming and going
 * --------------------------------------------------------------- */

/* A cancelled fetch gives back its slot and the right to prove a key, or the
 * server would be blocked for ever. */
static void cancelled_fetch_gives_its_slot_back(void **state)
{
    (void)state;
    struct sim *sim = sim_new(1, SIZE_MAX, 1);
    struct sim_server *a = sim_add_server(sim, 1);
    struct sim_queue *x = sim_add_queue(sim, a, "x", 0, 0);
    sim_add_queue(sim, a, "y", 0, 1);
    sim_run(sim, 50);
    sim_say(sim, x, QUEUE_EVENT_PAUSE);
    sim_run(sim, 150);
    assert_trace(sim, "[   0] a/x: IDLE -> READY\n"
                      "[   0] a/x: READY -> FETCHING\n"
                      "[   1] a/y: IDLE -> READY\n"
                      "[  50] a/x: FETCHING -> PAUSED\n"
                      "[  50] a/y: READY -> FETCHING\n"
                      "[ 150] a/y: FETCHING -> IDLE\n");
    assert_int_equal(a->core.failures, 0);
    sim_free(sim);
}

static void sim_remove_queue(struct sim *sim, struct sim_queue *queue)
{
    scheduler_remove_queue(&sim->scheduler, &queue->core);
    queue->is_added = false;
}

/* What is removed while it waits for its turn must leave no trace in lists,
 * rings and heap: each would be a use of freed memory. */
static void removed_queue_leaves_lists_rings_and_heap(void **state)
{
    (void)state;
    struct sim *sim = sim_new(1, SIZE_MAX, 1);
    struct sim_server *a = sim_add_server(sim, 1);
    struct sim_server *b = sim_add_server(sim, 1);
    struct sim_queue *busy = sim_add_queue(sim, a, "busy", 0, 0);
    struct sim_queue *ready = sim_add_queue(sim, b, "ready", 0, 1);
    struct sim_queue *idle = sim_add_queue(sim, b, "idle", 0, 50000);
    sim_run(sim, 10);
    assert_state(ready, HAPLO_QUEUE_READY);
    assert_true(b->core.in_fetch_ring);
    sim_remove_queue(sim, ready);
    assert_false(b->core.in_fetch_ring);
    assert_true(TAILQ_EMPTY(&sim->scheduler.fetch_ring));
    sim_remove_queue(sim, idle);
    scheduler_remove_server(&sim->scheduler, &b->core);
    sim->server_count--;
    memset(b, 0xff, sizeof *b);
    memset(ready, 0xff, sizeof *ready);
    memset(idle, 0xff, sizeof *idle);
    ready->is_added = idle->is_added = false;
    sim->queue_count = 1;
    sim_run(sim, 5 * MINUTE_MS);
    assert_true(busy->fetches >= 4);
    sim_remove_queue(sim, busy);
    scheduler_remove_server(&sim->scheduler, &a->core);
    assert_int_equal(sim->scheduler.entry_count, 0);
    assert_true(scheduler_due_ms(&sim->scheduler) == HEAP_NEVER);
    assert_null(scheduler_next(&sim->scheduler, sim->now_ms));
    sim_free(sim);
}

/* A server may be removed while it is silent and logins are held: both waits
 * go with it. */
static void removed_server_leaves_no_wait_behind(void **state)
{
    (void)state;
    struct sim *sim = sim_new_plain();
    struct sim_server *a = sim_add_server(sim, 1);
    sim->is_tracing = false;
    for (int i = 0; i < 6; i++) {
        sim_add_queue(sim, a, "q", 0, 0)->has_wrong_key = true;
    }
    sim_run(sim, 1000);
    script_times(&sim->queues[0], HAPLO_ETHROTTLED, 1);
    sim->queues[0].core.key_proven = true;
    sim_say(sim, &sim->queues[0], QUEUE_EVENT_POLL_NOW);
    sim_run(sim, 2000);
    assert_server_state(a, HAPLO_SERVER_SILENT);
    assert_true(a->core.logins_held);
    for (size_t i = 0; i < 6; i++) {
        sim_remove_queue(sim, &sim->queues[i]);
    }
    scheduler_remove_server(&sim->scheduler, &a->core);
    assert_true(scheduler_due_ms(&sim->scheduler) == HEAP_NEVER);
    assert_int_equal(sim->scheduler.waits.count, 0);
    sim_free(sim);
}

static void *no_malloc(size_t size)
{
    (void)size;
    return NULL;
}

static void *no_realloc(void *block, size_t size)
{
    (void)block;
    (void)size;
    return NULL;
}

/* Without memory for its wait a queue is not added, and nothing points at
 * it. */
static void queue_without_memory_is_not_added(void **state)
{
    (void)state;
    struct sim *sim = sim_new_plain();
    struct sim_server server = {0};
    struct sim_queue queue = {0};
    const struct server_policy policy = {1, 5, 5};
    server_init(&server.core, &policy);
    queue_init(&queue.core, &plain_policy, &server.core, 0, false, 0);
    haplo_replace_allocator(no_malloc, no_realloc, free);
    assert_int_equal(scheduler_add_server(&sim->scheduler, &server.core),
                     HAPLO_ENOMEM);
    assert_int_equal(scheduler_add_queue(&sim->scheduler, &queue.core),
                     HAPLO_ENOMEM);
    haplo_replace_allocator(malloc, realloc, free);
    assert_int_equal(sim->scheduler.entry_count, 0);
    assert_true(scheduler_due_ms(&sim->scheduler) == HEAP_NEVER);
    sim_free(sim);
}

/* -- Randomised runs
 * -------------------------------------------------------------- */

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
    CHECK(server->unproven_in_flight <= 1);
    CHECK((core->prover != NULL) == (server->unproven_in_flight == 1));
    bool can_mark = may_go(core, &core->marks, &core->unproven_marks);
    bool can_fetch = may_go(core, &core->fetches, &core->unproven_fetches);
    CHECK(core->in_mark_ring == can_mark);
    CHECK(core->in_fetch_ring == can_fetch);
    CHECK(ring_has(&scheduler->mark_ring, core, true) == can_mark);
    CHECK(ring_has(&scheduler->fetch_ring, core, false) == can_fetch);
    CHECK(heap_due_ms(&scheduler->waits, &core->wait) == core->due_ms);
    CHECK(heap_due_ms(&scheduler->waits, &core->login_wait) ==
          core->login_due_ms);
    CHECK(core->logins_held == (core->login_due_ms != HEAP_NEVER));
    CHECK((core->state == HAPLO_SERVER_DOWN ||
           core->state == HAPLO_SERVER_SILENT) == (core->due_ms != HEAP_NEVER));
    /* Twice the budget, and what was under way. */
    CHECK(server->failed_logins <= 10 + core->policy.in_flight_max - 1);
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
    CHECK(core->epoch == queue->epoch);
    CHECK(core->mark_attempts <= core->policy->mark_attempts_max);
    CHECK(queue->token == TOKEN_NONE || core->mark_attempts == queue->posts);
    CHECK(core->deliver_attempts <= core->policy->deliver_attempts_max ||
          core->policy->deliver_attempts_max == 0);
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
        waits += sim->servers[i].core.login_due_ms != HEAP_NEVER;
        entries += 2;
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
    server_counts_login(sim, queue->server, error);
    forget_request(sim, queue, error);
    sim_step(sim, queue, event);
}

static void application_answers(struct sim *sim, struct sim_queue *queue)
{
    uint64_t dice = draw(sim, 10);
    struct queue_event event = {.kind = QUEUE_EVENT_ACCEPTED};
    if (dice == 0) {
        event.kind = QUEUE_EVENT_REJECTED;
    } else if (dice < 3) {
        event.kind = QUEUE_EVENT_RETRY;
        event.delay_ms = draw(sim, 2) == 0 ? 0 : draw(sim, 5000);
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
 * had been added with what the application knows of its epoch. */
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
        struct sim_server *server =
            sim_add_server(sim, 1 + (unsigned)draw(sim, 4));
        uint64_t queues = 1 + draw(sim, 7);
        for (uint64_t q = 0; q < queues; q++) {
            struct sim_queue *queue =
                sim_add_queue(sim, server, "q", 0, draw(sim, MINUTE_MS));
            queue->keeps_batch = true;
            queue->policy.deliver_attempts_max = (unsigned)draw(sim, 4);
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
        cmocka_unit_test(backlog_of_40_is_drained_in_three_batches),
        cmocka_unit_test(deep_queue_goes_behind_the_others_after_each_batch),
        cmocka_unit_test(marks_go_before_fetches),
        cmocka_unit_test(servers_take_turns),
        cmocka_unit_test(marks_of_servers_take_turns),
        cmocka_unit_test(starts_are_spread_as_given),
        cmocka_unit_test(server_has_its_slots_and_no_more),
        cmocka_unit_test(requests_in_flight_are_limited_over_all_servers),
        cmocka_unit_test(byte_budget_stops_fetches_but_not_marks),
        cmocka_unit_test(breaker_opens_probes_with_one_and_closes),
        cmocka_unit_test(late_success_while_down_closes_the_breaker),
        cmocka_unit_test(wait_that_ends_while_the_server_is_silent_makes_ready),
        cmocka_unit_test(throttle_silences_its_server_and_no_other),
        cmocka_unit_test(throttle_while_probing_is_silent_again),
        cmocka_unit_test(repeated_mark_is_given_up_while_its_server_is_down),
        cmocka_unit_test(token_that_became_too_old_has_no_turn),
        cmocka_unit_test(
            twenty_wrong_keys_cost_five_logins_until_the_hold_ends),
        cmocka_unit_test(unproven_keys_are_tried_one_at_a_time),
        cmocka_unit_test(refused_key_has_to_be_proven_again),
        cmocka_unit_test(success_of_a_proven_queue_clears_the_hold),
        cmocka_unit_test(hold_of_an_earlier_process_ends_in_time),
        cmocka_unit_test(marks_with_unproven_keys_keep_to_the_budget),
        cmocka_unit_test(revoked_shared_key_stops_far_below_a_throttle),
        cmocka_unit_test(refused_mark_learns_of_a_throttle_by_one_fetch),
        cmocka_unit_test(new_key_moves_a_waiting_queue_among_the_unproven),
        cmocka_unit_test(cancelled_fetch_gives_its_slot_back),
        cmocka_unit_test(removed_queue_leaves_lists_rings_and_heap),
        cmocka_unit_test(removed_server_leaves_no_wait_behind),
        cmocka_unit_test(queue_without_memory_is_not_added),
        cmocka_unit_test(invariants_hold_in_randomised_runs),
        cmocka_unit_test(everything_is_drained_after_trouble),
    };
    return cmocka_run_group_tests_name("scheduler", tests, NULL, NULL);
}
