/* The state machine of one queue, alone: golden traces in virtual time. The
 * clock is moved by hand; every wait's length is checked where it begins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "trace.h"

#define STATES (HAPLO_QUEUE_LAST_MARK_WAIT + 1)
#define SECOND_MS 1000
#define MINUTE_MS 60000

/* One queue, its clock and what it did. */
struct machine {
    struct queue queue;
    struct random random;
    uint64_t now_ms;
    struct trace trace;
    unsigned edges_seen[STATES][STATES];
};

static const struct queue_policy default_policy = {
    .interval_ms = MINUTE_MS,
    .interval_max_ms = 0,
    .backoff_ms = SECOND_MS,
    .backoff_max_ms = 5 * MINUTE_MS,
    .refused_ms = 15 * MINUTE_MS,
    .mark_attempts_max = 4,
    .deliver_attempts_max = 0,
};

static void on_change(void *data, const struct queue *queue,
                      enum haplo_queue_state from, int error)
{
    struct machine *m = data;
    m->edges_seen[from][queue->state]++;
    trace_queue(&m->trace, m->now_ms, "a/q", queue, from, error);
}

static void start_with(struct machine *m, const struct queue_policy *policy)
{
    memset(m, 0, sizeof *m);
    m->random.state = 1;
    queue_init(&m->queue, policy, NULL, 7, false, 0);
}

static void start(struct machine *m)
{
    start_with(m, &default_policy);
}

static enum queue_action step(struct machine *m, struct queue_event event)
{
    const struct step_context context = {m->now_ms, &m->random, on_change, m};
    return queue_step(&m->queue, &event, &context);
}

static enum queue_action say(struct machine *m, enum queue_event_kind kind)
{
    return step(m, (struct queue_event){.kind = kind});
}

static enum queue_action say_fetched(struct machine *m, uint64_t count)
{
    return step(
        m, (struct queue_event){.kind = QUEUE_EVENT_FETCHED, .count = count});
}

static enum queue_action say_failed(struct machine *m, int error,
                                    uint64_t delay_ms)
{
    return step(m, (struct queue_event){.kind = QUEUE_EVENT_FAILED,
                                        .error = error,
                                        .delay_ms = delay_ms});
}

static enum queue_action say_retry(struct machine *m, uint64_t delay_ms)
{
    return step(m, (struct queue_event){.kind = QUEUE_EVENT_RETRY,
                                        .delay_ms = delay_ms});
}

static enum queue_action say_marked(struct machine *m, uint64_t count,
                                    int64_t unread_count)
{
    return step(m, (struct queue_event){.kind = QUEUE_EVENT_MARKED,
                                        .count = count,
                                        .unread_count = unread_count});
}

/* The wait that has just begun; HEAP_NEVER if there is none. */
static uint64_t wait_ms(const struct machine *m)
{
    return m->queue.due_ms == HEAP_NEVER ? HEAP_NEVER
                                         : m->queue.due_ms - m->now_ms;
}

/* Lets the wait pass. */
static enum queue_action wait_over(struct machine *m)
{
    assert_true(m->queue.due_ms != HEAP_NEVER);
    m->now_ms = m->queue.due_ms;
    return say(m, QUEUE_EVENT_DUE);
}

static void assert_state(const struct machine *m, enum haplo_queue_state state)
{
    assert_string_equal(haplo_queue_state_name(m->queue.state),
                        haplo_queue_state_name(state));
}

static void assert_trace(struct machine *m, const char *expected)
{
    assert_string_equal(m->trace.text, expected);
    trace_clear(&m->trace);
}

/* -- From a fresh queue to each state, by the shortest way ----------------- */

static void go_fetching(struct machine *m)
{
    if (m->queue.state != HAPLO_QUEUE_READY) {
        wait_over(m);
    }
    say(m, QUEUE_EVENT_STARTED);
    assert_state(m, HAPLO_QUEUE_FETCHING);
}

static void go_delivering(struct machine *m)
{
    go_fetching(m);
    assert_int_equal(say_fetched(m, 16), QUEUE_ACTION_DELIVER);
}

static void go_mark_ready(struct machine *m)
{
    go_delivering(m);
    assert_int_equal(say(m, QUEUE_EVENT_ACCEPTED), QUEUE_ACTION_NONE);
}

static void go_marking(struct machine *m)
{
    go_mark_ready(m);
    say(m, QUEUE_EVENT_STARTED);
    assert_state(m, HAPLO_QUEUE_MARKING);
}

static void go_mark_wait(struct machine *m)
{
    go_marking(m);
    assert_int_equal(say_failed(m, HAPLO_ERESET, 0), QUEUE_ACTION_NONE);
    assert_state(m, HAPLO_QUEUE_MARK_WAIT);
}

