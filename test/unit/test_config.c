#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "config_fixture.h"

/* The first file anybody writes must work, and poll as the manual says. */
static void the_smallest_file_gets_all_defaults(void **state)
{
    struct config *config = assert_loaded("state_dir: state\n"
                                          "inbox: inbox.db\n"
                                          "servers:\n"
                                          "  - name: example\n"
                                          "    url: https://h.example\n"
                                          "    queues:\n"
                                          "      - name: student\n"
                                          "        api_key_file: key\n");
    struct haplo_poller_options poller;
    struct haplo_server_options server;
    struct haplo_queue_options queue;
    (void)state;
    config_poller_options(config, &poller);
    config_server_options(&config->servers[0], &server);
    config_queue_options(&config->servers[0].queues[0], &queue);
    assert_int_equal(poller.in_flight_max, 256);
    assert_int_equal(poller.undelivered_bytes_max, 268435456);
    assert_int_equal(server.struct_size, sizeof server);
    assert_string_equal(server.name, "example");
    assert_string_equal(server.url, "https://h.example");
    assert_false(server.allow_http);
    assert_null(server.proxy);
    assert_int_equal(server.in_flight_max, 1);
    assert_int_equal(server.connect_timeout_ms, 10000);
    assert_int_equal(server.first_byte_timeout_ms, 60000);
    assert_int_equal(server.stall_timeout_ms, 30000);
    assert_int_equal(server.total_timeout_ms, 120000);
    assert_int_equal(server.failed_logins_max, 5);
    assert_int_equal(server.breaker_failures, 5);
    assert_int_equal(queue.struct_size, sizeof queue);
    assert_string_equal(queue.name, "student");
    assert_null(queue.api_key);
    assert_int_equal(queue.interval_ms, 60000);
    assert_int_equal(queue.interval_max_ms, 0);
    assert_int_equal(queue.backoff_ms, 1000);
    assert_int_equal(queue.backoff_max_ms, 300000);
    assert_int_equal(queue.refused_ms, 900000);
    assert_int_equal(queue.mark_attempts_max, 4);
    assert_int_equal(queue.body_bytes_max, 67108864);
    assert_int_equal(queue.format, HAPLO_FORMAT_JSON);
    assert_null(queue.token_pointer);
    assert_null(queue.messages_pointer);
    assert_null(queue.token_pattern);
    assert_null(queue.content_type);
    assert_int_equal(config->outlet_count, 0);
    config_free(config);
}

static void assert_place(struct config_place place, unsigned line,
                         unsigned column)
{
    assert_int_equal(place.line, line);
    assert_int_equal(place.column, column);
}

/* Logs and errors at run time lead back to the file. */
static void everything_knows_its_place_in_the_file(void **state)
{
    struct config *config = assert_loaded(
        HEAD SERVER QUEUE "      - {name: two, api_key_file: key}\n"
                          "  -   {name: other, url: 'https://o', queues: [\n"
                          "      {name: three, api_key_file: key}]}\n"
                          "outlets:\n"
                          "  - name: a\n"
                          "    type: post\n"
                          "    url: u\n");
    (void)state;
    assert_place(config->inboxes[0].place, 2, 1);
    assert_place(config->servers[0].place, 4, 5);
    assert_place(config->servers[0].queues[0].place, 7, 9);
    assert_place(config->servers[0].queues[1].place, 9, 9);
    assert_place(config->servers[1].place, 10, 7);
    assert_place(config->servers[1].queues[0].place, 11, 7);
    assert_place(config->outlets[0].place, 13, 5);
    config_free(config);
}

/* systemd starts services in the root folder. */
static void paths_are_relative_to_the_folder_of_the_file(void **state)
{
    int count;
    char *errors;
    char path[64];
    char expected[64];
    (void)state;
    text_write(FILE_NAME, HEAD SERVER QUEUE "    tls_ca_file: key\n", 0600);
    snprintf(path, sizeof path, "%s/" FILE_NAME, folder);
    assert_int_equal(chdir("/"), 0);
    struct config *config = load(path, &count, &errors);
    assert_int_equal(chdir(folder), 0);
    assert_string_equal(errors, "");
    free(errors);
    snprintf(expected, sizeof expected, "%s/state", folder);
    assert_string_equal(config->state_dir, expected);
    snprintf(expected, sizeof expected, "%s/key", folder);
    assert_string_equal(config->servers[0].queues[0].key->path, expected);
    assert_string_equal(config->servers[0].queues[0].key->name, "key");
    assert_string_equal(config->servers[0].options.tls_ca_file, expected);
    config_free(config);
}

