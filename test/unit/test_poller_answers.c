/*
 * The public API in an application's own loop: answers to batches that come
 * twice, too late or while the poller closes. See poller_scene.h.
 */
#include "poller_scene.h"

#include "base/alloc.h"

enum { ACCEPTS, RETRIES, STALE, DROPS, REJECTS, ANSWER_COUNT };

static int answer(struct haplo_batch batch, unsigned kind)
{
    switch (kind) {
    case ACCEPTS:
        return haplo_batch_accept(batch);
    case RETRIES:
        return haplo_batch_retry(batch, 1, "later");
    case STALE:
        return haplo_batch_stale(batch, (struct haplo_slice){0});
    case DROPS:
        return haplo_batch_drop(batch, "no room");
    default:
        return haplo_batch_reject(batch, "never");
    }
}

/* No function takes this handle for a batch. */
static void check_stale(struct haplo_batch batch)
{
    for (unsigned kind = 0; kind < ANSWER_COUNT; kind++) {
        assert_int_equal(answer(batch, kind), HAPLO_EANSWERED);
    }
    assert_null(haplo_batch_queue(batch));
    assert_null(haplo_batch_messages(batch));
    assert_int_equal(haplo_batch_message_count(batch), 0);
    assert_int_equal(haplo_batch_new_count(batch), 0);
    assert_int_equal(haplo_batch_state(batch).size, 0);
    assert_null(haplo_batch_state(batch).data);
}

/* A queue whose batch is held. */
static struct watch *hold(struct scene *scene, const char *name, unsigned count)
{
    struct watch *watch = scene_add(scene, name, count);
    watch->answer = HOLD;
    RUN_UNTIL(scene, watch->has_batch);
    return watch;
}

/* Stale handles */

/* Two threads of an application may both believe that they must answer. The
 * second one must not disturb what the first one began. */
static void a_second_answer_is_refused(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < ANSWER_COUNT; kind++) {
        struct scene *scene = scene_open();
        struct watch *q1 = hold(scene, "q1", 3);
        q1->fake->accepted = 3;
        assert_int_equal(answer(watch_take(q1), kind), 0);
        enum haplo_queue_state after = state_of(q1);
        struct haplo_queue_stats stats = stats_of(q1);
        check_stale(q1->batch);
        assert_int_equal(state_of(q1), after);
        assert_int_equal(stats_of(q1).failures, stats.failures);
        assert_int_equal(stats_of(q1).deliver_retry_count,
                         stats.deliver_retry_count);
        scene_linger(scene);
        assert_int_equal(q1->fake->mark_count, kind == ACCEPTS);
        scene_close(scene);
    }
}

/* The memory of batches is reused. An answer to the batch that was there
 * before would mark messages that nobody has stored. */
static void a_late_answer_never_reaches_another_queues_batch(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = hold(scene, "q1", 3);
    struct haplo_batch late = q1->batch;
    watch_accept(q1);
    RUN_UNTIL(scene, q1->marked_count == 1);
    struct watch *q2 = hold(scene, "q2", 3);
    assert_ptr_equal(q2->batch.memory, late.memory);
    check_stale(late);
    scene_linger(scene);
    assert_int_equal(state_of(q2), HAPLO_QUEUE_DELIVERING);
    assert_int_equal(q2->fake->mark_count, 0);
    assert_int_equal(haplo_batch_message_count(q2->batch), 3);
    watch_accept(q2);
    RUN_UNTIL(scene, q2->marked_count == 1);
    scene_close(scene);
}

/* A batch that is delivered again after a retry is another delivery. Whoever
 * still works on the first one has stored it against an old state. */
static void a_retry_makes_the_handle_stale(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = hold(scene, "q1", 3);
    struct haplo_batch first = watch_take(q1);
    assert_int_equal(haplo_batch_retry(first, 10, NULL), 0);
    check_stale(first);
    RUN_UNTIL(scene, q1->deliver_count == 2);
    check_stale(first);
    assert_true(q1->has_batch);
    watch_accept(q1);
    RUN_UNTIL(scene, q1->marked_count == 1);
    scene_close(scene);
}

