#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "config/config_errors.h"
#include "config_fixture.h"

static void assert_url_refused(const char *url, const char *expected)
{
    char text[1024];
    char line[1024];
    snprintf(text, sizeof text,
             HEAD "  - name: a\n"
                  "    url: '%s'\n"
                  "    queues: [{name: a, api_key_file: key}]\n",
             url);
    snprintf(line, sizeof line, ":5:10: server a: url: %s\n", expected);
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

/* Over http the key is anybody's. The rest of the rules: test_validation.c. */
static void only_urls_that_keep_the_key_secret_are_taken(void **state)
{
    static const char clear[] =
        "http:// would send API keys unencrypted: write "
        "https://, or set allow_http";
    (void)state;
    assert_url_taken("https://h.example/", "");
    assert_url_taken("http://localhost:8080", "");
    assert_url_taken("http://h.example", "    allow_http: true\n");
    assert_url_refused("http://h.example", clear);
    assert_url_refused("h.example",
                       "\"h.example\": no scheme: write https://HOST");
    assert_url_taken("https://h.example/haplo", "");
    assert_url_refused("https://h//q",
                       "\"https://h//q\": its path has two slashes in a row, "
                       "which proxies merge: write one");
}

/* A URL is in logs, metrics and on the page, of this program and of every
 * proxy. What may be a secret is not even in the error. */
static void a_url_with_a_secret_is_refused_and_not_shown(void **state)
{
    (void)state;
    assert_url_refused("https://me:secret@h/x",
                       "(hidden): it must not hold a user or a password: write "
                       "https://HOST, and give each queue its API key");
    assert_url_refused(
        "https://h/x?key=secret",
        "(hidden): it must not hold a query or a fragment, which "
        "logs of servers and proxies would show: leave it out");
    assert_url_refused(
        "https://h/" KEY "/x",
        "(hidden): a part of its path looks like an API key, and "
        "logs would show it: remove it, and give the key's file "
        "as api_key_file");
    assert_refused(HEAD SERVER QUEUE "    fetch_path: /" KEY "/{queue}\n"
                                     "    mark_path: /{queue}?key=secret\n"
                                     "    user: haplo:secret\n",
                   ":9:17: server example: fetch_path: (hidden): a part of its "
                   "path looks like an API key, and logs would show it: remove "
                   "it, and give the key's file as api_key_file\n"
                   ":10:16: server example: mark_path: (hidden): it must not "
                   "hold a query or a fragment, which logs of servers and "
                   "proxies would show: leave it out\n"
                   ":11:11: server example: user: (hidden): it has a colon, a "
                   "space or another character that a user cannot have: give "
                   "the user alone, without a password\n");
}

/* Each of these would fail only at the first fetch, or never be seen. */
static void values_that_contradict_each_other_are_refused(void **state)
{
    (void)state;
    assert_refused(HEAD SERVER QUEUE "        interval: 5m\n"
                                     "        interval_max: 1m\n"
                                     "        backoff: 10m\n",
                   ":7:9: queue example/student: backoff_max (5m) is below "
                   "backoff (10m): raise the one or lower the other\n"
                   ":10:9: queue example/student: interval_max (1m) is below "
                   "interval (5m): raise the one or lower the other\n");
    assert_refused(HEAD SERVER QUEUE "        format: raw\n",
                   ":9:9: queue example/student: the format raw needs a "
                   "token_pattern, without which nothing could be marked: add "
                   "token_pattern\n");
    assert_refused(HEAD SERVER QUEUE "        token_pattern: x\n",
                   ":9:9: queue example/student: token_pattern has no effect "
                   "with the format json: remove it, or add \"format: raw\"\n");
    assert_refused(HEAD SERVER QUEUE "        format: raw\n"
                                     "        token_pointer: /x\n"
                                     "defaults: {token_pattern: x}\n",
                   ":10:9: queue example/student: token_pointer has no effect "
                   "with the format raw: remove it, or add \"format: json\"\n");
    assert_refused(HEAD SERVER "      - name: a\n"
                               "        api_key_file: key\n"
                               "        api_key_env: TEST_KEY\n",
                   ":9:9: queue example/a: both api_key_file and api_key_env "
                   "are given: keep one of them\n");
    assert_refused(HEAD SERVER QUEUE "    tls_key_file: key\n",
                   ":9:5: server example: tls_key_file is given without "
                   "tls_certificate_file: add that too\n");
    config_free(assert_loaded(HEAD SERVER QUEUE "    tls_key_file: key\n"
                                                "defaults: "
                                                "{tls_certificate_file: key}"));
}

/* What a server or defaults say wrong for all queues is found at each queue
 * that it makes impossible. */
static void inherited_values_can_contradict_too(void **state)
{
    (void)state;
    assert_refused(HEAD SERVER QUEUE
                   "      - {name: b, api_key_file: key, backoff: 1s}\n"
                   "    backoff: 1h\n",
                   ":7:9: queue example/student: backoff_max (5m) is below "
                   "backoff (1h): raise the one or lower the other\n");
}

static void assert_value_refused(const char *line, const char *expected)
{
    char text[1024];
    char error[1024];
    snprintf(text, sizeof text, HEAD SERVER QUEUE "        %s\n", line);
    /* At the value, or at the key if there is none. */
    const char *value = strstr(line, ": ");
    int column = value != NULL ? (int)(value + 2 - line) + 9 : 9;
    snprintf(error, sizeof error, ":9:%d: queue example/student: %s\n", column,
             expected);
    assert_refused(text, error);
}

/* What the library would refuse at the start is better told with its place. */
static void a_bad_value_is_told_with_what_a_good_one_is(void **state)
{
    (void)state;
    assert_value_refused("format: xml",
                         "format: \"xml\" is not possible: write "
                         "one of: json raw");
    assert_value_refused("format: js", "format: \"js\" is not possible: write "
                                       "one of: json raw");
    assert_value_refused(
        "token_pointer: token",
        "token_pointer: \"token\": invalid JSON pointer: begin "
        "it with a slash, as in /token or /result/items");
    assert_value_refused("token_pointer: /a~2",
                         "token_pointer: \"/a~2\": invalid JSON pointer: write "
                         "~0 for ~ and ~1 for / in a name");
    assert_value_refused("token_pointer: /1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7",
                         "token_pointer: \"/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7\""
                         ": more than 16 segments: shorten it");
    assert_value_refused("content_type: json",
                         "content_type: \"json\": invalid content type: write "
                         "it like application/json, without parameters");
    assert_value_refused("interval:", "interval: it has no value: write one, "
                                      "or remove it");
    assert_value_refused("interval_max: 0s",
                         "interval_max: \"0s\" is out of range: give 10ms to "
                         "7d, or none");
    assert_value_refused("mark_attempts_max: some",
                         "mark_attempts_max: \"some\" is not a count: write a "
                         "whole number");
    assert_value_refused("interval: \"1s\\e[31m\"",
                         "interval: \"1s?[31m\" is not a duration: write it "
                         "like 250ms, 30s, 5m, 1h or 1d");
    assert_refused(HEAD SERVER QUEUE "    allow_http: yes\n",
                   ":9:17: server example: allow_http: \"yes\" is not true or "
                   "false: write one\n");
    assert_refused(HEAD SERVER "      - {name: a, api_key_env: \"A\\nB\\e\"}\n",
                   ":7:32: queue example/a: api_key_env A?B?: no such variable "
                   "in the environment: set it, or use api_key_file\n");
    assert_refused(HEAD SERVER QUEUE "    tls_ca_file: no.pem\n",
                   ":9:18: server example: tls_ca_file: \"no.pem\": cannot be "
                   "read: No such file or directory: create the file, or "
                   "correct the path\n");
}

/* The library's own words about a pattern come through. */
static void a_bad_pattern_is_told_with_an_example(void **state)
{
    int count;
    char *errors;
    (void)state;
    text_write(FILE_NAME, HEAD SERVER QUEUE "        token_pattern: '(a'\n",
               0600);
    assert_null(load(FILE_NAME, &count, &errors));
    assert_int_equal(count, 1);
    assert_non_null(strstr(errors,
                           ":9:24: queue example/student: token_pattern:"
                           " \"(a\": "));
    assert_non_null(strstr(errors,
                           "Missing ')': write it like <token>([^<]+)</token>"
                           "\n"));
    free(errors);
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
    strcat(expected, "...\" is not a duration: write it like 250ms, 30s, 5m, "
                     "1h or 1d");
    assert_value_refused(line, expected);
}

/* A queue's name goes into a URL as it is (PROTOCOL.md, "Errors"). */
static void names_that_no_url_or_log_can_carry_are_refused(void **state)
{
    static const char why[] =
        "it has a character that cannot stand in a poll URL: copy a queue's "
        "name from its page, and choose a server's like example-live\n";
    char expected[512];
    char name[HAPLO_NAME_SIZE_MAX + 2];
    char text[1024];
    char *errors;
    int count;
    (void)state;
    snprintf(expected, sizeof expected,
             ":7:16: queue example/a/b: name: "
             "\"a/b\": %s",
             why);
    assert_refused(HEAD SERVER "      - {name: a/b, api_key_file: key}\n",
                   expected);
    snprintf(expected, sizeof expected, ":4:11: server a b: name: \"a b\": %s",
             why);
    assert_refused(HEAD "  - name: a b\n"
                        "    url: https://h\n"
                        "    queues: [{name: a, api_key_file: key}]\n",
                   expected);
    assert_refused(HEAD SERVER "      - {name: .., api_key_file: key}\n",
                   ":7:16: queue example/..: name: \"..\": it is the name of a "
                   "folder: choose another\n");
    memset(name, '.', sizeof name);
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
        cmocka_unit_test(only_urls_that_keep_the_key_secret_are_taken),
        cmocka_unit_test(a_url_with_a_secret_is_refused_and_not_shown),
        cmocka_unit_test(values_that_contradict_each_other_are_refused),
        cmocka_unit_test(inherited_values_can_contradict_too),
        cmocka_unit_test(a_bad_value_is_told_with_what_a_good_one_is),
        cmocka_unit_test(a_bad_pattern_is_told_with_an_example),
        cmocka_unit_test(a_long_value_is_cut_between_two_characters),
        cmocka_unit_test(names_that_no_url_or_log_can_carry_are_refused),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