static const struct haplo_queue_options *options_of(
    const struct config_queue *queue)
{
    return &queue->settings->options;
}

/* Hundreds of queues are set up by what they have in common, and where in the
 * file that stands is a matter of taste. */
static void the_innermost_value_holds(void **state)
{
    struct config *config = assert_loaded(
        HEAD "  - name: a\n"
             "    url: https://a.example\n"
             "    interval: 10s\n"
             "    connect_timeout: 3s\n"
             "    queues:\n"
             "      - {name: own, api_key_file: key, interval: 1s}\n"
             "      - {name: none, api_key_file: key, interval_max: none}\n"
             "    interval_max: 1h\n"
             "  - name: b\n"
             "    url: https://b.example\n"
             "    queues:\n"
             "      - {name: far, api_key_file: key}\n"
             "defaults: {interval: 2m, connect_timeout: 4s, backoff: 3s}\n");
    const struct config_server *a = &config->servers[0];
    const struct config_server *b = &config->servers[1];
    (void)state;
    assert_int_equal(a->options.connect_timeout_ms, 3000);
    assert_int_equal(b->options.connect_timeout_ms, 4000);
    assert_int_equal(options_of(&a->queues[0])->interval_ms, 1000);
    assert_int_equal(options_of(&a->queues[0])->interval_max_ms, 3600000);
    assert_int_equal(options_of(&a->queues[1])->interval_ms, 10000);
    assert_int_equal(options_of(&a->queues[1])->interval_max_ms, 0);
    assert_int_equal(options_of(&b->queues[0])->interval_ms, 120000);
    assert_int_equal(options_of(&b->queues[0])->interval_max_ms, 0);
    assert_int_equal(options_of(&b->queues[0])->backoff_ms, 3000);
    config_free(config);
}

/* A million queues are to cost no million copies of their options. */
static void queues_with_equal_options_share_them(void **state)
{
    struct config *config = assert_loaded(
        HEAD "  - name: a\n"
             "    url: https://a.example\n"
             "    queues:\n"
             "      - {name: a, api_key_file: key}\n"
             "      - {name: b, interval: 5s, format: json, "
             "api_key_file: key}\n"
             "      - {name: c, api_key_file: key, format: json, "
             "interval: 5s}\n"
             "      - {name: d, api_key_file: ./key}\n"
             "      - {name: e, api_key_file: key, content_type: a/b}\n"
             "      - {name: f, api_key_file: key, content_type: a/bc}\n"
             "  - name: b\n"
             "    url: https://b.example\n"
             "    queues:\n"
             "      - {name: a, api_key_file: key}\n"
             "  - name: c\n"
             "    url: https://c.example\n"
             "    interval: 5s\n"
             "    queues:\n"
             "      - {name: a, api_key_file: key}\n");
    const struct config_queue *queues = config->queues;
    (void)state;
    assert_int_equal(config->queue_count, 8);
    assert_ptr_equal(queues[0].settings, queues[3].settings);
    assert_ptr_equal(queues[0].settings, queues[6].settings);
    assert_ptr_equal(queues[1].settings, queues[2].settings);
    assert_ptr_not_equal(queues[0].settings, queues[1].settings);
    assert_ptr_not_equal(queues[4].settings, queues[5].settings);
    assert_ptr_not_equal(queues[0].settings, queues[7].settings);
    assert_ptr_equal(queues[0].key, queues[1].key);
    assert_ptr_equal(queues[0].key, queues[6].key);
    assert_ptr_not_equal(queues[0].key, queues[3].key);
    config_free(config);
}

