#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "config/config_errors.h"
#include "config_fixture.h"

/* A queue with this name, at a server with this name. */
#define ONE(server, queue)                  \
    "servers:\n"                            \
    "  - name: " server "\n"                \
    "    url: https://" server ".example\n" \
    "    queues: [{name: " queue ", api_key_file: key}]\n"

#define MAIN             \
    "state_dir: state\n" \
    "inbox: inbox.db\n"

/* Files and folders that a test has made, to be removed in reverse order. */
static char made[32][64];
static size_t made_count;

static void note(const char *path)
{
    assert_true(made_count < sizeof made / sizeof made[0]);
    snprintf(made[made_count++], sizeof made[0], "%s", path);
}

static void folder_write(const char *path)
{
    assert_int_equal(mkdir(path, 0700), 0);
    note(path);
}

static void file_write(const char *path, const char *text)
{
    text_write(path, text, 0600);
    note(path);
}

static int setup(void **state)
{
    (void)state;
    folder_write("conf.d");
    file_write("conf.d/key", KEY "\n");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    while (made_count > 0) {
        if (remove(made[--made_count]) != 0) {
            return -1;
        }
    }
    return 0;
}

/* Each line of `expected` begins with the file. */
static void assert_told(const char *text, const char *expected)
{
    int count;
    char *errors;
    text_write(FILE_NAME, text, 0600);
    assert_null(load(FILE_NAME, &count, &errors));
    assert_string_equal(errors, expected);
    free(errors);
}

/* The names of its queues, in order. */
static void assert_queues(const struct config *config, const char *expected)
{
    char text[512] = "";
    size_t size = 0;
    for (size_t i = 0; i < config->queue_count; i++) {
        size += (size_t)snprintf(text + size, sizeof text - size, "%s/%s ",
                                 config->queues[i].server->options.name,
                                 config->queues[i].name);
    }
    assert_string_equal(text, expected);
}

/* One file for each server, in the order of their names: that is what folders
 * of this kind are for. */
static void included_files_are_added_in_the_order_of_their_names(void **state)
{
    (void)state;
    file_write("conf.d/20.yaml", ONE("b", "y"));
    file_write("conf.d/10.yaml", ONE("a", "x"));
    file_write("conf.d/30.yaml~", ONE("c", "z"));
    file_write("conf.d/.hidden.yaml", ONE("d", "z"));
    struct config *config =
        assert_loaded(MAIN "include: conf.d/*.yaml\n" ONE("m", "q"));
    assert_queues(config, "a/x b/y m/q ");
    assert_int_equal(config->file_count, 3);
    assert_string_equal(config->files[1].path, "conf.d/10.yaml");
    assert_int_equal(config->files[2].included_at.line, 3);
    assert_int_equal(config->queues[1].place.file, 2);
    assert_int_equal(config->queues[1].place.line, 4);
    assert_int_equal(config->queues[2].place.file, 0);
    config_free(config);
}

/* A package may install the folder before anybody has put a file there. */
static void a_pattern_that_matches_nothing_is_fine(void **state)
{
    (void)state;
    config_free(assert_loaded(
        MAIN "include: [conf.d/*.yaml, none.d/*.yaml]\n" ONE("m", "q")));
    file_write("conf.d/empty.yaml", "# nothing yet\n");
    config_free(assert_loaded(MAIN "include: conf.d/*.yaml\n" ONE("m", "q")));
}

/* Without a wildcard, somebody means a certain file. */
static void a_path_that_does_not_exist_is_an_error(void **state)
{
    (void)state;
    assert_refused(MAIN
                   "include: [conf.d/*.yaml, conf.d/x.yaml]\n" ONE("m", "q"),
                   ":3:26: include: \"conf.d/x.yaml\": cannot be opened: No "
                   "such file or directory: create it, or give its path\n");
    assert_refused(MAIN "include: conf.d\n" ONE("m", "q"),
                   ":3:10: include: \"conf.d\": it is not a file: give a "
                   "pattern that matches only files, like conf.d/*.yaml\n");
    assert_refused(MAIN "include: ''\n" ONE("m", "q"),
                   ":3:10: include: it is empty: write a path, or a pattern "
                   "like conf.d/*.yaml\n");
    assert_refused(MAIN "include: [{a: b}, [c]]\n" ONE("m", "q"),
                   ":3:11: include: it is neither a path nor a list of paths: "
                   "write one, like conf.d/*.yaml\n"
                   ":3:19: include: it is neither a path nor a list of paths: "
                   "write one, like conf.d/*.yaml\n");
}