static void go(struct machine *m, enum haplo_queue_state state)
{
    start(m);
    switch (state) {
    case HAPLO_QUEUE_IDLE:
        break;
    case HAPLO_QUEUE_READY:
        wait_over(m);
        break;
    case HAPLO_QUEUE_FETCHING:
        go_fetching(m);
        break;
    case HAPLO_QUEUE_DELIVERING:
    case HAPLO_QUEUE_LAST_DELIVERING:
        go_delivering(m);
        break;
    case HAPLO_QUEUE_DELIVER_WAIT:
        go_delivering(m);
        say_retry(m, 500);
        break;
    case HAPLO_QUEUE_MARK_READY:
    case HAPLO_QUEUE_LAST_MARK_READY:
        go_mark_ready(m);
        break;
    case HAPLO_QUEUE_MARKING:
    case HAPLO_QUEUE_LAST_MARKING:
        go_marking(m);
        break;
    case HAPLO_QUEUE_MARK_WAIT:
    case HAPLO_QUEUE_LAST_MARK_WAIT:
        go_mark_wait(m);
        break;
    case HAPLO_QUEUE_BACKOFF:
        go_fetching(m);
        say_failed(m, HAPLO_ECONNECT, 0);
        break;
    case HAPLO_QUEUE_REFUSED:
        go_fetching(m);
        say_failed(m, HAPLO_EREFUSED, 0);
        break;
    case HAPLO_QUEUE_BLOCKED:
        go_delivering(m);
        say(m, QUEUE_EVENT_REJECTED);
        break;
    case HAPLO_QUEUE_PAUSED:
        break;
    }
    if (state >= HAPLO_QUEUE_PAUSED) {
        say(m, QUEUE_EVENT_PAUSE);
    }
    assert_state(m, state);
    trace_clear(&m->trace);
}

/* -- The happy path ------------------------------------------------------- */

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
    assert_int_equal(m.queue.epoch, 7);
    assert_int_equal(say_marked(&m, 16, 0), QUEUE_ACTION_CONFIRM);
    assert_trace(&m, "[ 100] a/q: IDLE -> READY\n"
                     "[ 100] a/q: READY -> FETCHING\n"
                     "[ 200] a/q: FETCHING -> DELIVERING 16\n"
                     "[ 300] a/q: DELIVERING -> MARK_READY 16\n"
                     "[ 300] a/q: MARK_READY -> MARKING 16\n"
                     "[ 400] a/q: MARKING -> IDLE\n");
    assert_int_equal(m.queue.epoch, 8);
    assert_false(m.queue.is_unconfirmed);
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
    assert_int_equal(m.queue.epoch, 8);
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
    assert_int_equal(m.queue.epoch, 8);
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
    assert_int_equal(m.queue.epoch, 8);
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
    assert_int_equal(m.queue.epoch, 7);
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
    queue_init(&m.queue, &default_policy, NULL, 3, true, 41000);
    assert_state(&m, HAPLO_QUEUE_IDLE);
    assert_int_equal(wait_ms(&m), 41000);
    assert_int_equal(m.queue.epoch, 3);
    assert_int_equal(m.queue.unread_count, -1);
}

/* -- The interval ---------------------------------------------------------- */

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

/* -- Failed fetches -------------------------------------------------------- */

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
        HAPLO_ETIMEDOUT, HAPLO_ERESET,    HAPLO_ESERVER,   HAPLO_EPROTOCOL,
        HAPLO_EREDIRECT, HAPLO_ENOTFOUND, HAPLO_ESTATUS,   HAPLO_ECONTENT,
        HAPLO_EDOCUMENT, HAPLO_ETOOBIG,   HAPLO_ETHROTTLED};
    struct machine m;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        start(&m);
        go_fetching(&m);
        assert_int_equal(say_failed(&m, errors[i], 0), QUEUE_ACTION_DROP);
        assert_state(&m, HAPLO_QUEUE_BACKOFF);
        assert_in_range(wait_ms(&m), 125, 1000);
        assert_int_equal(m.queue.epoch, 7);
    }
}

/* A proxy that asks for time gets it, but not without end: its header must
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

/* -- Marks that fail ------------------------------------------------------- */

/* The answer to a mark may be lost: the same token again is right, and its
 * count of 0 then says that the first one had been heard. */
static void lost_mark_is_repeated_with_the_same_token(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    go_marking(&m);
    trace_clear(&m.trace);
    m.now_ms = 1000;
    assert_int_equal(say_failed(&m, HAPLO_ETIMEDOUT, 0), QUEUE_ACTION_NONE);
    assert_in_range(wait_ms(&m), 62, 500);
    m.now_ms = 1500;
    say(&m, QUEUE_EVENT_DUE);
    say(&m, QUEUE_EVENT_STARTED);
    m.now_ms = 2000;
    assert_int_equal(say_marked(&m, 0, 5), QUEUE_ACTION_CONFIRM);
    assert_trace(&m, "[1000] a/q: MARKING -> MARK_WAIT ETIMEDOUT\n"
                     "[1500] a/q: MARK_WAIT -> MARK_READY 16\n"
                     "[1500] a/q: MARK_READY -> MARKING 16\n"
                     "[2000] a/q: MARKING -> READY\n");
    assert_int_equal(m.queue.epoch, 8);
    assert_int_equal(m.queue.error, 0);
    assert_int_equal(m.queue.failures, 0);
}