/* The library refuses options of the other format, and checks more of a
 * response that has the shape of Haplo's own. */
static void the_library_is_told_only_what_a_format_uses(void **state)
{
    struct config *config = assert_loaded(
        HEAD SERVER "      - {name: own, api_key_file: key, "
                    "token_pointer: /token, messages_pointer: /messages}\n"
                    "      - {name: raw, api_key_file: key, format: raw}\n"
                    "      - {name: json, api_key_file: key}\n"
                    "defaults: {token_pointer: /t, messages_pointer: /m, "
                    "token_pattern: 't=(.*)'}\n");
    struct haplo_queue_options options;
    (void)state;
    config_queue_options(&config->servers[0].queues[0], &options);
    assert_null(options.token_pointer);
    assert_null(options.messages_pointer);
    assert_null(options.token_pattern);
    config_queue_options(&config->servers[0].queues[1], &options);
    assert_null(options.token_pointer);
    assert_null(options.messages_pointer);
    assert_string_equal(options.token_pattern, "t=(.*)");
    config_queue_options(&config->servers[0].queues[2], &options);
    assert_string_equal(options.token_pointer, "/t");
    assert_string_equal(options.messages_pointer, "/m");
    assert_null(options.token_pattern);
    config_free(config);
}

/* An administrator can make one key for all queues of a server. */
static void a_key_of_the_server_serves_queues_without_their_own(void **state)
{
    (void)state;
    setenv("TEST_KEY", KEY, 1);
    struct config *config = assert_loaded(
        HEAD "  - name: a\n"
             "    url: https://a.example\n"
             "    queues: [{name: wide}, {name: own, api_key_file: key}]\n"
             "    api_key_env: TEST_KEY\n");
    const struct config_queue *queues = config->servers[0].queues;
    assert_int_equal(queues[0].key->kind, CONFIG_KEY_ENV);
    assert_string_equal(queues[0].key->name, "TEST_KEY");
    assert_int_equal(queues[1].key->kind, CONFIG_KEY_FILE);
    assert_string_equal(queues[1].key->path, "key");
    config_free(config);
    unsetenv("TEST_KEY");
}

/* Aliases spare repetition where defaults do not reach. */
static void aliases_stand_for_what_they_name(void **state)
{
    struct config *config =
        assert_loaded(HEAD "  - name: a\n"
                           "    url: https://a.example\n"
                           "    queues: &queues\n"
                           "      - {name: x, api_key_file: &key key}\n"
                           "      - {name: y, api_key_file: *key}\n"
                           "  - name: b\n"
                           "    url: https://b.example\n"
                           "    queues: *queues\n"
                           "  - {name: c, url: 'https://c', queues: [\n"
                           "      &q {name: z, api_key_file: *key}]}\n"
                           "  - {name: d, url: 'https://d', queues: [*q]}\n");
    (void)state;
    assert_int_equal(config->queue_count, 6);
    assert_string_equal(config->servers[1].queues[1].name, "y");
    assert_string_equal(config->servers[1].queues[1].key->path, "key");
    assert_string_equal(config->servers[3].queues[0].name, "z");
    config_free(config);
}

/* Bad keys must show in `check`, not at two in the morning. */
static void every_key_is_tried_when_the_file_is_loaded(void **state)
{
    (void)state;
    text_write("key", KEY, 0644);
    assert_refused(HEAD SERVER QUEUE,
                   ":8:23: queue example/student: api_key_file key: accessible "
                   "to others (mode 0644): run chmod 600 key\n");
    text_write("key", KEY "\n", 0600);
    assert_refused(HEAD SERVER "      - {name: a, api_key_credential: a}\n",
                   ":7:39: queue example/a: api_key_credential a: "
                   "CREDENTIALS_DIRECTORY is not set: run it by systemd with "
                   "LoadCredential=, or use api_key_file\n");
    assert_refused(HEAD SERVER "      - {name: a, api_key_credential: a/b}\n",
                   ":7:39: queue example/a: api_key_credential: \"a/b\" is not "
                   "the name of a credential: give a name without slashes, or "
                   "use api_key_file\n");
    setenv("CREDENTIALS_DIRECTORY", folder, 1);
    struct config *config =
        assert_loaded(HEAD SERVER "      - {name: a, api_key_credential: "
                                  "key}\n");
    assert_string_equal(config->queues[0].key->name, "key");
    config_free(config);
    unsetenv("CREDENTIALS_DIRECTORY");
}

