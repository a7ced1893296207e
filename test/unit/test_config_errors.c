#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "config/config_errors.h"
#include "config_fixture.h"

/* The commonest mistake, at each level, with its line. */
static void an_unknown_key_is_told_with_its_line_and_neighbour(void **state)
{
    (void)state;
    assert_refused("statedir: x\n" HEAD SERVER QUEUE,
                   FILE_NAME ":1: unknown key \"statedir\": did you mean "
                             "\"state_dir\"?\n");
    assert_refused(HEAD "  - name: example\n"
                        "    url: https://h.example\n"
                        "\n"
                        "    # a comment\n"
                        "    intervall: 5m\n",
                   FILE_NAME ":9: server example: unknown key \"intervall\": "
                             "did you mean \"interval\"?\n");
    assert_refused(HEAD SERVER QUEUE "        maxbody: 1M\n",
                   FILE_NAME ":10: queue example/student: unknown key "
                             "\"maxbody\": did you mean \"max_body\"?\n");
    assert_refused(HEAD SERVER QUEUE "        webhook: x\n",
                   FILE_NAME ":10: queue example/student: unknown key "
                             "\"webhook\": see haplo-poll help config\n");
    assert_refused("defaults: {url: x}\n" HEAD SERVER QUEUE,
                   FILE_NAME ":1: defaults: \"url\" cannot stand here: it "
                             "belongs to a server\n");
    assert_refused("sinks: [{nam: x}]\n",
                   FILE_NAME ":1: sink 1: unknown key \"nam\": did you mean "
                             "\"name\"?\n");
}

/* A key pasted into the file would end up in the log of the failed start. */
static void no_part_of_a_key_is_shown_wherever_it_was_pasted(void **state)
{
    (void)state;
    assert_refused(HEAD SERVER "      - {name: a, api_key: " KEY "}\n",
                   FILE_NAME ":8: queue example/a: unknown key \"api_key\": "
                             "did you mean \"api_key_file\"?\n");
    assert_refused(HEAD SERVER "      - {name: a, " KEY ": a}\n",
                   FILE_NAME ":8: queue example/a: unknown key: it looks like "
                             "an API key: put that into a file, and the "
                             "file's path into api_key_file\n");
    assert_refused(HEAD SERVER "      - {name: a, api_key_file: " KEY "}\n",
                   FILE_NAME ":8: queue example/a: api_key_file: the value "
                             "looks like an API key: put that into a file, "
                             "and the file's path into api_key_file\n");
    assert_refused(HEAD "  - name: a\n"
                        "    url: https://haplo:" KEY "@a.example\n"
                        "    proxy: ftp://me:" KEY "@proxy\n"
                        "    queues: [{name: a, api_key_file: key}]\n",
                   FILE_NAME ":6: server a: url: a user or a password does "
                             "not belong into it: write https://HOST, and "
                             "give the key by api_key_file\n" FILE_NAME
                             ":7: server a: proxy: no URL of a proxy: write "
                             "http://HOST:PORT, or https, socks5h or socks4a "
                             "for http\n");
}

/* libcyaml's own words for these are about its events. */
static void a_value_of_the_wrong_shape_is_told_plainly(void **state)
{
    static const char list[] = "write a list below, each entry beginning with "
                               "\"- name: NAME\"\n";
    char expected[256];
    (void)state;
    assert_refused(HEAD SERVER QUEUE "        interval: [1s]\n",
                   FILE_NAME ":10: queue example/student: interval: it is a "
                             "list: write one value\n");
    assert_refused(HEAD SERVER QUEUE "        interval: {a: b}\n",
                   FILE_NAME ":10: queue example/student: interval: it is a "
                             "mapping: write one value\n");
    snprintf(expected, sizeof expected,
             FILE_NAME ":7: server example: queues: it is empty: %s", list);
    assert_refused(HEAD SERVER, expected);
    snprintf(expected, sizeof expected,
             FILE_NAME ":1: sinks: it is a "
                       "mapping: %s",
             list);
    assert_refused("sinks: {name: x}\n", expected);
    assert_refused(HEAD "  - example\n",
                   FILE_NAME ":5: servers: entry 1 is a single value: write "
                             "\"- name: NAME\" and its other keys below\n");
    assert_refused("defaults:\n" HEAD,
                   FILE_NAME ":1: defaults: it is empty: write keys and values "
                             "below, or leave it out\n");
    assert_refused("- a\n", FILE_NAME ":1: the file is a list: give it the "
                                      "keys state_dir, sinks and servers\n");
}