/* The same words in two folders are two keys. */
static void paths_are_relative_to_the_file_they_are_in(void **state)
{
    (void)state;
    folder_write("conf.d/more");
    file_write("conf.d/more/key", KEY "\n");
    file_write(
        "conf.d/a.yaml",
        "include: more/b.yaml\n"
        "outlets: [{name: o, type: post, url: u, path: out}]\n" ONE("a", "x"));
    file_write("conf.d/more/b.yaml", ONE("b", "x"));
    struct config *config =
        assert_loaded(MAIN "include: conf.d/a.yaml\n" ONE("m", "q"));
    assert_queues(config, "b/x a/x m/q ");
    assert_string_equal(config->queues[0].key->path, "conf.d/more/key");
    assert_string_equal(config->queues[1].key->path, "conf.d/key");
    assert_string_equal(config->queues[2].key->path, "key");
    const struct post_options *post = config->outlets[0].forward.type_options;
    assert_string_equal(post->path, "conf.d/out");
    config_free(config);
}

/* Wildcards in the name of the folder are not those of the pattern. */
static void a_folder_may_have_any_name(void **state)
{
    int count;
    char *errors;
    (void)state;
    folder_write("[x]*");
    folder_write("[x]*/d");
    file_write("[x]*/key", KEY "\n");
    file_write("[x]*/d/key", KEY "\n");
    file_write("[x]*/d/a.yaml", ONE("a", "x"));
    file_write("[x]*/poll.yaml", MAIN "include: d/*.yaml\n" ONE("m", "q"));
    struct config *config = load("[x]*/poll.yaml", &count, &errors);
    assert_string_equal(errors, "");
    assert_string_equal(config->files[1].path, "[x]*/d/a.yaml");
    config_free(config);
    free(errors);
}

/* Whoever adds a file must be told who has the name already. */
static void what_is_defined_in_two_files_is_told_with_both_places(void **state)
{
    (void)state;
    file_write("conf.d/a.yaml",
               ONE("m", "x") "outlets: [{name: o, type: post, url: u}]\n");
    file_write("conf.d/b.yaml",
               "outlets: [{name: o, type: post, inbox: b, url: u}]\n"
               "inboxes: [{name: inbox, type: memory}]\n");
    assert_refused(
        MAIN "include: conf.d/a.yaml\n" ONE("m", "q"),
        ":5:5: server m: its name is already used in conf.d/a.yaml:2:5: choose "
        "another\n");
    assert_told(
        "state_dir: state\n"
        "inboxes: [{name: inbox, type: memory}, {name: b, type: memory}]\n"
        "defaults: {inbox: b}\n" ONE(
            "q", "q") "outlets: [{name: o, type: post, inbox: b, url: u}]\n"
                      "include: conf.d/b.yaml\n",
        "conf.d/b.yaml:1:11: outlet o: its name is already used in "
        "haplo-poll.yaml:8:11: choose another\n"
        "conf.d/b.yaml:2:11: inbox inbox: its name is already used in "
        "haplo-poll.yaml:2:11: choose another\n");
}

/* Only one file can say where the state is. */
static void options_of_the_whole_belong_to_the_main_file(void **state)
{
    (void)state;
    file_write("conf.d/a.yaml", "state_dir: x\n"
                                "defaults: {interval: 1s}\n"
                                "inbox: y\n"
                                "intervall: 1s\n" ONE("a", "x"));
    assert_told(
        MAIN "include: conf.d/a.yaml\n" ONE("m", "q"),
        "conf.d/a.yaml:1:1: \"state_dir\" is not allowed in an included file: "
        "move it to haplo-poll.yaml\n"
        "conf.d/a.yaml:2:1: \"defaults\" is not allowed in an included file: "
        "move it to haplo-poll.yaml\n"
        "conf.d/a.yaml:3:1: \"inbox\" is not allowed in an included file: move "
        "it to haplo-poll.yaml\n"
        "conf.d/a.yaml:4:1: unknown key \"intervall\": see haplo-poll help "
        "config\n");
}

