/* What a reload finds out about a new configuration: what was added, changed
 * and in what, moved or removed. What it overlooks stays as it was until a
 * restart, and what it sees wrongly loses a queue its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "config/config_diff.h"
#include "config/config_digest.h"
#include "config_fixture.h"

#define INBOXES                                  \
    "state_dir: state\n"                         \
    "inboxes:\n"                                 \
    "  - {name: main, type: memory, size: 2K}\n" \
    "  - {name: other, type: memory}\n"

#define OUTLET(rest) \
    "outlets:\n"     \
    "  - {name: site, type: post, inbox: main, url: u" rest "}\n"

#define TWO                                                      \
    "defaults: {inbox: main}\n"                                  \
    "servers:\n"                                                 \
    "  - {name: a, url: https://a.example, api_key_file: key,\n" \
    "     queues: [{name: x}, {name: y}]}\n"                     \
    "  - {name: b, url: https://b.example, api_key_file: key,\n" \
    "     queues: [{name: x}]}\n"

static const char *const kind_names[] = {
    [CONFIG_ADDED] = "added",
    [CONFIG_CHANGED] = "changed",
    [CONFIG_MOVED] = "moved",
    [CONFIG_REMOVED] = "removed",
};

static char *describe(const struct config_diff *diff)
{
    char *text;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    for (size_t i = 0; i < diff->count; i++) {
        const struct config_change *change = &diff->changes[i];
        fprintf(file, "%s %s %s%s%s%s%s\n", kind_names[change->kind],
                config_part_name(change->part),
                change->server != NULL ? change->server : "",
                change->server != NULL ? "/" : "", change->name,
                change->what[0] != '\0' ? ": " : "", change->what);
    }
    fclose(file);
    return text;
}

static void assert_difference(const char *from_text, const char *to_text,
                              const char *expected)
{
    struct config_diff diff;
    struct config *from = assert_loaded(from_text);
    struct config *to = assert_loaded(to_text);
    assert_int_equal(config_diff(from, to, &diff), 0);
    char *text = describe(&diff);
    assert_string_equal(text, expected);
    free(text);
    config_diff_free(&diff);
    config_free(from);
    config_free(to);
}

/* A reload of an unchanged file must touch nothing, wherever in the file things
 * are and whether they are inherited. */
static void test_the_same_in_another_form(void **state)
{
    (void)state;
    assert_difference(INBOXES TWO, INBOXES TWO, "");
    assert_difference(
        INBOXES TWO,
        "# moved down\n" INBOXES "servers:\n"
        "  - {name: b, url: https://b.example, queues:\n"
        "     [{name: x, api_key_file: key, inbox: main}]}\n"
        "  - {name: a, url: https://a.example, inbox: main, queues:\n"
        "     [{name: y, api_key_file: key}, {name: x, api_key_file: key}]}\n",
        "");
}

/* Each object comes and goes alone. */
static void test_added_and_removed(void **state)
{
    (void)state;
    static const char one[] =
        INBOXES OUTLET("") "defaults: {inbox: main}\n"
                           "servers:\n"
                           "  - {name: a, url: https://a.example,\n"
                           "     api_key_file: key, queues: [{name: x}]}\n";
    assert_difference(one, INBOXES TWO,
                      "removed outlet site\n"
                      "added server b\n"
                      "added queue a/y\n"
                      "added queue b/x\n");
    assert_difference(INBOXES TWO, one,
                      "added outlet site\n"
                      "removed server b\n"
                      "removed queue a/y\n"
                      "removed queue b/x\n");
    assert_difference(INBOXES "  - {name: third, type: memory}\n" TWO,
                      INBOXES TWO, "removed inbox third\n");
}

/* The operator reads which options have changed, and a changed default concerns
 * every queue that inherits it, and no other. */
static void test_changed_options_are_named(void **state)
{
    (void)state;
    assert_difference(
        INBOXES TWO,
        INBOXES "defaults: {inbox: main, interval: 7m}\n"
                "servers:\n"
                "  - {name: a, url: https://a2.example, total_timeout: 3m,\n"
                "     api_key_file: key,\n"
                "     queues: [{name: x}, {name: y, backoff: 3s}]}\n"
                "  - {name: b, url: https://b.example, api_key_file: key,\n"
                "     interval: 60s, queues: [{name: x}]}\n",
        "changed server a: url, total_timeout\n"
        "changed queue a/x: interval\n"
        "changed queue a/y: interval, backoff\n");
}

/* A move is told apart: the state of the queue goes along. */
static void test_a_move_between_inboxes(void **state)
{
    (void)state;
    assert_difference(
        INBOXES TWO,
        INBOXES "defaults: {inbox: main}\n"
                "servers:\n"
                "  - {name: a, url: https://a.example, api_key_file: key,\n"
                "     queues: [{name: x, inbox: other}, {name: y}]}\n"
                "  - {name: b, url: https://b.example, api_key_file: key,\n"
                "     queues: [{name: x, inbox: other, interval: 2m}]}\n",
        "moved queue a/x: inbox\n"
        "moved queue b/x: interval, inbox\n");
}

/* Another key is noticed by where it is; what it is does not belong to the
 * configuration. */