/* YAML itself would let the last one win, libcyaml the first. */
static void a_key_given_twice_is_told_with_both_lines(void **state)
{
    (void)state;
    assert_refused(HEAD SERVER QUEUE "        interval: 1s\n"
                                     "        interval: 2s\n",
                   FILE_NAME ":11: queue example/student: interval: it is "
                             "given already in line 10: remove one of them\n");
}

/* The parser's errors need a line as much as ours. */
static void a_file_that_is_no_yaml_is_told_with_its_line(void **state)
{
    (void)state;
    assert_refused("state_dir: a: b\n",
                   FILE_NAME ":1: column 13: mapping values are not allowed "
                             "in this context: check the indentation (no "
                             "tabs), colons and quotes here and above\n");
    assert_refused("state_dir: \"a\\0b\"\n",
                   FILE_NAME ":1: a value holds a NUL character: remove it\n");
    assert_refused("state_dir: a\nx: \xff\n",
                   FILE_NAME ":2: invalid leading UTF-8 octet: save the file "
                             "as UTF-8 text\n");
    assert_refused("state_dir: *a\n",
                   FILE_NAME ":1: found undefined alias: define it above with "
                             "&\n");
    assert_refused("state_dir: a\n---\nsinks: []\n",
                   FILE_NAME ":2: a second document begins: keep one in the "
                             "file\n");
    assert_refused("? [a]\n: b\n", FILE_NAME ":1: a key is no plain word: "
                                             "write KEY: VALUE\n");
}

/* The first start often points at the wrong place. */
static void a_file_that_is_not_there_or_empty_is_one_line(void **state)
{
    static const char empty[] =
        FILE_NAME ": the file is empty: give it state_dir, sinks and servers\n";
    int count;
    char *errors;
    (void)state;
    assert_refused("", empty);
    assert_refused("# nothing yet\n\n", empty);
    assert_null(load("nowhere.yaml", &count, &errors));
    assert_string_equal(errors, "nowhere.yaml: cannot be opened: No such file "
                                "or directory: make it, or give its path\n");
    free(errors);
    assert_null(load(".", &count, &errors));
    assert_string_equal(errors, ".: cannot be read: Is a directory: give the "
                                "file in it\n");
    free(errors);
}

/* Each round of mending and trying again costs an operator time. */
static void all_errors_are_told_at_once_in_the_order_of_lines(void **state)
{
    (void)state;
    assert_refused("sinks: [{name: a, type: postgres}]\n"
                   "servers:\n"
                   "  - url: server.example\n"
                   "    queues:\n"
                   "      - name: x\n"
                   "        sink: b\n"
                   "        interval: 60\n"
                   "        max_body: 64MB\n"
                   "        mark_attempts_max: 0\n"
                   "  - {name: b, url: 'https://b', queues: []}\n",
                   FILE_NAME
                   ":1: state_dir is missing: add it\n" FILE_NAME
                   ":1: sink a: path is missing: add it\n" FILE_NAME
                   ":1: sink a: type: \"postgres\" is no type of sink: give "
                   "sqlite or files\n" FILE_NAME
                   ":3: server 1: name is missing: add it\n" FILE_NAME
                   ":3: server 1: url: \"server.example\": no scheme: write "
                   "https://HOST\n" FILE_NAME
                   ":5: queue 1/x: it has no API key: add api_key_file, "
                   "api_key_env or api_key_credential\n" FILE_NAME
                   ":6: queue 1/x: sink: there is none named \"b\": give the "
                   "name of one under sinks\n" FILE_NAME
                   ":7: queue 1/x: interval: \"60\" is no duration: write it "
                   "as 250ms, 30s, 5m, 1h or 1d\n" FILE_NAME
                   ":8: queue 1/x: max_body: \"64MB\" is no size: write it as "
                   "512K, 64M, 1G or a number of bytes\n" FILE_NAME
                   ":9: queue 1/x: mark_attempts_max: \"0\" is out of bounds: "
                   "give 1 to 100\n" FILE_NAME
                   ":10: server b: it has no queues: list at least one under "
                   "queues\n");
}

