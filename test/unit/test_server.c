/* The state machine of one server, alone: breaker, silence and the budget of
 * failed logins, in virtual time. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "trace.h"

#define STATES (HAPLO_SERVER_SILENT + 1)

/* One server, its clock and what it did. */
struct machine {
    struct server server;
    struct random random;
    uint64_t now_ms;
    struct trace trace;
    unsigned edges_seen[STATES][STATES];
};

static void on_change(void *data, const struct server *server,
                      enum haplo_server_state from, int error)
{
    struct machine *m = data;
    if (from != server->state) {
        m->edges_seen[from][server->state]++;
    }
    trace_server(&m->trace, m->now_ms, "a", server, from, error);
}

static void start(struct machine *m)
{
    static const struct server_policy policy = {
        .in_flight_max = 2, .failed_logins_max = 5, .breaker_failures = 5};
    memset(m, 0, sizeof *m);
    m->random.state = 1;
    server_init(&m->server, &policy);
}

static void answer(struct machine *m, int error)
{
    const struct step_context context = {m->now_ms, &m->random, NULL, m};
    server_answered(&m->server, error, &context, on_change);
}

static void answer_times(struct machine *m, int error, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        answer(m, error);
    }
}

/* The wait of DOWN or SILENT, as it stands now. */
static uint64_t wait_ms(const struct machine *m)
{
    return m->server.due_ms == HEAP_NEVER ? HEAP_NEVER
                                          : m->server.due_ms - m->now_ms;
}

/* Lets the wait of DOWN or SILENT pass. */
static void wait_over(struct machine *m)
{
    assert_true(m->server.due_ms != HEAP_NEVER);
    m->now_ms = m->server.due_ms;
    const struct step_context context = {m->now_ms, &m->random, NULL, m};
    server_wait_over(&m->server, &context, on_change);
}

static void login_wait_over(struct machine *m)
{
    assert_true(m->server.login_due_ms != HEAP_NEVER);
    m->now_ms = m->server.login_due_ms;
    const struct step_context context = {m->now_ms, &m->random, NULL, m};
    server_login_wait_over(&m->server, &context, on_change);
}

static void assert_state(const struct machine *m, enum haplo_server_state state)
{
    assert_string_equal(haplo_server_state_name(m->server.state),
                        haplo_server_state_name(state));
}

static void assert_trace(struct machine *m, const char *expected)
{
    assert_string_equal(m->trace.text, expected);
    trace_clear(&m->trace);
}

static void go(struct machine *m, enum haplo_server_state state)
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
    static const int errors[] = {HAPLO_ERESOLVE,  HAPLO_ECONNECT, HAPLO_ETLS,
                                 HAPLO_ETIMEDOUT, HAPLO_ERESET,   HAPLO_ESERVER,
                                 HAPLO_EPROTOCOL};
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

/* Failed logins */

/* At 50 failed logins the server refuses good keys, and people: far below
 * that, keys that it has not taken yet are tried no further. */
static void budget_of_failed_logins_holds_unproven_keys(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    m.now_ms = 100;
    answer_times(&m, HAPLO_EREFUSED, 4);
    assert_true(server_may_log_in(&m.server, false));
    answer(&m, HAPLO_EREFUSED);
    assert_trace(&m, "[ 100] a: logins held EREFUSED\n");
    assert_false(server_may_log_in(&m.server, false));
    assert_true(server_may_log_in(&m.server, true));
    assert_int_equal(m.server.login_due_ms, 100 + SERVER_SILENCE_MS);
    assert_state(&m, HAPLO_SERVER_UP);
}

/* The server's own count runs from its last failure: so does the hold. */
static void hold_lasts_from_the_last_failed_login(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    answer_times(&m, HAPLO_EREFUSED, 5);
    m.now_ms = 50000;
    answer(&m, HAPLO_EREFUSED);
    assert_int_equal(m.server.login_due_ms, 50000 + SERVER_SILENCE_MS);
    trace_clear(&m.trace);
    login_wait_over(&m);
    assert_trace(&m, "[360000] a: logins free\n");
    assert_true(server_may_log_in(&m.server, false));
    assert_int_equal(m.server.failed_logins, 0);
    assert_int_equal(m.server.login_due_ms, HEAP_NEVER);
}

/* A success clears the server's count, and so the hold: one wrong key must
 * not hold up the others forever. */
static void success_of_a_proven_key_clears_the_hold(void **state)
{
    (void)state;
    static const int successes[] = {0, HAPLO_EDOCUMENT, HAPLO_ETOOBIG};
    struct machine m;
    for (size_t i = 0; i < sizeof successes / sizeof *successes; i++) {
        start(&m);
        answer_times(&m, HAPLO_EREFUSED, 5);
        assert_true(m.server.logins_held);
        answer(&m, successes[i]);
        assert_false(m.server.logins_held);
        assert_int_equal(m.server.failed_logins, 0);
        assert_int_equal(m.server.login_due_ms, HEAP_NEVER);
        assert_true(server_error_proves_key(successes[i]));
    }
}

/* What does not show that a key was taken must not clear the count. A page or
 * a redirect may be a proxy's: wrong keys with such an answer now and then
 * would be tried until the address is throttled. */