static void test_another_key(void **state)
{
    (void)state;
    text_write("key2", KEY "\n", 0600);
    assert_difference(
        INBOXES TWO,
        INBOXES "defaults: {inbox: main}\n"
                "servers:\n"
                "  - {name: a, url: https://a.example, api_key_file: key,\n"
                "     queues: [{name: x}, {name: y, api_key_file: key2}]}\n"
                "  - {name: b, url: https://b.example, api_key_file: key,\n"
                "     queues: [{name: x}]}\n",
        "changed queue a/y: API key\n");
    unlink("key2");
}

/* Options of modules, patterns and rules are compared like all others. */
static void test_outlets_and_inboxes(void **state)
{
    (void)state;
    static const struct {
        const char *rest;
        const char *expected;
    } cases[] = {
        {", groups: [g]", "changed outlet site: groups\n"},
        {", password: secret", "changed outlet site: password\n"},
        {", queues: [a/*]", "changed outlet site: queues\n"},
        {", when: {/action: create}", "changed outlet site: when\n"},
        {", backoff: 3s, method: put",
         "changed outlet site: backoff, method\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1024];
        snprintf(text, sizeof text,
                 INBOXES
                 "outlets:\n"
                 "  - {name: site, type: post, inbox: main, url: u%s}\n" TWO,
                 cases[i].rest);
        assert_difference(INBOXES OUTLET("") TWO, text, cases[i].expected);
    }
    assert_difference(INBOXES TWO,
                      "state_dir: state\n"
                      "inboxes:\n"
                      "  - {name: main, type: memory, size: 4K}\n"
                      "  - {name: other, type: sqlite, path: o.db}\n" TWO,
                      "changed inbox main: size\n"
                      "changed inbox other: type\n");
}

static void digest_of(const char *text, char digest[CONFIG_DIGEST_SIZE])
{
    struct config *config = assert_loaded(text);
    assert_int_equal(config_digest(config, digest), 0);
    assert_int_equal(strlen(digest), CONFIG_DIGEST_SIZE - 1);
    config_free(config);
}

/* Two hosts that show the same digest do the same; a password that is rotated
 * must neither show in it nor change it. */
static void test_the_digest(void **state)
{
    (void)state;
    char digests[5][CONFIG_DIGEST_SIZE];
    digest_of(INBOXES OUTLET(", password: one") TWO, digests[0]);
    digest_of("# a comment\n" INBOXES OUTLET(", password: two") TWO,
              digests[1]);
    digest_of(INBOXES OUTLET(", method: put") TWO, digests[2]);
    digest_of(INBOXES OUTLET(", when: {/action: create}") TWO, digests[3]);
    digest_of("in_flight_max: 255\n" INBOXES OUTLET("") TWO, digests[4]);
    assert_string_equal(digests[0], digests[1]);
    for (size_t i = 1; i < 5; i++) {
        for (size_t j = i + 1; j < 5; j++) {
            assert_string_not_equal(digests[i], digests[j]);
        }
    }
}

#define QUEUES(server, queues)                                         \
    INBOXES "defaults: {inbox: main}\n"                                \
            "servers:\n"                                               \
            "  - {name: a, url: https://a.example, api_key_file: key," \
            " " server "queues: [" queues "]}\n"

/* Queues that share settings and keys are the rule, and the digest takes a
 * short cut for them. It must not miss which queue has which, nor depend on
 * where in the file they are set. */
static void test_the_digest_of_queues_that_share(void **state)
{
    (void)state;
    static const char *const same[] = {
        QUEUES("", "{name: x}, {name: y}"),
        QUEUES("inbox: main, ", "{name: x}, {name: y}"),
        QUEUES("", "{name: x, inbox: main}, {name: y, api_key_file: key}"),
        QUEUES("inbox: other, ",
               "{name: x, inbox: main}, {name: y, inbox: main}"),
    };
    static const char *const others[] = {
        QUEUES("", "{name: x}, {name: y}"),
        QUEUES("", "{name: x, inbox: other}, {name: y}"),
        QUEUES("", "{name: x}, {name: y, inbox: other}"),
        QUEUES("inbox: other, ", "{name: x}, {name: y}"),
        QUEUES("", "{name: x, api_key_file: key2}, {name: y}"),
        QUEUES("", "{name: x}, {name: y, api_key_file: key2}"),
        QUEUES("", "{name: x}, {name: y, api_key_env: KEY_OF_Y}"),
        QUEUES("", "{name: y}, {name: x}"),
    };
    char digests[8][CONFIG_DIGEST_SIZE];
    setenv("KEY_OF_Y", KEY, 1);
    text_write("key2", KEY "\n", 0600);
    for (size_t i = 0; i < 4; i++) {
        digest_of(same[i], digests[i]);
        assert_string_equal(digests[i], digests[0]);
    }
    for (size_t i = 0; i < 8; i++) {
        digest_of(others[i], digests[i]);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(digests[i], digests[j]);
        }
    }
    unsetenv("KEY_OF_Y");
    unlink("key2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_in_another_form),
        cmocka_unit_test(test_added_and_removed),
        cmocka_unit_test(test_changed_options_are_named),
        cmocka_unit_test(test_a_move_between_inboxes),
        cmocka_unit_test(test_another_key),
        cmocka_unit_test(test_outlets_and_inboxes),
        cmocka_unit_test(test_the_digest),
        cmocka_unit_test(test_the_digest_of_queues_that_share),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
