#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "failing_allocator.h"
#include "state_scene.h"

/* What the application does with a batch: compares, stores, answers. */
static enum haplo_compare store(struct stored *stored,
                                const struct batch *batch)
{
    enum haplo_compare found =
        haplo_state_compare(state_of(batch), stored_slice(stored));
    if (found == HAPLO_COMPARE_CURRENT) {
        stored_set(stored, state_of(batch));
    }
    return found;
}

/* The batch is stored and accepted. */
static void accept_batch(struct delivery_state *state, struct stored *stored,
                         struct batch *batch)
{
    assert_int_equal(store(stored, batch), HAPLO_COMPARE_CURRENT);
    delivery_state_accept(state, batch);
}

static void store_confirmed(struct stored *stored, struct haplo_slice state)
{
    if (stored != NULL) {
        assert_int_equal(haplo_state_compare(state, stored_slice(stored)),
                         HAPLO_COMPARE_CURRENT);
        stored_set(stored, state);
    }
}

/* Its mark is confirmed; the confirmed state is stored where stored is not
 * NULL. Ends the batch. */
static void confirm(struct delivery_state *state, struct stored *stored,
                    struct batch *batch, bool is_drained)
{
    uint8_t bytes[STATE_HEAD_SIZE];
    store_confirmed(stored, delivery_state_confirm(state, batch, is_drained,
                                                   scene_salt++, bytes));
    batch_free(batch);
}

/* Its token is given up, or the batch is dropped. Ends the batch. */
static void drop(struct delivery_state *state, struct batch *batch)
{
    if (batch->is_accepted) {
        delivery_state_keep(state, batch);
    }
    batch_free(batch);
}

/* A queue is empty; the confirmed state is stored where stored is not NULL. */
static void find_empty(struct delivery_state *state, struct stored *stored)
{
    uint8_t bytes[STATE_HEAD_SIZE];
    store_confirmed(
        stored, delivery_state_confirm(state, NULL, true, scene_salt++, bytes));
}

/* Set arithmetic */

/* A queue that has stored nothing has no repeats, and its first state may be
 * stored where there is none. */
static void all_messages_of_a_first_batch_are_new(void **unused)
{
    (void)unused;
    struct delivery_state state = {0};
    struct batch *batch = fetched(&state, "ABC");
    assert_string_equal(repeats_of(batch), "ABC");
    assert_int_equal(batch->new_count, 3);
    assert_string_equal(keys_text(state_of(batch)), "ABC");
    assert_int_equal(
        haplo_state_compare(state_of(batch), (struct haplo_slice){0}),
        HAPLO_COMPARE_CURRENT);
    drop(&state, batch);
}

/* The contract in one line: new is B - K, repeats are what both have, and
 * leftovers K - B stay in the state. */
static void a_batch_is_split_into_new_repeats_and_leftovers(void **unused)
{
    (void)unused;
    struct delivery_state state = {0};
    struct stored stored = {0};
    struct batch *batch = fetched(&state, "ABC");
    accept_batch(&state, &stored, batch);
    drop(&state, batch);
    assert_int_equal(delivery_state_count(&state, NULL), 3);
    batch = fetched(&state, "CDA");
    assert_string_equal(repeats_of(batch), "cDa");
    assert_int_equal(batch->new_count, 1);
    assert_string_equal(keys_text(state_of(batch)), "CDA|B");
    accept_batch(&state, &stored, batch);
    assert_int_equal(delivery_state_count(&state, batch), 4);
    confirm(&state, &stored, batch, false);
    assert_string_equal(keys_text(stored_slice(&stored)), "|B");
    assert_int_equal(delivery_state_count(&state, NULL), 1);
    delivery_state_free(&state);
    stored_free(&stored);
}

/* A mark tells nothing of leftovers, but an empty queue does: what is stored
 * and not unread has been marked. Kept, a leftover would make a later resend
 * pass for a repeat. */
static void a_drained_queue_has_no_leftovers(void **unused)
{
    (void)unused;
    struct delivery_state state = {0};
    struct stored stored = {0};
    struct batch *batch = fetched(&state, "AB");
    accept_batch(&state, &stored, batch);
    drop(&state, batch);
    batch = fetched(&state, "B");
    accept_batch(&state, &stored, batch);
    confirm(&state, &stored, batch, true);
    assert_int_equal(delivery_state_count(&state, NULL), 0);
    batch = fetched(&state, "A");
    assert_string_equal(repeats_of(batch), "A");
    drop(&state, batch);
    stored_free(&stored);
}

