#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/config_parse.h"
#include "config/option.h"

/* Tests run in the folder of the Makefile. */
#define MAN_PAGE "man/haplo-poll.yaml.5"

static char *printed(void (*print)(FILE *))
{
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    assert_non_null(file);
    print(file);
    fclose(file);
    return text;
}

static char *file_text(const char *path)
{
    static const size_t size_max = 1048576;
    char *text = malloc(size_max + 1);
    FILE *file = fopen(path, "r");
    assert_non_null(text);
    if (file == NULL) {
        fail_msg("%s: not found: run it where the Makefile is", path);
    }
    text[fread(text, 1, size_max, file)] = '\0';
    fclose(file);
    return text;
}

/* A row left out of the table would be a key without a name. */
static void every_option_has_a_row(void **state)
{
    (void)state;
    for (size_t id = 0; id < OPTION_COUNT; id++) {
        const struct option_row *row = &option_table[id];
        assert_non_null(row->name);
        assert_non_null(row->help);
        assert_true((row->levels & row->home) != 0);
        assert_true(row->min <= row->max);
        assert_int_equal(row->help[strlen(row->help) - 1], '.');
    }
}

/* libcyaml would take the first of two, and the second could not be set. */
static void no_two_options_of_a_level_share_a_name(void **state)
{
    (void)state;
    for (size_t a = 0; a < OPTION_COUNT; a++) {
        for (size_t b = a + 1; b < OPTION_COUNT; b++) {
            if ((option_table[a].levels & option_table[b].levels) != 0) {
                assert_string_not_equal(option_table[a].name,
                                        option_table[b].name);
            }
        }
    }
}

/* A default out of its own bounds would stop every start. */
static void every_default_is_a_value_that_may_be_written(void **state)
{
    (void)state;
    for (size_t id = 0; id < OPTION_COUNT; id++) {
        const struct option_row *row = &option_table[id];
        struct config config = {.path = "haplo-poll.yaml"};
        char why[HAPLO_TEXT_SIZE_MAX];
        uint64_t target[4];
        if (row->fallback == NULL || row->value == VALUE_MAPPING ||
            row->value == VALUE_KEY_FILE || row->value == VALUE_KEY_ENV ||
            row->value == VALUE_KEY_CREDENTIAL || row->value == VALUE_SINK) {
            continue;
        }
        assert_int_equal(
            config_parse(&config, row, row->fallback, target, why, sizeof why),
            0);
    }
}

/* The page is what operators read; it must not fall behind the table. */
static void the_man_page_has_the_options_as_the_table_has_them(void **state)
{
    char *page = file_text(MAN_PAGE);
    char *options = printed(option_print_mdoc);
    (void)state;
    for (char *line = strtok(options, "\n"); line != NULL;
         line = strtok(NULL, "\n")) {
        if (strstr(page, line) == NULL) {
            fail_msg("%s lacks this line: %s", MAN_PAGE, line);
        }
    }
    free(options);
    options = printed(option_print_mdoc);
    if (strstr(page, options) == NULL) {
        fail_msg("%s has the lines of option_print_mdoc() in another order",
                 MAN_PAGE);
    }
    free(options);
    free(page);
}

/* An option that help does not name will not be found. */
static void help_names_every_option_and_its_default(void **state)
{
    char *help = printed(option_print_help);
    (void)state;
    for (size_t id = 0; id < OPTION_COUNT; id++) {
        const struct option_row *row = &option_table[id];
        char start[64];
        char end[64];
        snprintf(start, sizeof start, "\n  %s ", row->name);
        snprintf(end, sizeof end, "default: %s\n",
                 row->fallback ? row->fallback : "");
        assert_non_null(strstr(help, start));
        assert_non_null(strstr(help, row->fallback ? end : "; required\n"));
    }
    for (const char *line = help; line != NULL; line = strchr(line + 1, '\n')) {
        assert_true(strcspn(line + 1, "\n") <= 79);
    }
    free(help);
}

static void assert_suggested(const char *name, enum option_level level,
                             const char *expected)
{
    const struct option_row *row = option_suggest(name, level);
    assert_non_null(row);
    assert_string_equal(row->name, expected);
}

/* A misspelt key is the commonest mistake; the answer should be at hand. */
static void a_misspelt_key_finds_its_neighbour(void **state)
{
    (void)state;
    assert_suggested("intervall", LEVEL_QUEUE, "interval");
    assert_suggested("itnerval", LEVEL_SERVER, "interval");
    assert_suggested("Interval", LEVEL_DEFAULTS, "interval");
    assert_suggested("server", LEVEL_TOP, "servers");
    assert_suggested("state-dir", LEVEL_TOP, "state_dir");
    assert_suggested("apikeyfile", LEVEL_QUEUE, "api_key_file");
    assert_suggested("api_key", LEVEL_QUEUE, "api_key_file");
    assert_suggested("uri", LEVEL_SERVER, "url");
}

/* A far-fetched guess misleads more than it helps. */
static void a_key_like_no_other_finds_nothing(void **state)
{
    char longest[4096];
    (void)state;
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_null(option_suggest("webhook", LEVEL_QUEUE));
    assert_null(option_suggest("", LEVEL_QUEUE));
    assert_null(option_suggest("x", LEVEL_QUEUE));
    assert_null(option_suggest("urll", LEVEL_QUEUE));
    assert_null(option_suggest(longest, LEVEL_QUEUE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_option_has_a_row),
        cmocka_unit_test(no_two_options_of_a_level_share_a_name),
        cmocka_unit_test(every_default_is_a_value_that_may_be_written),
        cmocka_unit_test(the_man_page_has_the_options_as_the_table_has_them),
        cmocka_unit_test(help_names_every_option_and_its_default),
        cmocka_unit_test(a_misspelt_key_finds_its_neighbour),
        cmocka_unit_test(a_key_like_no_other_finds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
