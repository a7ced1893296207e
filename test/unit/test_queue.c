/* A queue from one fetch to the next, its waits and its shape. */
#include "queue_machine.h"

/* The happy path */

/* The way of every message: if this breaks, nothing is gathered. */
static void batch_is_fetched_delivered_and_marked(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    m.now_ms = 100;
    say(&m, QUEUE_EVENT_DUE);
    say(&m, QUEUE_EVENT_STARTED);
    m.now_ms = 200;
    assert_int_equal(say_fetched(&m, 16), QUEUE_ACTION_DELIVER);
    m.now_ms = 300;
    assert_int_equal(say(&m, QUEUE_EVENT_ACCEPTED), QUEUE_ACTION_NONE);
    say(&m, QUEUE_EVENT_STARTED);
    m.now_ms = 400;
    assert_int_equal(say_marked(&m, 16, 0), QUEUE_ACTION_CONFIRM);
    assert_trace(&m, "[ 100] a/q: IDLE -> READY\n"
                     "[ 100] a/q: READY -> FETCHING\n"
                     "[ 200] a/q: FETCHING -> DELIVERING 16\n"
                     "[ 300] a/q: DELIVERING -> MARK_READY 16\n"
                     "[ 300] a/q: MARK_READY -> MARKING 16\n"
                     "[ 400] a/q: MARKING -> IDLE\n");
    assert_int_equal(m.queue.unread_count, 0);
    assert_in_range(wait_ms(&m), 54000, 66000);
}

/* A backlog is drained without waiting for the interval. */
static void more_unread_makes_it_due_at_once(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    go_marking(&m);
    assert_int_equal(say_marked(&m, 16, 24), QUEUE_ACTION_CONFIRM);
    assert_state(&m, HAPLO_QUEUE_READY);
    assert_int_equal(m.queue.unread_count, 24);
}

/* A server of 2019 does not say what is left: only a fetch can tell. */
static void mark_without_unread_count_fetches_again(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    go_marking(&m);
    assert_int_equal(say_marked(&m, 16, -1), QUEUE_ACTION_CONFIRM);
    assert_state(&m, HAPLO_QUEUE_READY);
    assert_int_equal(m.queue.unread_count, -1);
    say(&m, QUEUE_EVENT_STARTED);
    assert_int_equal(say(&m, QUEUE_EVENT_EMPTY), QUEUE_ACTION_DROP);
    assert_state(&m, HAPLO_QUEUE_IDLE);
}

/* Another consumer's marks make the count smaller; that is no failure. */
static void mark_of_fewer_than_the_batch_is_a_success(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    go_marking(&m);
    assert_int_equal(say_marked(&m, 3, 0), QUEUE_ACTION_CONFIRM);
    assert_state(&m, HAPLO_QUEUE_IDLE);
}

/* Without messages there is nothing to deliver, to mark or to confirm: an
 * empty token must never be posted. */
static void empty_fetch_delivers_marks_and_confirms_nothing(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    go_fetching(&m);
    assert_int_equal(say(&m, QUEUE_EVENT_EMPTY), QUEUE_ACTION_DROP);
    assert_state(&m, HAPLO_QUEUE_IDLE);
    assert_int_equal(m.queue.unread_count, 0);
    assert_in_range(wait_ms(&m), 54000, 66000);
}

/* Queues that are added together must not all start together: the caller
 * spreads their first due times, and none is polled before its own. */
static void first_fetch_waits_for_the_given_time(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    queue_init(&m.queue, &default_policy, NULL, 41000);
    assert_state(&m, HAPLO_QUEUE_IDLE);
    assert_int_equal(wait_ms(&m), 41000);
    assert_int_equal(m.queue.unread_count, -1);
}

/* The interval */

/* Quiet queues cost less the longer they are quiet, up to a limit; a message
 * makes them quick again. */
