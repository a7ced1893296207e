/* Servers that fail, ask for silence or refuse keys. */
#include "scheduler_sim.h"

/* Breaker and silence */

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
 * may be asked again; its wait is not restarted. */
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
    assert_int_equal(marking->confirmed, 1);
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
 * server stays away, it is given up. */
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
    assert_int_equal(x->confirmed, 0);
    assert_int_equal(x->held_bytes, 0);
    unsigned marks = x->marks;
    x->script_size = x->script_position;
    sim_run(sim, a->core.due_ms + 1000);
    assert_int_equal(x->marks, marks + 1);
    assert_int_equal(x->fetches, 2);
    assert_int_equal(x->confirmed, 1);
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

/* Keys */

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
                      "[10100] a: logins free\n"
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
                      "[330100] b: logins free\n"
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
    assert_int_equal(x->confirmed, 0);
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
    assert_int_equal(mark->confirmed, 1);
    assert_true(mark->core.key_proven);
    assert_true(busy->core.key_proven);
    sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