/* Two equal messages are two: one stored key makes one of them a repeat.
 * Pairs of a key and its ordinal in the batch would not do, as ordinals begin
 * again in each batch. */
static void equal_messages_are_counted(void **unused)
{
    (void)unused;
    struct delivery_state state = {0};
    struct stored stored = {0};
    struct batch *batch = fetched(&state, "AA");
    accept_batch(&state, &stored, batch);
    drop(&state, batch);
    batch = fetched(&state, "A");
    assert_string_equal(repeats_of(batch), "a");
    assert_string_equal(keys_text(state_of(batch)), "A|A");
    accept_batch(&state, &stored, batch);
    confirm(&state, &stored, batch, false);
    batch = fetched(&state, "BAAA");
    assert_string_equal(repeats_of(batch), "BaAA");
    drop(&state, batch);
    delivery_state_free(&state);
    stored_free(&stored);
}

/* Leftovers of several batches stay in the order of their age, so that the
 * bound drops the oldest. */
static void leftovers_are_kept_from_the_newest_to_the_oldest(void **unused)
{
    (void)unused;
    struct delivery_state state = {0};
    struct stored stored = {0};
    static const char *const batches[] = {"AB", "CD", "EF"};
    for (size_t i = 0; i < 3; i++) {
        struct batch *batch = fetched(&state, batches[i]);
        accept_batch(&state, &stored, batch);
        drop(&state, batch);
    }
    struct batch *batch = fetched(&state, "D");
    assert_string_equal(keys_text(state_of(batch)), "D|EFCAB");
    drop(&state, batch);
    delivery_state_free(&state);
    stored_free(&stored);
}

/* Bounds */

static struct batch *numbered(const struct delivery_state *state,
                              uint32_t first, uint32_t count,
                              size_t *dropped_count)
{
    struct batch *batch = batch_new();
    assert_non_null(batch);
    for (uint32_t i = 0; i < count; i++) {
        struct haplo_message *message = batch_add_message(batch);
        uint32_t number = first + i;
        assert_non_null(message);
        message->body = (struct haplo_slice){(const char *)&number, 4};
        identity_fill(message, 1);
    }
    *dropped_count = evaluate(state, batch);
    return batch;
}

/* A state must not grow without limit, however many tokens are given up. A
 * batch is always kept whole, or it would be stored again when its mark was
 * lost; beyond that the oldest go first. */
static void the_oldest_leftovers_are_dropped_at_the_bound(void **unused)
{
    (void)unused;
    enum { LARGE = 40000, MAX = HAPLO_LEFTOVER_COUNT_MAX };
    struct delivery_state state = {0};
    struct stored stored = {0};
    size_t dropped;
    struct batch *batch = numbered(&state, 0, LARGE, &dropped);
    assert_int_equal(dropped, 0);
    assert_true(batch->state_size <= HAPLO_STATE_SIZE_MAX(LARGE));
    accept_batch(&state, &stored, batch);
    drop(&state, batch);
    assert_int_equal(delivery_state_count(&state, NULL), LARGE);
    batch = numbered(&state, LARGE, 1, &dropped);
    assert_int_equal(dropped, LARGE - MAX);
    assert_int_equal(batch->state_size, HAPLO_STATE_SIZE_MAX(1));
    accept_batch(&state, &stored, batch);
    drop(&state, batch);
    batch = numbered(&state, 0, MAX + 1, &dropped);
    assert_int_equal(batch->new_count, 1);
    assert_true(batch->messages[0].is_repeat);
    assert_false(batch->messages[MAX].is_repeat);
    drop(&state, batch);
    delivery_state_free(&state);
    stored_free(&stored);
}

/* A server of 2019 sends everything at once, equal messages among it: no two
 * nested loops over it. */