static void interval_stretches_while_empty_and_a_message_resets_it(void **state)
{
    (void)state;
    static const uint64_t expected_ms[] = {60000,  90000,  135000,
                                           202500, 240000, 240000};
    struct machine m;
    struct queue_policy policy = default_policy;
    policy.interval_max_ms = 4 * MINUTE_MS;
    start_with(&m, &policy);
    for (size_t i = 0; i < sizeof expected_ms / sizeof *expected_ms; i++) {
        go_fetching(&m);
        say(&m, QUEUE_EVENT_EMPTY);
        assert_in_range(wait_ms(&m), expected_ms[i] * 9 / 10,
                        expected_ms[i] * 11 / 10);
    }
    go_marking(&m);
    say_marked(&m, 16, 0);
    assert_in_range(wait_ms(&m), 54000, 66000);
}

/* The interval keeps its jitter within a tenth, and uses all of it. */
static void interval_has_a_tenth_of_jitter(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    uint64_t least_ms = UINT64_MAX;
    uint64_t most_ms = 0;
    for (int i = 0; i < 500; i++) {
        go_fetching(&m);
        say(&m, QUEUE_EVENT_EMPTY);
        uint64_t wait = wait_ms(&m);
        assert_in_range(wait, 54000, 66000);
        least_ms = wait < least_ms ? wait : least_ms;
        most_ms = wait > most_ms ? wait : most_ms;
        trace_clear(&m.trace);
    }
    assert_true(least_ms < 54500);
    assert_true(most_ms > 65500);
}

/* Failed fetches */

/* A server in trouble is asked less and less often, up to the maximum; one
 * success forgets it all. */
static void failed_fetches_wait_longer_each_time_until_success(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    for (unsigned failures = 1; failures <= 12; failures++) {
        go_fetching(&m);
        assert_int_equal(say_failed(&m, HAPLO_ETIMEDOUT, 0), QUEUE_ACTION_DROP);
        assert_state(&m, HAPLO_QUEUE_BACKOFF);
        assert_int_equal(m.queue.failures, failures);
        assert_int_equal(m.queue.error, HAPLO_ETIMEDOUT);
        assert_in_range(wait_ms(&m), 125,
                        backoff_ceiling_ms(1000, 300000, failures));
    }
    go_fetching(&m);
    say(&m, QUEUE_EVENT_EMPTY);
    assert_int_equal(m.queue.failures, 0);
    assert_int_equal(m.queue.error, 0);
    go_fetching(&m);
    say_failed(&m, HAPLO_ETIMEDOUT, 0);
    assert_in_range(wait_ms(&m), 125, 1000);
}

/* Every kind of failed fetch but a refused key leads to the same wait. */
static void every_other_error_of_a_fetch_backs_off(void **state)
{
    (void)state;
    static const int errors[] = {
        HAPLO_ENOMEM,    HAPLO_ERESOLVE,  HAPLO_ECONNECT,  HAPLO_ETLS,
        HAPLO_ETIMEDOUT, HAPLO_ERESET,    HAPLO_ESERVER,   HAPLO_ELIMITED,
        HAPLO_EPROTOCOL, HAPLO_EREDIRECT, HAPLO_ENOTFOUND, HAPLO_ESTATUS,
        HAPLO_ECONTENT,  HAPLO_EDOCUMENT, HAPLO_ETOOBIG,   HAPLO_ETHROTTLED,
        HAPLO_ECACHED,   HAPLO_EPROXY};
    struct machine m;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        start(&m);
        go_fetching(&m);
        assert_int_equal(say_failed(&m, errors[i], 0), QUEUE_ACTION_DROP);
        assert_state(&m, HAPLO_QUEUE_BACKOFF);
        assert_in_range(wait_ms(&m), 125, 1000);
    }
}

/* A proxy that asks for time gets it, but within limits: its header must
 * not stop a queue for a year, nor wrap to no wait at all. */
