#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "config/config_errors.h"
#include "config_fixture.h"

/* The commonest mistake, at each level, with its place. */
static void an_unknown_key_is_told_with_its_place_and_neighbour(void **state)
{
    (void)state;
    assert_refused("statedir: x\n" HEAD SERVER QUEUE,
                   ":1:1: unknown key \"statedir\": did you mean "
                   "\"state_dir\"?\n");
    assert_refused(HEAD "  - name: example\n"
                        "    url: https://h.example\n"
                        "\n"
                        "    # a comment\n"
                        "    intervall: 5m\n"
                        "    queues: [{name: a, api_key_file: key}]\n",
                   ":8:5: server example: unknown key \"intervall\": did you "
                   "mean \"interval\"?\n");
    assert_refused(HEAD SERVER "      - {name: student, maxbody: 1M, "
                               "api_key_file: key}\n",
                   ":7:25: queue example/student: unknown key \"maxbody\": did "
                   "you mean \"max_body\"?\n");
    assert_refused(HEAD SERVER QUEUE "        webhook: x\n",
                   ":9:9: queue example/student: unknown key \"webhook\": see "
                   "haplo-poll help config\n");
    assert_refused(HEAD SERVER QUEUE "outlets: [{name: a, type: post, url: u, "
                                     "metod: put}]\n",
                   ":9:41: outlet a: unknown key \"metod\": did you mean "
                   "\"method\"?\n");
}

/* Right, but in the wrong place: the error says where it belongs. */
static void a_key_of_another_level_is_told_where_it_belongs(void **state)
{
    (void)state;
    assert_refused(
        "defaults: {url: x}\n" HEAD SERVER QUEUE,
        ":1:12: defaults: \"url\" is not allowed here: it belongs to "
        "an outlet or a server\n");
    assert_refused("interval: 5m\n" HEAD SERVER QUEUE,
                   ":1:1: \"interval\" is not allowed here: it belongs to a "
                   "queue\n");
    assert_refused(
        "name: x\n" HEAD SERVER QUEUE,
        ":1:1: \"name\" is not allowed here: it belongs to an inbox, "
        "an outlet, a server or a queue\n");
    assert_refused(HEAD SERVER QUEUE "        <<: {a: b}\n",
                   ":9:9: queue example/student: merge keys (<<) are not "
                   "supported: use defaults\n");
}

/* A key pasted into the file would end up in the log of the failed start. */
static void no_part_of_a_key_is_shown_wherever_it_was_pasted(void **state)
{
    static const char unknown[] =
        "unknown key: it looks like an API key: write the key to a file, and "
        "the file's path to api_key_file\n";
    char expected[256];
    (void)state;
    assert_refused(HEAD SERVER "      - {name: a, api_key: " KEY "}\n",
                   ":7:19: queue example/a: unknown key \"api_key\": did you "
                   "mean \"api_key_file\"?\n");
    snprintf(expected, sizeof expected, ":8:19: queue example/a: %s", unknown);
    assert_refused(HEAD SERVER "      - {api_key_file: key,\n"
                               "         name: a, " KEY ": a}\n",
                   expected);
    assert_refused(HEAD SERVER "      - {name: a, api_key_file: " KEY "}\n",
                   ":7:33: queue example/a: api_key_file: the value looks like "
                   "an API key: write the key to a file, and the file's path "
                   "to api_key_file\n");
    assert_refused(HEAD SERVER QUEUE "        interval: " KEY "\n",
                   ":9:19: queue example/student: interval: (hidden) is not a "
                   "duration: write it like 250ms, 30s, 5m, 1h or 1d\n");
    assert_refused(HEAD SERVER "      - {name: " KEY ", interval: x, "
                               "api_key_file: key}\n",
                   ":7:72: queue example/1: interval: \"x\" is not a duration: "
                   "write it like 250ms, 30s, 5m, 1h or 1d\n");
    assert_refused(
        HEAD "  - name: a\n"
             "    url: https://haplo:" KEY "@a.example\n"
             "    proxy: ftp://me:" KEY "@proxy\n"
             "    queues: [{name: a, api_key_file: key}]\n",
        ":5:10: server a: url: (hidden): it must not hold a user or "
        "a password: write https://HOST, and give each queue its API "
        "key\n"
        ":6:12: server a: proxy: (hidden): invalid URL of a proxy: "
        "write http://HOST:PORT, or https, socks5h or socks4a in "
        "place of http\n");
    assert_refused(HEAD SERVER QUEUE "outlets: [{name: a, type: post, url: u, "
                                     "queues: [" KEY "]}]\n",
                   ":9:50: outlet a: queues: (hidden): write SERVER/QUEUE, "
                   "with * in place of any text\n");
}