/* Ten thousand lines of one mistake help nobody. */
static void from_the_twenty_first_on_errors_are_counted(void **state)
{
    char text[4096] = HEAD SERVER;
    int count;
    int lines = 0;
    char *errors;
    (void)state;
    for (int i = 0; i < 30; i++) {
        size_t size = strlen(text);
        snprintf(text + size, sizeof text - size, "      - {name: q%d}\n", i);
    }
    text_write(FILE_NAME, text, 0600);
    assert_null(load(FILE_NAME, &count, &errors));
    assert_int_equal(count, 30);
    for (const char *c = errors; *c != '\0'; c++) {
        lines += *c == '\n';
    }
    assert_int_equal(lines, 21);
    assert_non_null(strstr(errors, FILE_NAME ": and 10 more\n"));
    free(errors);
}

/* What is stored is told apart by these names. */
static void a_name_taken_twice_is_told_with_the_first_line(void **state)
{
    (void)state;
    assert_refused(HEAD SERVER QUEUE QUEUE SERVER QUEUE,
                   FILE_NAME ":10: queue example/student: its name is taken "
                             "already in line 8: give it another\n" FILE_NAME
                             ":12: server example: its name is taken already "
                             "in line 5: give it another\n");
    assert_refused("state_dir: state\n"
                   "sinks:\n"
                   "  - {name: a, type: sqlite, path: a.db}\n"
                   "  - {name: a, type: sqlite, path: b.db}\n"
                   "  - {name: c, type: sqlite, path: a.db}\n"
                   "defaults: {sink: a}\n"
                   "servers:\n" SERVER QUEUE,
                   FILE_NAME ":4: sink a: its name is taken already in line "
                             "3: give it another\n" FILE_NAME
                             ":5: sink c: its path is taken already in line "
                             "3: give it another\n");
}

/* Nobody can guess which of two databases was meant. */
static void a_sink_may_be_left_out_only_if_there_is_one(void **state)
{
    (void)state;
    config_free(assert_loaded(HEAD SERVER QUEUE));
    assert_refused("state_dir: state\n"
                   "sinks:\n"
                   "  - {name: a, type: sqlite, path: a.db}\n"
                   "  - {name: b, type: sqlite, path: b.db}\n"
                   "servers:\n" SERVER QUEUE,
                   FILE_NAME ":9: queue example/student: it has no sink and "
                             "there are several: add \"sink: NAME\"\n");
}

static void assert_url_refused(const char *url, const char *expected)
{
    char text[1024];
    char line[1024];
    snprintf(text, sizeof text,
             HEAD "  - name: a\n"
                  "    url: '%s'\n"
                  "    queues: [{name: a, api_key_file: key}]\n",
             url);
    snprintf(line, sizeof line, FILE_NAME ":6: server a: url: %s\n", expected);
    assert_refused(text, line);
}

static void assert_url_taken(const char *url, const char *more)
{
    char text[1024];
    snprintf(text, sizeof text,
             HEAD "  - name: a\n"
                  "    url: '%s'\n"
                  "%s"
                  "    queues: [{name: a, api_key_file: key}]\n",
             url, more);
    config_free(assert_loaded(text));
}

/* Over http the key is anybody's; the poll URL is what people paste. */
static void only_urls_that_keep_the_key_secret_are_taken(void **state)
{
    static const char more[] =
        "more follows the host: write https://HOST or https://HOST:PORT, the "
        "rest comes from the queue's name";
    char expected[256];
    (void)state;
    assert_url_taken("https://h.example/", "");
    assert_url_taken("HTTPS://h.example:8443", "");
    assert_url_taken("http://localhost:8080", "");
    assert_url_taken("http://127.0.0.9", "");
    assert_url_taken("http://[::1]:80", "");
    assert_url_taken("http://h.example", "    allow_http: true\n");
    assert_url_refused("http://h.example",
                       "http:// would send API keys in clear: write https://, "
                       "or add \"allow_http: true\"");
    assert_url_refused("http://127.0.0.1.example",
                       "http:// would send API keys in clear: write https://, "
                       "or add \"allow_http: true\"");
    assert_url_refused("h.example",
                       "\"h.example\": no scheme: write https://HOST");
    assert_url_refused("ftp://h", "\"ftp://h\": neither https:// nor http://: "
                                  "write https://HOST");
    assert_url_refused("https://", "\"https://\": no valid host name in it: "
                                   "write https://HOST");
    assert_url_refused("https://[::1", "\"https://[::1\": no valid host name "
                                       "in it: write https://HOST");
    assert_url_refused("https://h:0",
                       "\"https://h:0\": the port is none: give 1 to 65535, "
                       "or leave it out");
    snprintf(expected, sizeof expected, "\"https://h/api/q/fetch\": %s", more);
    assert_url_refused("https://h/api/q/fetch", expected);
    snprintf(expected, sizeof expected, "\"https://h?q\": %s", more);
    assert_url_refused("https://h?q", expected);
}

