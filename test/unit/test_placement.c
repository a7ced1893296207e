/*
 * Which host should poll which server: shares, and what moves when a host comes
 * or goes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "fleet/placement.h"

#define HOSTS 100

static void name_hosts(struct placement_host *hosts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char name[48];
        (void)snprintf(name, sizeof name, "host-%zu.example.ac.uk", i + 1);
        hosts[i] = (struct placement_host){placement_hash(name), 1};
    }
}

static void count_shares(const struct placement_host *hosts, size_t count,
                         size_t *shares)
{
    for (size_t i = 0; i < count; i++) {
        shares[i] = 0;
    }
    for (unsigned slot = 0; slot < FLEET_SLOT_COUNT; slot++) {
        shares[placement_owner(slot, hosts, count)]++;
    }
}

/* All hosts compute by themselves: the results must stay the same, whatever
 * the version of the program or the machine. */
static void test_placement_never_changes(void **state)
{
    (void)state;
    struct placement_host hosts[10];
    unsigned long sum = 0;
    name_hosts(hosts, 10);
    for (unsigned slot = 0; slot < FLEET_SLOT_COUNT; slot++) {
        sum = sum * 31 + placement_owner(slot, hosts, 10);
    }
    assert_int_equal(placement_slot("research.example.ac.uk"), 154);
    assert_int_equal(sum % 1000003, 710866);
}

static void test_the_order_of_hosts_does_not_matter(void **state)
{
    (void)state;
    struct placement_host hosts[10];
    struct placement_host reversed[10];
    name_hosts(hosts, 10);
    for (size_t i = 0; i < 10; i++) {
        reversed[i] = hosts[9 - i];
    }
    for (unsigned slot = 0; slot < FLEET_SLOT_COUNT; slot++) {
        assert_int_equal(placement_owner(slot, hosts, 10),
                         9 - placement_owner(slot, reversed, 10));
    }
}

static void test_nobody_owns_anything_without_weight(void **state)
{
    (void)state;
    struct placement_host hosts[2] = {{1, 0}, {2, 0}};
    assert_int_equal(placement_owner(0, hosts, 0), FLEET_NOBODY);
    assert_int_equal(placement_owner(0, hosts, 2), FLEET_NOBODY);
    hosts[1].weight = 7;
    assert_int_equal(placement_owner(0, hosts, 2), 1);
}

/* A host of twice the weight has about twice the share. */
static void test_shares_follow_weights(void **state)
{
    (void)state;
    struct placement_host hosts[4];
    size_t shares[4];
    name_hosts(hosts, 4);
    hosts[3].weight = 3;
    count_shares(hosts, 4, shares);
    for (size_t i = 0; i < 3; i++) {
        assert_in_range(shares[i], 135, 206); /* a sixth, more or less */
    }
    assert_in_range(shares[3], 462, 562);
}

/* Only what comes to the new host moves: the others do not exchange any. */
static void test_a_new_host_moves_its_share_alone(void **state)
{
    (void)state;
    struct placement_host hosts[11];
    size_t moved = 0;
    name_hosts(hosts, 11);
    for (unsigned slot = 0; slot < FLEET_SLOT_COUNT; slot++) {
        size_t before = placement_owner(slot, hosts, 10);
        size_t after = placement_owner(slot, hosts, 11);
        assert_true(after == before || after == 10);
        moved += after != before;
    }
    print_message("the eleventh host moves %.1f %% of the slots\n",
                  100.0 * (double)moved / FLEET_SLOT_COUNT);
    assert_in_range(moved, 1, FLEET_SLOT_COUNT * 11 / 100);
}

/* 1,000,000 queues on 20,000 servers, and 100 hosts. */
static void test_queues_are_spread_over_hosts(void **state)
{
    (void)state;
    static const size_t sizes[] = {2, 10, 100};
    for (size_t s = 0; s < 3; s++) {
        struct placement_host hosts[HOSTS];
        size_t queues[HOSTS] = {0};
        size_t most = 0;
        name_hosts(hosts, sizes[s]);
        for (unsigned i = 0; i < 20000; i++) {
            char name[32];
            (void)snprintf(name, sizeof name, "server-%u", i);
            queues[placement_owner(placement_slot(name), hosts, sizes[s])] +=
                50;
        }
        for (size_t i = 0; i < sizes[s]; i++) {
            most = queues[i] > most ? queues[i] : most;
            assert_true(queues[i] > 0);
        }
        double ratio = (double)most / (1000000.0 / (double)sizes[s]);
        print_message("%zu hosts: the fullest has %.2f of the mean\n", sizes[s],
                      ratio);
        assert_true(ratio < (sizes[s] > 10 ? 2.5 : 1.3));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_placement_never_changes),
        cmocka_unit_test(test_the_order_of_hosts_does_not_matter),
        cmocka_unit_test(test_nobody_owns_anything_without_weight),
        cmocka_unit_test(test_shares_follow_weights),
        cmocka_unit_test(test_a_new_host_moves_its_share_alone),
        cmocka_unit_test(test_queues_are_spread_over_hosts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