static void retry_after_is_the_least_wait_up_to_an_hour(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    go_fetching(&m);
    say_failed(&m, HAPLO_ESERVER, 30 * SECOND_MS);
    assert_int_equal(wait_ms(&m), 30 * SECOND_MS);
    go_fetching(&m);
    say_failed(&m, HAPLO_ESERVER, 1);
    assert_in_range(wait_ms(&m), 125, 2000);
    go_fetching(&m);
    say_failed(&m, HAPLO_ESERVER, UINT64_MAX);
    assert_int_equal(wait_ms(&m), QUEUE_RETRY_AFTER_MAX_MS);
}

/* A wrong key that is tried again and again throttles the whole address. */
static void refused_key_is_retried_every_quarter_of_an_hour(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    for (int i = 0; i < 20; i++) {
        go_fetching(&m);
        assert_int_equal(say_failed(&m, HAPLO_EREFUSED, 0), QUEUE_ACTION_DROP);
        assert_state(&m, HAPLO_QUEUE_REFUSED);
        assert_in_range(wait_ms(&m), 810000, 990000);
    }
}

/* An operator who has put the right key in place need not wait. */
static void new_key_ends_refused_at_once(void **state)
{
    (void)state;
    struct machine m;
    go(&m, HAPLO_QUEUE_REFUSED);
    say(&m, QUEUE_EVENT_NEW_KEY);
    assert_state(&m, HAPLO_QUEUE_READY);
    assert_int_equal(wait_ms(&m), HEAP_NEVER);
}

/* A new key is not proven by what the old one could do. */
static void new_key_has_to_be_proven_in_every_state(void **state)
{
    (void)state;
    struct machine m;
    for (unsigned s = 0; s < STATES; s++) {
        go(&m, (enum haplo_queue_state)s);
        m.queue.key_proven = true;
        assert_int_equal(say(&m, QUEUE_EVENT_NEW_KEY), QUEUE_ACTION_NONE);
        assert_false(m.queue.key_proven);
        assert_state(&m, s == HAPLO_QUEUE_REFUSED ? HAPLO_QUEUE_READY
                                                  : (enum haplo_queue_state)s);
    }
}

/* What the change is told as */

/* A log line with an error is read as a failure. So the change to which a
 * failure leads reports it, and no later one repeats it. */
static void error_is_told_once_by_the_change_it_leads_to(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    go_fetching(&m);
    say_failed(&m, HAPLO_ECONNECT, 500);
    m.now_ms = 1000;
    say(&m, QUEUE_EVENT_DUE);
    say(&m, QUEUE_EVENT_STARTED);
    say_fetched(&m, 2);
    assert_trace(&m, "[   0] a/q: IDLE -> READY\n"
                     "[   0] a/q: READY -> FETCHING\n"
                     "[   0] a/q: FETCHING -> BACKOFF ECONNECT\n"
                     "[1000] a/q: BACKOFF -> READY\n"
                     "[1000] a/q: READY -> FETCHING\n"
                     "[1000] a/q: FETCHING -> DELIVERING 2\n");
    /* Whoever asks still learns the newest failure. */
    assert_int_equal(m.queue.error, HAPLO_ECONNECT);
}

/* The shape */

/* A slot is held, and a token outstanding, in these states and no others. */
static void slots_and_tokens_are_told_from_the_state(void **state)
{
    (void)state;
    struct machine m;
    for (unsigned s = 0; s < STATES; s++) {
        go(&m, (enum haplo_queue_state)s);
        const char *name = haplo_queue_state_name((enum haplo_queue_state)s);
        assert_int_equal(queue_is_in_flight(&m.queue),
                         strstr(name, "ING") != NULL &&
                             strstr(name, "DELIVERING") == NULL);
        assert_int_equal(queue_has_batch(&m.queue),
                         strstr(name, "MARK") != NULL ||
                             strstr(name, "DELIVER") != NULL);
    }
}

/* The edges of the diagram, as src/core/queue.h draws them. */
#define EDGE(from, to)                       \
    {                                        \
        HAPLO_QUEUE_##from, HAPLO_QUEUE_##to \
    }

