/* The parser's memory: small blocks from a fixed space, large ones from the
 * allocator, and all of them back at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "core/json_arena.h"
#include "failing_allocator.h"
#include "haplopoll.h"

static struct json_arena arena;

static void *filled(size_t size, int byte)
{
    void *block = json_arena_alloc(&arena, size);
    assert_non_null(block);
    assert_int_equal((uintptr_t)block % alignof(max_align_t), 0);
    memset(block, byte, size);
    return block;
}

static void assert_filled(const unsigned char *block, size_t size, int byte)
{
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(block[i], byte);
    }
}

static int set_up(void **state)
{
    (void)state;
    allocator_reset(0);
    json_arena_init(&arena);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    json_arena_reset(&arena);
    assert_int_equal(allocator_held, 0);
    return 0;
}

/* Most documents: nothing is asked of the allocator. */
static void small_blocks_come_from_the_space(void **state)
{
    (void)state;
    unsigned char *a = filled(500, 'a');
    unsigned char *b = filled(2000, 'b');
    a = json_arena_resize(&arena, a, 900);
    assert_non_null(a);
    assert_filled(a, 500, 'a');
    assert_filled(b, 2000, 'b');
    json_arena_free(&arena, a);
    json_arena_free(&arena, NULL);
    assert_int_equal(allocator_calls, 0);
}

/* A token of megabytes: it grows, in the allocator's memory. */
static void large_blocks_grow_and_are_given_back(void **state)
{
    (void)state;
    unsigned char *small = filled(1000, 's');
    unsigned char *large = filled(JSON_ARENA_SIZE, 'l');
    assert_int_equal(allocator_held, 1);
    large = json_arena_resize(&arena, large, 5 * JSON_ARENA_SIZE);
    assert_non_null(large);
    assert_filled(large, JSON_ARENA_SIZE, 'l');
    small = json_arena_resize(&arena, small, 2 * JSON_ARENA_SIZE);
    assert_non_null(small);
    assert_filled(small, 1000, 's');
    assert_int_equal(allocator_held, 2);
    json_arena_free(&arena, large);
    assert_int_equal(allocator_held, 1); /* the rest with the reset */
}

/* As realloc(): on failure the old block stands. */
static void without_memory_the_old_block_stands(void **state)
{
    (void)state;
    unsigned char *large = filled(JSON_ARENA_SIZE, 'l');
    unsigned char *small = filled(100, 's');
    allocator_reset(1);
    assert_null(json_arena_alloc(&arena, 2 * JSON_ARENA_SIZE));
    allocator_reset(1);
    assert_null(json_arena_resize(&arena, large, 2 * JSON_ARENA_SIZE));
    allocator_reset(1);
    assert_null(json_arena_resize(&arena, small, 2 * JSON_ARENA_SIZE));
    assert_filled(large, JSON_ARENA_SIZE, 'l');
    assert_filled(small, 100, 's');
}

/* Sizes that would overflow are refused before they do. */
static void absurd_sizes_are_refused(void **state)
{
    (void)state;
    void *small = filled(100, 's');
    assert_null(json_arena_alloc(&arena, SIZE_MAX));
    assert_null(json_arena_resize(&arena, small, SIZE_MAX - 8));
    assert_null(alloc_zeroed(SIZE_MAX / 2, 3));
    assert_int_equal(allocator_calls, 0);
}

/* Half an allocator would mix two of them up. */
static void an_allocator_is_replaced_as_a_whole(void **state)
{
    (void)state;
    assert_int_equal(
        haplo_replace_allocator(NULL, allocator_realloc, allocator_free),
        HAPLO_EINVAL);
    assert_int_equal(
        haplo_replace_allocator(allocator_malloc, NULL, allocator_free),
        HAPLO_EINVAL);
    assert_int_equal(
        haplo_replace_allocator(allocator_malloc, allocator_realloc, NULL),
        HAPLO_EINVAL);
    void *block = alloc_bytes(10);
    assert_int_equal(allocator_held, 1); /* the one before is in use still */
    alloc_free(block);
}

/* What one allocator has handed out, another one cannot free. */
static void an_allocator_is_not_replaced_too_late(void **state)
{
    (void)state;
    alloc_free(alloc_bytes(10));
    assert_int_equal(haplo_replace_allocator(allocator_malloc,
                                             allocator_realloc, allocator_free),
                     HAPLO_EBUSY);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    allocator_install();
    const struct CMUnitTest tests[] = {
        TEST(small_blocks_come_from_the_space),
        TEST(large_blocks_grow_and_are_given_back),
        TEST(without_memory_the_old_block_stands),
        TEST(absurd_sizes_are_refused),
        TEST(an_allocator_is_replaced_as_a_whole),
        TEST(an_allocator_is_not_replaced_too_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