/* Failing marks must not go on for ever; a fresh fetch finds out what is
 * still unread, in the same epoch, so that repeats are recognised. */
static void token_is_given_up_after_its_attempts_and_fetched_afresh(
    void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    go_marking(&m);
    for (unsigned attempt = 1; attempt < 4; attempt++) {
        assert_int_equal(say_failed(&m, HAPLO_ESERVER, 0), QUEUE_ACTION_NONE);
        assert_state(&m, HAPLO_QUEUE_MARK_WAIT);
        assert_in_range(wait_ms(&m), 62,
                        backoff_ceiling_ms(QUEUE_MARK_RETRY_MS,
                                           QUEUE_MARK_RETRY_MAX_MS, attempt));
        wait_over(&m);
        say(&m, QUEUE_EVENT_STARTED);
        assert_int_equal(m.queue.mark_attempts, attempt + 1);
    }
    assert_int_equal(say_failed(&m, HAPLO_ESERVER, 0), QUEUE_ACTION_DROP);
    assert_state(&m, HAPLO_QUEUE_BACKOFF);
    assert_int_equal(m.queue.epoch, 7);
    assert_true(m.queue.is_unconfirmed);
    go_delivering(&m);
    assert_int_equal(m.queue.epoch, 7);
    assert_int_equal(m.queue.mark_attempts, 0);
}

/* One attempt may be all that is allowed. */
static void single_attempt_is_not_repeated(void **state)
{
    (void)state;
    struct machine m;
    struct queue_policy policy = default_policy;
    policy.mark_attempts_max = 1;
    start_with(&m, &policy);
    go_marking(&m);
    assert_int_equal(say_failed(&m, HAPLO_ERESET, 0), QUEUE_ACTION_DROP);
    assert_state(&m, HAPLO_QUEUE_BACKOFF);
}

/* A token posted long after would mark a message that an administrator has
 * unsent in between: the resend would be lost. */
static void token_is_given_up_when_its_retry_would_come_too_late(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    go_marking(&m);
    assert_int_equal(say_failed(&m, HAPLO_ESERVER, 59 * SECOND_MS),
                     QUEUE_ACTION_NONE);
    assert_state(&m, HAPLO_QUEUE_MARK_WAIT);
    wait_over(&m);
    say(&m, QUEUE_EVENT_STARTED);
    assert_int_equal(say_failed(&m, HAPLO_ESERVER, SECOND_MS),
                     QUEUE_ACTION_DROP);
    assert_state(&m, HAPLO_QUEUE_BACKOFF);

    start(&m);
    go_marking(&m);
    assert_int_equal(say_failed(&m, HAPLO_ESERVER, QUEUE_MARK_AGE_MAX_MS),
                     QUEUE_ACTION_DROP);
    assert_state(&m, HAPLO_QUEUE_BACKOFF);
    assert_int_equal(wait_ms(&m), QUEUE_MARK_AGE_MAX_MS);
}

/* The age counts from the first post, not from the newest. */
static void repeated_mark_waits_for_its_turn_until_the_token_is_too_old(
    void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    m.now_ms = 1000;
    go_mark_wait(&m);
    wait_over(&m);
    trace_clear(&m.trace);
    assert_state(&m, HAPLO_QUEUE_MARK_READY);
    assert_int_equal(m.queue.due_ms, m.queue.first_mark_ms + 60000);
    m.now_ms = m.queue.due_ms;
    unsigned failures = m.queue.failures;
    assert_int_equal(say(&m, QUEUE_EVENT_DUE), QUEUE_ACTION_DROP);
    assert_trace(&m, "[60000] a/q: MARK_READY -> BACKOFF ERESET\n");
    assert_int_equal(m.queue.failures, failures + 1);
    assert_int_equal(m.queue.epoch, 7);
    assert_true(m.queue.is_unconfirmed);
}

/* What was never posted was never marked, and so cannot have been unsent: it
 * waits for a server that is silent or down, however long that takes. */
static void first_mark_waits_for_its_turn_without_end(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    go_mark_ready(&m);
    assert_int_equal(wait_ms(&m), HEAP_NEVER);
    m.now_ms += 24 * 60 * MINUTE_MS;
    say(&m, QUEUE_EVENT_STARTED);
    assert_int_equal(m.queue.first_mark_ms, m.now_ms);
    assert_int_equal(say_failed(&m, HAPLO_ERESET, 0), QUEUE_ACTION_NONE);
    assert_state(&m, HAPLO_QUEUE_MARK_WAIT);
}

/* What was delivered and is not unread any more has been marked: without the
 * end of the epoch, a later resend would pass for a repeat and be lost. */
