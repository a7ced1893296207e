#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "config/config_errors.h"
#include "config_fixture.h"

#define TOP "state_dir: state\n"

#define MAIN                                   \
    TOP "inbox: inbox.db\n"                    \
        "servers:\n"                           \
        "  - name: example\n"                  \
        "    url: https://live.example\n"      \
        "    queues:\n"                        \
        "      - name: student\n"              \
        "        api_key_file: key\n"          \
        "outlets:\n"                           \
        "  - {name: out, type: post, url: u, " \
        "password: secret}\n"

/* Lines 11 to 23: everything that one can have in another way. */
#define TEST_ENVIRONMENT                                          \
    "environments:\n"                                             \
    "  - name: test\n"                                            \
    "    state_dir: state-test\n"                                 \
    "    inbox: test.db\n"                                        \
    "    outlets:\n"                                              \
    "      - {name: out, url: v, password: other, method: put}\n" \
    "    servers:\n"                                              \
    "      - name: example\n"                                     \
    "        url: https://test.example\n"                         \
    "        interval: 5s\n"                                      \
    "        queues:\n"                                           \
    "          - {name: student, api_key_env: TEST_KEY}\n"

/* Loads a text in an environment; what it printed is in *errors. */
static struct config *load_in(const char *environment, enum config_mode mode,
                              const char *text, char **errors)
{
    size_t size;
    struct config *config;
    struct config_errors found;
    FILE *file = open_memstream(errors, &size);
    assert_non_null(file);
    text_write(FILE_NAME, text, 0600);
    int count = config_load(FILE_NAME, environment, mode, &found, &config);
    errors_write(&found, file);
    config_errors_clear(&found);
    fclose(file);
    assert_true((count == 0) == (config != NULL));
    assert_null(strstr(*errors, KEY));
    return config;
}

static struct config *assert_loaded_in(const char *environment,
                                       const char *text)
{
    char *errors;
    struct config *config = load_in(environment, CONFIG_CHECK, text, &errors);
    assert_string_equal(errors, "");
    assert_non_null(config);
    free(errors);
    return config;
}

static void assert_told_in(const char *environment, const char *text,
                           const char *expected)
{
    char *errors;
    assert_null(load_in(environment, CONFIG_CHECK, text, &errors));
    assert_string_equal(errors, expected);
    free(errors);
}

/* Only hostname and key differ, and what must not be mixed up. */
static void an_environment_takes_the_place_of_values(void **state)
{
    (void)state;
    setenv("TEST_KEY", KEY, 1);
    struct config *config = assert_loaded_in("test", MAIN TEST_ENVIRONMENT);
    assert_string_equal(config->environment, "test");
    assert_string_equal(config->state_dir, "state-test");
    assert_int_equal(config->queue_count, 1);
    assert_string_equal(config->servers[0].options.url, "https://test.example");
    assert_int_equal(config->queues[0].settings->options.interval_ms, 5000);
    assert_int_equal(config->queues[0].key->kind, CONFIG_KEY_ENV);
    assert_string_equal(config->queues[0].key->name, "TEST_KEY");
    const struct post_options *post = config->outlets[0].forward.type_options;
    assert_string_equal(post->url, "v");
    assert_string_equal(post->password, "other");
    assert_int_equal(post->method, 1);
    config_free(config);
}

/* Without it, nothing of it is used. */
static void without_an_environment_nothing_is_different(void **state)
{
    (void)state;
    struct config *config = assert_loaded_in(NULL, MAIN TEST_ENVIRONMENT);
    assert_null(config->environment);
    assert_string_equal(config->state_dir, "state");
    assert_string_equal(config->servers[0].options.url, "https://live.example");
    assert_string_equal(config->queues[0].key->path, "key");
    assert_int_equal(config->change_count, 0);
    config_free(config);
}

/* What somebody reads before a start, to see that it is not the live one. No
 * secret is among it. */
static void the_difference_is_printed(void **state)
{
    char *text;
    size_t size;
    (void)state;
    setenv("TEST_KEY", KEY, 1);
    struct config *config = assert_loaded_in("test", MAIN TEST_ENVIRONMENT);
    FILE *file = open_memstream(&text, &size);
    config_print(config, file);
    fclose(file);
    static const char expected[] =
        "environment: test\n"
        "  queue example/student: api_key_file: key -> (not set)\n"
        "  queue example/student: api_key_env: (not set) -> TEST_KEY\n"
        "  server example: url: https://live.example -> https://test.example\n"
        "  server example: interval: (not set) -> 5s\n"
        "  outlet out: url: (hidden) -> (hidden)\n"
        "  outlet out: password: (hidden) -> (hidden)\n"
        "  outlet out: method: (not set) -> put\n"
        "  state_dir: state -> state-test\n"
        "  inbox: inbox.db -> test.db\n"
        "\n";
    text[strlen(expected)] = '\0';
    assert_string_equal(text, expected);
    free(text);
    config_free(config);
}

/* A name that is wrong must not mean the live installation. */
static void an_environment_that_is_not_defined_is_an_error(void **state)
{
    (void)state;
    assert_told_in("tset", MAIN TEST_ENVIRONMENT,
                   "haplo-poll.yaml: no environment is named \"tset\": did you "
                   "mean \"test\"?\n");
    assert_told_in("staging", MAIN,
                   "haplo-poll.yaml: no environment is named \"staging\": "
                   "define it under environments\n");
}

