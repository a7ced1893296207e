/*
 * Who this host is in a fleet: its name, and the identity that its state
 * directory remembers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/fleet/instance.h"
#include "daemon/host_name.h"
#include "haplopoll.h"

static char folder[] = "/tmp/host_name.XXXXXX";

static int folder_make(void **state)
{
    (void)state;
    return mkdtemp(folder) != NULL && chdir(folder) == 0 ? 0 : -1;
}

static int folder_remove(void **state)
{
    (void)state;
    unlink("fleet.instance");
    return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static int variable_unset(void **state)
{
    (void)state;
    unlink("fleet.instance");
    return unsetenv("HAPLO_POLL_HOST");
}

/* The command line is for one process, the variable for a container. */
static void the_nearest_name_counts(void **state)
{
    char name[FLEET_HOST_SIZE];
    char machine[FLEET_HOST_SIZE];
    char why[HAPLO_TEXT_SIZE_MAX];
    (void)state;
    assert_int_equal(gethostname(machine, sizeof machine), 0);
    assert_int_equal(host_name(NULL, name, why, sizeof why), 0);
    assert_string_equal(name, machine);
    setenv("HAPLO_POLL_HOST", "", 1);
    assert_int_equal(host_name(NULL, name, why, sizeof why), 0);
    assert_string_equal(name, machine);
    setenv("HAPLO_POLL_HOST", "poll1.example", 1);
    assert_int_equal(host_name(NULL, name, why, sizeof why), 0);
    assert_string_equal(name, "poll1.example");
    assert_int_equal(host_name("poll2", name, why, sizeof why), 0);
    assert_string_equal(name, "poll2");
}

/* It says which of the three is wrong, as somebody else may have set it. */
static void a_bad_name_is_refused(void **state)
{
    char name[FLEET_HOST_SIZE];
    char why[HAPLO_TEXT_SIZE_MAX];
    (void)state;
    assert_int_equal(host_name("", name, why, sizeof why), HAPLO_EINVAL);
    assert_non_null(strstr(why, "--host"));
    setenv("HAPLO_POLL_HOST", "a b", 1);
    assert_int_equal(host_name(NULL, name, why, sizeof why), HAPLO_EINVAL);
    assert_non_null(strstr(why, "HAPLO_POLL_HOST: \"a b\""));
}

/* After kill -9, it is the same member of the fleet. */
static void the_identity_is_remembered(void **state)
{
    char first[INBOX_FLEET_INSTANCE_SIZE];
    char second[INBOX_FLEET_INSTANCE_SIZE];
    struct reason why;
    (void)state;
    assert_int_equal(instance_load(".", first, &why), 0);
    assert_int_equal(strlen(first), INBOX_FLEET_INSTANCE_SIZE - 1);
    assert_int_equal(first[14], '4'); /* random */
    assert_int_equal(instance_load(".", second, &why), 0);
    assert_string_equal(first, second);
    unlink("fleet.instance");
    assert_int_equal(instance_load(".", second, &why), 0);
    assert_string_not_equal(first, second);
}

static void an_identity_that_is_none_is_refused(void **state)
{
    static const char *const targets[] = {
        "x", "00000000-0000-4000-8000-00000000000",
        "00000000-0000-4000-8000-0000000000000",
        "00000000-0000-4000-8000-00000000000G"};
    char uuid[INBOX_FLEET_INSTANCE_SIZE];
    struct reason why;
    (void)state;
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        assert_int_equal(symlink(targets[i], "fleet.instance"), 0);
        assert_int_equal(instance_load(".", uuid, &why), HAPLO_EINVAL);
        assert_non_null(strstr(why.text, "./fleet.instance"));
        unlink("fleet.instance");
    }
    assert_int_equal(instance_load("missing", uuid, &why), HAPLO_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_nearest_name_counts, variable_unset),
        cmocka_unit_test_setup(a_bad_name_is_refused, variable_unset),
        cmocka_unit_test_setup(the_identity_is_remembered, variable_unset),
        cmocka_unit_test_setup(an_identity_that_is_none_is_refused,
                               variable_unset),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
