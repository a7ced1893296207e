/*
 * The deadline of a poller, from which on another process may poll its queues.
 * The time of the loop stands still while a test moves the clock, as it does
 * for a process that was suspended and has just gone on.
 */
#include "base/boot_clock.h"
#include "fake_names.h"
#include "poller_scene.h"

#define LEASE_MS 5000      /* less than any time limit of a request */
#define UNUSABLE_MS 700000 /* addresses that old are looked up first */

/* A queue with three messages, and time until the deadline. */
static struct scene *scene_with(struct watch **q1)
{
    struct scene *scene = scene_open();
    haplo_poller_set_deadline(scene->poller, boot_clock_ms() + LEASE_MS);
    *q1 = scene_add(scene, "q1", 3);
    return scene;
}

static void renew(struct scene *scene)
{
    haplo_poller_set_deadline(scene->poller, boot_clock_ms() + LEASE_MS);
}

static void pass_deadline(void)
{
    clock_suspended_ms += LEASE_MS;
}

/* As SIGSTOP does it: all clocks have gone on, but not what the loop remembers.
 */
static void stop_beyond_deadline(struct watch *watch)
{
    uint64_t loop_ms = uv_now(&watch->scene->loop);
    clock_skipped_ms += LEASE_MS;
    assert_int_equal(uv_now(&watch->scene->loop), loop_ms);
}

/* Two hosts that fetch a queue have two tokens for it. */
static void no_fetch_begins_from_the_deadline_on(void **state)
{
    (void)state;
    struct watch *q1;
    struct scene *scene = scene_with(&q1);
    RUN_UNTIL(scene, state_of(q1) == HAPLO_QUEUE_IDLE);
    assert_int_equal(q1->marked_count, 1);
    unsigned count = q1->fake->fetch_count;
    pass_deadline();
    haplo_queue_poll_now(q1->queue);
    scene_linger(scene);
    assert_int_equal(q1->fake->fetch_count, count);
    assert_int_equal(state_of(q1), HAPLO_QUEUE_READY);
    scene_close(scene);
}

/* A token that is posted after another host has taken over may mark what an
 * administrator has had unsent since. */
static void no_mark_begins_from_the_deadline_on(void **state)
{
    (void)state;
    struct watch *q1;
    struct scene *scene = scene_with(&q1);
    q1->answer = HOLD;
    RUN_UNTIL(scene, q1->has_batch);
    pass_deadline();
    watch_accept(q1);
    scene_linger(scene);
    assert_int_equal(q1->fake->mark_count, 0);
    assert_int_equal(state_of(q1), HAPLO_QUEUE_MARK_READY);
    scene_close(scene);
}

/* Between two reads of the loop's time anything may happen: what it remembers
 * is no proof that the time has not come. */
static void the_time_is_read_afresh_for_a_mark(void **state)
{
    (void)state;
    struct watch *q1;
    struct scene *scene = scene_with(&q1);
    q1->in_deliver = stop_beyond_deadline;
    RUN_UNTIL(scene, q1->deliver_count == 1);
    assert_int_equal(state_of(q1), HAPLO_QUEUE_MARK_READY);
    scene_linger(scene);
    assert_int_equal(q1->fake->mark_count, 0);
    scene_close(scene);
}

/* The same for a fetch, which follows in the call that reports the mark. */
static void the_time_is_read_afresh_for_a_fetch(void **state)
{
    (void)state;
    struct watch *q1;
    struct scene *scene = scene_with(&q1);
    struct watch *q2 = scene_add(scene, "q2", 0);
    RUN_UNTIL(scene, state_of(q2) == HAPLO_QUEUE_IDLE);
    unsigned count = q2->fake->fetch_count;
    uv_update_time(&scene->loop);
    stop_beyond_deadline(q2);
    haplo_queue_poll_now(q2->queue);
    assert_int_equal(state_of(q2), HAPLO_QUEUE_READY);
    scene_linger(scene);
    assert_int_equal(q2->fake->fetch_count, count);
    scene_close(scene);
}

/* What has been fetched can be stored, whoever polls now: states are compared.
 */
static void a_fetch_in_flight_is_delivered(void **state)
{
    (void)state;
    struct watch *q1;
    struct scene *scene = scene_with(&q1);
    q1->fake->is_held = true;
    RUN_UNTIL(scene, q1->fake->fetch_count == 1);
    pass_deadline();
    fake_release(&scene->fakes[0]);
    RUN_UNTIL(scene, q1->deliver_count == 1);
    scene_linger(scene);
    assert_int_equal(q1->fake->mark_count, 0);
    scene_close(scene);
}