static void empty_fetch_after_a_given_up_mark_confirms(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    go_marking(&m);
    say_failed(&m, HAPLO_EDOCUMENT, 0);
    assert_state(&m, HAPLO_QUEUE_BACKOFF);
    go_fetching(&m);
    assert_int_equal(say(&m, QUEUE_EVENT_EMPTY), QUEUE_ACTION_CONFIRM);
    assert_state(&m, HAPLO_QUEUE_IDLE);
    assert_int_equal(m.queue.epoch, 8);
    assert_int_equal(m.queue.batch_count, 0);
    go_fetching(&m);
    assert_int_equal(say(&m, QUEUE_EVENT_EMPTY), QUEUE_ACTION_DROP);
    assert_int_equal(m.queue.epoch, 8);
}

/* The same after a crash between the sink's accept and the confirmation. */
static void empty_fetch_after_a_restart_confirms_what_was_unconfirmed(
    void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    queue_init(&m.queue, &default_policy, NULL, 3, true, 0);
    go_fetching(&m);
    assert_int_equal(say(&m, QUEUE_EVENT_EMPTY), QUEUE_ACTION_CONFIRM);
    assert_int_equal(m.queue.epoch, 5);
    assert_false(m.queue.is_unconfirmed);
}

/* A batch after a lost mark need not have all that was delivered before: what
 * it lacks is not confirmed by its mark, and would pass for new in the next
 * epoch if nobody knew. When nothing is unread, it is confirmed after all. */
static void leftovers_of_a_lost_mark_last_until_the_queue_is_drained(
    void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    go_marking(&m);
    say_failed(&m, HAPLO_EDOCUMENT, 0);
    go_marking(&m);
    assert_true(m.queue.has_leftovers);
    assert_int_equal(say_marked(&m, 16, 5), QUEUE_ACTION_CONFIRM);
    assert_int_equal(m.queue.epoch, 8);
    assert_true(m.queue.is_unconfirmed);
    go_marking(&m);
    assert_true(m.queue.has_leftovers);
    assert_int_equal(say_marked(&m, 5, 0), QUEUE_ACTION_CONFIRM);
    assert_int_equal(m.queue.epoch, 10);
    assert_false(m.queue.is_unconfirmed);
    go_marking(&m);
    assert_false(m.queue.has_leftovers);
    assert_int_equal(say_marked(&m, 16, 0), QUEUE_ACTION_CONFIRM);
    assert_int_equal(m.queue.epoch, 11);
}

/* An application that does not know whether it has stored a batch does not
 * accept it; if it has, what an earlier batch delivered and this one lacked is
 * in the next epoch now, and confirmed only by skipping that. */
static void batch_without_acceptance_may_have_made_leftovers(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    go_marking(&m);
    say_failed(&m, HAPLO_EDOCUMENT, 0);
    go_delivering(&m);
    assert_int_equal(say(&m, QUEUE_EVENT_REJECTED), QUEUE_ACTION_DROP);
    say(&m, QUEUE_EVENT_POLL_NOW);
    go_fetching(&m);
    assert_int_equal(say(&m, QUEUE_EVENT_EMPTY), QUEUE_ACTION_CONFIRM);
    assert_int_equal(m.queue.epoch, 9);
    assert_false(m.queue.is_unconfirmed);
}

/* A batch that was fetched but never accepted leaves nothing to confirm. */
static void empty_fetch_after_a_rejected_batch_confirms_nothing(void **state)
{
    (void)state;
    struct machine m;
    go(&m, HAPLO_QUEUE_BLOCKED);
    say(&m, QUEUE_EVENT_POLL_NOW);
    go_fetching(&m);
    assert_int_equal(say(&m, QUEUE_EVENT_EMPTY), QUEUE_ACTION_DROP);
    assert_int_equal(m.queue.epoch, 7);
}

/* Errors that a repetition cannot mend give the token up at once. */
static void permanent_error_of_a_mark_is_not_repeated(void **state)
{
    (void)state;
    static const int errors[] = {HAPLO_EREDIRECT, HAPLO_ENOTFOUND,
                                 HAPLO_ESTATUS, HAPLO_ECONTENT,
                                 HAPLO_EDOCUMENT};
    struct machine m;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        start(&m);
        go_marking(&m);
        assert_int_equal(say_failed(&m, errors[i], 0), QUEUE_ACTION_DROP);
        assert_state(&m, HAPLO_QUEUE_BACKOFF);
        assert_int_equal(m.queue.error, errors[i]);
    }
}

/* A refused POST is not told why, a GET is; but a server that refuses every
 * POST must not be hammered with pairs of both. */
static void refused_mark_fetches_once_at_once_and_then_backs_off(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    go_marking(&m);
    trace_clear(&m.trace);
    assert_int_equal(say_failed(&m, HAPLO_EREFUSED, 0), QUEUE_ACTION_DROP);
    assert_trace(&m, "[   0] a/q: MARKING -> READY EREFUSED\n");
    go_marking(&m);
    trace_clear(&m.trace);
    assert_int_equal(say_failed(&m, HAPLO_EREFUSED, 0), QUEUE_ACTION_DROP);
    assert_trace(&m, "[   0] a/q: MARKING -> BACKOFF EREFUSED\n");
    assert_in_range(wait_ms(&m), 125, 2000);
    go_marking(&m);
    say_marked(&m, 16, 0);
    go_marking(&m);
    say_failed(&m, HAPLO_EREFUSED, 0);
    assert_state(&m, HAPLO_QUEUE_READY);
}

