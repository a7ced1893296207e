#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/config_options.h"
#include "config/config_value.h"
#include "config/option_print.h"

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

/* Calls each_cb for all tables: those of the levels, then those of the types.
 */
static void tables_visit(void (*each_cb)(const struct option_table *table,
                                         enum config_level level))
{
    for (int level = 0; level < LEVEL_COUNT; level++) {
        enum config_level at = (enum config_level)level;
        struct option_table table = config_level_table(at, 0);
        for (size_t i = 1; table.rows != NULL; i++) {
            each_cb(&table, at);
            table = config_level_table(at, i);
        }
        table = config_type_table(at, 0);
        for (size_t i = 1; table.rows != NULL; i++) {
            each_cb(&table, at);
            table = config_type_table(at, i);
        }
    }
}

static void rows_check(const struct option_table *table,
                       enum config_level level)
{
    (void)level;
    assert_true(table->count <= 64);
    for (size_t i = 0; i < table->count; i++) {
        const struct option_row *row = &table->rows[i];
        bool has_bounds = row->value == OPTION_COUNT_32 ||
                          row->value == OPTION_DURATION ||
                          row->value == OPTION_SIZE;
        assert_non_null(row->name);
        assert_non_null(row->help);
        assert_int_equal(row->help[strlen(row->help) - 1], '.');
        assert_true(has_bounds ? row->min < row->max : row->max == 0);
        assert_int_equal(row->value == OPTION_CHOICE, row->choices != NULL);
    }
}

/* Help and manual page are made of the rows: what a module forgets, no operator
 * ever reads. */
static void every_row_is_complete(void **state)
{
    (void)state;
    tables_visit(rows_check);
}

static void names_check(const struct option_table *table,
                        enum config_level level)
{
    for (size_t i = 0; i < table->count; i++) {
        const char *name = table->rows[i].name;
        size_t count = 0;
        struct option_table other = config_level_table(level, 0);
        bool is_common = false;
        for (size_t j = 1; other.rows != NULL; j++) {
            count += option_table_find(&other, name) != NULL;
            is_common = is_common || other.rows == table->rows;
            other = config_level_table(level, j);
        }
        assert_ptr_equal(option_table_find(table, name), &table->rows[i]);
        assert_int_equal(count, is_common);
    }
}

/* The second of two could not be set. */
static void no_two_options_of_a_mapping_share_a_name(void **state)
{
    (void)state;
    tables_visit(names_check);
}

static void defaults_check(const struct option_table *table,
                           enum config_level level)
{
    struct config config = {.path = "haplo-poll.yaml"};
    char *values = calloc(1, 4096);
    (void)level;
    for (size_t i = 0; i < table->count; i++) {
        assert_true(table->rows[i].offset < 4000);
    }
    assert_int_equal(config_values_default(&config, table, values), 0);
    arena_free(&config.arena);
    free(values);
}

/* A default out of its own bounds would stop every start. */
static void every_default_is_a_value_that_may_be_written(void **state)
{
    (void)state;
    tables_visit(defaults_check);
}

/* Writes the page with these options between OPTIONS and EXAMPLES: for
 * `make man-options`. */
static void man_page_update(const char *page, const char *options)
{
    static const char start[] = ".Sh OPTIONS\n";
    const char *begin = strstr(page, start);
    const char *end = strstr(page, ".Sh EXAMPLES\n");
    FILE *file = fopen(MAN_PAGE, "w");
    assert_non_null(begin);
    assert_non_null(end);
    assert_non_null(file);
    fprintf(file, "%.*s%s%s%s", (int)(begin - page), page, start, options, end);
    assert_int_equal(fclose(file), 0);
}

/* Whether the page has all lines of options, with others in between. */
static bool has_lines(const char *page, const char *options)
{
    while (*options != '\0') {
        size_t size = strcspn(options, "\n") + 1;
        while (strncmp(page, options, size) != 0) {
            page = strchr(page, '\n');
            if (page == NULL) {
                return false;
            }
            page++;
        }
        page += size;
        options += size;
    }
    return true;
}

/* Without one of them the build cannot know all of the page. */
static bool has_all_types(void)
{
    return inbox_type_find("postgres") != NULL &&
           outlet_type_find("kafka") != NULL &&
           outlet_type_find("nats") != NULL;
}

/* The page is what operators read; it must not fall behind the rows. */
static void the_man_page_has_the_options_as_the_rows_have_them(void **state)
{
    char *page = file_text(MAN_PAGE);
    char *options = printed(option_print_mdoc);
    (void)state;
    if (getenv("UPDATE") != NULL) {
        man_page_update(page, options);
    } else if (has_all_types() ? strstr(page, options) == NULL
                               : !has_lines(page, options)) {
        fail_msg("%s lacks options or has old ones: make man-options",
                 MAN_PAGE);
    }
    free(options);
    free(page);
}

static char *help;

static void help_check(const struct option_table *table,
                       enum config_level level)
{
    (void)level;
    for (size_t i = 0; i < table->count; i++) {
        const struct option_row *row = &table->rows[i];
        char start[64];
        char end[64];
        snprintf(start, sizeof start, "\n  %s ", row->name);
        snprintf(end, sizeof end, "default: %s\n",
                 row->fallback ? row->fallback : "");
        assert_non_null(strstr(help, start));
        assert_non_null(strstr(help, row->fallback ? end : "; required\n"));
    }
}

/* An option that help does not name will not be found. */
static void help_names_every_option_and_its_default(void **state)
{
    (void)state;
    help = printed(option_print_help);
    tables_visit(help_check);
    for (const char *line = help; line != NULL; line = strchr(line + 1, '\n')) {
        assert_true(strcspn(line + 1, "\n") <= 79);
    }
    free(help);
}

static void assert_suggested(const char *name, enum config_level level,
                             const char *expected)
{
    const struct option_row *row = config_option_suggest(level, name);
    assert_non_null(row);
    assert_string_equal(row->name, expected);
}

/* A misspelt key is the commonest mistake; the error should suggest the answer.
 */
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
    assert_suggested("inboxe", LEVEL_TOP, "inboxes");
    assert_suggested("pth", LEVEL_INBOX, "path");
}

/* A far-fetched guess misleads more than it helps. */
static void a_key_like_no_other_finds_nothing(void **state)
{
    char longest[4096];
    (void)state;
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_null(config_option_suggest(LEVEL_QUEUE, "webhook"));
    assert_null(config_option_suggest(LEVEL_QUEUE, ""));
    assert_null(config_option_suggest(LEVEL_QUEUE, "x"));
    assert_null(config_option_suggest(LEVEL_QUEUE, "urll"));
    assert_null(config_option_suggest(LEVEL_QUEUE, longest));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_complete),
        cmocka_unit_test(no_two_options_of_a_mapping_share_a_name),
        cmocka_unit_test(every_default_is_a_value_that_may_be_written),
        cmocka_unit_test(the_man_page_has_the_options_as_the_rows_have_them),
        cmocka_unit_test(help_names_every_option_and_its_default),
        cmocka_unit_test(a_misspelt_key_finds_its_neighbour),
        cmocka_unit_test(a_key_like_no_other_finds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
