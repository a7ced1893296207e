/* One server's budget of failed logins, in virtual time. */
#include "server_machine.h"

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
        HAPLO_ENOTFOUND, HAPLO_ESTATUS,    HAPLO_ECONTENT,
        HAPLO_EREDIRECT, HAPLO_ESERVER,    HAPLO_ETIMEDOUT,
        HAPLO_ENOMEM,    HAPLO_ETHROTTLED, HAPLO_ECACHED};
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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
    };
    return cmocka_run_group_tests_name("server_logins", tests, NULL, NULL);
}
