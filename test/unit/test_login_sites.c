/* Which servers are the same actual one, and what becomes of their counts of
 * failed logins when this changes. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/backoff.h"
#include "core/login_sites.h"
#include "core/server.h"

#define SERVERS 8
#define LIST(...) ((const char *[]){__VA_ARGS__})
#define PLACE(place, index, ...)              \
    place_at(place, index, LIST(__VA_ARGS__), \
             sizeof LIST(__VA_ARGS__) / sizeof(const char *))

struct place {
    struct login_sites sites;
    struct server servers[SERVERS];
};

static void place_init(struct place *place)
{
    static const struct server_policy policy = {
        .in_flight_max = 4, .failed_logins_max = 5, .breaker_failures = 5};
    login_sites_init(&place->sites);
    for (size_t i = 0; i < SERVERS; i++) {
        server_init(&place->servers[i], &policy);
        place->servers[i].location = LOCATION_KNOWN;
    }
}

static void place_at(struct place *place, unsigned index,
                     const char *const *names, size_t count)
{
    assert_int_equal(login_sites_place(&place->sites, &place->servers[index],
                                       names, (unsigned)count),
                     0);
}

static void fail_logins(struct place *place, unsigned index, unsigned times,
                        uint64_t now_ms)
{
    struct login_group *group = place->servers[index].group;
    while (times-- > 0) {
        login_group_failed(group, now_ms);
    }
    login_sites_note_count(&place->sites, group);
}

static unsigned failed(const struct place *place, unsigned index)
{
    return place->servers[index].group->failed;
}

static bool are_same(const struct place *place, unsigned a, unsigned b)
{
    return place->servers[a].group == place->servers[b].group;
}

static unsigned site_count(const struct place *place)
{
    const struct login_group *group;
    const struct login_site *site;
    unsigned count = 0;
    LIST_FOREACH (group, &place->sites.groups, link) {
        LIST_FOREACH (site, &group->sites, link) {
            count++;
        }
    }
    return count;
}

/* A name with an IPv4 and an IPv6 address, an alias with one of them, and the
 * other one written in a URL: one server. Another port is another server. */
static void servers_with_a_common_site_are_one(void **state)
{
    (void)state;
    struct place place;
    place_init(&place);
    PLACE(&place, 0, "a.example:443", "192.0.2.1:443", "[2001:db8::1]:443");
    PLACE(&place, 1, "b.example:443", "192.0.2.1:443");
    PLACE(&place, 2, "[2001:db8::1]:443");
    PLACE(&place, 3, "192.0.2.1:8443");
    PLACE(&place, 4, "a.example:443");
    assert_true(are_same(&place, 0, 1));
    assert_true(are_same(&place, 1, 2));
    assert_true(are_same(&place, 1, 4));
    assert_false(are_same(&place, 0, 3));
    assert_int_equal(place.servers[0].group->failed_max, 5);
    login_sites_free(&place.sites);
}

/* Both have failed before anybody knew that they are one: so the server has
 * counted both. */
static void counts_add_up_when_groups_join(void **state)
{
    (void)state;
    struct place place;
    place_init(&place);
    PLACE(&place, 0, "a.example:443");
    PLACE(&place, 1, "b.example:443");
    fail_logins(&place, 0, 3, 1000);
    fail_logins(&place, 1, 4, 2000);
    place.servers[0].in_flight = 2;
    place.servers[1].in_flight = 1;
    PLACE(&place, 0, "a.example:443", "192.0.2.1:443");
    assert_int_equal(failed(&place, 0), 3);
    PLACE(&place, 1, "b.example:443", "192.0.2.1:443");
    assert_int_equal(failed(&place, 0), 7);
    assert_int_equal(place.servers[0].group->expires_ms,
                     2000 + LOGINS_EXPIRY_MS);
    assert_int_equal(place.servers[0].group->in_flight, 3);
    fail_logins(&place, 0, 38, 3000);
    PLACE(&place, 2, "c.example:443");
    fail_logins(&place, 2, 9, 3500);
    PLACE(&place, 2, "c.example:443", "192.0.2.1:443");
    assert_int_equal(failed(&place, 2), LOGINS_AT_RISK_MAX);
    login_sites_free(&place.sites);
}

