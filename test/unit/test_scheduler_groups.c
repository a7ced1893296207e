/* Several servers of the configuration that are one actual server. */
#include "scheduler_sim.h"

#define ALIASES 11

static struct sim *sim_of_aliases(unsigned count, unsigned in_flight_max)
{
    struct sim *sim = sim_new_plain();
    struct sim_server *first = sim_add_server(sim, in_flight_max);
    sim->is_tracing = false;
    for (unsigned i = 1; i < count; i++) {
        sim_add_alias(sim, first, in_flight_max);
    }
    return sim;
}

static void add_queues(struct sim *sim, unsigned count, bool has_wrong_key)
{
    for (size_t i = 0; i < sim->server_count; i++) {
        for (unsigned j = 0; j < count; j++) {
            sim_add_queue(sim, &sim->servers[i], "q", 0, 100 * j)
                ->has_wrong_key = has_wrong_key;
        }
    }
}

static void revoke_all(struct sim *sim)
{
    for (size_t i = 0; i < sim->queue_count; i++) {
        sim->queues[i].has_wrong_key = true;
    }
}

/* Five for each of eleven would be 55: the server counts them together, and
 * locks the address out at 50. */
static void wrong_keys_of_eleven_servers_cost_five_logins(void **state)
{
    (void)state;
    struct sim *sim = sim_of_aliases(ALIASES, 1);
    add_queues(sim, 1, true);
    sim_run(sim, SERVER_SILENCE_MS);
    assert_int_equal(sim->servers[0].failed_logins, 5);
    assert_true(sim->servers[ALIASES - 1].core.logins_held);
    sim_run(sim, 24 * 60 * (uint64_t)MINUTE_MS);
    assert_int_equal(sim->servers[0].failed_logins_most, 5);
    for (size_t i = 0; i < sim->queue_count; i++) {
        assert_true(sim->queues[i].fetches > 10);
    }
    sim_free(sim);
}

/* Keys that have worked are all revoked at one moment: ten for each of five
 * servers would be 50. */
static void revoked_keys_of_five_servers_cost_ten_logins(void **state)
{
    (void)state;
    struct sim *sim = sim_of_aliases(5, 1);
    add_queues(sim, 20, false);
    sim_run(sim, 10 * MINUTE_MS);
    assert_true(sim->queues[99].fetches > 3);
    revoke_all(sim);
    sim_run(sim, 24 * 60 * (uint64_t)MINUTE_MS);
    assert_in_range(sim->servers[0].failed_logins_most, 10, 10 + 5 - 1);
    sim_free(sim);
}

/* The same while as many requests as possible are in flight, which fail
 * together, and with the largest budget. */
static void revoked_keys_in_flight_never_lock_the_address_out(void **state)
{
    (void)state;
    struct sim *sim = sim_of_aliases(6, 20);
    add_queues(sim, 20, false);
    for (size_t i = 0; i < sim->server_count; i++) {
        sim->servers[i].core.policy.failed_logins_max = 1000;
    }
    login_group_recount(sim->servers[0].core.group);
    sim_run(sim, 10 * MINUTE_MS);
    for (size_t i = 0; i < sim->queue_count; i++) {
        assert_true(sim->queues[i].core.key_proven);
        sim_say(sim, &sim->queues[i], QUEUE_EVENT_POLL_NOW);
    }
    sim_pump(sim);
    assert_int_equal(sim->scheduler.in_flight, LOGINS_AT_RISK_MAX);
    revoke_all(sim);
    sim_run(sim, 24 * 60 * (uint64_t)MINUTE_MS);
    assert_int_equal(sim->servers[0].failed_logins_most, LOGINS_AT_RISK_MAX);
    sim_free(sim);
}

/* Whoever asks for more than 40 at once gets them, and all servers of the
 * group share them; after a failed login they do not. */
