/*
 * The state contract as an application meets it: what it stores, compares and
 * answers, against a server whose marks are lost and whose messages are
 * resent.
 */
#include "poller_scene.h"
#include "stored.h"

#define BROKEN ANSWER("200 OK", "application/json", "{\"markedCount\":")
#define IDS_MAX 4096

/* The application's database. */
struct database {
    struct stored state;      /* of the queue */
    unsigned rows[IDS_MAX];   /* of each message */
    enum haplo_compare found; /* the newest comparison */
    unsigned stale_count;     /* of those */
    bool keeps_no_marks;      /* confirmed states are not stored */
    unsigned unknown_count;   /* next commits that seem to fail */
    int stale_error;          /* of haplo_batch_stale() */
};

static struct database db;

/* What the header of the library asks of an application, and no more. */
static void store(struct watch *watch)
{
    struct haplo_batch batch = watch->batch;
    const struct haplo_message *messages = haplo_batch_messages(batch);
    db.found =
        haplo_state_compare(haplo_batch_state(batch), stored_slice(&db.state));
    if (db.found == HAPLO_COMPARE_STALE) {
        db.stale_count++;
        watch->has_batch = false;
        db.stale_error = haplo_batch_stale(batch, stored_slice(&db.state));
        return;
    }
    if (db.found == HAPLO_COMPARE_CURRENT) {
        for (size_t i = 0; i < haplo_batch_message_count(batch); i++) {
            assert_true(id_of(&messages[i]) < IDS_MAX);
            db.rows[id_of(&messages[i])] += !messages[i].is_repeat;
        }
        stored_set(&db.state, haplo_batch_state(batch));
    }
    if (db.unknown_count > 0) {
        db.unknown_count--;
        watch->has_batch = false;
        haplo_batch_retry(batch, 1, "nobody knows");
        return;
    }
    watch_accept(watch);
}

static void on_marked(struct haplo_queue *queue, const struct haplo_mark *mark)
{
    if (!db.keeps_no_marks) {
        assert_int_equal(
            haplo_state_compare(mark->state, stored_slice(&db.state)),
            HAPLO_COMPARE_CURRENT);
        stored_set(&db.state, mark->state);
    }
    scene_on_marked(queue, mark);
}

static int db_clear(void **state)
{
    (void)state;
    stored_free(&db.state);
    memset(&db, 0, sizeof db);
    return 0;
}

static struct haplo_queue_options db_options(void)
{
    struct haplo_queue_options options = queue_options("q1");
    options.state = stored_slice(&db.state);
    options.marked_cb = on_marked;
    options.interval_ms = 1000;
    return options;
}

static struct watch *add(struct scene *scene, unsigned unread)
{
    struct watch *watch = scene_add_with(scene, db_options(), unread);
    watch->in_deliver = store;
    return watch;
}

/* The queue again, in a new process. */
static void restart(struct watch *watch)
{
    struct haplo_queue_options options = db_options();
    options.data = watch;
    assert_int_equal(haplo_queue_remove(watch->queue, scene_on_removed), 0);
    RUN_UNTIL(watch->scene, watch->queue == NULL);
    assert_int_equal(haplo_queue_add(watch->scene->servers[0], &options,
                                     &watch->queue, NULL, 0),
                     0);
    haplo_queue_poll_now(watch->queue);
}

/* An administrator marks the newest messages as unsent. */
static void resend(struct watch *watch, unsigned count)
{
    watch->fake->marked -= count;
    watch->fake->unread += count;
}

static void assert_rows(unsigned first, unsigned last, unsigned count)
{
    for (unsigned id = first; id <= last; id++) {
        if (db.rows[id] != count) {
            fail_msg("message %u is stored %u times, not %u", id, db.rows[id],
                     count);
        }
    }
}

