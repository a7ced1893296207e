/* Failed logins of all hosts of a fleet. A poller counts what it recalls, so
 * that is how logins fail here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <uv.h>

#include "daemon/fleet/fleet_logins.h"

#define SITE "haplo.example.org:443"
#define ADDRESS "192.0.2.1:443"

/* A host, and what it has told. */
struct host {
    struct haplo_poller *poller;
    struct fleet_logins logins;
    char told[256]; /* "+2 SITE;-2 SITE;" */
};

struct place {
    uv_loop_t loop;
    struct host a;
    struct host b;
};

static struct haplo_poller *poller_new(struct place *place)
{
    const struct haplo_poller_options options = {.struct_size = sizeof options};
    struct haplo_poller *poller;
    assert_int_equal(haplo_poller_new(&place->loop, &options, &poller, NULL, 0),
                     0);
    return poller;
}

static void host_open(struct place *place, struct host *host)
{
    host->poller = poller_new(place);
    fleet_logins_init(&host->logins);
    host->logins.poller = host->poller;
}

static int setup(void **state)
{
    static struct place place;
    place = (struct place){.a.told = ""};
    assert_int_equal(uv_loop_init(&place.loop), 0);
    host_open(&place, &place.a);
    host_open(&place, &place.b);
    *state = &place;
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;
    fleet_logins_free(&place->a.logins);
    fleet_logins_free(&place->b.logins);
    haplo_poller_close(place->a.poller, NULL);
    haplo_poller_close(place->b.poller, NULL);
    uv_run(&place->loop, UV_RUN_DEFAULT);
    return uv_loop_close(&place->loop);
}

/* Logins fail at a site; same_as: or at another one of the same server. */
static void fail_logins(struct host *host, const char *site,
                        const char *same_as, unsigned count)
{
    const struct haplo_failed_logins failed = {
        .site = site, .same_as = same_as, .count = count, .age_ms = 1000};
    assert_int_equal(haplo_poller_recall_logins(host->poller, &failed), 0);
}

static void on_change(void *data, const struct inbox_change *change)
{
    struct host *host = data;
    size_t size = strlen(host->told);
    snprintf(host->told + size, sizeof host->told - size, "%s%llu %s%s%s;",
             change->kind == INBOX_LOGINS_FAILED ? "+" : "-",
             (unsigned long long)change->logins.count, change->logins.site,
             change->logins.same_as != NULL ? "=" : "",
             change->logins.same_as != NULL ? change->logins.same_as : "");
}

static void expect_told(struct host *host, const char *expected)
{
    host->told[0] = '\0';
    fleet_logins_compare(&host->logins, on_change, host);
    assert_string_equal(host->told, expected);
}

/* The inbox has these rows; a site is followed by what it refers to. */
static void take(struct host *host, struct inbox_shared_logins *rows,
                 size_t count)
{
    const struct inbox_shared shared = {.logins = rows, .login_count = count};
    assert_int_equal(fleet_logins_take(&host->logins, &shared), 0);
}

static void take_one(struct host *host, uint64_t count, uint64_t age_ms)
{
    struct inbox_shared_logins row = {
        .site = SITE, .count = count, .age_ms = age_ms};
    take(host, &row, count > 0 ? 1 : 0);
}

static void add_count(void *data, const struct haplo_failed_logins *logins)
{
    *(unsigned *)data = logins->count;
}

static void expect_count(const struct host *host, unsigned expected)
{
    unsigned count = 0;
    haplo_poller_failed_logins(host->poller, add_count, &count);
    assert_int_equal(count, expected);
}

/* What was told twice would be counted twice. */
static void test_each_failed_login_is_told_once(void **state)
{
    struct host *a = &((struct place *)*state)->a;
    expect_told(a, "");
    fail_logins(a, SITE, NULL, 2);
    expect_told(a, "+2 " SITE ";");
    expect_told(a, "");
    fail_logins(a, SITE, NULL, 1);
    expect_told(a, "+1 " SITE ";");
}

/* A server locks them all out. */
static void test_what_others_have_counted_is_recalled(void **state)
{
    struct host *b = &((struct place *)*state)->b;
    take_one(b, 3, 1000);
    expect_count(b, 3);
    expect_told(b, "");
    take_one(b, 3, 2000);
    expect_count(b, 3);
    take_one(b, 5, 1000);
    expect_count(b, 5);
    fail_logins(b, SITE, NULL, 1);
    expect_told(b, "+1 " SITE ";");
}

/* Each has known only of its own. */
static void test_counts_of_one_moment_add_up(void **state)
{
    struct place *place = *state;
    take_one(&place->a, 3, 1000);
    take_one(&place->b, 3, 1000);
    fail_logins(&place->a, SITE, NULL, 1);
    fail_logins(&place->b, SITE, NULL, 1);
    expect_told(&place->a, "+1 " SITE ";");
    expect_told(&place->b, "+1 " SITE ";");
    take_one(&place->a, 5, 1000);
    take_one(&place->b, 5, 1000);
    expect_count(&place->a, 5);
    expect_count(&place->b, 5);
    expect_told(&place->a, "");
    expect_told(&place->b, "");
}

/* Its name and its address lead to one server, with one count. */
static void test_sites_of_a_server_have_one_count(void **state)
{
    struct place *place = *state;
    struct inbox_shared_logins rows[] = {
        {.site = ADDRESS, .count = 2, .age_ms = 1000},
        {.site = SITE, .same_as = ADDRESS, .count = 2, .age_ms = 1000}};
    fail_logins(&place->a, ADDRESS, NULL, 2);
    fail_logins(&place->a, SITE, ADDRESS, 2);
    place->a.told[0] = '\0';
    fleet_logins_compare(&place->a.logins, on_change, &place->a);
    assert_non_null(strstr(place->a.told, "+2 "));
    assert_non_null(strchr(place->a.told, '='));
    take(&place->b, rows, 2);
    expect_count(&place->b, 2);
    rows[0].count = rows[1].count = 3;
    take(&place->b, rows, 2);
    expect_count(&place->b, 3);
    expect_told(&place->b, "");
}

/* It is cleared only if nobody has added anything to it. */
static void test_a_cleared_count_is_told_with_the_common_count(void **state)
{
    struct place *place = *state;
    take_one(&place->a, 2, 1000);
    fail_logins(&place->a, SITE, NULL, 1);
    expect_told(&place->a, "+1 " SITE ";");
    place->a.logins.poller = place->b.poller; /* which has none */
    expect_told(&place->a, "-3 " SITE ";");
    expect_told(&place->a, "");
}

/* The server has forgotten them. */
static void test_an_expired_count_is_not_recalled(void **state)
{
    struct host *b = &((struct place *)*state)->b;
    take_one(b, 3, 400000);
    expect_count(b, 0);
    take_one(b, 0, 0);
    expect_count(b, 0);
    expect_told(b, "");
}

int main(void)
{
#define TEST(function) \
    cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_each_failed_login_is_told_once),
        TEST(test_what_others_have_counted_is_recalled),
        TEST(test_counts_of_one_moment_add_up),
        TEST(test_sites_of_a_server_have_one_count),
        TEST(test_a_cleared_count_is_told_with_the_common_count),
        TEST(test_an_expired_count_is_not_recalled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