static void a_large_batch_of_equal_messages_takes_no_quadratic_time(
    void **unused)
{
    (void)unused;
    enum { COUNT = 200000 };
    struct delivery_state state = {0};
    struct stored stored = {0};
    for (size_t round = 0; round < 2; round++) {
        size_t dropped;
        struct batch *batch = batch_new();
        assert_non_null(batch);
        for (size_t i = 0; i < COUNT; i++) {
            struct haplo_message *message = batch_add_message(batch);
            message->body = (struct haplo_slice){"same", 4};
        }
        identity_fill(batch->messages, COUNT);
        assert_int_equal(
            delivery_state_evaluate(&state, batch, scene_salt++, &dropped), 0);
        assert_int_equal(batch->new_count, round == 0 ? COUNT : 0);
        accept_batch(&state, &stored, batch);
        drop(&state, batch);
    }
    delivery_state_free(&state);
    stored_free(&stored);
}

/* Which state may follow which */

/* A commit whose outcome is unknown is tried again: what is stored tells. */
static void an_unknown_commit_is_recognised(void **unused)
{
    (void)unused;
    struct delivery_state state = {0};
    struct stored stored = {0};
    struct batch *batch = fetched(&state, "A");
    assert_int_equal(store(&stored, batch), HAPLO_COMPARE_CURRENT);
    assert_int_equal(store(&stored, batch), HAPLO_COMPARE_STORED);
    drop(&state, batch);
    stored_free(&stored);
}

/* The confirmed state of a mark may be stored late, or never; both ways the
 * next batch is stored, and what memory knows is what counts. */
static void confirmed_states_may_be_stored_late_or_never(void **unused)
{
    (void)unused;
    for (unsigned which = 0; which < 4; which++) {
        bool mark_is_stored = (which & 1) != 0;
        bool empty_is_stored = (which & 2) != 0;
        struct delivery_state state = {0};
        struct stored stored = {0};
        struct batch *batch = fetched(&state, "AB");
        accept_batch(&state, &stored, batch);
        drop(&state, batch);
        batch = fetched(&state, "B");
        accept_batch(&state, &stored, batch);
        confirm(&state, mark_is_stored ? &stored : NULL, batch, false);
        find_empty(&state, empty_is_stored ? &stored : NULL);
        batch = fetched(&state, "A");
        assert_string_equal(repeats_of(batch), "A");
        accept_batch(&state, &stored, batch);
        drop(&state, batch);
        delivery_state_free(&state);
        stored_free(&stored);
    }
}

/* A confirmed state that arrives after the next batch's would take its keys
 * away. */
static void a_confirmed_state_that_comes_too_late_is_stale(void **unused)
{
    (void)unused;
    struct delivery_state state = {0};
    struct stored stored = {0};
    struct stored late = {0};
    struct batch *batch = fetched(&state, "A");
    accept_batch(&state, &stored, batch);
    uint8_t bytes[STATE_HEAD_SIZE];
    stored_set(&late, delivery_state_confirm(&state, batch, true, scene_salt++,
                                             bytes));
    batch_free(batch);
    batch = fetched(&state, "B");
    accept_batch(&state, &stored, batch);
    assert_int_equal(
        haplo_state_compare(stored_slice(&late), stored_slice(&stored)),
        HAPLO_COMPARE_STALE);
    drop(&state, batch);
    delivery_state_free(&state);
    stored_free(&stored);
    stored_free(&late);
}

/* A batch was dropped before it was known whether its commit succeeded. If it
 * did, the next batch must not follow it: it was evaluated without it. That
 * holds after an empty fetch, too, which makes a state in between. */
static void a_dropped_batch_that_was_stored_is_noticed(void **unused)
{
    (void)unused;
    for (unsigned is_empty = 0; is_empty < 2; is_empty++) {
        struct delivery_state state = {0};
        struct stored stored = {0};
        struct batch *batch = fetched(&state, "A");
        accept_batch(&state, &stored, batch);
        drop(&state, batch);
        batch = fetched(&state, "B");
        assert_int_equal(store(&stored, batch), HAPLO_COMPARE_CURRENT);
        drop(&state, batch);
        if (is_empty) {
            find_empty(&state, NULL);
        }
        batch = fetched(&state, "B");
        assert_string_equal(repeats_of(batch), "B");
        assert_int_equal(store(&stored, batch), HAPLO_COMPARE_STALE);
        drop(&state, batch);
        assert_int_equal(delivery_state_adopt(&state, stored_slice(&stored)),
                         0);
        batch = fetched(&state, "B");
        assert_string_equal(repeats_of(batch), "b");
        accept_batch(&state, &stored, batch);
        drop(&state, batch);
        delivery_state_free(&state);
        stored_free(&stored);
    }
}