/* Nobody knows which of them the failures were counted at. */
static void each_part_of_a_split_keeps_the_count(void **state)
{
    (void)state;
    struct place place;
    place_init(&place);
    PLACE(&place, 0, "a:443", "192.0.2.1:443");
    PLACE(&place, 1, "b:443", "192.0.2.1:443", "192.0.2.2:443");
    PLACE(&place, 2, "c:443", "192.0.2.2:443");
    fail_logins(&place, 0, 4, 1000);
    assert_int_equal(failed(&place, 2), 4);
    /* The one that holds the others together moves away. */
    PLACE(&place, 1, "b:443", "192.0.2.9:443");
    assert_false(are_same(&place, 0, 1));
    assert_false(are_same(&place, 1, 2));
    assert_false(are_same(&place, 0, 2));
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(failed(&place, i), 4);
        assert_int_equal(place.servers[i].group->expires_ms,
                         1000 + LOGINS_EXPIRY_MS);
    }
    /* If it comes back before anything else has failed, that is one count. */
    PLACE(&place, 1, "b:443", "192.0.2.1:443", "192.0.2.2:443");
    assert_true(are_same(&place, 0, 2));
    assert_int_equal(failed(&place, 1), 4);
    login_sites_free(&place.sites);
}

/* A server that moves must not leave its failures behind for nobody: whoever
 * is found at the old address later has to know of them. */
static void a_site_without_servers_is_remembered_until_it_expires(void **state)
{
    (void)state;
    struct place place;
    struct login_group *group;
    place_init(&place);
    PLACE(&place, 0, "a:443", "192.0.2.1:443");
    fail_logins(&place, 0, 5, 1000);
    PLACE(&place, 0, "a:443", "192.0.2.2:443");
    PLACE(&place, 1, "b:443", "192.0.2.1:443");
    assert_false(are_same(&place, 0, 1));
    assert_int_equal(failed(&place, 1), 5);
    login_sites_leave(&place.sites, &place.servers[1]);
    login_sites_leave(&place.sites, &place.servers[0]);
    assert_int_equal(site_count(&place), 4);
    assert_int_equal(login_sites_due_ms(&place.sites), 1000 + LOGINS_EXPIRY_MS);
    assert_null(login_sites_take_due(&place.sites, LOGINS_EXPIRY_MS));
    while ((group = login_sites_take_due(&place.sites,
                                         1000 + LOGINS_EXPIRY_MS)) != NULL) {
        login_group_cleared(group);
        login_sites_note_count(&place.sites, group);
    }
    assert_true(LIST_EMPTY(&place.sites.groups));
    login_sites_free(&place.sites);
}

/* While all is well, nothing is kept of where servers have been. */
static void without_failures_nothing_is_remembered(void **state)
{
    (void)state;
    struct place place;
    place_init(&place);
    for (unsigned round = 0; round < 100; round++) {
        char address[32];
        snprintf(address, sizeof address, "192.0.2.%u:443", round);
        PLACE(&place, 0, "a:443", address);
        PLACE(&place, 1, "b:443", address);
        assert_true(are_same(&place, 0, 1));
    }
    assert_int_equal(site_count(&place), 3);
    login_sites_leave(&place.sites, &place.servers[0]);
    login_sites_leave(&place.sites, &place.servers[1]);
    assert_int_equal(site_count(&place), 0);
    assert_true(LIST_EMPTY(&place.sites.groups));
    login_sites_free(&place.sites);
}

static void recall(struct place *place, const char *site, const char *same_as,
                   unsigned count, uint64_t age_ms)
{
    const struct haplo_failed_logins logins = {site, same_as, count, age_ms};
    assert_int_equal(login_sites_recall(&place->sites, &logins, 500000), 0);
}

