/* When a batch that arrives again and again is held back, and when not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/form.h"
#include "core/replay.h"

#define HOLD_MS 300000

/* The batch with this token; NULL: an empty one. Valid until the next call. */
static const struct batch *batch_with(const char *token)
{
    static struct batch *batch;
    struct reason why;
    batch_free(batch);
    batch = NULL;
    if (token == NULL) {
        return NULL;
    }
    batch = batch_new();
    assert_non_null(batch);
    assert_int_equal(form_set(batch, token, strlen(token), &why), 0);
    assert_true(token[0] == '\0' || batch_add_message(batch) != NULL);
    return batch;
}

/* A new batch was marked already: the next one may be the same. */
static struct replay suspicion_of(const char *token)
{
    struct replay replay = {0};
    replay_note(&replay, batch_with(token), true);
    return replay;
}

/* A cache repeats one batch; storing each copy would fill the database. */
static void the_same_batch_is_held_back(void **state)
{
    (void)state;
    struct replay replay = suspicion_of("MSwy");
    for (uint64_t since_ms = 0; since_ms < HOLD_MS; since_ms += 1000) {
        assert_true(replay_is_held_back(&replay, batch_with("MSwy"), since_ms,
                                        HOLD_MS));
    }
    assert_true(
        replay_is_held_back(&replay, batch_with("MSwy"), HOLD_MS - 1, HOLD_MS));
}

/* It may be what an administrator has unsent, after all. */
static void it_is_delivered_after_a_while(void **state)
{
    (void)state;
    struct replay replay = suspicion_of("MSwy");
    assert_false(
        replay_is_held_back(&replay, batch_with("MSwy"), HOLD_MS, HOLD_MS));
    /* Its mark may fail: then it is a repeat, and must not wait again. */
    assert_false(replay_is_held_back(&replay, batch_with("MSwy"), 1, HOLD_MS));
}

/* A server that sends something else is not a cache, or no longer. */
static void any_other_batch_ends_the_suspicion(void **state)
{
    (void)state;
    const char *const others[] = {"MSwz", "MSw", "MSwyMSwy"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct replay replay = suspicion_of("MSwy");
        assert_false(
            replay_is_held_back(&replay, batch_with(others[i]), 1, HOLD_MS));
        assert_false(
            replay_is_held_back(&replay, batch_with("MSwy"), 2, HOLD_MS));
    }
}

static void an_empty_batch_ends_the_suspicion(void **state)
{
    (void)state;
    struct replay replay = suspicion_of("MSwy");
    assert_false(replay_is_held_back(&replay, batch_with(""), 1, HOLD_MS));
    assert_false(replay_is_held_back(&replay, batch_with("MSwy"), 2, HOLD_MS));
}

/* Administrators unsend what was marked, all the time: without a mark that
 * changed nothing there is no suspicion. */
static void a_mark_that_marked_something_raises_no_suspicion(void **state)
{
    (void)state;
    struct replay replay = suspicion_of("MSwy");
    replay_note(&replay, batch_with("MSwy"), false);
    assert_false(replay_is_held_back(&replay, batch_with("MSwy"), 1, HOLD_MS));
}

static int free_batch(void **state)
{
    (void)state;
    (void)batch_with(NULL);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_batch_is_held_back),
        cmocka_unit_test(it_is_delivered_after_a_while),
        cmocka_unit_test(any_other_batch_ends_the_suspicion),
        cmocka_unit_test(an_empty_batch_ends_the_suspicion),
        cmocka_unit_test(a_mark_that_marked_something_raises_no_suspicion),
    };
    return cmocka_run_group_tests(tests, NULL, free_batch);
}