/* The rule of it all: ten lines store each message once. */
static void each_message_is_stored_once(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = add(scene, 40);
    RUN_UNTIL(scene, q1->marked_count == 3);
    assert_rows(1, 40, 1);
    assert_int_equal(stats_of(q1).generation, 3);
    assert_int_equal(stats_of(q1).unconfirmed_count, 0);
    scene_close(scene);
}

/* A mark whose answer is lost brings its messages again: they are repeats, and
 * those behind them are not. */
static void what_comes_again_after_a_lost_mark_is_a_repeat(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = add(scene, 10);
    q1->fake->mark_answer = BROKEN;
    RUN_UNTIL(scene, state_of(q1) == HAPLO_QUEUE_BACKOFF);
    assert_int_equal(stats_of(q1).unconfirmed_count, 10);
    q1->fake->mark_answer = NULL;
    q1->fake->unread = 14;
    RUN_UNTIL(scene, q1->marked_count == 1);
    assert_int_equal(q1->new_count, 4);
    assert_rows(1, 14, 1);
    scene_close(scene);
}

/* What is resent after its mark was confirmed must be stored again, whether or
 * not the application has stored the confirmed state. */
static void a_resend_is_new_once_its_mark_is_confirmed(void **state)
{
    (void)state;
    for (int stores = 0; stores < 2; stores++) {
        db_clear(NULL);
        struct scene *scene = scene_open();
        struct watch *q1 = add(scene, 10);
        db.keeps_no_marks = stores == 0;
        RUN_UNTIL(scene, q1->marked_count == 1);
        resend(q1, 4);
        RUN_UNTIL(scene, q1->marked_count == 2);
        assert_int_equal(db.stale_count, 0);
        assert_rows(1, 6, 1);
        assert_rows(7, 10, 2);
        scene_close(scene);
    }
}

/* The token was given up but its mark was done: an empty fetch tells, and a
 * resend after that is no repeat. The same holds after a restart. */
static void an_empty_fetch_confirms_what_a_lost_mark_has_left(void **state)
{
    (void)state;
    for (int restarts = 0; restarts < 2; restarts++) {
        db_clear(NULL);
        struct scene *scene = scene_open();
        struct watch *q1 = add(scene, 10);
        q1->fake->mark_answer = BROKEN;
        RUN_UNTIL(scene, state_of(q1) == HAPLO_QUEUE_BACKOFF);
        q1->fake->mark_answer = NULL;
        q1->fake->marked = 10;
        q1->fake->unread = 0;
        if (restarts) {
            restart(q1);
        }
        RUN_UNTIL(scene, q1->marked_count == 1);
        assert_int_equal(q1->mark.message_count, 0);
        assert_int_equal(stats_of(q1).unconfirmed_count, 0);
        assert_int_equal(db.state.size, 64);
        resend(q1, 3);
        RUN_UNTIL(scene, q1->marked_count == 2);
        assert_rows(1, 7, 1);
        assert_rows(8, 10, 2);
        scene_close(scene);
    }
}

/* Nothing to confirm is nothing to be written: polls of an idle queue must not
 * cost its database anything. */
static void an_empty_queue_confirms_nothing(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = add(scene, 0);
    RUN_UNTIL(scene, q1->fake->fetch_count == 5);
    assert_int_equal(q1->marked_count, 0);
    assert_int_equal(stats_of(q1).generation, 0);
    scene_close(scene);
}

/* A restart between the commit and the mark: only the stored state knows. */
static void a_restart_goes_on_from_what_is_stored(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = add(scene, 10);
    q1->fake->mark_answer = BROKEN;
    RUN_UNTIL(scene, state_of(q1) == HAPLO_QUEUE_BACKOFF);
    q1->fake->mark_answer = NULL;
    restart(q1);
    assert_int_equal(stats_of(q1).generation, 1);
    assert_int_equal(stats_of(q1).unconfirmed_count, 10);
    RUN_UNTIL(scene, q1->marked_count == 1);
    assert_int_equal(q1->new_count, 0);
    assert_rows(1, 10, 1);
    assert_int_equal(stats_of(q1).generation, 2);
    scene_close(scene);
}