/* The sites of one server were stored with its one count. It must not have
 * three times as many after a restart, nor after the next one. */
static void recalled_sites_of_one_server_have_one_count(void **state)
{
    (void)state;
    struct place place;
    place_init(&place);
    recall(&place, "a:443", NULL, 4, 1000);
    recall(&place, "192.0.2.1:443", "a:443", 4, 1000);
    recall(&place, "b:443", "192.0.2.1:443", 4, 1001); /* read a bit later */
    recall(&place, "192.0.2.7:443", NULL, 2, 5000);
    recall(&place, "old:443", NULL, 4, LOGINS_EXPIRY_MS);
    PLACE(&place, 0, "a:443");
    assert_int_equal(failed(&place, 0), 4);
    fail_logins(&place, 0, 1, 500001);
    PLACE(&place, 1, "b:443", "192.0.2.1:443");
    assert_true(are_same(&place, 0, 1));
    assert_int_equal(failed(&place, 1), 5);
    PLACE(&place, 2, "c:443", "192.0.2.7:443");
    assert_int_equal(failed(&place, 2), 2);
    PLACE(&place, 3, "old:443");
    assert_int_equal(failed(&place, 3), 0);
    assert_int_equal(place.servers[2].group->expires_ms,
                     500000 + LOGINS_EXPIRY_MS - 5000);
    login_sites_free(&place.sites);
}

/* Where a server was in an earlier run says what its failures count for, until
 * it is located or they are forgotten. Nothing more: it may be elsewhere. */
static void unlocated_servers_stay_together_while_there_is_a_count(void **state)
{
    (void)state;
    struct place place;
    place_init(&place);
    recall(&place, "a:443", NULL, 4, 1000);
    recall(&place, "b:443", "a:443", 4, 1000);
    place.servers[0].location = LOCATION_SOUGHT;
    place.servers[1].location = LOCATION_SOUGHT;
    PLACE(&place, 0, "a:443");
    PLACE(&place, 1, "b:443");
    assert_true(are_same(&place, 0, 1));
    place.servers[0].location = LOCATION_KNOWN;
    PLACE(&place, 0, "a:443", "192.0.2.1:443");
    assert_true(are_same(&place, 0, 1));
    login_group_cleared(place.servers[0].group);
    login_sites_note_count(&place.sites, place.servers[0].group);
    login_sites_divide(&place.sites, place.servers[0].group);
    assert_false(are_same(&place, 0, 1));
    login_sites_free(&place.sites);
}

/* The scheduler looks only at groups that were touched; so all of these must be
 * reported, once, and none that is gone. */
static void changed_groups_are_reported_once(void **state)
{
    (void)state;
    struct place place;
    unsigned count = 0;
    place_init(&place);
    PLACE(&place, 0, "a:443", "192.0.2.1:443");
    PLACE(&place, 1, "b:443", "192.0.2.1:443");
    PLACE(&place, 2, "c:443");
    while (login_sites_next_changed(&place.sites) != NULL) {
        count++;
    }
    assert_int_equal(count, 2);
    PLACE(&place, 1, "192.0.2.1:443", "b:443"); /* as before */
    assert_null(login_sites_next_changed(&place.sites));
    PLACE(&place, 1, "b:443", "192.0.2.2:443");
    assert_non_null(login_sites_next_changed(&place.sites));
    assert_non_null(login_sites_next_changed(&place.sites));
    assert_null(login_sites_next_changed(&place.sites));
    login_sites_free(&place.sites);
}

/* Randomised: servers move between addresses */

#define ADDRESSES 5

/* What the test knows by itself. */
struct truth {
    struct place place;
    struct random random;
    uint64_t now_ms;
    unsigned at[SERVERS];           /* addresses, as bits; 0: not there */
    unsigned counted[ADDRESSES];    /* by the server at this address */
    uint64_t counted_ms[ADDRESSES]; /* the newest */
};

