/* The files of the page, as they are in the program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "daemon/admin/page_files.h"

static void check_bytes(const char *name)
{
    char path[300];
    static char bytes[65536];
    const struct page_file *file = page_file_find(name);
    assert_non_null(file);
    (void)snprintf(path, sizeof path, "web/%s", name);
    FILE *stream = fopen(path, "rb");
    assert_non_null(stream);
    size_t size = fread(bytes, 1, sizeof bytes, stream);
    assert_int_equal(fclose(stream), 0);
    assert_in_range(size, 1, sizeof bytes - 1);
    assert_int_equal(file->end - file->data, size);
    assert_memory_equal(file->data, bytes, size);
}

/* A script that is missing leaves the page empty. */
static void test_all_files_of_web_are_in_the_program(void **state)
{
    (void)state;
    size_t count = 0;
    struct dirent *entry;
    DIR *folder = opendir("web");
    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] != '.' &&
            strcmp(entry->d_name, "README.md") != 0) {
            check_bytes(entry->d_name);
            count++;
        }
    }
    assert_int_equal(closedir(folder), 0);
    assert_in_range(count, 20, 100);
}

/* What a request names is no path in the file system. */
static void test_nothing_else_is(void **state)
{
    (void)state;
    assert_null(page_file_find(""));
    assert_null(page_file_find("README.md"));
    assert_null(page_file_find("../Makefile"));
    assert_null(page_file_find("MAIN.JS"));
}

/* A browser keeps what has the tag that it knows. */
static void test_a_tag_is_that_of_the_bytes(void **state)
{
    (void)state;
    char tag[PAGE_TAG_SIZE];
    char other[PAGE_TAG_SIZE];
    const char bytes[] = "abcd";
    struct page_file file = {.data = bytes, .end = bytes + 3};
    page_file_tag(&file, tag);
    assert_string_equal(tag, "\"e71fa2190541574b\"");
    file.end++;
    page_file_tag(&file, other);
    assert_string_not_equal(tag, other);
    page_file_tag(page_file_find("main.js"), tag);
    page_file_tag(page_file_find("grid.js"), other);
    assert_string_not_equal(tag, other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_files_of_web_are_in_the_program),
        cmocka_unit_test(test_nothing_else_is),
        cmocka_unit_test(test_a_tag_is_that_of_the_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