/* Each of these would fail only at the first fetch, or never be seen. */
static void values_that_contradict_each_other_are_refused(void **state)
{
    (void)state;
    assert_refused(HEAD SERVER QUEUE "        interval: 5m\n"
                                     "        interval_max: 1m\n"
                                     "        backoff: 10m\n",
                   FILE_NAME ":8: queue example/student: backoff_max (5m) is "
                             "below backoff (10m): raise the one or lower the "
                             "other\n" FILE_NAME
                             ":11: queue example/student: interval_max (1m) is "
                             "below interval (5m): raise the one or lower the "
                             "other\n");
    assert_refused(HEAD SERVER QUEUE "        format: raw\n",
                   FILE_NAME ":10: queue example/student: format raw without "
                             "token_pattern could never be marked: add "
                             "token_pattern\n");
    assert_refused(HEAD SERVER QUEUE "        token_pattern: x\n",
                   FILE_NAME ":10: queue example/student: token_pattern does "
                             "nothing with the format json: remove it, or "
                             "give \"format: raw\"\n");
    assert_refused(HEAD SERVER "      - name: a\n"
                               "        api_key_file: key\n"
                               "        api_key_env: TEST_KEY\n",
                   FILE_NAME ":10: queue example/a: both api_key_file and "
                             "api_key_env are given: keep one of them\n");
    assert_refused(HEAD SERVER QUEUE "    tls_key_file: key\n",
                   FILE_NAME ":10: server example: tls_key_file is given "
                             "without tls_certificate_file: add that too\n");
}

static void assert_value_refused(const char *line, const char *expected)
{
    char text[1024];
    char error[1024];
    snprintf(text, sizeof text, HEAD SERVER QUEUE "        %s\n", line);
    snprintf(error, sizeof error, FILE_NAME ":10: queue example/student: %s\n",
             expected);
    assert_refused(text, error);
}

/* What the library would refuse at the start is better told with its line. */
static void a_bad_value_is_told_with_what_a_good_one_is(void **state)
{
    (void)state;
    assert_value_refused("format: xml", "format: \"xml\" is no format: write "
                                        "json or raw");
    assert_value_refused("token_pointer: token",
                         "token_pointer: \"token\" is no JSON pointer: begin "
                         "it with a slash, as /token or /result/items");
    assert_value_refused("token_pointer: /a~2",
                         "token_pointer: \"/a~2\" is no JSON pointer: write "
                         "~0 for ~ and ~1 for / in a name");
    assert_value_refused("token_pointer: /1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7",
                         "token_pointer: more than 16 segments: shorten it");
    assert_value_refused("token_pattern: '(a'",
                         "token_pattern: \"(a\": not a regular expression: "
                         "Missing ')': write one as <token>([^<]+)</token>");
    assert_value_refused("token_pattern: '[a-z]*'",
                         "token_pattern: \"[a-z]*\": it matches anything: "
                         "write what precedes the token, and put the token in "
                         "( ): write one as <token>([^<]+)</token>");
    assert_value_refused("content_type: json",
                         "content_type: \"json\" is no content type: write it "
                         "as application/json, without parameters");
    assert_value_refused("interval:", "interval: it has no value: write one, "
                                      "or remove it");
    assert_value_refused("deliver_attempts_max: 0",
                         "deliver_attempts_max: \"0\" is out of bounds: give "
                         "1 to 1000000, or none");
    assert_refused(HEAD SERVER "      - {name: a, api_key_env: \"A\\nB\\e\"}\n",
                   FILE_NAME ":8: queue example/a: api_key_env A?B?: there is "
                             "no such variable in the environment: set it, or "
                             "use api_key_file\n");
    assert_value_refused("interval: \"1s\\e[31m\"",
                         "interval: \"1s?[31m\" is no duration: write it as "
                         "250ms, 30s, 5m, 1h or 1d");
    assert_value_refused("mark_attempts_max: some",
                         "mark_attempts_max: \"some\" is no count: write a "
                         "whole number");
}

/* A whole file pasted into a value must not bury the error; and a character
 * that is cut in two would make the line no UTF-8. */
