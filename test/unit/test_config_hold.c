/* What a problem of one queue or server means for the others: in the mode that
 * `run` and `once` load a configuration in, only they are held. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "config_fixture.h"

#define KEY_QUEUE(name) "      - {name: " name ", api_key_file: key}\n"

/* The place and text of a problem: "7:9: queue example/a: ...". */
static void assert_problem(const struct config *config, size_t index,
                           const char *expected)
{
    char text[512];
    assert_in_range(index + 1, 1, config->problem_count);
    const struct config_problem *problem = &config->problems[index];
    snprintf(text, sizeof text, "%u:%u: %s", problem->place.line,
             problem->place.column, problem->text);
    assert_string_equal(text, expected);
}

/* `problem` is its index. */
static void assert_held(const struct config *config, size_t index,
                        const char *expected, size_t problem)
{
    char text[256];
    assert_in_range(index + 1, 1, config->held_count);
    const struct config_held *held = &config->held[index];
    snprintf(text, sizeof text, "%s/%s", held->server, held->queue);
    assert_string_equal(text, expected);
    assert_ptr_equal(held->problem, &config->problems[problem]);
}

/* All that runs, as "a/x a/y b/x "; the pointers between them are right. */
static void assert_running(const struct config *config, const char *expected)
{
    char text[512] = "";
    size_t count = 0;
    for (size_t i = 0; i < config->server_count; i++) {
        const struct config_server *server = &config->servers[i];
        assert_ptr_equal(server->queues, config->queues + count);
        for (size_t j = 0; j < server->queue_count; j++) {
            const struct config_queue *queue = &server->queues[j];
            size_t size = strlen(text);
            assert_ptr_equal(queue->server, server);
            assert_non_null(queue->settings->inbox);
            assert_non_null(queue->key);
            snprintf(text + size, sizeof text - size, "%s/%s ",
                     server->options.name, queue->name);
            count++;
        }
    }
    assert_int_equal(count, config->queue_count);
    assert_string_equal(text, expected);
}

/* The promise: a typing error in one of a thousand queues stops that one. */
static void a_queue_with_a_problem_is_held_alone(void **state)
{
    struct config *config = assert_runs(HEAD SERVER KEY_QUEUE(
        "a") "      - {name: b, api_key_file: key, interval: x, colour: "
             "red}\n" KEY_QUEUE("c") "      - {name: d}\n"
                                     "      - {name: e/f, api_key_file: key}\n"
                                     "      - {name: g, api_key_file: key, "
                                     "inbox: none}\n" KEY_QUEUE("h"));
    (void)state;
    assert_running(config, "example/a example/c example/h ");
    assert_int_equal(config->problem_count, 5);
    assert_problem(config, 0,
                   "8:48: queue example/b: interval: \"x\" is not a duration: "
                   "write it like 250ms, 30s, 5m, 1h or 1d");
    assert_problem(config, 1,
                   "8:51: queue example/b: unknown key \"colour\": see "
                   "haplo-poll help config");
    assert_problem(config, 2,
                   "10:9: queue example/d: it has no API key: add "
                   "api_key_file, api_key_env, api_key_credential or "
                   "api_key_command");
    assert_int_equal(config->held_count, 4);
    assert_held(config, 0, "example/b", 0);
    assert_held(config, 1, "example/d", 2);
    assert_held(config, 2, "example/5", 3);
    assert_held(config, 3, "example/g", 4);
    config_free(config);
}

/* A server cannot be polled without its URL; its queues may have problems as
 * well, and these are nearer to them. */
static void a_server_with_a_problem_is_held_with_its_queues(void **state)
{
    struct config *config = assert_runs(
        HEAD
        "  - name: bad\n"
        "    url: server.example\n"
        "    queues:\n" KEY_QUEUE("a") "      - {name: b}\n" SERVER KEY_QUEUE(
            "c") "  - {name: none, url: 'https://none', queues: []}\n"
                 "  - {name: off, url: 'https://off', max_in_flight: 0, "
                 "queues: [\n"
                 "      {name: d, api_key_file: key}]}\n");
    (void)state;
    assert_running(config, "example/c ");
    assert_int_equal(config->problem_count, 4);
    assert_problem(config, 0,
                   "5:10: server bad: url: \"server.example\": no scheme: "
                   "write https://HOST");
    assert_problem(config, 2,
                   "13:39: server none: it has no queues: list at least one "
                   "under queues");
    assert_int_equal(config->held_count, 3);
    assert_held(config, 0, "bad/a", 0);
    assert_held(config, 1, "bad/b", 1);
    assert_held(config, 2, "off/d", 3);
    config_free(config);
}