static void a_large_in_flight_max_holds_until_a_login_fails(void **state)
{
    (void)state;
    struct sim *sim = sim_of_aliases(2, 60);
    add_queues(sim, 50, false);
    sim_run(sim, 10 * MINUTE_MS);
    for (size_t i = 0; i < sim->queue_count; i++) {
        sim_say(sim, &sim->queues[i], QUEUE_EVENT_POLL_NOW);
    }
    sim_pump(sim);
    assert_int_equal(sim->scheduler.in_flight, 60);
    login_group_failed(sim->servers[0].core.group, sim->now_ms);
    assert_false(login_group_may_go_on(sim->servers[0].core.group, true));
    sim_free(sim);
}

/* Every server of the group gets its turn to have a key proven, and none waits
 * for a slot that is free. */
static void unproven_keys_of_a_group_are_tried_one_at_a_time(void **state)
{
    (void)state;
    struct sim *sim = sim_new_plain();
    struct sim_server *a = sim_add_server(sim, 8);
    struct sim_server *b = sim_add_alias(sim, a, 8);
    sim_add_queue(sim, a, "x", 0, 0);
    sim_add_queue(sim, a, "y", 0, 1);
    sim_add_queue(sim, b, "x", 0, 2);
    sim_add_queue(sim, b, "z", 0, 3)->core.key_proven = true;
    sim_run(sim, 300);
    assert_trace(sim, "[   0] a/x: IDLE -> READY\n"
                      "[   0] a/x: READY -> FETCHING\n"
                      "[   1] a/y: IDLE -> READY\n"
                      "[   2] b/x: IDLE -> READY\n"
                      "[   3] b/z: IDLE -> READY\n"
                      "[   3] b/z: READY -> FETCHING\n"
                      "[ 100] a/x: FETCHING -> IDLE\n"
                      "[ 100] a/y: READY -> FETCHING\n"
                      "[ 103] b/z: FETCHING -> IDLE\n"
                      "[ 200] a/y: FETCHING -> IDLE\n"
                      "[ 200] b/x: READY -> FETCHING\n"
                      "[ 300] b/x: FETCHING -> IDLE\n");
    sim_free(sim);
}

/* A server with many keys to try, none of them good, and the only one of
 * another at its address: that one need not wait until the budget is spent. */
static void one_key_does_not_wait_for_all_of_another_server(void **state)
{
    (void)state;
    struct sim *sim = sim_of_aliases(2, 1);
    for (int i = 0; i < 9; i++) {
        sim_add_queue(sim, &sim->servers[0], "q", 0, 0)->has_wrong_key = true;
    }
    struct sim_queue *one = sim_add_queue(sim, &sim->servers[1], "one", 0, 50);
    sim_run(sim, 250);
    assert_true(one->core.key_proven);
    assert_int_equal(sim->servers[0].requests, 2);
    sim_free(sim);
}

/* THROTTLE is about the address: a request under any name would extend it. */
static void throttle_silences_all_servers_of_the_group(void **state)
{
    (void)state;
    struct sim *sim = sim_of_aliases(3, 1);
    struct sim_server *other = sim_add_server(sim, 1);
    add_queues(sim, 1, false);
    sim_run(sim, MINUTE_MS + 1000);
    script(&sim->queues[1], HAPLO_ETHROTTLED);
    sim_say(sim, &sim->queues[1], QUEUE_EVENT_POLL_NOW);
    sim_run(sim, sim->now_ms + 200);
    unsigned requests = sim->servers[0].requests;
    for (size_t i = 0; i < 3; i++) {
        assert_server_state(&sim->servers[i], HAPLO_SERVER_SILENT);
    }
    assert_server_state(other, HAPLO_SERVER_UP);
    sim_run(sim, sim->now_ms + 300000);
    assert_int_equal(sim->servers[0].requests, requests);
    assert_true(other->requests > 4);
    sim_run(sim, sim->now_ms + 60000);
    for (size_t i = 0; i < 3; i++) {
        assert_server_state(&sim->servers[i], HAPLO_SERVER_UP);
    }
    sim_free(sim);
}