/* Two processes store one queue: whoever comes second must notice, though
 * both have read the same state and fetched the same messages. */
static void of_two_writers_the_second_is_stale(void **unused)
{
    (void)unused;
    struct delivery_state one = {0};
    struct delivery_state two = {0};
    struct stored stored = {0};
    struct batch *first = fetched(&one, "A");
    struct batch *second = fetched(&two, "A");
    accept_batch(&one, &stored, first);
    assert_int_equal(store(&stored, second), HAPLO_COMPARE_STALE);
    drop(&two, second);
    assert_int_equal(delivery_state_adopt(&two, stored_slice(&stored)), 0);
    second = fetched(&two, "A");
    confirm(&one, &stored, first, true);
    assert_int_equal(store(&stored, second), HAPLO_COMPARE_STALE);
    drop(&two, second);
    delivery_state_free(&two);
    stored_free(&stored);
}

/* After a restart nothing but the stored state is known: the same must follow
 * from it as from memory, and its confirmed state may be stored late as
 * well. */
static void a_restart_goes_on_from_the_stored_state(void **unused)
{
    (void)unused;
    struct delivery_state state = {0};
    struct delivery_state again = {0};
    struct stored stored = {0};
    struct batch *batch = fetched(&state, "AB");
    accept_batch(&state, &stored, batch);
    drop(&state, batch);
    assert_int_equal(delivery_state_adopt(&again, stored_slice(&stored)), 0);
    assert_int_equal(again.generation, 1);
    assert_int_equal(delivery_state_count(&again, NULL), 2);
    batch = fetched(&again, "BC");
    assert_string_equal(repeats_of(batch), "bC");
    drop(&again, batch);
    find_empty(&again, NULL);
    batch = fetched(&again, "B");
    assert_string_equal(repeats_of(batch), "B");
    accept_batch(&again, &stored, batch);
    assert_int_equal(again.generation, 2);
    drop(&again, batch);
    delivery_state_free(&again);
    delivery_state_free(&state);
    stored_free(&stored);
}

/* An older copy of the database was restored while the queue was polled: its
 * state is none that the queue knows, even if the same messages are stored
 * after it once more. */
static void an_older_state_that_was_restored_is_noticed(void **unused)
{
    (void)unused;
    struct delivery_state state = {0};
    struct delivery_state other = {0};
    struct stored stored = {0};
    struct stored backup = {0};
    struct batch *batch = fetched(&state, "A");
    accept_batch(&state, &stored, batch);
    confirm(&state, &stored, batch, true);
    stored_set(&backup, stored_slice(&stored));
    assert_int_equal(delivery_state_adopt(&other, stored_slice(&backup)), 0);
    batch = fetched(&state, "B");
    accept_batch(&state, &stored, batch);
    confirm(&state, &stored, batch, true);
    stored_set(&stored, stored_slice(&backup));
    batch = fetched(&state, "C");
    assert_int_equal(store(&stored, batch), HAPLO_COMPARE_STALE);
    struct batch *same = fetched(&other, "B");
    accept_batch(&other, &stored, same);
    assert_int_equal(store(&stored, batch), HAPLO_COMPARE_STALE);
    drop(&other, same);
    drop(&state, batch);
    delivery_state_free(&other);
    stored_free(&stored);
    stored_free(&backup);
}

/* Bytes */

/* A blob that was cut, or of which one bit has flipped, must not pass for a
 * state: its keys decide what is stored. */