static void a_long_value_is_cut_between_two_characters(void **state)
{
    char line[400] = "interval: x";
    char expected[400] = "interval: \"x";
    (void)state;
    for (int i = 0; i < 100; i++) {
        strcat(line, "\xc3\xa9");
    }
    for (int i = 0; i < (CONFIG_SHOW_SIZE - 6) / 2 - 1; i++) {
        strcat(expected, "\xc3\xa9");
    }
    strcat(expected, "...\" is no duration: write it as 250ms, 30s, 5m, 1h or "
                     "1d");
    assert_value_refused(line, expected);
}

/* A mistaken path: nobody wants gigabytes read into memory for that. */
static void a_file_that_is_too_large_is_not_read(void **state)
{
    (void)state;
    FILE *file = fopen(FILE_NAME, "w");
    assert_non_null(file);
    assert_int_equal(fchmod(fileno(file), 0600), 0);
    assert_int_equal(ftruncate(fileno(file), CONFIG_FILE_SIZE_MAX + 1), 0);
    assert_int_equal(fclose(file), 0);
    int count;
    char *errors;
    assert_null(load(FILE_NAME, &count, &errors));
    assert_string_equal(errors, FILE_NAME ": larger than 16777216 bytes: split "
                                          "it\n");
    free(errors);
}

/* A queue's name goes into a URL as it is (PROTOCOL.md, "Errors"). */
static void names_that_no_url_or_log_can_carry_are_refused(void **state)
{
    char name[HAPLO_NAME_SIZE_MAX + 2];
    char text[1024];
    char *errors;
    int count;
    (void)state;
    assert_refused(HEAD SERVER "      - {name: a/b, api_key_file: key}\n",
                   FILE_NAME ":8: queue example/a/b: name: \"a/b\" has a "
                             "character that cannot stand in a poll URL: copy "
                             "the name from the queue's page\n");
    assert_refused(HEAD "  - name: a b\n"
                        "    url: https://h\n"
                        "    queues: [{name: a, api_key_file: key}]\n",
                   FILE_NAME ":5: server a b: name: \"a b\" has a blank, a "
                             "slash or a control character: write one word, "
                             "such as example-live\n");
    assert_refused(HEAD SERVER "      - {name: .., api_key_file: key}\n",
                   FILE_NAME ":8: queue example/..: name: \"..\" is a "
                             "folder's name: give another\n");
    memset(name, 'n', sizeof name);
    name[HAPLO_NAME_SIZE_MAX + 1] = '\0';
    snprintf(text, sizeof text,
             HEAD SERVER "      - {name: %s, api_key_file: key}\n", name);
    text_write(FILE_NAME, text, 0600);
    assert_null(load(FILE_NAME, &count, &errors));
    assert_non_null(strstr(errors, "longer than 128 bytes: shorten it\n"));
    free(errors);
    name[HAPLO_NAME_SIZE_MAX] = '\0';
    snprintf(text, sizeof text,
             HEAD SERVER "      - {name: %s, api_key_file: key}\n", name);
    config_free(assert_loaded(text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_key_is_told_with_its_line_and_neighbour),
        cmocka_unit_test(no_part_of_a_key_is_shown_wherever_it_was_pasted),
        cmocka_unit_test(a_value_of_the_wrong_shape_is_told_plainly),
        cmocka_unit_test(a_key_given_twice_is_told_with_both_lines),
        cmocka_unit_test(a_file_that_is_no_yaml_is_told_with_its_line),
        cmocka_unit_test(a_file_that_is_not_there_or_empty_is_one_line),
        cmocka_unit_test(all_errors_are_told_at_once_in_the_order_of_lines),
        cmocka_unit_test(from_the_twenty_first_on_errors_are_counted),
        cmocka_unit_test(a_name_taken_twice_is_told_with_the_first_line),
        cmocka_unit_test(a_sink_may_be_left_out_only_if_there_is_one),
        cmocka_unit_test(only_urls_that_keep_the_key_secret_are_taken),
        cmocka_unit_test(values_that_contradict_each_other_are_refused),
        cmocka_unit_test(a_bad_value_is_told_with_what_a_good_one_is),
        cmocka_unit_test(a_long_value_is_cut_between_two_characters),
        cmocka_unit_test(a_file_that_is_too_large_is_not_read),
        cmocka_unit_test(names_that_no_url_or_log_can_carry_are_refused),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