static const enum haplo_queue_state diagram[][2] = {
    EDGE(IDLE, READY),
    EDGE(IDLE, PAUSED),
    EDGE(READY, FETCHING),
    EDGE(READY, PAUSED),
    EDGE(FETCHING, DELIVERING),
    EDGE(FETCHING, IDLE),
    EDGE(FETCHING, BACKOFF),
    EDGE(FETCHING, REFUSED),
    EDGE(FETCHING, PAUSED),
    EDGE(DELIVERING, MARK_READY),
    EDGE(DELIVERING, DELIVER_WAIT),
    EDGE(DELIVERING, BLOCKED),
    EDGE(DELIVERING, LAST_DELIVERING),
    EDGE(DELIVERING, READY),
    EDGE(DELIVERING, BACKOFF),
    EDGE(DELIVER_WAIT, DELIVERING),
    EDGE(DELIVER_WAIT, PAUSED),
    EDGE(MARK_READY, MARKING),
    EDGE(MARK_READY, BACKOFF),
    EDGE(MARK_READY, LAST_MARK_READY),
    EDGE(MARKING, IDLE),
    EDGE(MARKING, READY),
    EDGE(MARKING, MARK_WAIT),
    EDGE(MARKING, BACKOFF),
    EDGE(MARKING, REFUSED),
    EDGE(MARKING, LAST_MARKING),
    EDGE(MARK_WAIT, MARK_READY),
    EDGE(MARK_WAIT, LAST_MARK_WAIT),
    EDGE(BACKOFF, READY),
    EDGE(BACKOFF, PAUSED),
    EDGE(REFUSED, READY),
    EDGE(REFUSED, PAUSED),
    EDGE(BLOCKED, READY),
    EDGE(BLOCKED, PAUSED),
    EDGE(PAUSED, READY),
    EDGE(LAST_DELIVERING, LAST_MARK_READY),
    EDGE(LAST_DELIVERING, PAUSED),
    EDGE(LAST_DELIVERING, DELIVERING),
    EDGE(LAST_MARK_READY, LAST_MARKING),
    EDGE(LAST_MARK_READY, PAUSED),
    EDGE(LAST_MARK_READY, MARK_READY),
    EDGE(LAST_MARKING, PAUSED),
    EDGE(LAST_MARKING, LAST_MARK_WAIT),
    EDGE(LAST_MARKING, MARKING),
    EDGE(LAST_MARK_WAIT, LAST_MARK_READY),
    EDGE(LAST_MARK_WAIT, PAUSED),
    EDGE(LAST_MARK_WAIT, MARK_WAIT),
};

static uint64_t draw(struct machine *m, uint64_t bound)
{
    return random_below(&m->random, bound);
}

/* An event that can happen in the present state, at random. */
static struct queue_event any_event(struct machine *m)
{
    static const int errors[] = {HAPLO_ERESET, HAPLO_EREFUSED, HAPLO_ECONTENT,
                                 HAPLO_ESERVER};
    struct queue_event event = {0};
    switch (draw(m, 13)) {
    case 0:
        event.kind = QUEUE_EVENT_PAUSE;
        return event;
    case 1:
    case 2:
        event.kind = QUEUE_EVENT_RESUME;
        return event;
    case 3:
        event.kind = QUEUE_EVENT_POLL_NOW;
        return event;
    case 4:
        event.kind = QUEUE_EVENT_NEW_KEY;
        return event;
    case 5:
        event.kind = QUEUE_EVENT_GIVE_UP;
        return event;
    default:
        break;
    }
    switch (m->queue.state) {
    case HAPLO_QUEUE_READY:
    case HAPLO_QUEUE_MARK_READY:
    case HAPLO_QUEUE_LAST_MARK_READY:
        event.kind = QUEUE_EVENT_STARTED;
        break;
    case HAPLO_QUEUE_FETCHING:
        event.kind = (enum queue_event_kind)(QUEUE_EVENT_FETCHED + draw(m, 3));
        event.count = 16;
        break;
    case HAPLO_QUEUE_DELIVERING:
    case HAPLO_QUEUE_LAST_DELIVERING:
        event.kind = (enum queue_event_kind)(QUEUE_EVENT_ACCEPTED + draw(m, 5));
        break;
    case HAPLO_QUEUE_MARKING:
    case HAPLO_QUEUE_LAST_MARKING:
        event.kind = draw(m, 2) == 0 ? QUEUE_EVENT_MARKED : QUEUE_EVENT_FAILED;
        event.count = draw(m, 3) == 0 ? 0 : 16;
        event.unread_count = (int64_t)draw(m, 3) - 1;
        break;
    default:
        event.kind = QUEUE_EVENT_DUE;
    }
    event.error = errors[draw(m, sizeof errors / sizeof *errors)];
    return event;
}