static void damaged_bytes_are_no_state(void **unused)
{
    (void)unused;
    struct delivery_state state = {0};
    struct stored stored = {0};
    struct batch *batch = fetched(&state, "AB");
    accept_batch(&state, &stored, batch);
    drop(&state, batch);
    batch = fetched(&state, "C");
    for (size_t bit = 0; bit < 8 * stored.size; bit++) {
        stored.data[bit / 8] ^= (char)(1 << bit % 8);
        assert_int_equal(
            haplo_state_compare(state_of(batch), stored_slice(&stored)),
            HAPLO_COMPARE_STALE);
        assert_int_equal(delivery_state_adopt(&state, stored_slice(&stored)),
                         HAPLO_EINVAL);
        stored.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    for (size_t size = 1; size < stored.size; size++) {
        struct haplo_slice cut = {stored.data, size};
        assert_int_equal(haplo_state_compare(state_of(batch), cut),
                         HAPLO_COMPARE_STALE);
        assert_int_equal(delivery_state_adopt(&state, cut), HAPLO_EINVAL);
    }
    assert_string_equal(repeats_of(batch), "C"); /* nothing was adopted */
    assert_int_equal(delivery_state_count(&state, NULL), 2);
    drop(&state, batch);
    delivery_state_free(&state);
    stored_free(&stored);
}

/* Databases move between machines and versions: the layout is fixed. */
static void the_layout_is_what_the_header_says(void **unused)
{
    (void)unused;
    static const uint8_t expected[] = {
        'h', 'a', 'p', 'l', 'o', 0, 1, '\n', 1,  0, 0, 0, 0, 0, 0, 0,
        1,   0,   0,   0,   0,   0, 0, 0,    42, 0, 0, 0, 0, 0, 0, 0};
    struct delivery_state state = {0};
    struct batch *batch = batch_of("A");
    size_t dropped;
    assert_int_equal(delivery_state_evaluate(&state, batch, 42, &dropped), 0);
    assert_int_equal(batch->state_size, STATE_HEAD_SIZE + 16);
    assert_memory_equal(batch->state + 8, expected, sizeof expected);
    assert_memory_equal(batch->state + 64, batch->messages[0].key, 16);
    drop(&state, batch);
}

/* Memory */

/* When memory is short nothing may be forgotten: each call fails whole. */
static void without_memory_nothing_changes(void **unused)
{
    (void)unused;
    struct delivery_state state = {0};
    struct stored stored = {0};
    size_t dropped;
    struct batch *batch = fetched(&state, "AB");
    accept_batch(&state, &stored, batch);
    allocator_reset(1); /* making K's block smaller is a wish */
    drop(&state, batch);
    assert_int_equal(delivery_state_count(&state, NULL), 2);
    allocator_reset(1);
    assert_int_equal(delivery_state_adopt(&state, stored_slice(&stored)),
                     HAPLO_ENOMEM);
    assert_int_equal(delivery_state_count(&state, NULL), 2);
    batch = batch_of("BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB");
    for (size_t fails = 1; fails <= 2; fails++) {
        allocator_reset(fails);
        assert_int_equal(delivery_state_evaluate(&state, batch, 1, &dropped),
                         HAPLO_ENOMEM);
        allocator_reset(0);
        batch_free(batch);
        batch = batch_of("BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB");
    }
    allocator_reset(0);
    assert_int_equal(delivery_state_evaluate(&state, batch, 1, &dropped), 0);
    assert_int_equal(batch->new_count, 39);
    drop(&state, batch);
    delivery_state_free(&state);
    stored_free(&stored);
    assert_int_equal(allocator_held, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_messages_of_a_first_batch_are_new),
        cmocka_unit_test(a_batch_is_split_into_new_repeats_and_leftovers),
        cmocka_unit_test(a_drained_queue_has_no_leftovers),
        cmocka_unit_test(equal_messages_are_counted),
        cmocka_unit_test(leftovers_are_kept_from_the_newest_to_the_oldest),
        cmocka_unit_test(the_oldest_leftovers_are_dropped_at_the_bound),
        cmocka_unit_test(
            a_large_batch_of_equal_messages_takes_no_quadratic_time),
        cmocka_unit_test(an_unknown_commit_is_recognised),
        cmocka_unit_test(confirmed_states_may_be_stored_late_or_never),
        cmocka_unit_test(a_confirmed_state_that_comes_too_late_is_stale),
        cmocka_unit_test(a_dropped_batch_that_was_stored_is_noticed),
        cmocka_unit_test(of_two_writers_the_second_is_stale),
        cmocka_unit_test(a_restart_goes_on_from_the_stored_state),
        cmocka_unit_test(an_older_state_that_was_restored_is_noticed),
        cmocka_unit_test(damaged_bytes_are_no_state),
        cmocka_unit_test(the_layout_is_what_the_header_says),
        cmocka_unit_test(without_memory_nothing_changes),
    };
    allocator_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
