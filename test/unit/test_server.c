/* The state machine of one server, alone: breaker and silence, in virtual
 * time. */
#include "server_machine.h"

/* Breaker */

/* A server in trouble must not get the requests of hundreds of queues; one
 * bad moment must not cut it off. */
static void breaker_opens_after_failures_in_a_row(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    m.now_ms = 50;
    answer_times(&m, HAPLO_ECONNECT, 4);
    assert_state(&m, HAPLO_SERVER_UP);
    assert_trace(&m, "");
    answer(&m, HAPLO_ETIMEDOUT);
    assert_trace(&m, "[  50] a: UP -> DOWN ETIMEDOUT\n");
    assert_false(server_has_slot(&m.server));
    assert_in_range(wait_ms(&m), SERVER_DOWN_MS / 2, SERVER_DOWN_MS);
}

/* Every answer of a living server restarts the count, a refusal or a 404
 * too: they say nothing of its health. */
static void any_answer_starts_the_count_anew(void **state)
{
    (void)state;
    static const int answers[] = {0,
                                  HAPLO_EREFUSED,
                                  HAPLO_ENOTFOUND,
                                  HAPLO_ESTATUS,
                                  HAPLO_ECACHED,
                                  HAPLO_ECONTENT,
                                  HAPLO_EDOCUMENT,
                                  HAPLO_ETOOBIG,
                                  HAPLO_EREDIRECT};
    struct machine m;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        start(&m);
        answer_times(&m, HAPLO_ERESET, 4);
        answer(&m, answers[i]);
        answer_times(&m, HAPLO_ERESET, 4);
        assert_state(&m, HAPLO_SERVER_UP);
        answer(&m, HAPLO_ERESET);
        assert_state(&m, HAPLO_SERVER_DOWN);
    }
}

/* What is wrong on the way, or inside the server, counts. */
static void every_failure_of_the_connection_kind_counts(void **state)
{
    (void)state;
    static const int errors[] = {
        HAPLO_ERESOLVE,  HAPLO_ECONNECT, HAPLO_ETLS,
        HAPLO_ETIMEDOUT, HAPLO_ERESET,   HAPLO_ESERVER,
        HAPLO_EPROTOCOL, HAPLO_EPROXY,   HAPLO_ELIMITED};
    struct machine m;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        start(&m);
        answer_times(&m, errors[i], 5);
        assert_state(&m, HAPLO_SERVER_DOWN);
        assert_int_equal(m.server.error, errors[i]);
    }
}

/* Being out of memory here is not the server's doing: it neither opens its
 * breaker nor closes it, for the server was perhaps not even asked. */
static void own_lack_of_memory_says_nothing_of_the_server(void **state)
{
    (void)state;
    struct machine m;
    for (unsigned s = 0; s < STATES; s++) {
        go(&m, (enum haplo_server_state)s);
        struct server before = m.server;
        answer_times(&m, HAPLO_ENOMEM, 10);
        assert_state(&m, (enum haplo_server_state)s);
        assert_int_equal(m.server.failures, before.failures);
        assert_int_equal(m.server.error, before.error);
        assert_int_equal(m.server.due_ms, before.due_ms);
        assert_trace(&m, "");
    }
}

/* One request finds out for all the others. */
static void probing_sends_one_request_and_closes_on_an_answer(void **state)
{
    (void)state;
    struct machine m;
    go(&m, HAPLO_SERVER_DOWN);
    m.now_ms = 100;
    m.server.due_ms = 4000;
    wait_over(&m);
    assert_true(server_has_slot(&m.server));
    m.server.in_flight = 1;
    assert_false(server_has_slot(&m.server));
    answer(&m, 0);
    assert_true(server_has_slot(&m.server));
    m.server.in_flight = 2;
    assert_false(server_has_slot(&m.server));
    assert_trace(&m, "[4000] a: DOWN -> PROBING\n"
                     "[4000] a: PROBING -> UP\n");
    assert_int_equal(m.server.error, 0);
    assert_int_equal(wait_ms(&m), HEAP_NEVER);
}

/* A server that is down for days is probed ever less, every five minutes in
 * the end, and never faster than before. */
