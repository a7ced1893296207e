#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "config_fixture.h"

#define TWO_INBOXES                             \
    "state_dir: state\n"                        \
    "inboxes:\n"                                \
    "  - {name: a, type: sqlite, path: a.db}\n" \
    "  - {name: b, type: memory, size: 4K}\n"   \
    "servers:\n"

/* One line, behind HEAD SERVER QUEUE: line 9. */
#define POST(more) "outlets: [{name: p, type: post, url: u" more "}]\n"

static const char *path_of(const struct config_inbox *inbox)
{
    for (size_t i = 0; i < inbox->type->option_count; i++) {
        const struct option_row *row = &inbox->type->options[i];
        if (strcmp(row->name, "path") == 0) {
            return *(const char *const *)((const char *)inbox->options +
                                          row->offset);
        }
    }
    return NULL;
}

/* One SQLite file is what most want, and one line is what it should take. */
static void the_short_form_is_one_sqlite_inbox(void **state)
{
    struct config *shorthand = assert_loaded(HEAD SERVER QUEUE);
    struct config *spelt_out =
        assert_loaded("state_dir: state\n"
                      "inboxes: [{name: inbox, type: sqlite, path: inbox.db}]\n"
                      "servers:\n" SERVER QUEUE);
    (void)state;
    for (int i = 0; i < 2; i++) {
        const struct config *config = i == 0 ? shorthand : spelt_out;
        assert_int_equal(config->inbox_count, 1);
        assert_string_equal(config->inboxes[0].name, "inbox");
        assert_string_equal(config->inboxes[0].type->name, "sqlite");
        assert_string_equal(path_of(&config->inboxes[0]), "inbox.db");
        assert_ptr_equal(config->queues[0].settings->inbox, config->inboxes);
    }
    config_free(shorthand);
    config_free(spelt_out);
}

/* A type's options fill its own struct, with its own defaults and bounds. */
static void an_inbox_has_the_options_of_its_type(void **state)
{
    (void)state;
    struct config *config =
        assert_loaded("state_dir: state\n"
                      "inboxes: [{type: memory, size: 2K, name: x}]\n"
                      "servers:\n" SERVER QUEUE);
    const struct memory_options *options = config->inboxes[0].options;
    assert_int_equal(options->size, 2048);
    assert_null(options->path);
    config_free(config);
    assert_refused("state_dir: state\n"
                   "inboxes: [{type: memory, size: 2G, name: x}]\n"
                   "servers:\n" SERVER QUEUE,
                   ":2:32: inbox x: size: \"2G\" is out of range: give 1K to "
                   "1M\n");
    assert_refused("state_dir: state\n"
                   "inboxes: [{type: sqlite, size: 2K, name: x}]\n"
                   "servers:\n" SERVER QUEUE,
                   ":2:11: inbox x: path is missing: add it\n"
                   ":2:26: inbox x: size is not an option of the type sqlite: "
                   "remove it, or change the type\n");
    assert_refused("state_dir: state\n"
                   "inboxes: [{path: x}]\n"
                   "servers:\n" SERVER QUEUE,
                   ":2:11: inbox 1: name is missing: add it\n"
                   ":2:11: inbox 1: type is missing: add it\n");
}

/* A queue, a server or defaults selects an inbox. */
static void the_innermost_inbox_is_chosen(void **state)
{
    struct config *config = assert_loaded(
        TWO_INBOXES "  - name: s\n"
                    "    url: https://s\n"
                    "    inbox: b\n"
                    "    api_key_file: key\n"
                    "    queues: [{name: x}, {name: y, inbox: a}]\n"
                    "  - name: t\n"
                    "    url: https://t\n"
                    "    api_key_file: key\n"
                    "    queues: [{name: x}]\n"
                    "defaults: {inbox: a}\n");
    (void)state;
    assert_string_equal(config->queues[0].settings->inbox->name, "b");
    assert_string_equal(config->queues[1].settings->inbox->name, "a");
    assert_string_equal(config->queues[2].settings->inbox->name, "a");
    assert_ptr_equal(config_inbox_find(config, "b"), &config->inboxes[1]);
    assert_null(config_inbox_find(config, "c"));
    config_free(config);
}