/* It is at the server already, and its confirmation is worth having. */
static void a_mark_in_flight_is_finished(void **state)
{
    (void)state;
    struct watch *q1;
    struct scene *scene = scene_with(&q1);
    q1->answer = HOLD;
    RUN_UNTIL(scene, q1->has_batch);
    q1->fake->is_held = true;
    watch_accept(q1);
    RUN_UNTIL(scene, q1->fake->mark_count == 1);
    pass_deadline();
    fake_release(&scene->fakes[0]);
    RUN_UNTIL(scene, q1->marked_count == 1);
    scene_close(scene);
}

/* The first attempt was in time; that says nothing about the second one. */
static void a_mark_is_not_repeated_from_the_deadline_on(void **state)
{
    (void)state;
    struct watch *q1;
    struct scene *scene = scene_with(&q1);
    q1->fake->mark_answer =
        ANSWER("500 Internal Server Error", "text/html", "Oops");
    RUN_UNTIL(scene, state_of(q1) == HAPLO_QUEUE_MARK_WAIT);
    q1->fake->mark_answer = NULL;
    pass_deadline();
    RUN_UNTIL(scene, state_of(q1) == HAPLO_QUEUE_MARK_READY);
    scene_linger(scene);
    assert_int_equal(q1->fake->mark_count, 1);
    scene_close(scene);
}

/* A database that was away for a while must not cost more than that while. */
static void a_later_deadline_lets_it_go_on(void **state)
{
    (void)state;
    struct watch *q1;
    struct scene *scene = scene_with(&q1);
    q1->answer = HOLD;
    RUN_UNTIL(scene, q1->has_batch);
    pass_deadline();
    watch_accept(q1);
    scene_linger(scene);
    renew(scene);
    assert_int_equal(q1->fake->mark_count, 0); /* not inside the call */
    RUN_UNTIL(scene, q1->marked_count == 1);
    pass_deadline();
    haplo_queue_poll_now(q1->queue);
    scene_linger(scene);
    unsigned count = q1->fake->fetch_count;
    renew(scene);
    RUN_UNTIL(scene, q1->fake->fetch_count == count + 1);
    scene_close(scene);
}

/* A membership may end at once, when an operator removes it. */
static void an_earlier_deadline_stops_it(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    haplo_poller_set_deadline(scene->poller, 0);
    struct watch *q1 = scene_add(scene, "q1", 3);
    scene_linger(scene);
    assert_int_equal(q1->fake->fetch_count, 0);
    haplo_poller_set_deadline(scene->poller, UINT64_MAX);
    RUN_UNTIL(scene, q1->marked_count == 1);
    haplo_poller_set_deadline(scene->poller, 0);
    haplo_queue_poll_now(q1->queue);
    scene_linger(scene);
    unsigned count = q1->fake->fetch_count;
    RUN_UNTIL(scene, state_of(q1) == HAPLO_QUEUE_READY);
    assert_int_equal(q1->fake->fetch_count, count);
    scene_close(scene);
}

/* Who polls alone has no use for a deadline. */
static void there_is_none_at_first(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    clock_suspended_ms += (uint64_t)10 * 365 * 24 * 3600 * 1000;
    struct watch *q1 = scene_add(scene, "q1", 3);
    RUN_UNTIL(scene, q1->marked_count == 1);
    scene_close(scene);
}

/* A queue that may not begin waits for a later deadline, so that uv_run() must
 * not return. Nor is it work: a loop that turned for it would keep a core busy
 * until the database is back. */
static void the_loop_sleeps_meanwhile(void **state)
{
    (void)state;
    struct watch *q1;
    struct scene *scene = scene_with(&q1);
    RUN_UNTIL(scene, state_of(q1) == HAPLO_QUEUE_IDLE);
    pass_deadline();
    haplo_queue_poll_now(q1->queue);
    scene_linger(scene);
    uv_update_time(&scene->loop);
    assert_true(uv_loop_alive(&scene->loop));
    assert_int_not_equal(uv_backend_timeout(&scene->loop), 0);
    haplo_queue_pause(q1->queue);
    assert_false(uv_loop_alive(&scene->loop));
    scene_close(scene);
}

/* A request that waits for a look-up of the name */

/* Time is not skipped while a look-up is in its thread. */
static void turn(struct scene *scene)
{
    if (scene->loop.active_reqs.count > 0) {
        uv_run(&scene->loop, UV_RUN_ONCE);
    } else {
        scene_turn(scene);
    }
}

#define TURN_UNTIL(scene, condition)          \
    for (unsigned t = 0; !(condition); t++) { \
        assert_true(t < TURNS_MAX);           \
        turn(scene);                          \
    }