/* The fetch after a refused mark may learn that it is the key. */
static void refused_mark_whose_fetch_is_refused_too_is_refused(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    go_marking(&m);
    say_failed(&m, HAPLO_EREFUSED, 0);
    say(&m, QUEUE_EVENT_STARTED);
    say_failed(&m, HAPLO_EREFUSED, 0);
    assert_state(&m, HAPLO_QUEUE_REFUSED);
    assert_int_equal(m.queue.epoch, 7);
    assert_true(m.queue.is_unconfirmed);
}

/* A mark that marks nothing would bring the same batch again and again. */
static void first_mark_without_effect_is_no_progress_and_backs_off(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    for (unsigned i = 1; i <= 10; i++) {
        go_marking(&m);
        trace_clear(&m.trace);
        assert_int_equal(say_marked(&m, 0, 16), QUEUE_ACTION_DROP);
        assert_state(&m, HAPLO_QUEUE_BACKOFF);
        assert_non_null(strstr(m.trace.text, "-> BACKOFF ENOPROGRESS\n"));
        assert_int_equal(m.queue.failures, i);
        assert_in_range(wait_ms(&m), 125, backoff_ceiling_ms(1000, 300000, i));
        assert_int_equal(m.queue.epoch, 7);
    }
    go_marking(&m);
    assert_int_equal(say_marked(&m, 16, 0), QUEUE_ACTION_CONFIRM);
    assert_int_equal(m.queue.epoch, 9);
    assert_int_equal(m.queue.failures, 0);
}

/* Nothing marked and nothing unread: another consumer was faster. */
static void first_mark_of_nothing_confirms_when_nothing_is_unread(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    go_marking(&m);
    assert_int_equal(say_marked(&m, 0, 0), QUEUE_ACTION_CONFIRM);
    assert_state(&m, HAPLO_QUEUE_IDLE);
}

/* A server of 2019 that marks nothing and says no more: the fetch decides,
 * and must not follow at once for ever. */
static void first_mark_of_nothing_without_unread_count_backs_off(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    go_marking(&m);
    assert_int_equal(say_marked(&m, 0, -1), QUEUE_ACTION_DROP);
    assert_state(&m, HAPLO_QUEUE_BACKOFF);
    go_fetching(&m);
    assert_int_equal(say(&m, QUEUE_EVENT_EMPTY), QUEUE_ACTION_CONFIRM);
    assert_int_equal(m.queue.epoch, 8);
}

/* -- Deliveries ------------------------------------------------------------ */

/* A sink that is down for a while keeps its batch; the server is not asked
 * again for it. */
static void retried_delivery_gets_the_same_batch_again(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    go_delivering(&m);
    trace_clear(&m.trace);
    assert_int_equal(say_retry(&m, 2500), QUEUE_ACTION_NONE);
    assert_int_equal(wait_ms(&m), 2500);
    assert_int_equal(wait_over(&m), QUEUE_ACTION_DELIVER);
    say(&m, QUEUE_EVENT_ACCEPTED);
    assert_trace(&m, "[   0] a/q: DELIVERING -> DELIVER_WAIT EDELIVERY\n"
                     "[2500] a/q: DELIVER_WAIT -> DELIVERING 16\n"
                     "[2500] a/q: DELIVERING -> MARK_READY 16\n");
}

/* Without a time of its own, the application waits as the queue does. */
static void retried_delivery_without_a_delay_backs_off(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    go_delivering(&m);
    for (unsigned attempt = 1; attempt <= 12; attempt++) {
        assert_int_equal(say_retry(&m, 0), QUEUE_ACTION_NONE);
        assert_in_range(wait_ms(&m), 125,
                        backoff_ceiling_ms(1000, 300000, attempt));
        assert_int_equal(wait_over(&m), QUEUE_ACTION_DELIVER);
    }
}

/* "Never again" said as a time must not wrap to "at once". */
static void endless_delay_of_a_delivery_stays_a_wait(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    m.now_ms = 5000;
    go_delivering(&m);
    say_retry(&m, UINT64_MAX);
    assert_state(&m, HAPLO_QUEUE_DELIVER_WAIT);
    assert_true(m.queue.due_ms > m.now_ms + 1000 * (uint64_t)MINUTE_MS);
    assert_true(m.queue.due_ms != HEAP_NEVER);
}

/* One poison message must not be delivered without end where the operator
 * has set an end. */