/* Nobody can guess which of two databases was meant. */
static void an_inbox_may_be_omitted_only_if_there_is_one(void **state)
{
    (void)state;
    assert_refused(TWO_INBOXES SERVER QUEUE POST(""),
                   ":9:9: queue example/student: it has no inbox and there are "
                   "several: add \"inbox: NAME\"\n"
                   ":11:11: outlet p: it has no inbox and there are several: "
                   "add \"inbox: NAME\"\n");
    assert_refused(TWO_INBOXES SERVER QUEUE
                   "    inbox: c\n"
                   "defaults: {inbox: d}\n" POST(", inbox: e"),
                   ":11:12: server example: inbox: no inbox is named \"c\": "
                   "give the name of an inbox of this file\n"
                   ":12:19: defaults: inbox: no inbox is named \"d\": give "
                   "the name of an inbox of this file\n"
                   ":13:48: outlet p: inbox: no inbox is named \"e\": give "
                   "the name of an inbox of this file\n");
}

/* Both, or neither: what would be stored where? */
static void there_is_one_way_to_name_inboxes(void **state)
{
    (void)state;
    assert_refused("inboxes: [{name: a, type: memory}]\n" HEAD SERVER QUEUE,
                   ":3:1: both inbox and inboxes are given: keep one of "
                   "them\n");
    assert_refused("state_dir: x\nservers:\n" SERVER QUEUE,
                   ":1:1: inbox is missing: add it\n");
    assert_refused("state_dir: x\ninboxes: []\nservers:\n" SERVER QUEUE,
                   ":2:1: there are no inboxes: list at least one under "
                   "inboxes\n");
    assert_refused("state_dir: x\ninbox: [a]\nservers:\n" SERVER QUEUE,
                   ":2:8: inbox: it is a list: write one value\n");
}

/* Two that write to one file destroy it. */
static void no_two_modules_share_a_name_or_a_path(void **state)
{
    (void)state;
    assert_refused("state_dir: state\n"
                   "inboxes:\n"
                   "  - {name: a, type: sqlite, path: a.db}\n"
                   "  - {name: a, type: sqlite, path: b.db}\n"
                   "  - {name: c, type: memory, path: a.db}\n"
                   "defaults: {inbox: a}\n"
                   "servers:\n" SERVER QUEUE "outlets:\n"
                   "  - {name: p, inbox: a, type: post, url: u, path: b.db}\n"
                   "  - {name: p, inbox: a, type: post, url: u, path: x}\n",
                   ":4:5: inbox a: its name is already used in line 3: choose "
                   "another\n"
                   ":5:5: inbox c: its path is already used in line 3: choose "
                   "another\n"
                   ":14:5: outlet p: its path is already used in line 4: "
                   "choose another\n"
                   ":15:5: outlet p: its name is already used in line 14: "
                   "choose another\n");
}

/* Nor two that are written differently, or that a symbolic link joins. */
static void a_path_is_the_same_however_it_is_written(void **state)
{
    (void)state;
    assert_int_equal(symlink("b.db", "link.db"), 0);
    text_write("b.db", "", 0600);
    assert_refused("state_dir: ./a\n"
                   "inboxes:\n"
                   "  - {name: a, type: sqlite, path: a}\n"
                   "  - {name: b, type: sqlite, path: ./b.db}\n"
                   "  - {name: c, type: sqlite, path: link.db}\n"
                   "defaults: {inbox: a}\n"
                   "servers:\n" SERVER QUEUE,
                   ":3:5: inbox a: its path is already used in line 1: choose "
                   "another\n"
                   ":5:5: inbox c: its path is already used in line 4: choose "
                   "another\n");
    assert_int_equal(unlink("link.db"), 0);
    assert_int_equal(unlink("b.db"), 0);
}

