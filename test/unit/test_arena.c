#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "config/arena.h"

#define LARGE 40000 /* more than fits well into a block */

/* Values of any length are kept, and those before and after them. */
static void test_small_and_large_texts_are_kept(void **state)
{
    static char large[LARGE + 1];
    struct arena arena = {.blocks = NULL};
    char *kept[6];
    (void)state;
    memset(large, 'x', LARGE);
    for (size_t i = 0; i < 6; i++) {
        kept[i] = arena_string(&arena, i % 2 == 0 ? large : "small");
        assert_non_null(kept[i]);
    }
    for (size_t i = 0; i < 6; i++) {
        assert_string_equal(kept[i], i % 2 == 0 ? large : "small");
    }
    assert_ptr_equal(kept[3], kept[1] + sizeof "small");
    assert_false(arena.has_failed);
    arena_free(&arena);
    assert_null(arena.blocks);
}

/* Structs may follow texts of any length. */
static void test_structs_are_zeroed_and_aligned(void **state)
{
    struct arena arena = {.blocks = NULL};
    (void)state;
    for (size_t size = 1; size < 40; size++) {
        assert_non_null(arena_room(&arena, size));
        const char *bytes = arena_bytes(&arena, size);
        assert_non_null(bytes);
        assert_int_equal((uintptr_t)bytes % alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(bytes[i], 0);
        }
    }
    arena_free(&arena);
}

/* A configuration in which something is missing must not be taken for whole,
 * even if nobody has looked at the result. */
static void test_a_failure_is_remembered(void **state)
{
    const size_t too_large = SIZE_MAX - 1; /* malloc() is not even asked */
    struct arena arena = {.blocks = NULL};
    (void)state;
    assert_null(arena_room(&arena, too_large));
    assert_non_null(arena_string(&arena, "small"));
    assert_true(arena.has_failed);
    arena_free(&arena);
    assert_false(arena.has_failed);
}

/* An empty list is none that could not be stored. */
static void test_nothing_at_all_can_be_allocated_first(void **state)
{
    struct arena arena = {.blocks = NULL};
    (void)state;
    assert_non_null(arena_bytes(&arena, 0));
    assert_false(arena.has_failed);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_and_large_texts_are_kept),
        cmocka_unit_test(test_structs_are_zeroed_and_aligned),
        cmocka_unit_test(test_a_failure_is_remembered),
        cmocka_unit_test(test_nothing_at_all_can_be_allocated_first),
    };
    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