static void each_failed_probe_waits_longer(void **state)
{
    (void)state;
    struct machine m;
    uint64_t longest_ms = 0;
    go(&m, HAPLO_SERVER_DOWN);
    for (unsigned times = 1; times <= 20; times++) {
        uint64_t ceiling_ms =
            backoff_ceiling_ms(SERVER_DOWN_MS, SERVER_DOWN_MAX_MS, times);
        assert_in_range(wait_ms(&m), ceiling_ms / 2, ceiling_ms);
        if (ceiling_ms < SERVER_DOWN_MAX_MS) {
            assert_true(wait_ms(&m) >= longest_ms);
            longest_ms = wait_ms(&m);
        }
        wait_over(&m);
        answer(&m, HAPLO_ECONNECT);
        assert_state(&m, HAPLO_SERVER_DOWN);
    }
    assert_true(wait_ms(&m) <= SERVER_DOWN_MAX_MS);
}

/* After a recovery the next trouble starts with the first, short wait. */
static void closed_breaker_forgets_how_often_it_was_open(void **state)
{
    (void)state;
    struct machine m;
    go(&m, HAPLO_SERVER_PROBING);
    for (int i = 0; i < 6; i++) {
        answer(&m, HAPLO_ECONNECT);
        wait_over(&m);
    }
    answer(&m, 0);
    answer_times(&m, HAPLO_ECONNECT, 4);
    assert_state(&m, HAPLO_SERVER_UP);
    answer(&m, HAPLO_ECONNECT);
    assert_state(&m, HAPLO_SERVER_DOWN);
    assert_in_range(wait_ms(&m), SERVER_DOWN_MS / 2, SERVER_DOWN_MS);
}

/* A request that was under way when the breaker opened may still prove that
 * the server lives; a failed one tells nothing new, and must not push the
 * probe away. */
static void late_answers_while_down(void **state)
{
    (void)state;
    struct machine m;
    go(&m, HAPLO_SERVER_DOWN);
    uint64_t due_ms = m.server.due_ms;
    m.now_ms = 1000;
    answer(&m, HAPLO_ECONNECT);
    assert_state(&m, HAPLO_SERVER_DOWN);
    assert_int_equal(m.server.due_ms, due_ms);
    assert_int_equal(m.server.times_down, 1);
    answer(&m, 0);
    assert_trace(&m, "[1000] a: DOWN -> UP\n");
    assert_int_equal(wait_ms(&m), HEAP_NEVER);

    go(&m, HAPLO_SERVER_DOWN);
    answer(&m, HAPLO_ETHROTTLED);
    assert_trace(&m, "[   0] a: DOWN -> SILENT ETHROTTLED\n");
}

/* Silence */

/* Each request during a throttle keeps everybody of that address out, human
 * users too; it ends 300 s after the last counted failure. */
static void throttle_silences_for_310_to_340_seconds(void **state)
{
    (void)state;
    struct machine m;
    uint64_t least_ms = UINT64_MAX;
    uint64_t most_ms = 0;
    start(&m);
    for (int i = 0; i < 500; i++) {
        answer(&m, HAPLO_ETHROTTLED);
        assert_state(&m, HAPLO_SERVER_SILENT);
        assert_false(server_has_slot(&m.server));
        assert_in_range(wait_ms(&m), 310000, 340000);
        least_ms = wait_ms(&m) < least_ms ? wait_ms(&m) : least_ms;
        most_ms = wait_ms(&m) > most_ms ? wait_ms(&m) : most_ms;
        wait_over(&m);
        assert_state(&m, HAPLO_SERVER_PROBING);
        trace_clear(&m.trace);
    }
    assert_true(least_ms < 311000);
    assert_true(most_ms > 339000);
}

/* Requests that were under way are answered into the silence: a throttle
 * makes it last from there, a success or a failure does not break it. */
static void late_answers_while_silent(void **state)
{
    (void)state;
    struct machine m;
    go(&m, HAPLO_SERVER_SILENT);
    uint64_t due_ms = m.server.due_ms;
    m.now_ms = 20000;
    answer(&m, 0);
    answer_times(&m, HAPLO_ECONNECT, 10);
    answer(&m, HAPLO_EREFUSED);
    assert_state(&m, HAPLO_SERVER_SILENT);
    assert_int_equal(m.server.due_ms, due_ms);
    m.now_ms = 60000;
    answer(&m, HAPLO_ETHROTTLED);
    assert_in_range(wait_ms(&m), 310000, 340000);
    assert_trace(&m, "");
}

