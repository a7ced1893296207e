/* The heap of due times: one wrong order in it and a queue is polled late, or
 * never again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "core/backoff.h"
#include "core/heap.h"
#include "haplopoll.h"

#define ENTRIES 300
#define OPERATIONS 100000

/* The naive model: an array of due times, searched from end to end */

struct model {
    struct heap heap;
    struct heap_entry entries[ENTRIES];
    uint64_t due_ms[ENTRIES]; /* HEAP_NEVER: not in */
};

static uint64_t model_first_ms(const struct model *model)
{
    uint64_t first_ms = HEAP_NEVER;
    for (int i = 0; i < ENTRIES; i++) {
        first_ms = model->due_ms[i] < first_ms ? model->due_ms[i] : first_ms;
    }
    return first_ms;
}

/* Each entry knows its place, and no child is due before its parent. */
static void check_shape(const struct model *model)
{
    const struct heap *heap = &model->heap;
    uint32_t count = 0;
    for (uint32_t i = 0; i < heap->count; i++) {
        assert_int_equal(heap->slots[i].entry->position, i + 1);
        if (i > 0) {
            assert_true(heap->slots[(i - 1) / 4].due_ms <=
                        heap->slots[i].due_ms);
        }
    }
    for (int i = 0; i < ENTRIES; i++) {
        assert_int_equal(heap_due_ms(heap, &model->entries[i]),
                         model->due_ms[i]);
        count += model->due_ms[i] != HEAP_NEVER;
    }
    assert_int_equal(heap->count, count);
}

static void take_one(struct model *model, uint64_t now_ms)
{
    uint64_t first_ms = model_first_ms(model);
    struct heap_entry *entry = heap_take_due(&model->heap, now_ms);
    if (first_ms > now_ms) {
        assert_null(entry);
        return;
    }
    assert_non_null(entry);
    assert_int_equal(entry->position, 0);
    ptrdiff_t index = entry - model->entries;
    assert_int_equal(model->due_ms[index], first_ms);
    model->due_ms[index] = HEAP_NEVER;
}

/* Whatever the order of setting, moving, removing and taking, the heap agrees
 * with a list that is searched from end to end. */
static void agrees_with_a_naive_list_over_random_operations(void **state)
{
    (void)state;
    struct model *model = calloc(1, sizeof *model);
    assert_non_null(model);
    struct random random = {20260};
    assert_int_equal(heap_reserve(&model->heap, ENTRIES), 0);
    for (int i = 0; i < ENTRIES; i++) {
        model->due_ms[i] = HEAP_NEVER;
    }
    for (int i = 0; i < OPERATIONS; i++) {
        uint64_t index = random_below(&random, ENTRIES);
        /* Few different times, so that many are equal. */
        uint64_t due_ms = random_below(&random, 1000);
        switch (random_below(&random, 4)) {
        case 0:
        case 1:
            heap_set(&model->heap, &model->entries[index], due_ms);
            model->due_ms[index] = due_ms;
            break;
        case 2:
            heap_remove(&model->heap, &model->entries[index]);
            model->due_ms[index] = HEAP_NEVER;
            break;
        default:
            take_one(model, due_ms);
        }
        assert_int_equal(heap_first_ms(&model->heap), model_first_ms(model));
        if (i % 100 == 0) {
            check_shape(model);
        }
    }
    check_shape(model);
    heap_free(&model->heap);
    free(model);
}

/* The timer is set from the first due time; an empty heap must not set it. */
static void empty_heap_is_never_due(void **state)
{
    (void)state;
    struct heap heap = {0};
    struct heap_entry entry = {0};
    assert_true(heap_first_ms(&heap) == HEAP_NEVER);
    assert_true(heap_due_ms(&heap, &entry) == HEAP_NEVER);
    assert_null(heap_take_due(&heap, UINT64_MAX));
    heap_remove(&heap, &entry);
    heap_free(&heap);
}

/* All that is due is taken in order of time, and nothing before its time. */
static void takes_in_order_and_not_before_its_time(void **state)
{
    (void)state;
    struct heap heap = {0};
    struct heap_entry entries[5] = {{0}};
    const uint64_t due_ms[5] = {30, 10, 50, 20, 40};
    assert_int_equal(heap_reserve(&heap, 5), 0);
    for (int i = 0; i < 5; i++) {
        heap_set(&heap, &entries[i], due_ms[i]);
    }
    assert_null(heap_take_due(&heap, 9));
    assert_ptr_equal(heap_take_due(&heap, 30), &entries[1]);
    assert_ptr_equal(heap_take_due(&heap, 30), &entries[3]);
    assert_ptr_equal(heap_take_due(&heap, 30), &entries[0]);
    assert_null(heap_take_due(&heap, 30));
    assert_int_equal(heap_first_ms(&heap), 40);
    heap_free(&heap);
}

/* A wait that is set again moves, to earlier or later; it is never in twice. */
static void setting_again_moves_the_entry(void **state)
{
    (void)state;
    struct heap heap = {0};
    struct heap_entry a = {0};
    struct heap_entry b = {0};
    assert_int_equal(heap_reserve(&heap, 2), 0);
    heap_set(&heap, &a, 10);
    heap_set(&heap, &b, 20);
    heap_set(&heap, &a, 30);
    assert_int_equal(heap_first_ms(&heap), 20);
    heap_set(&heap, &a, 5);
    assert_int_equal(heap_first_ms(&heap), 5);
    assert_int_equal(heap.count, 2);
    heap_free(&heap);
}

/* Queues are added while others wait: growing must keep every wait. */
static void growing_keeps_what_is_in(void **state)
{
    (void)state;
    struct heap heap = {0};
    struct heap_entry entries[100] = {{0}};
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(heap_reserve(&heap, i + 1), 0);
        heap_set(&heap, &entries[i], 1000 - i);
    }
    for (uint32_t i = 100; i > 0; i--) {
        assert_ptr_equal(heap_take_due(&heap, 2000), &entries[i - 1]);
    }
    heap_free(&heap);
}

static void *no_malloc(size_t size)
{
    (void)size;
    return NULL;
}

static void *no_realloc(void *block, size_t size)
{
    (void)block;
    (void)size;
    return NULL;
}

/* Without memory for one more queue, those that are there go on. */
static void failed_growth_leaves_the_heap_as_it_was(void **state)
{
    (void)state;
    struct heap heap = {0};
    struct heap_entry entry = {0};
    assert_int_equal(heap_reserve(&heap, 1), 0);
    heap_set(&heap, &entry, 10);
    alloc_replace(no_malloc, no_realloc, free);
    assert_int_equal(heap_reserve(&heap, 1000), HAPLO_ENOMEM);
    alloc_replace(malloc, realloc, free);
    assert_ptr_equal(heap_take_due(&heap, 10), &entry);
    heap_free(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_naive_list_over_random_operations),
        cmocka_unit_test(empty_heap_is_never_due),
        cmocka_unit_test(takes_in_order_and_not_before_its_time),
        cmocka_unit_test(setting_again_moves_the_entry),
        cmocka_unit_test(growing_keeps_what_is_in),
        cmocka_unit_test(failed_growth_leaves_the_heap_as_it_was),
    };
    return cmocka_run_group_tests_name("heap", tests, NULL, NULL);
}