/* An entry that is neither a server nor a queue is nothing to hold. */
static void an_entry_of_the_wrong_shape_is_skipped(void **state)
{
    struct config *config =
        assert_runs(HEAD "  - example\n" SERVER "      - a\n" KEY_QUEUE("b"));
    (void)state;
    assert_running(config, "example/b ");
    assert_int_equal(config->held_count, 0);
    assert_int_equal(config->problem_count, 2);
    assert_problem(config, 0,
                   "4:5: servers: entry 1 is a single value: write \"- name: "
                   "NAME\" and its other keys below");
    config_free(config);
}

/* Messages are stored under these names: nobody can tell which one is meant,
 * and what was stored under the wrong one stays there. */
static void of_two_with_one_name_neither_runs(void **state)
{
    struct config *config = assert_runs(HEAD SERVER KEY_QUEUE("a") KEY_QUEUE(
        "b") KEY_QUEUE("a") "  - {name: other, url: 'https://o1', queues: [\n"
                            "      {name: x, api_key_file: key}]}\n"
                            "  - {name: other, url: 'https://o2', queues: [\n"
                            "      {name: y, api_key_file: key}]}\n");
    (void)state;
    assert_running(config, "example/b ");
    assert_int_equal(config->held_count, 4);
    assert_held(config, 0, "example/a", 0);
    assert_held(config, 1, "example/a", 0);
    assert_problem(config, 0,
                   "9:9: queue example/a: its name is already used in line 7: "
                   "choose another");
    assert_held(config, 2, "other/x", 1);
    assert_held(config, 3, "other/y", 1);
    assert_int_equal(config->problem_count, 2);
    config_free(config);
}

/* Each would mark messages that the other has not stored. A host has many
 * spellings. */
static void a_queue_under_two_names_is_found(void **state)
{
    static const char text[] = HEAD SERVER KEY_QUEUE("a") KEY_QUEUE(
        "b") "  - {name: second, url: 'HTTPS://Server.Example.AC.UK.:443/', "
             "queues: [\n"
             "      {name: c, api_key_file: key}, {name: a, api_key_file: "
             "key}]}\n"
             "  - {name: port, url: 'https://server.example.ac.uk:8443', "
             "queues: [\n"
             "      {name: a, api_key_file: key}]}\n"
             "  - {name: v6, url: 'https://[::1]:0443', queues: [\n"
             "      {name: a, api_key_file: key}]}\n"
             "  - {name: w6, url: 'https://[::1]', queues: [\n"
             "      {name: a, api_key_file: key}]}\n";
    (void)state;
    assert_refused(text,
                   ":10:37: queue second/a: it is the queue example/a of line "
                   "7: both have the same URL and name: remove one of them\n"
                   ":16:7: queue w6/a: it is the queue v6/a of line 14: both "
                   "have the same URL and name: remove one of them\n");
    struct config *config = assert_runs(text);
    assert_running(config, "example/b second/c port/a ");
    assert_int_equal(config->held_count, 4);
    assert_held(config, 0, "example/a", 0);
    assert_held(config, 1, "second/a", 0);
    config_free(config);
}

/* A reverse proxy may lead to several servers, by their paths. */
static void a_queue_at_another_path_is_another_one(void **state)
{
    static const char text[] =
        HEAD SERVER QUEUE "  - name: second\n"
                          "    url: https://server.example.ac.uk/x\n"
                          "    queues: [{name: student, api_key_file: key}]\n"
                          "  - name: third\n"
                          "    url: https://server.example.ac.uk\n"
                          "    mark_path: /{queue}\n"
                          "    queues: [{name: student, api_key_file: key}]\n";
    (void)state;
    config_free(assert_loaded(text));
    assert_refused(HEAD SERVER QUEUE
                   "  - name: a\n"
                   "    url: https://h/x/\n"
                   "    queues: [{name: student, api_key_file: key}]\n"
                   "  - name: b\n"
                   "    url: https://h:443\n"
                   "    mark_path: /x/api/haplo-integration-messages/poll/"
                   "{queue}/mark\n"
                   "    queues: [{name: student, api_key_file: key}]\n",
                   ":15:14: queue b/student: it is the queue a/student of line "
                   "11: both have the same URL and name: remove one of them\n");
}

