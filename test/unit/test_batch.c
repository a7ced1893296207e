#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/batch.h"
#include "core/form.h"
#include "failing_allocator.h"

/* Messages are sliced while the body still grows: a slice that stayed behind
 * would deliver freed memory. */
static void slices_follow_the_body_when_it_moves(void **state)
{
    (void)state;
    char more[5000];
    memset(more, 'x', sizeof more);
    struct batch *batch = batch_new();
    assert_non_null(batch);
    assert_int_equal(batch_append(batch, "[{\"id\":1}", 9), 0);
    struct haplo_message *message = batch_add_message(batch);
    assert_non_null(message);
    message->body = (struct haplo_slice){batch->body + 1, 8};
    message->id = (struct haplo_slice){batch->body + 7, 1};
    for (int i = 0; i < 100; i++) {
        assert_int_equal(batch_append(batch, more, sizeof more), 0);
    }
    assert_ptr_equal(batch->messages[0].body.data, batch->body + 1);
    assert_memory_equal(batch->messages[0].body.data, "{\"id\":1}", 8);
    assert_ptr_equal(batch->messages[0].id.data, batch->body + 7);
    assert_null(batch->messages[0].datetime.data);
    assert_int_equal(batch->body_size, 9 + 100 * sizeof more);
    batch_free(batch);
}

/* A body that grew by a fixed step would be copied a quadratic number of
 * times. */
static void a_body_grows_by_doubling(void **state)
{
    (void)state;
    struct batch *batch = batch_new();
    assert_non_null(batch);
    allocator_reset(0);
    for (int i = 0; i < 1 << 20; i++) {
        assert_int_equal(batch_append(batch, "x", 1), 0);
    }
    assert_in_range(allocator_calls, 1, 8);
    batch_free(batch);
}

/* Steady polling must allocate nothing: an ordinary batch fits in what the
 * one before it has left. */
static void a_reset_keeps_ordinary_memory(void **state)
{
    (void)state;
    struct batch *batch = batch_new();
    assert_non_null(batch);
    assert_int_equal(batch_append(batch, "abc", 3), 0);
    assert_non_null(batch_add_message(batch));
    assert_int_equal(batch_reserve_state(batch, 300), 0);
    batch->state_size = 300;
    batch->is_accepted = true;
    size_t allocated = batch_allocated_bytes(batch);
    allocator_reset(0);
    batch_reset(batch);
    assert_int_equal(batch->state_size, 0);
    assert_false(batch->is_accepted);
    assert_int_equal(batch->body_size, 0);
    assert_int_equal(batch->message_count, 0);
    assert_int_equal(batch_append(batch, "abc", 3), 0);
    assert_non_null(batch_add_message(batch));
    assert_int_equal(batch_reserve_state(batch, 300), 0);
    assert_int_equal(batch_allocated_bytes(batch), allocated);
    assert_int_equal(allocator_calls, 0);
    batch_free(batch);
}

/* One huge answer must not hold its memory for the rest of the process. */
static void a_reset_gives_back_what_is_above_the_limits(void **state)
{
    (void)state;
    struct batch *batch = batch_new();
    assert_non_null(batch);
    assert_int_equal(batch_reserve(batch, 1 << 20), 0);
    for (int i = 0; i < 1000; i++) {
        assert_non_null(batch_add_message(batch));
    }
    batch_reset(batch);
    assert_int_equal(batch->body_capacity, BATCH_BODY_KEEP_SIZE_MAX);
    assert_int_equal(batch->message_capacity, BATCH_MESSAGE_KEEP_COUNT_MAX);
    assert_in_range(batch_allocated_bytes(batch), 1, 131072);
    batch_free(batch);
}

/* A batch that is not shrunk for want of memory must still be usable. */
static void a_reset_survives_a_failing_allocator(void **state)
{
    (void)state;
    struct batch *batch = batch_new();
    assert_non_null(batch);
    assert_int_equal(batch_reserve(batch, 1 << 20), 0);
    allocator_reset(1);
    batch_reset(batch);
    assert_int_equal(batch->body_capacity, 0);
    assert_int_equal(batch_append(batch, "abc", 3), 0);
    assert_memory_equal(batch->body, "abc", 3);
    batch_free(batch);
}

/* To mark it, nothing else is needed of a batch; its body's memory is free for
 * the next one. */
static void a_token_outlives_its_batch(void **state)
{
    (void)state;
    struct batch *batch = batch_new();
    struct batch *token = batch_new();
    struct reason why;
    assert_non_null(batch);
    assert_non_null(token);
    assert_int_equal(batch_append(batch, "abc", 3), 0);
    assert_int_equal(form_set(batch, "a+", 2, &why), 0);
    assert_int_equal(batch_reserve_state(batch, 64), 0);
    memset(batch->state, 7, 64);
    batch->state_size = 64;
    batch->is_accepted = true;
    batch_move_token(token, batch);
    assert_int_equal(batch->form_size, 0);
    assert_int_equal(batch->state_size, 0);
    assert_false(batch->is_accepted);
    batch_reset(batch);
    assert_int_equal(form_set(batch, "later", 5, &why), 0);
    batch_free(batch);
    assert_int_equal(token->state_size, 64);
    assert_int_equal(token->state[63], 7);
    assert_true(token->is_accepted);
    assert_int_equal(token->form_size, strlen("token=a%2B"));
    assert_memory_equal(token->form, "token=a%2B", token->form_size);
    assert_int_equal(token->body_capacity, 0);
    batch_free(token);
}

/* Sizes come from the network: a sum that wraps would reserve too little. */
static void an_absurd_size_is_no_memory(void **state)
{
    (void)state;
    struct batch *batch = batch_new();
    assert_non_null(batch);
    assert_int_equal(batch_append(batch, "abc", 3), 0);
    assert_int_equal(batch_reserve(batch, SIZE_MAX - 1), HAPLO_ENOMEM);
    assert_memory_equal(batch->body, "abc", 3);
    batch_free(batch);
}

/* What was there before a failed allocation must still be there. */
static void a_failing_allocator_is_reported_and_loses_nothing(void **state)
{
    (void)state;
    allocator_reset(1);
    assert_null(batch_new());
    allocator_reset(0);
    struct batch *batch = batch_new();
    assert_non_null(batch);
    assert_int_equal(batch_append(batch, "abc", 3), 0);
    allocator_reset(1);
    assert_int_equal(batch_reserve(batch, 1 << 20), HAPLO_ENOMEM);
    allocator_reset(1);
    assert_null(batch_add_message(batch));
    assert_int_equal(batch->message_count, 0);
    assert_memory_equal(batch->body, "abc", 3);
    batch_free(batch);
    batch_free(NULL);
    assert_int_equal(allocator_held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_follow_the_body_when_it_moves),
        cmocka_unit_test(a_body_grows_by_doubling),
        cmocka_unit_test(a_reset_keeps_ordinary_memory),
        cmocka_unit_test(a_reset_gives_back_what_is_above_the_limits),
        cmocka_unit_test(a_reset_survives_a_failing_allocator),
        cmocka_unit_test(a_token_outlives_its_batch),
        cmocka_unit_test(an_absurd_size_is_no_memory),
        cmocka_unit_test(a_failing_allocator_is_reported_and_loses_nothing),
    };
    allocator_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
