/*
 * How long a command that prints an API key is left alone, in virtual time.
 * What else there is to say about them, test/integration/test_key_commands.py
 * does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/gather/key_commands.h"

#define SECOND_MS UINT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)

/* A vault that is down for a weekend is asked every five minutes. */
static void failing_command_is_run_less_and_less(void **state)
{
    static const uint64_t expected_s[] = {5,   10,  20,  40, 80,
                                          160, 300, 300, 300};
    uint64_t wait_ms = 0;
    (void)state;
    for (size_t i = 0; i < sizeof expected_s / sizeof expected_s[0]; i++) {
        wait_ms = key_commands_wait_ms(KEY_OUTCOME_NONE, wait_ms);
        assert_int_equal(wait_ms, expected_s[i] * SECOND_MS);
    }
}

/* A revoked key stays revoked, until somebody puts another one into the vault:
 * 100 runs in a day, and not one for each look. */
static void same_key_is_asked_for_less_and_less(void **state)
{
    uint64_t wait_ms = key_commands_wait_ms(KEY_OUTCOME_NEW, 0);
    uint64_t now_ms = 0;
    unsigned count = 0;
    (void)state;
    assert_int_equal(wait_ms, 10 * SECOND_MS);
    for (; now_ms < 24 * 60 * MINUTE_MS; now_ms += wait_ms) {
        wait_ms = key_commands_wait_ms(KEY_OUTCOME_SAME, wait_ms);
        count++;
    }
    assert_int_equal(wait_ms, 15 * MINUTE_MS);
    assert_in_range(count, 95, 105);
}

/* The next rotation is noticed as fast as the first. */
static void new_key_starts_from_the_beginning(void **state)
{
    (void)state;
    assert_int_equal(key_commands_wait_ms(KEY_OUTCOME_NEW, 15 * MINUTE_MS),
                     10 * SECOND_MS);
    /* After long outages it is as with any other that works. */
    assert_int_equal(key_commands_wait_ms(KEY_OUTCOME_SAME, 0), 10 * SECOND_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failing_command_is_run_less_and_less),
        cmocka_unit_test(same_key_is_asked_for_less_and_less),
        cmocka_unit_test(new_key_starts_from_the_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