/* Lists and mappings are what newcomers to YAML mix up. */
static void a_value_of_the_wrong_shape_is_told_plainly(void **state)
{
    (void)state;
    assert_refused(
        HEAD SERVER QUEUE "        interval: [1s]\n",
        ":9:19: queue example/student: interval: it is a list: write "
        "one value\n");
    assert_refused(HEAD SERVER QUEUE "        interval: {a: b}\n",
                   ":9:19: queue example/student: interval: it is a mapping: "
                   "write one value\n");
    assert_refused(HEAD SERVER,
                   ":6:12: server example: queues: it is empty: write a list "
                   "below, each entry beginning with \"- name: NAME\"\n");
    assert_refused(HEAD SERVER QUEUE "outlets: {name: x}\n",
                   ":9:10: outlets: it is a mapping: write a list below, each "
                   "entry beginning with \"- name: NAME\"\n");
    assert_refused(HEAD "  - example\n",
                   ":4:5: servers: entry 1 is a single value: write \"- name: "
                   "NAME\" and its other keys below\n");
    assert_refused("defaults:\n" HEAD SERVER QUEUE,
                   ":1:10: defaults: it is empty: write keys and values below, "
                   "or leave it out\n");
    assert_refused("- a\n", ":1:1: the file is a list: give it the keys "
                            "state_dir, inbox and servers\n");
    assert_refused("a\n", ":1:1: the file is a single value: give it the keys "
                          "state_dir, inbox and servers\n");
    assert_refused(HEAD SERVER QUEUE "? [a]\n: b\n",
                   ":9:3: a key is not a plain word: write KEY: VALUE\n");
    assert_refused(HEAD SERVER QUEUE
                   "outlets: [{name: a, type: post, url: [u], groups: g,\n"
                   "  queues: [[a]]}]\n",
                   ":9:38: outlet a: url: it is a list: write one value\n"
                   ":9:51: outlet a: groups: it is a single value: write a "
                   "list: [ONE, TWO]\n"
                   ":10:3: outlet a: queues: an entry is not a single value: "
                   "write one value for each\n");
}

/* YAML itself would let the last one win. */
static void a_key_given_twice_is_told_with_both_lines(void **state)
{
    (void)state;
    assert_refused(HEAD SERVER QUEUE "        interval: 1s\n"
                                     "        interval: 2s\n",
                   ":10:9: queue example/student: interval: it is already "
                   "given in line 9: remove one of them\n");
    assert_refused(
        HEAD SERVER QUEUE "servers: []\n",
        ":9:1: servers: it is already given in line 3: remove one of "
        "them\n");
}

/* The parser's errors need a place as much as ours. */
static void a_file_that_is_no_yaml_is_told_with_its_place(void **state)
{
    (void)state;
    assert_refused(
        "state_dir: a: b\n",
        ":1:13: mapping values are not allowed in this context: here and in "
        "the line above, write a blank behind each colon, indent the keys of "
        "one mapping alike, and put a text with \": \" in quotes\n");
    assert_refused(
        "unknown: 1\nstate_dir: a\n\tinbox: b\n",
        ":3:1: found a tab character that violates indentation while "
        "scanning a plain scalar: indent with blanks, not with tabs\n");
    assert_refused("state_dir: \"a\\0b\"\n",
                   ":1:12: a value holds a NUL character: remove it\n");
    assert_refused("state_dir: a\nx: \xc3\xa9\xff\n",
                   ":2:5: invalid leading UTF-8 octet: save the file as UTF-8 "
                   "text\n");
    assert_refused("state_dir: a\n---\ninbox: b\n",
                   ":2:1: a second document begins: keep one in the file\n");
}

/* Aliases could also be wrong, or ask for more than there is memory. */
static void anchors_and_aliases_are_checked(void **state)
{
    char text[2048] = "a: &a [x, x, x, x, x, x, x, x, x, x]\n";
    (void)state;
    assert_refused("state_dir: *a\n",
                   ":1:12: undefined alias: define it above with &\n");
    assert_refused("state_dir: &a [*a]\n",
                   ":1:16: undefined alias: define it above with &\n");
    assert_refused("state_dir: &a x\ninbox: &a y\n",
                   ":2:8: this anchor is already defined: give it another "
                   "name\n");
    for (char c = 'b'; c < 'h'; c++) {
        size_t size = strlen(text);
        snprintf(text + size, sizeof text - size,
                 "%c: &%c [*%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c]\n", c,
                 c, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1,
                 c - 1);
    }
    assert_refused(text, ":6:16: more than 262144 values have an anchor: write "
                         "out what is large\n");
    text[0] = '\0';
    strcat(text, "a: &a {");
    for (int i = 0; i < 100; i++) {
        strcat(text, "x,");
    }
    strcat(text, "}\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
                 "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
                 "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
                 "e: [");
    for (int i = 0; i < 200; i++) {
        strcat(text, "*d,");
    }
    strcat(text, "]\n");
    assert_refused(text, ":5:32: aliases stand for more than 2097152 values: "
                         "write out fewer\n");
}

/* The first start often points at the wrong place. */
static void a_file_that_is_not_there_or_empty_is_one_line(void **state)
{
    static const char empty[] =
        ": the file is empty: give it state_dir, inbox and servers\n";
    int count;
    char *errors;
    (void)state;
    assert_refused("", empty);
    assert_refused("# nothing yet\n\n", empty);
    assert_refused("---\n", empty);
    assert_null(load("nowhere.yaml", &count, &errors));
    assert_string_equal(errors, "nowhere.yaml: cannot be opened: No such file "
                                "or directory: create it, or give its path\n");
    free(errors);
    assert_null(load(".", &count, &errors));
    assert_string_equal(errors, ".: cannot be read: Is a directory: give the "
                                "path of a file\n");
    free(errors);
}

