/* A queue whose token is outstanding: marks that fail. */
#include "queue_machine.h"

/* Marks that fail */

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
    assert_int_equal(m.queue.error, 0);
    assert_int_equal(m.queue.failures, 0);
}

/* Failing marks must not go on forever; a fresh fetch finds out what is
 * still unread, and tells it from what is new. */
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
    go_delivering(&m);
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

/* What was stored and is not unread any more has been marked: if that were not
 * confirmed, a later resend would pass for a repeat and be lost. */
static void empty_fetch_after_a_given_up_mark_confirms(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    go_marking(&m);
    say_failed(&m, HAPLO_EDOCUMENT, 0);
    assert_state(&m, HAPLO_QUEUE_BACKOFF);
    know_a_message(&m);
    go_fetching(&m);
    assert_int_equal(say(&m, QUEUE_EVENT_EMPTY), QUEUE_ACTION_CONFIRM);
    assert_state(&m, HAPLO_QUEUE_IDLE);
    assert_int_equal(m.queue.batch_count, 0);
    delivery_state_free(&m.queue.delivery);
    go_fetching(&m);
    assert_int_equal(say(&m, QUEUE_EVENT_EMPTY), QUEUE_ACTION_DROP);
}

/* The same after a crash between the commit and the confirmation. */
static void empty_fetch_after_a_restart_confirms_what_was_unconfirmed(
    void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    know_a_message(&m);
    go_fetching(&m);
    assert_int_equal(say(&m, QUEUE_EVENT_EMPTY), QUEUE_ACTION_CONFIRM);
    delivery_state_free(&m.queue.delivery);
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
}

/* After errors that a retry cannot resolve, the token is given up at once. */
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

/* A refused POST is not told why, a GET is. But if the GET is not refused,
 * perhaps because a cache answered it, each further POST may be a failed login,
 * and 50 of them in a row lock out the whole address. */
static void refused_mark_fetches_once_at_once_and_is_then_refused(void **state)
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
    assert_trace(&m, "[   0] a/q: MARKING -> REFUSED EREFUSED\n");
    assert_in_range(wait_ms(&m), 810000, 990000);
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
    }
    go_marking(&m);
    assert_int_equal(say_marked(&m, 16, 0), QUEUE_ACTION_CONFIRM);
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
 * and must not follow at once forever. */
static void first_mark_of_nothing_without_unread_count_backs_off(void **state)
{
    (void)state;
    struct machine m;
    start(&m);
    go_marking(&m);
    assert_int_equal(say_marked(&m, 0, -1), QUEUE_ACTION_DROP);
    assert_state(&m, HAPLO_QUEUE_BACKOFF);
    know_a_message(&m);
    go_fetching(&m);
    assert_int_equal(say(&m, QUEUE_EVENT_EMPTY), QUEUE_ACTION_CONFIRM);
    delivery_state_free(&m.queue.delivery);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
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
        cmocka_unit_test(empty_fetch_after_a_rejected_batch_confirms_nothing),
        cmocka_unit_test(permanent_error_of_a_mark_is_not_repeated),
        cmocka_unit_test(refused_mark_fetches_once_at_once_and_is_then_refused),
        cmocka_unit_test(refused_mark_whose_fetch_is_refused_too_is_refused),
        cmocka_unit_test(
            first_mark_without_effect_is_no_progress_and_backs_off),
        cmocka_unit_test(first_mark_of_nothing_confirms_when_nothing_is_unread),
        cmocka_unit_test(first_mark_of_nothing_without_unread_count_backs_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