/* Answers of a slow database arrive when the configuration has changed. */
static void a_stale_handle_may_be_used_after_queue_and_server_are_gone(
    void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = hold(scene, "q1", 3);
    assert_int_equal(haplo_queue_remove(q1->queue, scene_on_removed), 0);
    scene_linger(scene);
    assert_int_equal(q1->removed_count, 0);
    watch_accept(q1);
    RUN_UNTIL(scene, q1->removed_count == 1 && q1->queue == NULL);
    RUN_UNTIL(scene, haplo_server_remove(scene->servers[0]) == 0);
    check_stale(q1->batch);
    scene_close(scene);
}

/* A zeroed handle is what an application has before its first batch. */
static void a_zeroed_handle_is_stale(void **state)
{
    (void)state;
    check_stale((struct haplo_batch){0});
}

/* stopped_cb does not make batches disappear: who still has one answers it. */
static void a_batch_can_be_answered_after_the_deadline_of_a_stop(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < ANSWER_COUNT; kind++) {
        struct scene *scene = scene_open();
        struct watch *q1 = hold(scene, "q1", 3);
        q1->fake->accepted = 3;
        assert_int_equal(haplo_poller_stop(scene->poller, 10, scene_on_stopped),
                         0);
        RUN_UNTIL(scene, scene->stopped_count == 1);
        assert_int_equal(scene->batches_left, 1);
        assert_int_equal(haplo_batch_message_count(q1->batch), 3);
        assert_int_equal(answer(watch_take(q1), kind), 0);
        check_stale(q1->batch);
        scene_close(scene);
    }
}

#ifdef ASAN_POISON_MEMORY_REGION
/* What an application keeps of an answered batch is another batch's by then.
 * Nothing else would show this before it does harm. */
static void the_address_sanitizer_reports_reads_of_an_answered_batch(
    void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = hold(scene, "q1", 3);
    const struct haplo_message *messages = haplo_batch_messages(q1->batch);
    const char *body = messages[0].body.data;
    assert_false(__asan_address_is_poisoned(messages));
    assert_false(__asan_address_is_poisoned(body));
    watch_accept(q1);
    assert_true(__asan_address_is_poisoned(messages));
    assert_true(__asan_address_is_poisoned(body));
    scene_close(scene);
}
#endif

/* Closing */

static void close_scene(struct scene *scene)
{
    haplo_poller_close(scene->poller, scene_on_closed);
    for (unsigned i = 0; i < 10; i++) {
        scene_linger(scene);
    }
}

/* The application, or a thread of it, may be reading the batch. So its memory
 * stays until the answer, whatever the answer is, and nothing is marked. */
static void close_waits_until_every_batch_is_answered(void **state)
{
    struct haplo_poller_stats stats = {.struct_size = sizeof stats};
    (void)state;
    for (unsigned kind = 0; kind < ANSWER_COUNT; kind++) {
        struct scene *scene = scene_open();
        struct watch *q1 = hold(scene, "q1", 3);
        struct watch *q2 = hold(scene, "q2", 4);
        close_scene(scene);
        assert_int_equal(scene->closed_count, 0);
        assert_int_equal(id_of(&haplo_batch_messages(q1->batch)[2]), 3);
        assert_ptr_equal(haplo_batch_queue(q1->batch), q1->queue);
        assert_string_equal(haplo_queue_name(q1->queue), "q1");
        haplo_poller_get_stats(scene->poller, &stats);
        assert_int_equal(stats.connection_count, 1);
        assert_int_equal(answer(watch_take(q1), kind), HAPLO_ESTOPPED);
        check_stale(q1->batch);
        scene_linger(scene);
        assert_int_equal(scene->closed_count, 0);
        assert_int_equal(haplo_batch_message_count(q2->batch), 4);
        assert_int_equal(answer(watch_take(q2), kind), HAPLO_ESTOPPED);
        check_stale(q2->batch);
        assert_int_equal(scene->closed_count, 0); /* it comes from the loop */
        RUN_UNTIL(scene, scene->closed_count == 1);
        assert_int_equal(q1->fake->mark_count + q2->fake->mark_count, 0);
        scene_close(scene);
    }
}