static void other_answers_leave_the_hold(void **state)
{
    (void)state;
    static const int errors[] = {
        HAPLO_ENOTFOUND, HAPLO_ESTATUS,   HAPLO_ECONTENT, HAPLO_EREDIRECT,
        HAPLO_ESERVER,   HAPLO_ETIMEDOUT, HAPLO_ENOMEM,   HAPLO_ETHROTTLED};
    struct machine m;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        start(&m);
        answer_times(&m, HAPLO_EREFUSED, 5);
        answer(&m, errors[i]);
        assert_true(m.server.logins_held);
        assert_int_equal(m.server.failed_logins, 5);
        assert_false(server_error_proves_key(errors[i]));
    }
}

/* An administrator may revoke a key that many queues share: each of them is
 * proven, and yet their failures together would throttle the address. */
static void refused_proven_keys_hold_the_proven_ones_too(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    answer_times(&m, HAPLO_EREFUSED, 9);
    assert_true(server_may_log_in(&m.server, true));
    answer(&m, HAPLO_EREFUSED);
    assert_false(server_may_log_in(&m.server, true));
    login_wait_over(&m);
    assert_true(server_may_log_in(&m.server, true));
}

/* While one key is being tried, the next one waits for the outcome. */
static void unproven_key_waits_while_another_is_tried(void **state)
{
    (void)state;
    struct machine m;
    struct queue prover;
    start(&m);
    m.server.prover = &prover;
    assert_false(server_may_log_in(&m.server, false));
    assert_true(server_may_log_in(&m.server, true));
    m.server.prover = NULL;
    assert_true(server_may_log_in(&m.server, false));
}

static void recall(struct machine *m, unsigned failed_logins, uint64_t age_ms)
{
    start(m);
    m->now_ms = 1000000;
    server_recall_logins(&m->server, failed_logins, age_ms, m->now_ms);
}

/* The server does not care which process of ours has failed: one that is
 * started again and again must not get a budget of its own each time. */
static void count_goes_on_where_an_earlier_process_has_left_it(void **state)
{
    (void)state;
    struct machine m;
    recall(&m, 4, 1000);
    assert_true(server_may_log_in(&m.server, false));
    assert_int_equal(m.server.login_due_ms, HEAP_NEVER);
    answer(&m, HAPLO_EREFUSED);
    assert_trace(&m, "[1000000] a: logins held EREFUSED\n");
    recall(&m, 4, 1000);
    answer(&m, 0);
    answer_times(&m, HAPLO_EREFUSED, 4);
    assert_false(m.server.logins_held);
}

/* The rest of the hold is held, and told by nothing: it was told then. */
static void hold_of_an_earlier_process_lasts_as_long_as_it_would_have(
    void **state)
{
    (void)state;
    struct machine m;
    recall(&m, 5, 100000);
    assert_trace(&m, "");
    assert_false(server_may_log_in(&m.server, false));
    assert_true(server_may_log_in(&m.server, true));
    assert_int_equal(m.server.login_due_ms,
                     1000000 + SERVER_SILENCE_MS - 100000);
    login_wait_over(&m);
    assert_trace(&m, "[1210000] a: logins free\n");
    assert_int_equal(m.server.failed_logins, 0);
}

/* What an application has stored may be anything. */
static void recalled_count_is_bounded_in_size_and_time(void **state)
{
    (void)state;
    static const uint64_t old_ms[] = {SERVER_SILENCE_MS, SERVER_SILENCE_MS + 1,
                                      UINT64_MAX};
    struct machine m;
    for (size_t i = 0; i < sizeof old_ms / sizeof *old_ms; i++) {
        recall(&m, UINT_MAX, old_ms[i]);
        assert_int_equal(m.server.failed_logins, 0);
        assert_false(m.server.logins_held);
    }
    recall(&m, UINT_MAX, SERVER_SILENCE_MS - 1);
    assert_int_equal(m.server.login_due_ms, m.now_ms + 1);
    assert_false(server_may_log_in(&m.server, true));
    answer(&m, HAPLO_EREFUSED);
    assert_int_equal(m.server.failed_logins, 11);
    assert_int_equal(m.server.login_due_ms, m.now_ms + SERVER_SILENCE_MS);
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
        cmocka_unit_test(budget_of_failed_logins_holds_unproven_keys),
        cmocka_unit_test(hold_lasts_from_the_last_failed_login),
        cmocka_unit_test(success_of_a_proven_key_clears_the_hold),
        cmocka_unit_test(other_answers_leave_the_hold),
        cmocka_unit_test(refused_proven_keys_hold_the_proven_ones_too),
        cmocka_unit_test(unproven_key_waits_while_another_is_tried),
        cmocka_unit_test(count_goes_on_where_an_earlier_process_has_left_it),
        cmocka_unit_test(
            hold_of_an_earlier_process_lasts_as_long_as_it_would_have),
        cmocka_unit_test(recalled_count_is_bounded_in_size_and_time),
        cmocka_unit_test(error_is_the_newest_failure),
        cmocka_unit_test(
            random_walk_meets_every_edge_of_the_diagram_and_no_other),
    };
    return cmocka_run_group_tests_name("server", tests, NULL, NULL);
}
