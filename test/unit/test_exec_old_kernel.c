/*
 * Commands on a kernel without close_range(), or with a filter of system calls
 * that does not know it.
 */
#include "exec_scene.h"

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static int refused; /* errno of close_range() */
static unsigned refused_count;

/* In place of that of libc. */
int close_range(unsigned first, unsigned last, int flags)
{
    assert_int_equal(first, STDERR_FILENO + 1);
    assert_true(last >= first);
    assert_int_not_equal(flags, 0);
    refused_count++;
    errno = refused;
    return -1;
}

/* What is inherited there is a leak that newer machines never show. */
static void test_descriptors_are_not_inherited_there_either(void **state)
{
    static const int errors[] = {ENOSYS, EINVAL, EPERM};
    struct scene *scene = *state;
    struct bundle bundle;
    int descriptor = open("/", O_RDONLY); /* inheritable */

    assert_true(descriptor > STDERR_FILENO);
    scene_run(scene, "ls /proc/self/fd >fds");
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        refused = errors[i];
        assert_int_equal(dup2(descriptor, 99), 99);
        bundle_make(&bundle, 1);
        deliver_well(scene, &bundle);
        assert_int_equal(refused_count, i + 1);
        expect_file(scene, "fds", "0\n1\n2\n3\n"); /* 3: of ls itself */
        assert_int_equal(close(99), 0);
    }
    assert_int_equal(close(descriptor), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_descriptors_are_not_inherited_there_either),
    };

    return cmocka_run_group_tests_name("exec_old_kernel", tests, NULL, NULL);
}