/* After the silence one request finds out whether it was long enough. */
static void silence_ends_with_one_probe(void **state)
{
    (void)state;
    struct machine m;
    go(&m, HAPLO_SERVER_SILENT);
    wait_over(&m);
    assert_true(server_has_slot(&m.server));
    m.server.in_flight = 1;
    assert_false(server_has_slot(&m.server));
    answer(&m, HAPLO_ETHROTTLED);
    assert_state(&m, HAPLO_SERVER_SILENT);
    assert_in_range(wait_ms(&m), 310000, 340000);
    wait_over(&m);
    answer(&m, HAPLO_EREFUSED);
    assert_state(&m, HAPLO_SERVER_UP);
}

/* What is told */

/* Operators read the newest failure beside the state: neither may be stale. */
static void error_is_the_newest_failure(void **state)
{
    (void)state;
    struct machine m;
    go(&m, HAPLO_SERVER_PROBING);
    assert_int_equal(m.server.error, HAPLO_ECONNECT);
    m.now_ms = 6000;
    answer(&m, HAPLO_ENOTFOUND);
    assert_trace(&m, "[6000] a: PROBING -> UP\n");
    assert_int_equal(m.server.error, HAPLO_ENOTFOUND);
    answer(&m, 0);
    assert_int_equal(m.server.error, 0);
}

/* The shape */

/* The edges of the diagram, as src/core/server.h draws them. */
static const bool diagram[STATES][STATES] = {
    [HAPLO_SERVER_UP] =
        {[HAPLO_SERVER_DOWN] = true, [HAPLO_SERVER_SILENT] = true},
    [HAPLO_SERVER_DOWN] = {[HAPLO_SERVER_PROBING] = true,
                           [HAPLO_SERVER_SILENT] = true,
                           [HAPLO_SERVER_UP] = true},
    [HAPLO_SERVER_PROBING] = {[HAPLO_SERVER_UP] = true,
                              [HAPLO_SERVER_DOWN] = true,
                              [HAPLO_SERVER_SILENT] = true},
    [HAPLO_SERVER_SILENT] = {[HAPLO_SERVER_PROBING] = true},
};

static void walk_one_step(struct machine *m)
{
    static const int errors[] = {0,
                                 HAPLO_ECONNECT,
                                 HAPLO_ECONNECT,
                                 HAPLO_ECONNECT,
                                 HAPLO_ENOTFOUND,
                                 HAPLO_ETHROTTLED};
    if (m->server.due_ms != HEAP_NEVER && random_below(&m->random, 3) == 0) {
        wait_over(m);
    } else {
        answer(
            m,
            errors[random_below(&m->random, sizeof errors / sizeof *errors)]);
    }
    trace_clear(&m->trace);
}

/* As for queues: all that is drawn can happen, and nothing else. */
static void random_walk_meets_every_edge_of_the_diagram_and_no_other(
    void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    m.server.policy.breaker_failures = 2;
    for (int i = 0; i < 20000; i++) {
        walk_one_step(&m);
        assert_int_equal(m.server.due_ms != HEAP_NEVER,
                         m.server.state == HAPLO_SERVER_DOWN ||
                             m.server.state == HAPLO_SERVER_SILENT);
    }
    for (unsigned from = 0; from < STATES; from++) {
        for (unsigned to = 0; to < STATES; to++) {
            assert_int_equal(m.edges_seen[from][to] > 0, diagram[from][to]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(breaker_opens_after_failures_in_a_row),
        cmocka_unit_test(any_answer_starts_the_count_anew),
        cmocka_unit_test(every_failure_of_the_connection_kind_counts),
        cmocka_unit_test(own_lack_of_memory_says_nothing_of_the_server),
        cmocka_unit_test(probing_sends_one_request_and_closes_on_an_answer),
        cmocka_unit_test(each_failed_probe_waits_longer),
        cmocka_unit_test(closed_breaker_forgets_how_often_it_was_open),
        cmocka_unit_test(late_answers_while_down),
        cmocka_unit_test(throttle_silences_for_310_to_340_seconds),
        cmocka_unit_test(late_answers_while_silent),
        cmocka_unit_test(silence_ends_with_one_probe),
        cmocka_unit_test(error_is_the_newest_failure),
        cmocka_unit_test(
            random_walk_meets_every_edge_of_the_diagram_and_no_other),
    };
    return cmocka_run_group_tests_name("server", tests, NULL, NULL);
}