/* A key of the live server must not be shown to another one by an oversight. */
static void another_url_needs_another_key(void **state)
{
    (void)state;
    assert_told_in(
        "test",
        MAIN "environments:\n"
             "  - name: test\n"
             "    servers: [{name: example, url: 'https://test.example'}]\n",
        "haplo-poll.yaml:8:9: environment test has another URL for this queue, "
        "but no key: give it one there, or its key would be sent to the other "
        "server\n");
    config_free(assert_loaded_in(
        "test", MAIN "environments:\n"
                     "  - name: test\n"
                     "    servers:\n"
                     "      - name: example\n"
                     "        url: https://test.example\n"
                     "        queues: [{name: student, api_key_file: key}]\n"));
}

/* What is misspelt would quietly stay as it is in the live installation. */
static void an_override_of_nothing_is_an_error(void **state)
{
    (void)state;
    assert_told_in(
        "test",
        MAIN "environments:\n"
             "  - name: test\n"
             "    inboxes: [{name: box}]\n"
             "    outlets: [{name: uot}]\n"
             "    servers:\n"
             "      - name: exmaple\n"
             "      - {name: example, queues: [{name: q}]}\n",
        "haplo-poll.yaml:13:15: environment test: there is no inbox "
        "box outside of environments: correct the name, or define "
        "it there\n"
        "haplo-poll.yaml:14:15: environment test: there is no outlet "
        "uot outside of environments: correct the name, or define "
        "it there\n"
        "haplo-poll.yaml:16:9: environment test: there is no server "
        "exmaple outside of environments: correct the name, or "
        "define it there\n"
        "haplo-poll.yaml:17:34: environment test: there is no queue "
        "example/q outside of environments: correct the name, or "
        "define it there\n");
}

/* The live environment is checked on the test machine as well. */
static void environments_that_are_not_selected_are_checked(void **state)
{
    static const char wrong[] =
        MAIN "environments:\n"
             "  - name: test\n"
             "    intervall: 5s\n"
             "    servers:\n"
             "      - {name: example, url: test.example, tls_ca_file: none,\n"
             "         queues: [{name: q, interval: never}]}\n"
             "  - name: test\n"
             "  - {state_dir: x}\n";
    static const char expected[] =
        "haplo-poll.yaml:13:5: environment test: unknown key \"intervall\": "
        "see haplo-poll help config\n"
        "haplo-poll.yaml:15:30: environment test: server example: url: "
        "\"test.example\": no scheme: write https://HOST\n"
        "haplo-poll.yaml:16:39: environment test: queue example/q: interval: "
        "\"never\" is not a duration: write it like 250ms, 30s, 5m, 1h or 1d\n"
        "haplo-poll.yaml:17:5: environment test: its name is already used in "
        "line 12: choose another\n"
        "haplo-poll.yaml:18:5: environment 3: name is missing: add it\n";
    (void)state;
    assert_told_in(NULL, wrong, expected);
}

/* An error in a value is where the value is, not where it was. */
static void a_bad_override_is_told_at_its_own_position(void **state)
{
    char *errors;
    (void)state;
    assert_null(load_in("test", CONFIG_CHECK,
                        MAIN "environments:\n"
                             "  - name: test\n"
                             "    outlets: [{name: out, method: get}]\n",
                        &errors));
    assert_non_null(strstr(errors, "haplo-poll.yaml:13:35: outlet out: "
                                   "method: \"get\" is not possible"));
    free(errors);
}

/* Another kind of database has other options. */
static void another_type_brings_its_own_options(void **state)
{
    (void)state;
    struct config *config = assert_loaded_in(
        "test",
        TOP "inboxes: [{name: box, type: sqlite, path: inbox.db, keep: 7d}]\n"
            "servers:\n"
            "  - {name: s, url: 'https://s', queues: [{name: q, api_key_file: "
            "key}]}\n"
            "environments:\n"
            "  - name: test\n"
            "    inboxes: [{name: box, type: memory, size: 2K}]\n");
    const struct memory_options *memory = config->inboxes[0].options;
    assert_string_equal(config->inboxes[0].type->name, "memory");
    assert_int_equal(memory->size, 2048);
    config_free(config);
}

/* An environment concerns included files as well; its paths are relative to
 * the file that it is in. */
static void included_servers_are_overridden_too(void **state)
{
    (void)state;
    assert_int_equal(mkdir("conf.d", 0700), 0);
    text_write("conf.d/key", KEY "\n", 0600);
    text_write("conf.d/a.yaml",
               "servers:\n"
               "  - {name: a, url: 'https://a', queues: [{name: q, "
               "api_key_file: key}]}\n",
               0600);
    struct config *config = assert_loaded_in(
        "test", MAIN "include: conf.d/*.yaml\n"
                     "environments:\n"
                     "  - name: test\n"
                     "    servers:\n"
                     "      - name: a\n"
                     "        url: https://test.a\n"
                     "        queues: [{name: q, api_key_file: key}]\n");
    const struct config_queue *queue = config_queue_find(config, "a/q");
    assert_string_equal(queue->server->options.url, "https://test.a");
    assert_string_equal(queue->key->path, "key");
    config_free(config);
    assert_int_equal(remove("conf.d/a.yaml"), 0);
    assert_int_equal(remove("conf.d/key"), 0);
    assert_int_equal(remove("conf.d"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_environment_takes_the_place_of_values),
        cmocka_unit_test(without_an_environment_nothing_is_different),
        cmocka_unit_test(the_difference_is_printed),
        cmocka_unit_test(an_environment_that_is_not_defined_is_an_error),
        cmocka_unit_test(another_url_needs_another_key),
        cmocka_unit_test(an_override_of_nothing_is_an_error),
        cmocka_unit_test(environments_that_are_not_selected_are_checked),
        cmocka_unit_test(a_bad_override_is_told_at_its_own_position),
        cmocka_unit_test(another_type_brings_its_own_options),
        cmocka_unit_test(included_servers_are_overridden_too),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