/* What uses a file tries it, and again when it has been corrected. */
static void files_are_left_to_those_who_use_them(void **state)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    struct config *config = assert_runs(
        "state_dir: no/such/folder\n"
        "inbox: no/such/folder/inbox.db\n"
        "servers:\n"
        "  - name: example\n"
        "    url: https://server.example.ac.uk\n"
        "    tls_ca_file: no.pem\n"
        "    queues: [{name: a, api_key_file: no}, {name: b, api_key_env: NO}]"
        "\n");
    (void)state;
    assert_running(config, "example/a example/b ");
    assert_int_equal(config->problem_count, 0);
    assert_int_equal(config_server_files(&config->servers[0], why, sizeof why),
                     HAPLO_EINVAL);
    assert_string_equal(why, "tls_ca_file: \"no.pem\": cannot be read: No such "
                             "file or directory: create the file, or correct "
                             "the path");
    config_free(config);
}

/* An operator who starts it wants it to stay, and to say so. */
static void nothing_may_be_left(void **state)
{
    struct config *config = assert_runs(HEAD SERVER "      - {name: a}\n");
    (void)state;
    assert_running(config, "");
    assert_int_equal(config->server_count, 0);
    assert_held(config, 0, "example/a", 0);
    config_free(config);
}

/* A held queue has messages in the inbox, which are still forwarded. */
static void an_outlet_may_name_a_held_queue(void **state)
{
    struct config *config =
        assert_runs(HEAD SERVER "      - {name: a}\n" KEY_QUEUE(
            "b") "outlets:\n"
                 "  - {name: p, type: post, url: u, queues: [example/a]}\n");
    (void)state;
    assert_running(config, "example/b ");
    assert_int_equal(config->outlet_count, 1);
    config_free(config);
}

/* With these, nobody can know what else was meant. */
static void other_problems_prevent_the_start(void **state)
{
    static const char *const texts[] = {
        "colour: red\n" HEAD SERVER KEY_QUEUE("a"),
        HEAD SERVER KEY_QUEUE("a") "defaults: {interval: x}\n",
        HEAD SERVER KEY_QUEUE("a") "outlets: [{name: p}]\n",
        "state_dir: x\ninboxes: [{name: a}]\n" SERVER KEY_QUEUE("a"),
        HEAD SERVER KEY_QUEUE("a") "\t- x\n",
        "state_dir: x\ninbox: y\nservers: []\n",
        "",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        int count;
        char *errors;
        text_write(FILE_NAME, texts[i], 0600);
        assert_null(load_for(CONFIG_RUN, FILE_NAME, &count, &errors));
        assert_true(count > 0);
        assert_string_not_equal(errors, "");
        free(errors);
    }
}

/* All problems are told then, also those that would only hold a queue. */
static void with_another_problem_all_are_told(void **state)
{
    int count;
    char *errors;
    (void)state;
    text_write(FILE_NAME, "colour: red\n" HEAD SERVER "      - {name: a}\n",
               0600);
    assert_null(load_for(CONFIG_RUN, FILE_NAME, &count, &errors));
    assert_int_equal(count, 2);
    assert_non_null(strstr(errors, ":1:1: unknown key \"colour\""));
    assert_non_null(strstr(errors, ":8:9: queue example/a: it has no API key"));
    free(errors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_queue_with_a_problem_is_held_alone),
        cmocka_unit_test(a_server_with_a_problem_is_held_with_its_queues),
        cmocka_unit_test(an_entry_of_the_wrong_shape_is_skipped),
        cmocka_unit_test(of_two_with_one_name_neither_runs),
        cmocka_unit_test(a_queue_under_two_names_is_found),
        cmocka_unit_test(a_queue_at_another_path_is_another_one),
        cmocka_unit_test(files_are_left_to_those_who_use_them),
        cmocka_unit_test(nothing_may_be_left),
        cmocka_unit_test(an_outlet_may_name_a_held_queue),
        cmocka_unit_test(other_problems_prevent_the_start),
        cmocka_unit_test(with_another_problem_all_are_told),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
