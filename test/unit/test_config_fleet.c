/*
 * What several hosts share: times that fit together, weights, and a file that
 * means the same on each of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "config_fixture.h"

#include "config/config_digest.h"
#include "config/config_equal.h"

#define INBOX \
    "  - {name: main, type: postgres, conninfo: \"host=db dbname=x\"}\n"
#define OTHER \
    "  - {name: other, type: postgres, conninfo: \"host=db dbname=y\"}\n"
#define REST "servers:\n" SERVER QUEUE
#define TOP "state_dir: state\ncoordination: postgres\n"

static struct config *load_fleet(const char *fleet)
{
    char text[1024];
    (void)snprintf(text, sizeof text,
                   TOP "%sinboxes:\n" INBOX OTHER REST "        inbox: main\n",
                   fleet);
    return assert_loaded(text);
}

/* Most installations are one host: nothing may look as if there were others. */
static void without_coordination_this_host_polls_everything(void **state)
{
    struct config *config = assert_loaded(HEAD SERVER QUEUE);
    (void)state;
    assert_null(config->fleet.inbox);
    config_free(config);
}

static void the_only_inbox_coordinates(void **state)
{
    struct config *config = assert_loaded(TOP "inboxes:\n" INBOX REST);
    (void)state;
    assert_ptr_equal(config->fleet.inbox, config->inboxes);
    assert_int_equal(config->fleet.place.line, 2);
    config_free(config);
}

static void the_inbox_that_is_named_coordinates(void **state)
{
    struct config *config = load_fleet("fleet: {inbox: other}\n");
    (void)state;
    assert_string_equal(config->fleet.inbox->name, "other");
    config_free(config);
}

/* What was simulated is what runs: test_fleet.c has these times. */
static void the_default_times_are_those_that_were_simulated(void **state)
{
    struct config *config = load_fleet("fleet: {inbox: main}\n");
    const struct fleet_policy *policy = &config->fleet.policy;
    (void)state;
    assert_int_equal(policy->ttl_ms, 30000);
    assert_int_equal(policy->renew_ms, 5000);
    assert_int_equal(policy->soon_ms, 500);
    assert_int_equal(policy->retry_ms, 1000);
    assert_int_equal(policy->margin_ms, 5000);
    assert_int_equal(policy->grace_ms, 5000);
    assert_int_equal(policy->jitter_ms, 3000);
    assert_int_equal(policy->moves_per_s, 8);
    config_free(config);
}

/* A host must be able to renew its membership before it has to stop, and to try
 * twice; and others must not wait for ever. */
static void times_fit_together_whatever_is_configured(void **state)
{
    static const char *const maps[] = {
        "fleet: {inbox: main, ttl: 1s}\n",
        "fleet: {inbox: main, ttl: 3s}\n",
        "fleet: {inbox: main, ttl: 3s, renewal: 1s}\n",
        "fleet: {inbox: main, ttl: 15s, renewal: 5s}\n",
        "fleet: {inbox: main, ttl: 1h}\n",
        "fleet: {inbox: main, ttl: 1h, renewal: 100ms}\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++) {
        struct config *config = load_fleet(maps[i]);
        const struct fleet_policy *policy = &config->fleet.policy;
        uint64_t works_ms = policy->ttl_ms - policy->margin_ms;
        assert_in_range(policy->soon_ms, 1, policy->renew_ms);
        assert_in_range(policy->retry_ms, 1, policy->renew_ms);
        assert_in_range(2 * policy->renew_ms + policy->retry_ms, 1, works_ms);
        assert_in_range(policy->grace_ms + policy->jitter_ms, 1,
                        policy->ttl_ms / 3);
        config_free(config);
    }
}

static void hosts_have_their_weights(void **state)
{
    struct config *config = load_fleet(
        "fleet:\n  inbox: main\n  weights: {a.example: 200, b: 0}\n");
    (void)state;
    assert_int_equal(config->fleet.weight_count, 2);
    assert_int_equal(config_fleet_weight(&config->fleet, "a.example"), 200);
    assert_int_equal(config_fleet_weight(&config->fleet, "b"), 0);
    assert_int_equal(config_fleet_weight(&config->fleet, "c"), 100);
    config_free(config);
}

static void assert_line(const char *fleet, const char *expected)
{
    char text[1024];
    (void)snprintf(text, sizeof text, TOP "%sinboxes:\n" INBOX REST, fleet);
    assert_refused(text, expected);
}

static void what_is_no_mapping_of_weights_is_refused(void **state)
{
    (void)state;
    assert_line("fleet: {weights: 5}\n",
                ":3:18: fleet: weights: it is not a mapping: write it like "
                "{HOST: 200}\n");
    assert_line("fleet: {weights: [a]}\n",
                ":3:18: fleet: weights: it is not a mapping: write it like "
                "{HOST: 200}\n");
    assert_line("fleet: {weights: {a: 10001}}\n",
                ":3:22: fleet: weights: \"10001\" is not a weight: write a "
                "whole number, 0 to 10000\n");
    assert_line("fleet: {weights: {? [a] : 1}}\n",
                ":3:21: fleet: a key is not a plain word: write HOST: "
                "WEIGHT\n");
    assert_line("fleet: {renewal: 99ms}\n",
                ":3:18: fleet: renewal: \"99ms\" is out of range: give 100ms "
                "to 1h, or none\n");
}