/* A commit whose outcome is unknown is tried again with the very same state:
 * what is stored then tells whether it succeeded. */
static void an_unknown_outcome_is_settled_by_the_next_try(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = add(scene, 10);
    db.unknown_count = 2;
    RUN_UNTIL(scene, q1->marked_count == 1);
    assert_int_equal(db.found, HAPLO_COMPARE_STORED);
    assert_int_equal(q1->deliver_count, 3);
    assert_rows(1, 10, 1);
    scene_close(scene);
}

/* The same, but the batch was dropped before the next try: it is fetched
 * again, and that its messages are stored is found out in time. */
static void a_batch_dropped_after_an_unknown_outcome_is_not_stored_twice(
    void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = add(scene, 10);
    db.unknown_count = 1;
    RUN_UNTIL(scene, state_of(q1) == HAPLO_QUEUE_DELIVER_WAIT);
    haplo_queue_pause(q1->queue);
    assert_int_equal(state_of(q1), HAPLO_QUEUE_PAUSED);
    haplo_queue_resume(q1->queue);
    RUN_UNTIL(scene, q1->marked_count == 1);
    assert_int_equal(db.stale_count, 1);
    assert_int_equal(q1->fake->fetch_count, 3);
    assert_int_equal(q1->new_count, 0);
    assert_rows(1, 10, 1);
    scene_close(scene);
}

/* Another state is stored */

/* Two pollers store one queue. The second one's batch is stale: it is fetched
 * again, evaluated against what the first has stored, and nothing is stored
 * twice. */
static void of_two_pollers_the_second_fetches_again(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = add(scene, 10);
    q1->fake->mark_answer = BROKEN;
    RUN_UNTIL(scene, state_of(q1) == HAPLO_QUEUE_BACKOFF);
    struct stored first = {0};
    stored_set(&first, stored_slice(&db.state));
    stored_free(&db.state);
    memset(db.rows, 0, sizeof db.rows);
    restart(q1); /* a poller that knows of nothing ... */
    stored_set(&db.state, stored_slice(&first)); /* ... and the other's work */
    for (unsigned id = 1; id <= 10; id++) {
        db.rows[id] = 1;
    }
    q1->fake->mark_answer = NULL;
    unsigned fetches = q1->fake->fetch_count;
    RUN_UNTIL(scene, q1->marked_count == 1);
    assert_int_equal(db.stale_count, 1);
    assert_int_equal(q1->fake->fetch_count, fetches + 2);
    assert_non_null(strstr(scene->events, "DELIVERING -> READY HAPLO_ESTALE"));
    assert_non_null(strstr(scene->text, "does another process store"));
    assert_rows(1, 10, 1);
    assert_int_equal(stats_of(q1).error, 0);
    stored_free(&first);
    scene_close(scene);
}

static struct stored backup;

static void restore_the_backup(struct watch *watch)
{
    (void)watch;
    stored_set(&db.state, stored_slice(&backup));
}

/* An older copy of the database is put back: the operator is told, and polling
 * goes on from it. */
static void an_older_copy_is_noticed_and_gone_on_from(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = add(scene, 16);
    RUN_UNTIL(scene, q1->marked_count == 1);
    stored_set(&backup, stored_slice(&db.state));
    q1->fake->unread = 5;
    RUN_UNTIL(scene, q1->marked_count == 2);
    restore_the_backup(q1);
    q1->fake->unread = 5;
    RUN_UNTIL(scene, q1->marked_count == 3);
    assert_int_equal(db.stale_count, 1);
    assert_non_null(strstr(scene->text, "an older copy"));
    assert_int_equal(stats_of(q1).generation, 2);
    stored_free(&backup);
    scene_close(scene);
}

/* Where each comparison finds another state, fetches must not follow one
 * another without a wait. */
