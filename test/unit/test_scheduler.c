/* Whose turn it is, and within which bounds. */
#include "base/alloc.h"
#include "scheduler_sim.h"

/* Order */

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
    assert_int_equal(student->confirmed, 3);
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

/* Bounds */

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

/* Coming and going */

/* A cancelled fetch releases its slot and the right to prove a key, or the
 * server would be blocked forever. */
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
    scheduler_remove_server(&sim->scheduler, &b->core, sim->now_ms);
    sim->server_count--;
    memset(b, 0xff, sizeof *b);
    memset(ready, 0xff, sizeof *ready);
    memset(idle, 0xff, sizeof *idle);
    ready->is_added = idle->is_added = false;
    sim->queue_count = 1;
    sim_run(sim, 5 * MINUTE_MS);
    assert_true(busy->fetches >= 4);
    sim_remove_queue(sim, busy);
    scheduler_remove_server(&sim->scheduler, &a->core, sim->now_ms);
    assert_int_equal(sim->scheduler.entry_count, 0);
    assert_true(scheduler_due_ms(&sim->scheduler) == HEAP_NEVER);
    assert_null(scheduler_next(&sim->scheduler, sim->now_ms));
    sim_free(sim);
}

/* A server may be removed while it is silent and logins are held. Its wait goes
 * with it; its failed logins are remembered, and expire. */
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
    scheduler_remove_server(&sim->scheduler, &a->core, sim->now_ms);
    assert_int_equal(sim->scheduler.waits.count, 0);
    assert_int_equal(scheduler_due_ms(&sim->scheduler),
                     1100 + LOGINS_EXPIRY_MS);
    sim_run(sim, 1100 + LOGINS_EXPIRY_MS);
    assert_true(scheduler_due_ms(&sim->scheduler) == HEAP_NEVER);
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
    const char *site = "a";
    server_init(&server.core, &policy);
    queue_init(&queue.core, &plain_policy, &server.core, 0);
    alloc_replace(no_malloc, no_realloc, free);
    assert_int_equal(scheduler_add_server(&sim->scheduler, &server.core,
                                          LOCATION_KNOWN, &site, 1, 0),
                     HAPLO_ENOMEM);
    assert_int_equal(scheduler_add_queue(&sim->scheduler, &queue.core),
                     HAPLO_ENOMEM);
    alloc_replace(malloc, realloc, free);
    assert_int_equal(sim->scheduler.entry_count, 0);
    assert_true(scheduler_due_ms(&sim->scheduler) == HEAP_NEVER);
    sim_free(sim);
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
        cmocka_unit_test(cancelled_fetch_gives_its_slot_back),
        cmocka_unit_test(removed_queue_leaves_lists_rings_and_heap),
        cmocka_unit_test(removed_server_leaves_no_wait_behind),
        cmocka_unit_test(queue_without_memory_is_not_added),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