/* 64 characters are what the database has room for. */
static void the_name_of_a_host_is_checked(void **state)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    char name[FLEET_HOST_SIZE + 1];
    (void)state;
    memset(name, 'a', sizeof name);
    name[FLEET_HOST_SIZE] = '\0';
    assert_int_equal(config_host_check(name, why, sizeof why), HAPLO_EINVAL);
    assert_string_equal(why, "longer than 64 characters: shorten it");
    name[FLEET_HOST_SIZE - 1] = '\0';
    assert_int_equal(config_host_check(name, why, sizeof why), 0);
    assert_int_equal(config_host_check("", why, sizeof why), HAPLO_EINVAL);
    assert_int_equal(config_host_check("a/b", why, sizeof why), HAPLO_EINVAL);
    assert_int_equal(config_host_check("a\n", why, sizeof why), HAPLO_EINVAL);
}

/* A reload cannot change these while the host is a member. */
static void what_needs_a_restart_is_noticed(void **state)
{
    static const struct {
        const char *fleet;
        const char *names;
    } cases[] = {
        {"fleet: {inbox: main, renewal: none}\n", ""},
        {"fleet: {inbox: main, ttl: 30s, renewal: 5s}\n", ""},
        {"fleet: {inbox: other}\n", "inbox"},
        {"fleet: {inbox: main, ttl: 1m, renewal: 5s}\n", "ttl"},
        {"fleet: {inbox: main, weights: {a: 1}}\n", "weights"},
        {"fleet: {inbox: other, ttl: 1m, weights: {a: 1}}\n",
         "inbox, ttl, renewal, weights"},
    };
    struct config *from = load_fleet("fleet: {inbox: main}\n");
    struct config *alone = assert_loaded(HEAD SERVER QUEUE);
    struct option_names names = {.size = 0};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config *to = load_fleet(cases[i].fleet);
        names = (struct option_names){.size = 0};
        assert_int_equal(config_fleet_equals(&from->fleet, &to->fleet, &names),
                         cases[i].names[0] == '\0');
        assert_string_equal(names.text, cases[i].names);
        config_free(to);
    }
    names = (struct option_names){.size = 0};
    assert_false(config_fleet_equals(&from->fleet, &alone->fleet, &names));
    assert_string_equal(names.text, "coordination");
    assert_true(config_fleet_equals(&alone->fleet, &alone->fleet, NULL));
    config_free(from);
    config_free(alone);
}

static void digest_in(const char *path, char digest[CONFIG_DIGEST_SIZE])
{
    int count;
    char *errors;
    struct config *config = load_for(CONFIG_RUN, path, &count, &errors);
    assert_string_equal(errors, "");
    free(errors);
    assert_int_equal(config_digest(config, digest), 0);
    config_free(config);
}

/* Each host has a copy of the file; where that is must not look like another
 * configuration, and another key file must. */
static void the_digest_does_not_depend_on_the_folder(void **state)
{
    static const char text[] = TOP "admin: {token_file: key}\n"
                                   "inboxes:\n" INBOX REST;
    char digests[4][CONFIG_DIGEST_SIZE];
    char absolute[sizeof folder + sizeof FILE_NAME];
    (void)state;
    assert_int_equal(mkdir("sub", 0700), 0);
    (void)snprintf(absolute, sizeof absolute, "%s/%s", folder, FILE_NAME);
    text_write(FILE_NAME, text, 0600);
    text_write("sub/copy.yaml", text, 0600);
    digest_in(FILE_NAME, digests[0]);
    digest_in(absolute, digests[1]);
    digest_in("sub/copy.yaml", digests[2]);
    text_write("sub/copy.yaml",
               TOP "admin: {token_file: key}\n"
                   "inboxes:\n" INBOX "servers:\n" SERVER
                   "      - {name: student, api_key_file: ../key}\n",
               0600);
    digest_in("sub/copy.yaml", digests[3]);
    assert_string_equal(digests[0], digests[1]);
    assert_string_equal(digests[0], digests[2]);
    assert_string_not_equal(digests[0], digests[3]);
    unlink("sub/copy.yaml");
    rmdir("sub");
}

/* Each host has its own, and need not have it in the same place. */
static void the_digest_leaves_out_the_state_directory(void **state)
{
    char digests[2][CONFIG_DIGEST_SIZE];
    (void)state;
    text_write(FILE_NAME, TOP "inboxes:\n" INBOX REST, 0600);
    digest_in(FILE_NAME, digests[0]);
    text_write(
        FILE_NAME,
        "state_dir: another\ncoordination: postgres\ninboxes:\n" INBOX REST,
        0600);
    digest_in(FILE_NAME, digests[1]);
    assert_string_equal(digests[0], digests[1]);
}

/* Hosts that disagree about these would fight over slots. */
static void the_digest_covers_the_fleet(void **state)
{
    static const char *const maps[] = {
        "fleet: {inbox: main}\n", "fleet: {inbox: other}\n",
        "fleet: {inbox: main, ttl: 1m}\n",
        "fleet: {inbox: main, renewal: 4s}\n",
        "fleet: {inbox: main, weights: {a: 1}}\n"};
    char digests[5][CONFIG_DIGEST_SIZE];
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        struct config *config = load_fleet(maps[i]);
        assert_int_equal(config_digest(config, digests[i]), 0);
        config_free(config);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(digests[i], digests[j]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_coordination_this_host_polls_everything),
        cmocka_unit_test(the_only_inbox_coordinates),
        cmocka_unit_test(the_inbox_that_is_named_coordinates),
        cmocka_unit_test(the_default_times_are_those_that_were_simulated),
        cmocka_unit_test(times_fit_together_whatever_is_configured),
        cmocka_unit_test(hosts_have_their_weights),
        cmocka_unit_test(what_is_no_mapping_of_weights_is_refused),
        cmocka_unit_test(the_name_of_a_host_is_checked),
        cmocka_unit_test(what_needs_a_restart_is_noticed),
        cmocka_unit_test(the_digest_does_not_depend_on_the_folder),
        cmocka_unit_test(the_digest_leaves_out_the_state_directory),
        cmocka_unit_test(the_digest_covers_the_fleet),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
