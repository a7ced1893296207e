/* Tables: for people, who have narrow terminals, and for scripts, which want
 * every byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/text/human.h"
#include "daemon/text/table.h"

static const struct table_column columns[] = {
    {"QUEUE", false, 6},
    {"COUNT", true, 0},
    {"CAUSE", false, 8},
};

/* A table that is printed into memory. */
struct scene {
    struct terminal terminal; /* where it is printed */
    struct table table;       /* what is printed */
    char *text;               /* owned: what was printed */
    size_t size;              /* of text */
};

/* width 0: not a terminal. */
static void scene_begin(struct scene *scene, unsigned width, bool has_color)
{
    *scene = (struct scene){.terminal = {.is_terminal = width > 0,
                                         .has_color = has_color,
                                         .width = width}};
    scene->terminal.out = open_memstream(&scene->text, &scene->size);
    assert_non_null(scene->terminal.out);
    table_init(&scene->table, &scene->terminal, columns, 3);
}

static void scene_row(struct scene *scene, const char *queue, unsigned count,
                      const char *cause)
{
    table_text(&scene->table, TERMINAL_PLAIN, queue);
    table_format(&scene->table, TERMINAL_PLAIN, "%u", count);
    table_text(&scene->table, TERMINAL_BAD, cause);
}

static void scene_expect(struct scene *scene, const char *text)
{
    assert_int_equal(table_end(&scene->table), 0);
    assert_int_equal(fclose(scene->terminal.out), 0);
    assert_string_equal(scene->text, text);
    free(scene->text);
}

/* What `cut -f` reads must not depend on the length of a name. */
static void test_without_a_terminal_there_are_tabs(void **state)
{
    struct scene scene;
    (void)state;
    scene_begin(&scene, 0, false);
    scene_row(&scene, "example/student", 7,
              "a long cause that nobody shortens");
    scene_row(&scene, "a/b", 1000000, "");
    scene_expect(&scene, "QUEUE\tCOUNT\tCAUSE\n"
                         "example/student\t7\ta long cause that nobody "
                         "shortens\n"
                         "a/b\t1000000\t\n");
}

static void test_on_a_terminal_columns_are_aligned(void **state)
{
    struct scene scene;
    (void)state;
    scene_begin(&scene, 80, false);
    scene_row(&scene, "example/student", 7, "refused");
    scene_row(&scene, "a/b", 1000000, "");
    scene_expect(&scene, "QUEUE              COUNT  CAUSE\n"
                         "example/student        7  refused\n"
                         "a/b              1000000\n");
}

/* The widest column that may be shortened is, until the line fits. */
static void test_lines_fit_the_terminal(void **state)
{
    struct scene scene;
    (void)state;
    scene_begin(&scene, 30, false);
    scene_row(&scene, "example/student", 7, "connection refused by it");
    scene_expect(&scene,
                 "QUEUE       COUNT  CAUSE\n"
                 "example/s\xe2\x80\xa6      7  connection\xe2\x80\xa6\n");
}

/* Where it cannot fit, what must be read stays whole. */
static void test_a_tiny_terminal_loses_no_numbers(void **state)
{
    struct scene scene;
    (void)state;
    scene_begin(&scene, 10, false);
    scene_row(&scene, "example/student", 1234567, "connection refused");
    scene_expect(&scene, "QUEUE     COUNT  CAUSE\n"
                         "examp\xe2\x80\xa6  1234567  connect\xe2\x80\xa6\n");
}

/* Half a character would make the rest of the line unreadable. */
static void test_texts_are_cut_between_characters(void **state)
{
    struct scene scene;
    (void)state;
    scene_begin(&scene, 24, false);
    scene_row(&scene,
              "\xc3\xa4\xc3\xb6\xc3\xbc/\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f", 1,
              "12345678");
    scene_expect(&scene, "QUEUE    COUNT  CAUSE\n"
                         "\xc3\xa4\xc3\xb6\xc3\xbc/\xc3\xa4\xc3\xb6"
                         "\xe2\x80\xa6      1  12345678\n");
}

/* A server decides about the text of a cause; it must not decide about the
 * terminal, or add lines to what a script reads. */
static void test_control_characters_are_replaced(void **state)
{
    struct scene scene;
    (void)state;
    scene_begin(&scene, 0, false);
    scene_row(&scene, "a\tb", 1, "\x1b[2J\nroot\xff");
    scene_expect(&scene, "QUEUE\tCOUNT\tCAUSE\na?b\t1\t?[2J?root?\n");
}

static void test_colours_take_no_columns(void **state)
{
    struct scene scene;
    (void)state;
    scene_begin(&scene, 80, true);
    scene_row(&scene, "a/b", 1, "bad");
    scene_expect(&scene, "\x1b[1mQUEUE\x1b[0m  \x1b[1mCOUNT\x1b[0m  "
                         "\x1b[1mCAUSE\x1b[0m\n"
                         "a/b        1  \x1b[31mbad\x1b[0m\n");
}

/* "No dead letters" is an empty output, which a script can test for. */
static void test_no_rows_print_nothing(void **state)
{
    struct scene scene;
    (void)state;
    scene_begin(&scene, 80, true);
    scene_expect(&scene, "");
    scene_begin(&scene, 0, false);
    scene_expect(&scene, "");
}

/* A list may be longer than the memory: only its first rows are kept. */
static void test_a_long_table_is_printed_as_it_grows(void **state)
{
    struct scene scene;
    (void)state;
    scene_begin(&scene, 80, false);
    for (unsigned i = 0; i < 5000; i++) {
        scene_row(&scene, "a/b", i, "cause");
        assert_true(scene.table.kept_count <= 1000);
    }
    assert_int_equal(fflush(scene.terminal.out), 0);
    assert_true(scene.size > 4700 * strlen("a/b     10  cause\n"));
    assert_int_equal(table_end(&scene.table), 0);
    fclose(scene.terminal.out);
    free(scene.text);
}

static void test_quantities_for_people(void **state)
{
    char text[HUMAN_TEXT_SIZE];
    (void)state;
    assert_string_equal(human_bytes(0, text), "0 B");
    assert_string_equal(human_bytes(999, text), "999 B");
    assert_string_equal(human_bytes(1000, text), "1.0 kB");
    assert_string_equal(human_bytes(999949, text), "999.9 kB");
    assert_string_equal(human_bytes(999951, text), "1.0 MB");
    assert_string_equal(human_bytes(UINT64_MAX, text), "18.4 EB");
    assert_string_equal(human_duration(999, text), "0 s");
    assert_string_equal(human_duration(61000, text), "1 min 1 s");
    assert_string_equal(human_duration(3600000, text), "1 h");
    assert_string_equal(
        human_duration(45 * UINT64_C(86400000) + 10800000, text), "45 d 3 h");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_a_terminal_there_are_tabs),
        cmocka_unit_test(test_on_a_terminal_columns_are_aligned),
        cmocka_unit_test(test_lines_fit_the_terminal),
        cmocka_unit_test(test_a_tiny_terminal_loses_no_numbers),
        cmocka_unit_test(test_texts_are_cut_between_characters),
        cmocka_unit_test(test_control_characters_are_replaced),
        cmocka_unit_test(test_colours_take_no_columns),
        cmocka_unit_test(test_no_rows_print_nothing),
        cmocka_unit_test(test_a_long_table_is_printed_as_it_grows),
        cmocka_unit_test(test_quantities_for_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