static void staleness_without_end_backs_off(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = add(scene, 16);
    RUN_UNTIL(scene, q1->marked_count == 1);
    stored_set(&backup, stored_slice(&db.state));
    q1->fake->unread = 5;
    RUN_UNTIL(scene, q1->marked_count == 2);
    struct stored newest = {0};
    stored_set(&newest, stored_slice(&db.state));
    q1->fake->unread = 5;
    for (unsigned i = 0; i < 6; i++) {
        stored_set(&db.state, stored_slice(i % 2 == 0 ? &backup : &newest));
        RUN_UNTIL(scene, db.stale_count == i + 1);
        assert_int_equal(state_of(q1),
                         i == 0 ? HAPLO_QUEUE_FETCHING : HAPLO_QUEUE_BACKOFF);
    }
    assert_int_equal(stats_of(q1).error, HAPLO_ESTALE);
    assert_int_equal(stats_of(q1).failures, 6);
    stored_free(&newest);
    stored_free(&backup);
    scene_close(scene);
}

/* A damaged state is no reason to guess: the queue waits for somebody. */
static void a_damaged_stored_state_blocks_the_queue(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = add(scene, 16);
    RUN_UNTIL(scene, q1->marked_count == 1);
    db.state.data[20] ^= 1;
    q1->fake->unread = 5;
    RUN_UNTIL(scene, state_of(q1) == HAPLO_QUEUE_BLOCKED);
    assert_int_equal(db.stale_error, HAPLO_EINVAL);
    assert_int_equal(stats_of(q1).error, HAPLO_EINVAL);
    assert_non_null(strstr(scene->text, "the stored state is damaged"));
    db.state.data[20] ^= 1;
    haplo_queue_poll_now(q1->queue);
    RUN_UNTIL(scene, q1->marked_count == 2);
    assert_rows(1, 21, 1);
    scene_close(scene);
}

/* A stale batch ends a pause as any other answer does; what is stored is known
 * when the queue goes on. */
static void a_stale_batch_while_pausing_pauses(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = add(scene, 16);
    RUN_UNTIL(scene, q1->marked_count == 1);
    stored_set(&backup, stored_slice(&db.state));
    q1->fake->unread = 5;
    RUN_UNTIL(scene, q1->marked_count == 2);
    q1->fake->unread = 5;
    q1->in_deliver = NULL;
    q1->answer = HOLD;
    RUN_UNTIL(scene, q1->has_batch);
    haplo_queue_pause(q1->queue);
    restore_the_backup(q1);
    store(q1);
    assert_int_equal(state_of(q1), HAPLO_QUEUE_PAUSED);
    assert_int_equal(stats_of(q1).generation, 1);
    q1->in_deliver = store;
    haplo_queue_resume(q1->queue);
    RUN_UNTIL(scene, q1->marked_count == 3);
    assert_int_equal(db.stale_count, 1);
    stored_free(&backup);
    scene_close(scene);
}

/* Leases: a queue that another host has stored meanwhile goes on from there,
 * without a batch that is stale. */
static void a_paused_queue_resumes_from_another_state(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = add(scene, 16);
    RUN_UNTIL(scene, q1->marked_count == 1);
    stored_set(&backup, stored_slice(&db.state));
    q1->fake->unread = 5;
    RUN_UNTIL(scene, q1->marked_count == 2);
    struct haplo_slice slice = stored_slice(&backup);
    assert_int_equal(haplo_queue_resume_from(q1->queue, slice), HAPLO_EBUSY);
    haplo_queue_pause(q1->queue);
    assert_int_equal(state_of(q1), HAPLO_QUEUE_PAUSED);
    slice.size--;
    assert_int_equal(haplo_queue_resume_from(q1->queue, slice), HAPLO_EINVAL);
    assert_int_equal(stats_of(q1).generation, 2);
    slice.size++;
    restore_the_backup(q1);
    assert_int_equal(haplo_queue_resume_from(q1->queue, slice), 0);
    assert_int_equal(stats_of(q1).generation, 1);
    q1->fake->unread = 5;
    RUN_UNTIL(scene, q1->marked_count == 3);
    assert_int_equal(db.stale_count, 0);
    stored_free(&backup);
    scene_close(scene);
}