static void delivery_retries_run_out_into_blocked(void **state)
{
    (void)state;
    struct machine m;
    struct queue_policy policy = default_policy;
    policy.deliver_attempts_max = 3;
    start_with(&m, &policy);
    go_delivering(&m);
    assert_int_equal(say_retry(&m, 10), QUEUE_ACTION_NONE);
    assert_int_equal(wait_over(&m), QUEUE_ACTION_DELIVER);
    assert_int_equal(say_retry(&m, 10), QUEUE_ACTION_NONE);
    assert_int_equal(wait_over(&m), QUEUE_ACTION_DELIVER);
    trace_clear(&m.trace);
    assert_int_equal(say_retry(&m, 10), QUEUE_ACTION_DROP);
    assert_trace(&m, "[  20] a/q: DELIVERING -> BLOCKED EREJECTED\n");
    assert_int_equal(m.queue.epoch, 7);
}

/* A rejected batch is not marked, and nothing comes of it by itself. */
static void rejected_batch_blocks_until_somebody_polls(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    go_delivering(&m);
    assert_int_equal(say(&m, QUEUE_EVENT_REJECTED), QUEUE_ACTION_DROP);
    assert_state(&m, HAPLO_QUEUE_BLOCKED);
    assert_int_equal(wait_ms(&m), HEAP_NEVER);
    assert_false(m.queue.is_unconfirmed);
    say(&m, QUEUE_EVENT_POLL_NOW);
    assert_state(&m, HAPLO_QUEUE_READY);
}

/* -- Pauses ---------------------------------------------------------------- */

/* A pause fetches nothing more, but finishes a batch that somebody has: half
 * a batch would be delivered twice. */
static void pause_in_every_state_lets_go_or_finishes_the_batch(void **state)
{
    (void)state;
    static const struct {
        enum haplo_queue_state from, to;
        enum queue_action action;
    } cases[] = {
        {HAPLO_QUEUE_IDLE, HAPLO_QUEUE_PAUSED, QUEUE_ACTION_NONE},
        {HAPLO_QUEUE_READY, HAPLO_QUEUE_PAUSED, QUEUE_ACTION_NONE},
        {HAPLO_QUEUE_FETCHING, HAPLO_QUEUE_PAUSED, QUEUE_ACTION_CANCEL},
        {HAPLO_QUEUE_DELIVERING, HAPLO_QUEUE_LAST_DELIVERING,
         QUEUE_ACTION_NONE},
        {HAPLO_QUEUE_DELIVER_WAIT, HAPLO_QUEUE_PAUSED, QUEUE_ACTION_DROP},
        {HAPLO_QUEUE_MARK_READY, HAPLO_QUEUE_LAST_MARK_READY,
         QUEUE_ACTION_NONE},
        {HAPLO_QUEUE_MARKING, HAPLO_QUEUE_LAST_MARKING, QUEUE_ACTION_NONE},
        {HAPLO_QUEUE_MARK_WAIT, HAPLO_QUEUE_LAST_MARK_WAIT, QUEUE_ACTION_NONE},
        {HAPLO_QUEUE_BACKOFF, HAPLO_QUEUE_PAUSED, QUEUE_ACTION_NONE},
        {HAPLO_QUEUE_REFUSED, HAPLO_QUEUE_PAUSED, QUEUE_ACTION_NONE},
        {HAPLO_QUEUE_BLOCKED, HAPLO_QUEUE_PAUSED, QUEUE_ACTION_NONE},
    };
    struct machine m;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        go(&m, cases[i].from);
        assert_int_equal(say(&m, QUEUE_EVENT_PAUSE), cases[i].action);
        assert_state(&m, cases[i].to);
        /* A second pause changes nothing. */
        trace_clear(&m.trace);
        assert_int_equal(say(&m, QUEUE_EVENT_PAUSE), QUEUE_ACTION_NONE);
        assert_trace(&m, "");
    }
}

/* A resume takes up the batch where the pause has left it, waits included. */
static void resume_goes_on_where_the_pause_was(void **state)
{
    (void)state;
    static const struct {
        enum haplo_queue_state from, to;
    } cases[] = {
        {HAPLO_QUEUE_PAUSED, HAPLO_QUEUE_READY},
        {HAPLO_QUEUE_LAST_DELIVERING, HAPLO_QUEUE_DELIVERING},
        {HAPLO_QUEUE_LAST_MARK_READY, HAPLO_QUEUE_MARK_READY},
        {HAPLO_QUEUE_LAST_MARKING, HAPLO_QUEUE_MARKING},
        {HAPLO_QUEUE_LAST_MARK_WAIT, HAPLO_QUEUE_MARK_WAIT},
    };
    struct machine m;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        go(&m, cases[i].from);
        uint64_t due_ms = m.queue.due_ms;
        assert_int_equal(say(&m, QUEUE_EVENT_RESUME), QUEUE_ACTION_NONE);
        assert_state(&m, cases[i].to);
        if (cases[i].from != HAPLO_QUEUE_PAUSED) {
            assert_int_equal(m.queue.due_ms, due_ms);
        }
        trace_clear(&m.trace);
        assert_int_equal(say(&m, QUEUE_EVENT_RESUME), QUEUE_ACTION_NONE);
        assert_trace(&m, "");
    }
}

