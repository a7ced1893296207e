/* What a failed system call is called, and whose fault it is. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/errno_reason.h"

/* The line must lead an operator to what has to be done. */
static void a_line_says_what_failed_and_what_to_do(void **state)
{
    struct reason why;
    (void)state;
    assert_int_equal(
        errno_reason_set(&why, HAPLO_EINVAL, "/x", "cannot be made", EACCES),
        HAPLO_EINVAL);
    assert_string_equal(why.text, "/x: cannot be made: permission denied: let "
                                  "this user write there");
}

/* Exit codes depend on it: what the system may mend by itself is worth another
 * try, and a wrong path is not. */
static void an_outage_is_not_the_fault_of_a_path(void **state)
{
    static const int outages[] = {EIO,    ENOSPC, EDQUOT, EROFS,
                                  EMFILE, ENFILE, ENOMEM};
    static const int others[] = {0,       EACCES,       EPERM, ENOENT,
                                 ENOTDIR, ENAMETOOLONG, ELOOP, EISDIR};
    struct reason why;
    (void)state;
    for (size_t i = 0; i < sizeof outages / sizeof outages[0]; i++) {
        assert_true(errno_is_outage(outages[i]));
        assert_int_equal(errno_reason_classify(&why, "/x", "y", outages[i]),
                         HAPLO_EDELIVERY);
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_false(errno_is_outage(others[i]));
        assert_int_equal(errno_reason_classify(&why, "/x", "y", others[i]),
                         HAPLO_EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_says_what_failed_and_what_to_do),
        cmocka_unit_test(an_outage_is_not_the_fault_of_a_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