static unsigned draw(struct truth *truth, unsigned bound)
{
    return (unsigned)random_below(&truth->random, bound);
}

static void move(struct truth *truth, unsigned index)
{
    const char *names[ADDRESSES + 1];
    char texts[ADDRESSES + 1][16];
    unsigned count = 1;
    struct server *server = &truth->place.servers[index];
    snprintf(texts[0], sizeof texts[0], "s%u", index);
    names[0] = texts[0];
    if (truth->at[index] != 0 && draw(truth, 4) == 0) {
        truth->at[index] = 0;
        login_sites_leave(&truth->place.sites, server);
        return;
    }
    truth->at[index] = 1u << draw(truth, ADDRESSES);
    for (unsigned i = 0; i < ADDRESSES; i++) {
        if (truth->at[index] & 1u << i) {
            snprintf(texts[count], sizeof texts[count], "address %u", i);
            names[count] = texts[count];
            count++;
        }
    }
    place_at(&truth->place, index, names, count);
}

/* A server forgets after 300 s. */
static void log_in(struct truth *truth, unsigned index)
{
    struct login_group *group = truth->place.servers[index].group;
    unsigned address = 0;
    if (truth->at[index] == 0 || group->failed >= LOGINS_AT_RISK_MAX) {
        return;
    }
    while (truth->at[index] != 1u << address) {
        address++;
    }
    if (truth->now_ms > truth->counted_ms[address] + 300000) {
        truth->counted[address] = 0;
    }
    if (draw(truth, 10) == 0) {
        truth->counted[address] = 0;
        login_group_cleared(group);
    } else {
        truth->counted[address]++;
        truth->counted_ms[address] = truth->now_ms;
        login_group_failed(group, truth->now_ms);
        assert_true(truth->counted[address] <= group->failed);
        assert_true(truth->counted[address] <= LOGINS_AT_RISK_MAX);
    }
    login_sites_note_count(&truth->place.sites, group);
}

static void expire(struct truth *truth)
{
    struct login_group *group;
    truth->now_ms += draw(truth, 20000);
    while ((group = login_sites_take_due(&truth->place.sites, truth->now_ms)) !=
           NULL) {
        login_group_cleared(group);
        login_sites_note_count(&truth->place.sites, group);
    }
    while (login_sites_next_changed(&truth->place.sites) != NULL) {
    }
}

static void check_groups(const struct truth *truth)
{
    for (unsigned a = 0; a < SERVERS; a++) {
        for (unsigned b = 0; b < SERVERS; b++) {
            if (truth->at[a] != 0 && truth->at[b] != 0) {
                assert_int_equal(are_same(&truth->place, a, b),
                                 a == b || truth->at[a] == truth->at[b]);
            }
        }
    }
}

/* However servers move, those at one address are one group, no others are, and
 * it has counted at least what the server has. */
static void no_move_loses_a_count(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct truth truth = {.random.state = seed, .now_ms = 1000000};
        place_init(&truth.place);
        for (unsigned step = 0; step < 2000; step++) {
            unsigned index = draw(&truth, SERVERS);
            if (draw(&truth, 3) == 0) {
                move(&truth, index);
            } else {
                log_in(&truth, index);
            }
            check_groups(&truth);
            expire(&truth);
        }
        login_sites_free(&truth.place.sites);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(servers_with_a_common_site_are_one),
        cmocka_unit_test(counts_add_up_when_groups_join),
        cmocka_unit_test(each_part_of_a_split_keeps_the_count),
        cmocka_unit_test(a_site_without_servers_is_remembered_until_it_expires),
        cmocka_unit_test(without_failures_nothing_is_remembered),
        cmocka_unit_test(recalled_sites_of_one_server_have_one_count),
        cmocka_unit_test(
            unlocated_servers_stay_together_while_there_is_a_count),
        cmocka_unit_test(changed_groups_are_reported_once),
        cmocka_unit_test(no_move_loses_a_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