/* Half of the time the clock goes to the end of the wait. */
static void walk_one_step(struct machine *m)
{
    bool has_wait = m->queue.due_ms != HEAP_NEVER;
    if (has_wait && draw(m, 2) == 0) {
        m->now_ms = m->queue.due_ms > m->now_ms ? m->queue.due_ms : m->now_ms;
        say(m, QUEUE_EVENT_DUE);
    } else {
        struct queue_event event = any_event(m);
        if (event.kind != QUEUE_EVENT_DUE) {
            m->now_ms += draw(m, 100);
            step(m, event);
        }
    }
    trace_clear(&m->trace);
}

/* Every edge that is drawn can be walked, and no other: an edge that nothing
 * leads over is a state machine that is not understood. */
static void random_walk_meets_every_edge_of_the_diagram_and_no_other(
    void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    m.random.state = 99;
    for (int i = 0; i < 100000; i++) {
        walk_one_step(&m);
    }
    for (size_t i = 0; i < sizeof diagram / sizeof *diagram; i++) {
        unsigned *seen = &m.edges_seen[diagram[i][0]][diagram[i][1]];
        if (*seen == 0) {
            fail_msg("never seen: %s -> %s",
                     haplo_queue_state_name(diagram[i][0]),
                     haplo_queue_state_name(diagram[i][1]));
        }
        *seen = 0;
    }
    for (unsigned from = 0; from < STATES; from++) {
        for (unsigned to = 0; to < STATES; to++) {
            if (m.edges_seen[from][to] != 0) {
                fail_msg("not in the diagram: %s -> %s",
                         haplo_queue_state_name((enum haplo_queue_state)from),
                         haplo_queue_state_name((enum haplo_queue_state)to));
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batch_is_fetched_delivered_and_marked),
        cmocka_unit_test(more_unread_makes_it_due_at_once),
        cmocka_unit_test(mark_without_unread_count_fetches_again),
        cmocka_unit_test(mark_of_fewer_than_the_batch_is_a_success),
        cmocka_unit_test(empty_fetch_delivers_marks_and_confirms_nothing),
        cmocka_unit_test(first_fetch_waits_for_the_given_time),
        cmocka_unit_test(
            interval_stretches_while_empty_and_a_message_resets_it),
        cmocka_unit_test(interval_has_a_tenth_of_jitter),
        cmocka_unit_test(failed_fetches_wait_longer_each_time_until_success),
        cmocka_unit_test(every_other_error_of_a_fetch_backs_off),
        cmocka_unit_test(retry_after_is_the_least_wait_up_to_an_hour),
        cmocka_unit_test(refused_key_is_retried_every_quarter_of_an_hour),
        cmocka_unit_test(new_key_ends_refused_at_once),
        cmocka_unit_test(new_key_has_to_be_proven_in_every_state),
        cmocka_unit_test(error_is_told_once_by_the_change_it_leads_to),
        cmocka_unit_test(slots_and_tokens_are_told_from_the_state),
        cmocka_unit_test(
            random_walk_meets_every_edge_of_the_diagram_and_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