/* The batch at hand is delivered and marked before the queue rests. */
static void pausing_finishes_the_batch_and_fetches_no_other(void **state)
{
    (void)state;
    struct machine m;
    go(&m, HAPLO_QUEUE_DELIVERING);
    say(&m, QUEUE_EVENT_PAUSE);
    say(&m, QUEUE_EVENT_ACCEPTED);
    say(&m, QUEUE_EVENT_STARTED);
    assert_int_equal(say_marked(&m, 16, 100), QUEUE_ACTION_CONFIRM);
    assert_trace(&m, "[   0] a/q: DELIVERING -> LAST_DELIVERING 16\n"
                     "[   0] a/q: LAST_DELIVERING -> LAST_MARK_READY 16\n"
                     "[   0] a/q: LAST_MARK_READY -> LAST_MARKING 16\n"
                     "[   0] a/q: LAST_MARKING -> PAUSED\n");
    assert_int_equal(m.queue.epoch, 8);
}

/* A pause does not keep an unwilling application waiting for its batch. */
static void pausing_drops_a_batch_that_is_not_accepted(void **state)
{
    (void)state;
    struct machine m;
    go(&m, HAPLO_QUEUE_LAST_DELIVERING);
    assert_int_equal(say_retry(&m, 100), QUEUE_ACTION_DROP);
    assert_trace(&m, "[   0] a/q: LAST_DELIVERING -> PAUSED EDELIVERY\n");
    go(&m, HAPLO_QUEUE_LAST_DELIVERING);
    assert_int_equal(say(&m, QUEUE_EVENT_REJECTED), QUEUE_ACTION_DROP);
    assert_trace(&m, "[   0] a/q: LAST_DELIVERING -> PAUSED EREJECTED\n");
    assert_int_equal(m.queue.epoch, 7);
    assert_false(m.queue.is_unconfirmed);
}

/* A lost mark is repeated while pausing, too, as often and as long. */
static void pausing_repeats_a_lost_mark_within_the_same_bounds(void **state)
{
    (void)state;
    struct machine m;
    go(&m, HAPLO_QUEUE_LAST_MARKING);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(say_failed(&m, HAPLO_ERESET, 0), QUEUE_ACTION_NONE);
        assert_state(&m, HAPLO_QUEUE_LAST_MARK_WAIT);
        wait_over(&m);
        assert_state(&m, HAPLO_QUEUE_LAST_MARK_READY);
        assert_int_equal(m.queue.due_ms, QUEUE_MARK_AGE_MAX_MS);
        say(&m, QUEUE_EVENT_STARTED);
        assert_state(&m, HAPLO_QUEUE_LAST_MARKING);
    }
    assert_int_equal(say_failed(&m, HAPLO_ERESET, 0), QUEUE_ACTION_DROP);
    assert_state(&m, HAPLO_QUEUE_PAUSED);

    go(&m, HAPLO_QUEUE_LAST_MARK_WAIT);
    wait_over(&m);
    assert_int_equal(wait_over(&m), QUEUE_ACTION_DROP);
    assert_state(&m, HAPLO_QUEUE_PAUSED);
    assert_int_equal(m.now_ms, QUEUE_MARK_AGE_MAX_MS);
}

/* Neither a refusal nor a mark without effect keeps a queue from pausing. */
static void pausing_ends_when_the_mark_cannot_be_done(void **state)
{
    (void)state;
    struct machine m;
    go(&m, HAPLO_QUEUE_LAST_MARKING);
    assert_int_equal(say_failed(&m, HAPLO_EREFUSED, 0), QUEUE_ACTION_DROP);
    assert_trace(&m, "[   0] a/q: LAST_MARKING -> PAUSED EREFUSED\n");
    go(&m, HAPLO_QUEUE_LAST_MARKING);
    assert_int_equal(say_marked(&m, 0, 16), QUEUE_ACTION_DROP);
    assert_trace(&m, "[   0] a/q: LAST_MARKING -> PAUSED ENOPROGRESS\n");
    assert_int_equal(m.queue.epoch, 7);
    assert_true(m.queue.is_unconfirmed);
}

/* An operator who looks at a paused queue must not see an old failure that
 * its last mark has made good. */
static void success_of_the_last_mark_forgets_earlier_failures(void **state)
{
    (void)state;
    struct machine m;
    go(&m, HAPLO_QUEUE_BACKOFF);
    go_mark_wait(&m);
    say(&m, QUEUE_EVENT_PAUSE);
    wait_over(&m);
    say(&m, QUEUE_EVENT_STARTED);
    assert_int_equal(m.queue.failures, 1);
    assert_int_equal(say_marked(&m, 16, 0), QUEUE_ACTION_CONFIRM);
    assert_state(&m, HAPLO_QUEUE_PAUSED);
    assert_int_equal(m.queue.failures, 0);
    assert_int_equal(m.queue.error, 0);
}