/* Everything that the forwarder needs, from three tables of rows. */
static void an_outlet_has_its_own_and_common_options(void **state)
{
    struct config *config = assert_loaded(HEAD SERVER QUEUE POST(
        ", on_refused: dead_letter, groups: [x, y], "
        "password: none"
        "}, {name: q, type: post, url: v, method: put, path: ./x"));
    const struct forwarder_options *p = &config->outlets[0].forward;
    const struct forwarder_options *q = &config->outlets[1].forward;
    const struct post_options *options = p->type_options;
    (void)state;
    assert_int_equal(config->outlet_count, 2);
    assert_string_equal(p->name, "p");
    assert_ptr_equal(p->type, &post_type);
    assert_int_equal(p->on_refused, FORWARDER_DEAD_LETTER);
    assert_int_equal(q->on_refused, FORWARDER_BLOCK);
    assert_int_equal(p->queue_count, 0);
    assert_string_equal(options->url, "u");
    assert_int_equal(options->method, 0);
    assert_string_equal(options->groups[0], "x");
    assert_string_equal(options->groups[1], "y");
    assert_null(options->groups[2]);
    assert_null(options->password);
    options = q->type_options;
    assert_null(options->groups);
    assert_int_equal(options->method, 1);
    assert_string_equal(options->path, "./x");
    assert_ptr_equal(config->outlets[0].inbox, config->inboxes);
    config_free(config);
}

/* Names of queues, or patterns; one that means nothing is a typing error. */
static void an_outlet_names_its_queues(void **state)
{
    struct config *config = assert_loaded(
        HEAD SERVER QUEUE POST(", queues: [example/student, '*/stu*', '?x*/*'"
                               ", example/student]"));
    const struct forwarder_options *forward = &config->outlets[0].forward;
    (void)state;
    assert_int_equal(forward->queue_count, 4);
    assert_string_equal(forward->queues[1], "*/stu*");
    config_free(config);
    assert_refused(HEAD SERVER QUEUE POST(", queues: [example/studnt]"),
                   ":9:50: outlet p: queues: \"example/studnt\" matches no "
                   "queue of this file: did you mean \"example/student\"?\n");
    assert_refused(
        HEAD SERVER QUEUE POST(", queues: ['live-*/*', example, "
                               "a/b/c, /x, x/]"),
        ":9:50: outlet p: queues: \"live-*/*\" matches no queue of "
        "this file: correct it, or remove it\n"
        ":9:62: outlet p: queues: \"example\": write SERVER/QUEUE, "
        "with * in place of any text\n"
        ":9:71: outlet p: queues: \"a/b/c\": write SERVER/QUEUE, "
        "with * in place of any text\n"
        ":9:78: outlet p: queues: \"/x\": write SERVER/QUEUE, with * "
        "in place of any text\n"
        ":9:82: outlet p: queues: \"x/\": write SERVER/QUEUE, with * "
        "in place of any text\n");
    assert_refused(
        HEAD SERVER QUEUE POST(", queues: []"),
        ":9:41: outlet p: queues: the list is empty: write an entry, "
        "or remove it\n");
}

/* What a type says of its options is told like everything else; a password is
 * not. */
static void an_outlets_options_are_checked(void **state)
{
    (void)state;
    assert_refused(HEAD SERVER QUEUE POST(", method: put, groups: [a]"),
                   ":9:11: outlet p: put cannot tell groups: remove one of "
                   "them\n");
    assert_refused(HEAD SERVER QUEUE POST(", groups: [a, 'b c']"),
                   ":9:49: outlet p: groups: \"b c\": it has a character that "
                   "cannot stand in a poll URL: copy a queue's name from its "
                   "page, and choose a server's like example-live\n");
    assert_refused(
        HEAD SERVER QUEUE POST(", password: [" KEY "]"),
        ":9:51: outlet p: password: it is a list: write one value\n");
    assert_refused(HEAD SERVER QUEUE "outlets: [{type: post}, {name: x}]\n",
                   ":9:11: outlet 1: name is missing: add it\n"
                   ":9:11: outlet 1: url is missing: add it\n"
                   ":9:25: outlet x: type is missing: add it\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_short_form_is_one_sqlite_inbox),
        cmocka_unit_test(an_inbox_has_the_options_of_its_type),
        cmocka_unit_test(the_innermost_inbox_is_chosen),
        cmocka_unit_test(an_inbox_may_be_omitted_only_if_there_is_one),
        cmocka_unit_test(there_is_one_way_to_name_inboxes),
        cmocka_unit_test(no_two_modules_share_a_name_or_a_path),
        cmocka_unit_test(a_path_is_the_same_however_it_is_written),
        cmocka_unit_test(an_outlet_has_its_own_and_common_options),
        cmocka_unit_test(an_outlet_names_its_queues),
        cmocka_unit_test(an_outlets_options_are_checked),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