/* An application without handles of its own waits for close_cb in uv_run(). */
static void the_loop_stays_alive_while_close_waits(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = hold(scene, "q1", 3);
    close_scene(scene);
    assert_true(uv_loop_alive(&scene->loop));
    assert_int_equal(haplo_batch_drop(watch_take(q1), NULL), HAPLO_ESTOPPED);
    uv_run(&scene->loop, UV_RUN_DEFAULT);
    assert_int_equal(scene->closed_count, 1);
    scene_close(scene);
}

struct reader {
    struct haplo_batch batch; /* to be read */
    uv_sem_t may_read;        /* posted when the poller is closing */
    unsigned newest_id;       /* found in it */
};

static void read_batch(void *data)
{
    struct reader *reader = data;
    uv_sem_wait(&reader->may_read);
    for (size_t i = 0; i < haplo_batch_message_count(reader->batch); i++) {
        reader->newest_id = id_of(&haplo_batch_messages(reader->batch)[i]);
    }
}

/* Most applications store batches on another thread. It knows nothing of the
 * end of the program, and goes on reading. */
static void a_thread_reads_its_batch_while_the_poller_closes(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = hold(scene, "q1", 3);
    struct reader reader = {.batch = q1->batch};
    uv_thread_t thread;
    assert_int_equal(uv_sem_init(&reader.may_read, 0), 0);
    assert_int_equal(uv_thread_create(&thread, read_batch, &reader), 0);
    close_scene(scene);
    uv_sem_post(&reader.may_read);
    assert_int_equal(uv_thread_join(&thread), 0);
    uv_sem_destroy(&reader.may_read);
    assert_int_equal(reader.newest_id, 3);
    assert_int_equal(haplo_batch_accept(watch_take(q1)), HAPLO_ESTOPPED);
    assert_int_equal(haplo_batch_accept(q1->batch), HAPLO_EANSWERED);
    RUN_UNTIL(scene, scene->closed_count == 1);
    assert_int_equal(q1->fake->mark_count, 0);
    scene_close(scene);
}

/* A batch that waits to be delivered again is not the application's. */
static void close_does_not_wait_for_a_retry(void **state)
{
    (void)state;
    struct scene *scene = scene_open();
    struct watch *q1 = hold(scene, "q1", 3);
    assert_int_equal(haplo_batch_retry(watch_take(q1), 60000, NULL), 0);
    haplo_poller_close(scene->poller, scene_on_closed);
    check_stale(q1->batch);
    RUN_UNTIL(scene, scene->closed_count == 1);
    scene_close(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_answer_is_refused),
        cmocka_unit_test(a_late_answer_never_reaches_another_queues_batch),
        cmocka_unit_test(a_retry_makes_the_handle_stale),
        cmocka_unit_test(
            a_stale_handle_may_be_used_after_queue_and_server_are_gone),
        cmocka_unit_test(a_zeroed_handle_is_stale),
        cmocka_unit_test(a_batch_can_be_answered_after_the_deadline_of_a_stop),
#ifdef ASAN_POISON_MEMORY_REGION
        cmocka_unit_test(
            the_address_sanitizer_reports_reads_of_an_answered_batch),
#endif
        cmocka_unit_test(close_waits_until_every_batch_is_answered),
        cmocka_unit_test(the_loop_stays_alive_while_close_waits),
        cmocka_unit_test(a_thread_reads_its_batch_while_the_poller_closes),
        cmocka_unit_test(close_does_not_wait_for_a_retry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
