/*
 * Calls that may block for long: they are waited for, unless the outlet is to
 * end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <uv.h>

#include "haplopoll.h"
#include "outlets/detached_call.h"

#define LONG_MS 60000 /* no test waits for it */

/* What a call does: waits until it may go on. */
struct scene {
    uv_sem_t begun;   /* it runs */
    uv_sem_t may_end; /* it may return */
    uv_sem_t dropped; /* it was dropped */
    atomic_bool is_ending;
    atomic_bool has_returned;
};

static void on_run(void *data)
{
    struct scene *scene = data;

    uv_sem_post(&scene->begun);
    uv_sem_wait(&scene->may_end);
    atomic_store(&scene->has_returned, true);
}

static void on_drop(void *data)
{
    struct scene *scene = data;

    uv_sem_post(&scene->dropped);
}

static int run(struct scene *scene, unsigned patience_ms)
{
    const struct detached_call call = {on_run, on_drop, scene};

    return detached_call_run(&call, &scene->is_ending, patience_ms);
}

static int setup(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));

    assert_non_null(scene);
    assert_int_equal(uv_sem_init(&scene->begun, 0), 0);
    assert_int_equal(uv_sem_init(&scene->may_end, 0), 0);
    assert_int_equal(uv_sem_init(&scene->dropped, 0), 0);
    atomic_init(&scene->is_ending, false);
    atomic_init(&scene->has_returned, false);
    *state = scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;

    uv_sem_destroy(&scene->begun);
    uv_sem_destroy(&scene->may_end);
    uv_sem_destroy(&scene->dropped);
    free(scene);
    return 0;
}

/* It must not be taken for done before, and is not dropped. */
static void a_call_is_waited_for(void **state)
{
    struct scene *scene = *state;

    uv_sem_post(&scene->may_end);
    assert_int_equal(run(scene, 0), 0);
    assert_true(atomic_load(&scene->has_returned));
    assert_int_not_equal(uv_sem_trywait(&scene->dropped), 0);
}

/* Otherwise a name server that is down would keep the process from ending. What
 * the call still creates is undone by its own thread. */
static void a_call_is_left_behind_at_the_end(void **state)
{
    struct scene *scene = *state;

    atomic_store(&scene->is_ending, true);
    assert_int_equal(run(scene, 0), HAPLO_ECANCELED);
    assert_false(atomic_load(&scene->has_returned));
    assert_int_not_equal(uv_sem_trywait(&scene->dropped), 0);
    uv_sem_post(&scene->may_end);
    uv_sem_wait(&scene->dropped);
    assert_true(atomic_load(&scene->has_returned));
}

static void end_it(void *data)
{
    struct scene *scene = data;

    uv_sem_wait(&scene->begun);
    atomic_store(&scene->is_ending, true);
    uv_sem_post(&scene->may_end);
}

/* One that needs only a moment is still waited for. */
static void there_is_patience_at_the_end(void **state)
{
    struct scene *scene = *state;
    uv_thread_t thread;

    assert_int_equal(uv_thread_create(&thread, end_it, scene), 0);
    assert_int_equal(run(scene, LONG_MS), 0);
    assert_int_equal(uv_thread_join(&thread), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
        T(a_call_is_waited_for),
        T(a_call_is_left_behind_at_the_end),
        T(there_is_patience_at_the_end),
    };

    return cmocka_run_group_tests_name("detached_call", tests, NULL, NULL);
}