/* -- Poll now ---------------------------------------------------------------
 */

/* Poll-now shortens waits without a batch, and never touches a batch. */
static void poll_now_ends_waits_and_leaves_batches_alone(void **state)
{
    (void)state;
    struct machine m;
    for (unsigned s = 0; s < STATES; s++) {
        go(&m, (enum haplo_queue_state)s);
        uint64_t due_ms = m.queue.due_ms;
        assert_int_equal(say(&m, QUEUE_EVENT_POLL_NOW), QUEUE_ACTION_NONE);
        switch (s) {
        case HAPLO_QUEUE_IDLE:
        case HAPLO_QUEUE_BACKOFF:
        case HAPLO_QUEUE_REFUSED:
        case HAPLO_QUEUE_BLOCKED:
            assert_state(&m, HAPLO_QUEUE_READY);
            assert_int_equal(wait_ms(&m), HEAP_NEVER);
            break;
        default:
            assert_state(&m, (enum haplo_queue_state)s);
            assert_int_equal(m.queue.due_ms, due_ms);
        }
    }
}

/* -- What the change is told as ---------------------------------------------
 */

/* A log line with an error is read as a failure: the change that a failure
 * leads to tells it, and no later one tells it again. */
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

/* -- The shape ---------------------------------------------------------------
 */

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
    EDGE(DELIVER_WAIT, DELIVERING),
    EDGE(DELIVER_WAIT, PAUSED),
    EDGE(MARK_READY, MARKING),
    EDGE(MARK_READY, BACKOFF),
    EDGE(MARK_READY, LAST_MARK_READY),
    EDGE(MARKING, IDLE),
    EDGE(MARKING, READY),
    EDGE(MARKING, MARK_WAIT),
    EDGE(MARKING, BACKOFF),
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
    switch (draw(m, 12)) {
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
        event.kind = (enum queue_event_kind)(QUEUE_EVENT_ACCEPTED + draw(m, 3));
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
        cmocka_unit_test(lost_mark_is_repeated_with_the_same_token),
        cmocka_unit_test(
            token_is_given_up_after_its_attempts_and_fetched_afresh),
        cmocka_unit_test(single_attempt_is_not_repeated),
        cmocka_unit_test(token_is_given_up_when_its_retry_would_come_too_late),
        cmocka_unit_test(
            repeated_mark_waits_for_its_turn_until_the_token_is_too_old),
        cmocka_unit_test(first_mark_waits_for_its_turn_without_end),
        cmocka_unit_test(empty_fetch_after_a_given_up_mark_confirms),
        cmocka_unit_test(
            empty_fetch_after_a_restart_confirms_what_was_unconfirmed),
        cmocka_unit_test(
            leftovers_of_a_lost_mark_last_until_the_queue_is_drained),
        cmocka_unit_test(batch_without_acceptance_may_have_made_leftovers),
        cmocka_unit_test(empty_fetch_after_a_rejected_batch_confirms_nothing),
        cmocka_unit_test(permanent_error_of_a_mark_is_not_repeated),
        cmocka_unit_test(refused_mark_fetches_once_at_once_and_then_backs_off),
        cmocka_unit_test(refused_mark_whose_fetch_is_refused_too_is_refused),
        cmocka_unit_test(
            first_mark_without_effect_is_no_progress_and_backs_off),
        cmocka_unit_test(first_mark_of_nothing_confirms_when_nothing_is_unread),
        cmocka_unit_test(first_mark_of_nothing_without_unread_count_backs_off),
        cmocka_unit_test(retried_delivery_gets_the_same_batch_again),
        cmocka_unit_test(retried_delivery_without_a_delay_backs_off),
        cmocka_unit_test(endless_delay_of_a_delivery_stays_a_wait),
        cmocka_unit_test(delivery_retries_run_out_into_blocked),
        cmocka_unit_test(rejected_batch_blocks_until_somebody_polls),
        cmocka_unit_test(pause_in_every_state_lets_go_or_finishes_the_batch),
        cmocka_unit_test(resume_goes_on_where_the_pause_was),
        cmocka_unit_test(pausing_finishes_the_batch_and_fetches_no_other),
        cmocka_unit_test(pausing_drops_a_batch_that_is_not_accepted),
        cmocka_unit_test(pausing_repeats_a_lost_mark_within_the_same_bounds),
        cmocka_unit_test(pausing_ends_when_the_mark_cannot_be_done),
        cmocka_unit_test(success_of_the_last_mark_forgets_earlier_failures),
        cmocka_unit_test(poll_now_ends_waits_and_leaves_batches_alone),
        cmocka_unit_test(error_is_told_once_by_the_change_it_leads_to),
        cmocka_unit_test(slots_and_tokens_are_told_from_the_state),
        cmocka_unit_test(
            random_walk_meets_every_edge_of_the_diagram_and_no_other),
    };
    return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