/* A success under one name clears the count, which all of them have. */
static void success_of_one_server_frees_the_others(void **state)
{
    (void)state;
    struct sim *sim = sim_of_aliases(2, 1);
    for (int i = 0; i < 5; i++) {
        sim_add_queue(sim, &sim->servers[0], "q", 0, 0)->has_wrong_key = true;
    }
    sim_add_queue(sim, &sim->servers[1], "good", 0, 2000)->core.key_proven =
        true;
    struct sim_queue *new =
        sim_add_queue(sim, &sim->servers[1], "new", 0, 1000);
    sim_run(sim, 2000);
    assert_int_equal(new->fetches, 0);
    assert_true(sim->servers[1].core.logins_held);
    sim_run(sim, 2200);
    assert_true(new->core.key_proven);
    assert_false(sim->servers[0].core.logins_held);
    sim_free(sim);
}

static void locate(struct sim *sim, struct sim_server *server, const char *site)
{
    assert_int_equal(scheduler_locate_server(&sim->scheduler, &server->core,
                                             LOCATION_KNOWN, &site, 1,
                                             sim->now_ms),
                     0);
}

/* Before its name has been looked up, nobody knows whose budget a request would
 * use. If there is no address, one request at a time finds out. */
static void server_sends_nothing_before_it_is_located(void **state)
{
    (void)state;
    struct sim *sim = sim_new_plain();
    struct sim_server *a = sim_add_server(sim, 8);
    sim->is_tracing = false;
    a->core.location = LOCATION_SOUGHT;
    for (int i = 0; i < 4; i++) {
        sim_add_queue(sim, a, "q", 0, 0)->core.key_proven = true;
    }
    sim_run(sim, 1000);
    assert_int_equal(a->requests, 0);
    scheduler_lose_server(&sim->scheduler, &a->core);
    sim_run(sim, 1000);
    assert_int_equal(a->core.in_flight, 1);
    locate(sim, a, "192.0.2.1:443");
    sim_run(sim, 1000);
    assert_int_equal(a->core.in_flight, 4);
    sim_free(sim);
}

/* The address that a look-up finds may be one that is throttled, or where too
 * many logins have failed. And it may be the same server that has moved, so it
 * brings its own count along. */
static void located_server_joins_throttle_and_hold(void **state)
{
    (void)state;
    struct sim *sim = sim_new_plain();
    struct sim_server *a = sim_add_server(sim, 1);
    struct sim_server *b = sim_add_server(sim, 1);
    struct sim_server *c = sim_add_server(sim, 1);
    script(sim_add_queue(sim, a, "q", 0, 0), HAPLO_ETHROTTLED);
    struct sim_queue *moving = sim_add_queue(sim, b, "q", 0, 150);
    sim_run(sim, 160);
    trace_clear(&sim->trace);
    assert_true(scheduler_may_go_on(&moving->core));
    locate(sim, b, "a");
    assert_trace(sim, "[ 160] b: logins held EREFUSED\n");
    assert_false(scheduler_may_go_on(&moving->core));
    assert_false(server_may_log_in(&b->core, true));
    locate(sim, b, "c");
    assert_trace(sim, "[ 160] c: logins held EREFUSED\n");
    assert_false(scheduler_may_go_on(&moving->core));
    assert_ptr_equal(b->core.group, c->core.group);
    assert_int_equal(c->core.group->in_flight, 1);
    assert_int_equal(c->core.group->prover_count, 1);
    sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_keys_of_eleven_servers_cost_five_logins),
        cmocka_unit_test(revoked_keys_of_five_servers_cost_ten_logins),
        cmocka_unit_test(revoked_keys_in_flight_never_lock_the_address_out),
        cmocka_unit_test(a_large_in_flight_max_holds_until_a_login_fails),
        cmocka_unit_test(unproven_keys_of_a_group_are_tried_one_at_a_time),
        cmocka_unit_test(one_key_does_not_wait_for_all_of_another_server),
        cmocka_unit_test(throttle_silences_all_servers_of_the_group),
        cmocka_unit_test(success_of_one_server_frees_the_others),
        cmocka_unit_test(server_sends_nothing_before_it_is_located),
        cmocka_unit_test(located_server_joins_throttle_and_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