/* Endless otherwise, or everything twice. */
static void a_file_is_read_once(void **state)
{
    (void)state;
    file_write("conf.d/a.yaml", "include: ../haplo-poll.yaml\n" ONE("a", "x"));
    file_write("conf.d/b.yaml", "include: ../conf.d/*.yaml\n" ONE("b", "x"));
    assert_int_equal(link("conf.d/b.yaml", "conf.d/c.yaml"), 0);
    note("conf.d/c.yaml");
    assert_told(
        MAIN "include: [conf.d/b.yaml, conf.d/b.yaml]\n" ONE("m", "q"),
        "haplo-poll.yaml:3:26: include: \"conf.d/b.yaml\": it is already "
        "included in line 3: remove one of them\n"
        "conf.d/b.yaml:1:10: include: \"conf.d/../conf.d/b.yaml\": it is "
        "already included in haplo-poll.yaml:3:11: remove one of them\n"
        "conf.d/b.yaml:1:10: include: \"conf.d/../conf.d/c.yaml\": it is "
        "already included in haplo-poll.yaml:3:11: remove one of them\n"
        "conf.d/../conf.d/a.yaml:1:10: include: "
        "\"conf.d/../conf.d/../haplo-poll.yaml\": it is the main file: remove "
        "it\n");
}

/* Bounded, whatever somebody generates. */
static void files_include_each_other_only_so_deep(void **state)
{
    (void)state;
    for (int i = 1; i <= 9; i++) {
        char path[64];
        char text[64];
        snprintf(path, sizeof path, "conf.d/%d.yaml", i);
        snprintf(text, sizeof text, "include: %d.yaml\n", i + 1);
        file_write(path, i < 8 ? text : i == 8 ? "# the end\n" : "# unused\n");
    }
    config_free(assert_loaded(MAIN "include: conf.d/1.yaml\n" ONE("m", "q")));
    text_write("conf.d/8.yaml", "include: 9.yaml\n", 0600);
    assert_told(MAIN "include: conf.d/1.yaml\n" ONE("m", "q"),
                "conf.d/8.yaml:1:10: include: \"conf.d/9.yaml\": more "
                "than 8 files include each other: include it from the "
                "main file\n");
}

/* What follows is unknown, so other errors may be none. */
static void a_file_that_is_not_yaml_is_the_only_error(void **state)
{
    int count;
    char *errors;
    (void)state;
    file_write("conf.d/a.yaml", "servers: [\n");
    file_write("conf.d/b.yaml", "unknown: x\n");
    text_write(FILE_NAME, "unknown: x\ninclude: conf.d/*.yaml\n", 0600);
    for (int i = 0; i < 2; i++) {
        assert_null(load_for(i == 0 ? CONFIG_CHECK : CONFIG_RUN, FILE_NAME,
                             &count, &errors));
        assert_int_equal(count, 1);
        assert_non_null(strstr(errors, "conf.d/a.yaml:2:1: did not find"));
        assert_null(strstr(errors, "unknown"));
        free(errors);
    }
}

/* A problem in one file holds only what it concerns, as in a single file. */
static void a_problem_of_an_included_queue_holds_only_this_one(void **state)
{
    (void)state;
    file_write("conf.d/a.yaml", ONE("a", "x") "    user: a:b\n");
    struct config *config =
        assert_runs(MAIN "include: conf.d/*.yaml\n" ONE("m", "q"));
    assert_queues(config, "m/q ");
    assert_int_equal(config->held_count, 1);
    assert_string_equal(config->held[0].server, "a");
    assert_string_equal(config_place_path(config, config->problems[0].place),
                        "conf.d/a.yaml");
    config_free(config);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(included_files_are_added_in_the_order_of_their_names),
        TEST(a_pattern_that_matches_nothing_is_fine),
        TEST(a_path_that_does_not_exist_is_an_error),
        TEST(paths_are_relative_to_the_file_they_are_in),
        TEST(a_folder_may_have_any_name),
        TEST(what_is_defined_in_two_files_is_told_with_both_places),
        TEST(options_of_the_whole_belong_to_the_main_file),
        TEST(a_file_is_read_once),
        TEST(files_include_each_other_only_so_deep),
        TEST(a_file_that_is_not_yaml_is_the_only_error),
        TEST(a_problem_of_an_included_queue_holds_only_this_one),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
