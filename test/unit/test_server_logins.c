/* The budget of failed logins of one actual server, in virtual time. */
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
    assert_int_equal(m.group.expires_ms, 100 + SERVER_SILENCE_MS);
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
    assert_int_equal(m.group.expires_ms, 50000 + SERVER_SILENCE_MS);
    trace_clear(&m.trace);
    logins_expire(&m);
    assert_trace(&m, "[360000] a: logins free\n");
    assert_true(server_may_log_in(&m.server, false));
    assert_int_equal(m.group.failed, 0);
    assert_int_equal(m.group.expires_ms, HEAP_NEVER);
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
        trace_clear(&m.trace);
        answer(&m, successes[i]);
        assert_trace(&m, "[   0] a: logins free\n");
        assert_false(m.server.logins_held);
        assert_int_equal(m.group.failed, 0);
        assert_int_equal(m.group.expires_ms, HEAP_NEVER);
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
        assert_int_equal(m.group.failed, errors[i] == HAPLO_ETHROTTLED
                                             ? LOGINS_AT_RISK_MAX
                                             : 5);
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
    logins_expire(&m);
    assert_true(server_may_log_in(&m.server, true));
}

/* While one key is being tried, the next one waits for the outcome. */
static void unproven_key_waits_while_another_is_tried(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    m.group.prover_count = 1;
    assert_true(login_group_update(&m.group));
    assert_false(server_may_log_in(&m.server, false));
    assert_true(server_may_log_in(&m.server, true));
    m.group.prover_count = 0;
    assert_true(login_group_update(&m.group));
    assert_true(server_may_log_in(&m.server, false));
}

static void recall(struct machine *m, unsigned failed_logins, uint64_t age_ms)
{
    start(m);
    m->now_ms = 1000000;
    login_group_recall(&m->group, failed_logins, age_ms, m->now_ms);
    m->server.logins_held = login_group_is_held(&m->group);
    (void)login_group_update(&m->group);
}

/* The server does not care which process of ours has failed: one that is
 * started again and again must not get a budget of its own each time. */
static void count_goes_on_where_an_earlier_process_has_left_it(void **state)
{
    (void)state;
    struct machine m;
    recall(&m, 4, 1000);
    assert_true(server_may_log_in(&m.server, false));
    assert_int_equal(m.group.expires_ms, 1000000 + LOGINS_EXPIRY_MS - 1000);
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
    assert_int_equal(m.group.expires_ms, 1000000 + SERVER_SILENCE_MS - 100000);
    logins_expire(&m);
    assert_trace(&m, "[1210000] a: logins free\n");
    assert_int_equal(m.group.failed, 0);
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
        assert_int_equal(m.group.failed, 0);
        assert_false(m.server.logins_held);
    }
    recall(&m, UINT_MAX, SERVER_SILENCE_MS - 1);
    assert_int_equal(m.group.expires_ms, m.now_ms + 1);
    assert_false(server_may_log_in(&m.server, true));
    assert_int_equal(m.group.failed, LOGINS_AT_RISK_MAX);
    answer(&m, HAPLO_EREFUSED);
    assert_int_equal(m.group.failed, LOGINS_AT_RISK_MAX + 1);
    assert_int_equal(m.group.expires_ms, m.now_ms + SERVER_SILENCE_MS);
}

/* Eleven entries of a configuration may be one server: their failures are, too,
 * and the smallest budget counts. */
static void servers_of_a_group_share_its_budget(void **state)
{
    (void)state;
    const struct server_policy policy = {
        .in_flight_max = 1, .failed_logins_max = 3, .breaker_failures = 5};
    struct machine m;
    struct server other;
    start(&m);
    server_init(&other, &policy);
    machine_join(&m, &other);
    answer_times(&m, HAPLO_EREFUSED, 2);
    assert_true(server_may_log_in(&other, false));
    answer(&m, HAPLO_EREFUSED);
    assert_false(server_may_log_in(&other, false));
    assert_true(server_may_log_in(&other, true));
    assert_trace(&m, "[   0] a: logins held EREFUSED\n"
                     "[   0] a: logins held EREFUSED\n");
    answer_times(&m, HAPLO_EREFUSED, 3);
    assert_false(server_may_log_in(&other, true));
    answer(&m, 0);
    assert_true(server_may_log_in(&other, false));
}

/* A throttle is of the address, whatever names the server has. */
static void throttle_silences_the_whole_group(void **state)
{
    (void)state;
    const struct server_policy policy = {1, 5, 5};
    struct machine m;
    struct server other;
    start(&m);
    server_init(&other, &policy);
    machine_join(&m, &other);
    answer(&m, HAPLO_ETHROTTLED);
    assert_int_equal(other.state, HAPLO_SERVER_SILENT);
    assert_in_range(other.due_ms, SERVER_SILENCE_MS,
                    SERVER_SILENCE_MS + SERVER_SILENCE_JITTER_MS);
    assert_int_equal(other.error, HAPLO_ETHROTTLED);
    wait_over(&m);
    answer(&m, HAPLO_ETHROTTLED);
    assert_true(other.due_ms >= m.now_ms + SERVER_SILENCE_MS);
}

/* All keys may be revoked at the same moment, while requests with them are in
 * flight: even then the server must not count 50 failures. */
static void failures_and_requests_in_flight_are_limited_together(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    m.server.policy.failed_logins_max = 40;
    login_group_recount(&m.group);
    m.group.in_flight = LOGINS_AT_RISK_MAX - 1;
    login_group_update(&m.group);
    assert_true(server_may_log_in(&m.server, true));
    answer(&m, HAPLO_EREFUSED);
    assert_false(server_may_log_in(&m.server, true));
    assert_false(server_may_log_in(&m.server, false));
    m.group.in_flight--;
    login_group_update(&m.group);
    assert_true(server_may_log_in(&m.server, true));
    m.group.in_flight = 0;
    answer_times(&m, HAPLO_EREFUSED, LOGINS_AT_RISK_MAX - 2);
    assert_true(server_may_log_in(&m.server, false));
    answer(&m, HAPLO_EREFUSED);
    assert_false(server_may_log_in(&m.server, true));
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
        cmocka_unit_test(servers_of_a_group_share_its_budget),
        cmocka_unit_test(throttle_silences_the_whole_group),
        cmocka_unit_test(failures_and_requests_in_flight_are_limited_together),
    };
    return cmocka_run_group_tests_name("server_logins", tests, NULL, NULL);
}