/* Each round of correcting and trying again costs an operator time. */
static void all_errors_are_told_at_once_in_the_order_of_the_file(void **state)
{
    char types[200] = "";
    char expected[2048];
    (void)state;
    for (size_t i = 0; inbox_type_at(i) != NULL; i++) { /* of this build */
        size_t size = strlen(types);
        snprintf(types + size, sizeof types - size, "%s%s", i == 0 ? "" : ", ",
                 inbox_type_at(i)->name);
    }
    snprintf(
        expected, sizeof expected,
        ":1:1: state_dir is missing: add it\n"
        ":1:27: inbox a: type: no type is named \"mysql\": write one of: %s\n"
        ":3:5: server 1: name is missing: add it\n"
        ":3:10: server 1: url: \"server.example\": no scheme: write "
        "https://HOST\n"
        ":5:9: queue 1/x: it has no API key: add api_key_file, api_key_env, "
        "api_key_credential or api_key_command\n"
        ":6:16: queue 1/x: inbox: no inbox is named \"b\": give the name of "
        "an inbox of this file\n"
        ":7:19: queue 1/x: interval: \"60\" is not a duration: write it like "
        "250ms, 30s, 5m, 1h or 1d\n"
        ":8:19: queue 1/x: max_body: \"64MB\" is not a size: write it like "
        "512K, 64M, 1G or a number of bytes\n"
        ":9:28: queue 1/x: mark_attempts_max: \"0\" is out of range: give 1 to "
        "100\n"
        ":10:9: queue 1/x: unknown key \"intervall\": did you mean "
        "\"interval\"?\n"
        ":11:33: server b: it has no queues: list at least one under queues\n",
        types);
    assert_refused("inboxes: [{name: a, type: mysql}]\n"
                   "servers:\n"
                   "  - url: server.example\n"
                   "    queues:\n"
                   "      - name: x\n"
                   "        inbox: b\n"
                   "        interval: 60\n"
                   "        max_body: 64MB\n"
                   "        mark_attempts_max: 0\n"
                   "        intervall: 1s\n"
                   "  - {name: b, url: 'https://b', queues: []}\n",
                   expected);
    assert_refused("{}\n",
                   ":1:1: state_dir is missing: add it\n"
                   ":1:1: inbox is missing: add it\n"
                   ":1:1: there are no servers: list at least one under "
                   "servers\n");
}

/* A file with one mistake in each line is reported for each line. */
static void an_error_that_queues_share_is_told_for_each(void **state)
{
    (void)state;
    assert_refused(
        HEAD SERVER "      - {name: a, interval: x, api_key_file: key}\n"
                    "      - {name: b, interval: x, api_key_file: no}\n"
                    "      - {name: c, api_key_file: no}\n",
        ":7:29: queue example/a: interval: \"x\" is not a duration: write it "
        "like 250ms, 30s, 5m, 1h or 1d\n"
        ":8:29: queue example/b: interval: \"x\" is not a duration: write it "
        "like 250ms, 30s, 5m, 1h or 1d\n"
        ":8:46: queue example/b: api_key_file no: cannot be read: No such file "
        "or directory: create the file, or correct the path\n"
        ":9:33: queue example/c: api_key_file no: cannot be read: No such file "
        "or directory: create the file, or correct the path\n");
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
static void a_name_used_twice_is_told_with_the_first_line(void **state)
{
    (void)state;
    assert_refused(HEAD SERVER QUEUE QUEUE SERVER QUEUE,
                   ":9:9: queue example/student: its name is already used in "
                   "line 7: choose another\n"
                   ":11:5: server example: its name is already used in line 4: "
                   "choose another\n");
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
    assert_string_equal(errors,
                        FILE_NAME ": larger than 268435456 bytes: split "
                                  "it\n");
    free(errors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_key_is_told_with_its_place_and_neighbour),
        cmocka_unit_test(a_key_of_another_level_is_told_where_it_belongs),
        cmocka_unit_test(no_part_of_a_key_is_shown_wherever_it_was_pasted),
        cmocka_unit_test(a_value_of_the_wrong_shape_is_told_plainly),
        cmocka_unit_test(a_key_given_twice_is_told_with_both_lines),
        cmocka_unit_test(a_file_that_is_no_yaml_is_told_with_its_place),
        cmocka_unit_test(anchors_and_aliases_are_checked),
        cmocka_unit_test(a_file_that_is_not_there_or_empty_is_one_line),
        cmocka_unit_test(all_errors_are_told_at_once_in_the_order_of_the_file),
        cmocka_unit_test(an_error_that_queues_share_is_told_for_each),
        cmocka_unit_test(from_the_twenty_first_on_errors_are_counted),
        cmocka_unit_test(a_name_used_twice_is_told_with_the_first_line),
        cmocka_unit_test(a_file_that_is_too_large_is_not_read),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