/* Limits */

/* Bytes that are no state must not be taken for "nothing is stored". */
static void a_damaged_state_is_refused_at_the_start(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct haplo_queue *queue;
    char why[HAPLO_TEXT_SIZE_MAX];
    struct haplo_queue_options options = queue_options("q1");
    options.state = (struct haplo_slice){"haplo", 5};
    assert_int_equal(
        haplo_queue_add(scene->servers[0], &options, &queue, why, sizeof why),
        HAPLO_EINVAL);
    assert_non_null(strstr(why, "5 bytes"));
    assert_null(queue);
    scene_close(scene);
}

/* More was stored and never confirmed than a state may hold: the operator is
 * told that a repeat has become possible. */
static void dropped_leftovers_are_told(void **state)
{
    (void)state;
    enum { MANY = HAPLO_LEFTOVER_COUNT_MAX + 100 };
    struct scene *scene = scene_open();
    struct watch *q1 = add(scene, MANY);
    q1->fake->batch_max = 0;
    q1->fake->mark_answer = BROKEN;
    RUN_UNTIL(scene, state_of(q1) == HAPLO_QUEUE_BACKOFF);
    assert_int_equal(stats_of(q1).unconfirmed_count, MANY);
    q1->fake->batch_max = 16;
    q1->fake->mark_answer = NULL;
    scene_forget_events(scene);
    RUN_UNTIL(scene, q1->marked_count == 1);
    assert_non_null(strstr(scene->events, "a/q1: FETCHING -> FETCHING"));
    assert_int_equal(stats_of(q1).unconfirmed_count, HAPLO_LEFTOVER_COUNT_MAX);
    RUN_UNTIL(scene, q1->fake->unread == 0 && q1->marked_count > 70);
    assert_rows(1, 16 + HAPLO_LEFTOVER_COUNT_MAX, 1);
    assert_rows(16 + HAPLO_LEFTOVER_COUNT_MAX + 1, MANY, 2);
    scene_close(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(each_message_is_stored_once, db_clear),
        cmocka_unit_test_teardown(
            what_comes_again_after_a_lost_mark_is_a_repeat, db_clear),
        cmocka_unit_test_teardown(a_resend_is_new_once_its_mark_is_confirmed,
                                  db_clear),
        cmocka_unit_test_teardown(
            an_empty_fetch_confirms_what_a_lost_mark_has_left, db_clear),
        cmocka_unit_test_teardown(an_empty_queue_confirms_nothing, db_clear),
        cmocka_unit_test_teardown(a_restart_goes_on_from_what_is_stored,
                                  db_clear),
        cmocka_unit_test_teardown(an_unknown_outcome_is_settled_by_the_next_try,
                                  db_clear),
        cmocka_unit_test_teardown(
            a_batch_dropped_after_an_unknown_outcome_is_not_stored_twice,
            db_clear),
        cmocka_unit_test_teardown(of_two_pollers_the_second_fetches_again,
                                  db_clear),
        cmocka_unit_test_teardown(an_older_copy_is_noticed_and_gone_on_from,
                                  db_clear),
        cmocka_unit_test_teardown(staleness_without_end_backs_off, db_clear),
        cmocka_unit_test_teardown(a_damaged_stored_state_blocks_the_queue,
                                  db_clear),
        cmocka_unit_test_teardown(a_stale_batch_while_pausing_pauses, db_clear),
        cmocka_unit_test_teardown(a_paused_queue_resumes_from_another_state,
                                  db_clear),
        cmocka_unit_test_teardown(a_damaged_state_is_refused_at_the_start,
                                  db_clear),
        cmocka_unit_test_teardown(dropped_leftovers_are_told, db_clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