/* What `check` prints is looked at by people and pasted into tickets. */
static void the_printed_configuration_names_keys_but_shows_none(void **state)
{
    char *text;
    size_t size;
    (void)state;
    setenv("TEST_KEY", KEY, 1);
    struct config *config = assert_loaded(
        HEAD SERVER QUEUE
        "      - {name: b, api_key_env: TEST_KEY, interval: 90s}\n"
        "outlets:\n"
        "  - {name: all, type: post, url: u, password: " KEY "}\n"
        "  - {name: some, type: post, url: u, queues: ['*/b', "
        "example/student]}\n");
    FILE *file = open_memstream(&text, &size);
    assert_non_null(file);
    config_print(config, file);
    fclose(file);
    assert_string_equal(
        text,
        "SERVER   URL                           QUEUE    INBOX  INTERVAL  "
        "KEY\n"
        "example  https://server.example.ac.uk  student  inbox  1m        "
        "key\n"
        "example  https://server.example.ac.uk  b        inbox  90s       "
        "$TEST_KEY\n"
        "\n"
        "OUTLET  TYPE  INBOX  QUEUES\n"
        "all     post  inbox  all\n"
        "some    post  inbox  */b\n"
        "                     example/student\n"
        "\n"
        "inbox: inbox (sqlite)\n"
        "servers: 1, queues: 2, outlets: 2, state: state\n");
    free(text);
    config_free(config);
    unsetenv("TEST_KEY");
}

/* Bridge hosts poll that many; work that grew with the square of the number
 * would take minutes here. */
static void a_hundred_thousand_queues_load(void **state)
{
    enum { COUNT = 100000 };
    FILE *file = fopen(FILE_NAME, "w");
    int count;
    char *errors;
    (void)state;
    assert_non_null(file);
    fputs(HEAD SERVER, file);
    for (int i = 0; i < COUNT; i++) {
        fprintf(file, "      - {name: q%d, api_key_file: key}\n", i);
    }
    for (int i = 0; i < COUNT / 10; i++) {
        fprintf(file,
                "  - name: s%d\n"
                "    url: https://h\n"
                "    interval: %dms\n"
                "    queues: [{name: a%d, api_key_file: key}]\n",
                i, 1000 + i, i);
    }
    fprintf(file, "outlets: [{name: a, type: post, url: u, queues: "
                  "[example/q99999, 's9999/*']}]\n");
    fclose(file);
    struct config *config = load(FILE_NAME, &count, &errors);
    assert_string_equal(errors, "");
    assert_int_equal(config->queue_count, COUNT + COUNT / 10);
    assert_place(config->servers[0].queues[COUNT - 1].place, COUNT + 6, 9);
    assert_ptr_equal(config->queues[0].settings,
                     config->queues[COUNT - 1].settings);
    assert_int_equal(
        options_of(&config->servers[COUNT / 10].queues[0])->interval_ms,
        1000 + COUNT / 10 - 1);
    free(errors);
    config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_smallest_file_gets_all_defaults),
        cmocka_unit_test(everything_knows_its_place_in_the_file),
        cmocka_unit_test(paths_are_relative_to_the_folder_of_the_file),
        cmocka_unit_test(the_innermost_value_holds),
        cmocka_unit_test(queues_with_equal_options_share_them),
        cmocka_unit_test(the_library_is_told_only_what_a_format_uses),
        cmocka_unit_test(a_key_of_the_server_serves_queues_without_their_own),
        cmocka_unit_test(aliases_stand_for_what_they_name),
        cmocka_unit_test(every_key_is_tried_when_the_file_is_loaded),
        cmocka_unit_test(the_printed_configuration_names_keys_but_shows_none),
        cmocka_unit_test(a_hundred_thousand_queues_load),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