/* A queue whose batch is held, on a server with a name. */
static struct scene *scene_with_name(struct watch **q1)
{
    struct scene *scene = scene_new();
    struct haplo_poller_options options = poller_options(scene);
    char url[64];
    names_set("127.0.0.1", NULL, NULL);
    scene_start(scene, &options);
    fake_open(&scene->fakes[0], &scene->loop);
    snprintf(url, sizeof url, "http://a.test:%d", fake_port(&scene->fakes[0]));
    const struct haplo_server_options server = {.struct_size = sizeof server,
                                                .name = "a",
                                                .url = url,
                                                .allow_http = true};
    assert_int_equal(
        haplo_server_add(scene->poller, &server, &scene->servers[0], NULL, 0),
        0);
    scene->server_count = 1;
    *q1 = scene_add(scene, "q1", 3);
    (*q1)->answer = HOLD;
    TURN_UNTIL(scene, (*q1)->has_batch);
    return scene;
}

/* Lets a look-up of addresses that are too old wait for the gate. */
static void close_gate(struct scene *scene, uv_sem_t *gate)
{
    assert_int_equal(uv_sem_init(gate, 0), 0);
    atomic_store(&names_gate, gate);
    clock_skipped_ms += UNUSABLE_MS;
    uv_update_time(&scene->loop);
    renew(scene);
}

/* The deadline passes while the request waits; then the look-up ends. */
static void open_gate_too_late(struct scene *scene, uv_sem_t *gate)
{
    scene_linger(scene);
    assert_true(scene->loop.active_reqs.count > 0);
    pass_deadline();
    uv_sem_post(gate);
    TURN_UNTIL(scene, scene->loop.active_reqs.count == 0);
    atomic_store(&names_gate, NULL);
    uv_sem_destroy(gate);
}

/* A name server may take longer than a lease lasts. The token is given up: the
 * batch is fetched again, and known. */
static void a_mark_that_waited_for_a_look_up_does_not_begin(void **state)
{
    (void)state;
    struct watch *q1;
    uv_sem_t gate;
    struct scene *scene = scene_with_name(&q1);
    close_gate(scene, &gate);
    watch_accept(q1);
    assert_int_equal(state_of(q1), HAPLO_QUEUE_MARKING);
    open_gate_too_late(scene, &gate);
    scene_linger(scene);
    assert_int_equal(q1->fake->mark_count, 0);
    assert_int_equal(stats_of(q1).error, HAPLO_ECANCELED);
    assert_non_null(strstr(scene->text, "the deadline of the poller"));
    renew(scene);
    haplo_queue_poll_now(q1->queue);
    TURN_UNTIL(scene, q1->deliver_count == 2);
    assert_int_equal(q1->new_count, 0);
    watch_accept(q1);
    TURN_UNTIL(scene, q1->marked_count == 1);
    scene_close(scene);
}

static void a_fetch_that_waited_for_a_look_up_does_not_begin(void **state)
{
    (void)state;
    struct watch *q1;
    uv_sem_t gate;
    struct scene *scene = scene_with_name(&q1);
    close_gate(scene, &gate);
    unsigned count = q1->fake->fetch_count;
    haplo_batch_drop(watch_take(q1), NULL);
    haplo_queue_poll_now(q1->queue);
    assert_int_equal(state_of(q1), HAPLO_QUEUE_FETCHING);
    open_gate_too_late(scene, &gate);
    scene_linger(scene);
    assert_int_equal(q1->fake->fetch_count, count);
    assert_int_equal(stats_of(q1).error, HAPLO_ECANCELED);
    renew(scene);
    haplo_queue_poll_now(q1->queue);
    TURN_UNTIL(scene, q1->has_batch);
    watch_accept(q1);
    TURN_UNTIL(scene, q1->marked_count == 1);
    scene_close(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_fetch_begins_from_the_deadline_on),
        cmocka_unit_test(no_mark_begins_from_the_deadline_on),
        cmocka_unit_test(the_time_is_read_afresh_for_a_mark),
        cmocka_unit_test(the_time_is_read_afresh_for_a_fetch),
        cmocka_unit_test(a_fetch_in_flight_is_delivered),
        cmocka_unit_test(a_mark_in_flight_is_finished),
        cmocka_unit_test(a_mark_is_not_repeated_from_the_deadline_on),
        cmocka_unit_test(a_later_deadline_lets_it_go_on),
        cmocka_unit_test(an_earlier_deadline_stops_it),
        cmocka_unit_test(there_is_none_at_first),
        cmocka_unit_test(the_loop_sleeps_meanwhile),
        cmocka_unit_test(a_mark_that_waited_for_a_look_up_does_not_begin),
        cmocka_unit_test(a_fetch_that_waited_for_a_look_up_does_not_begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
