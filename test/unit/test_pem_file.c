/*
 * Which blocks a PEM file has. OpenSSL skips what does not look like a block to
 * it, so that a certificate with a damaged first line would just be missing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "http/pem_file.h"

#define A "-----BEGIN CERTIFICATE-----\nQUFB\n-----END CERTIFICATE-----\n"
#define KEY "-----BEGIN PRIVATE KEY-----\nS0VZ\n-----END PRIVATE KEY-----\n"

static char path[] = "/tmp/test-pem-file-XXXXXX";
static struct pem_file file;
static struct reason why;

static void file_write(const char *text)
{
    FILE *to = fopen(path, "w");
    assert_non_null(to);
    assert_true(fputs(text, to) >= 0);
    assert_int_equal(fclose(to), 0);
}

static void file_open(const char *text)
{
    file_write(text);
    assert_int_equal(pem_file_read(&file, path, &why), 0);
}

static int tear_down(void **state)
{
    (void)state;
    pem_file_clear(&file);
    return 0;
}

static void assert_next(const char *label, unsigned line)
{
    struct pem_block block;
    assert_int_equal(pem_file_next(&file, &block, &why), 0);
    assert_string_equal(block.label, label);
    if (label[0] != '\0') {
        assert_int_equal(block.line, line);
        assert_memory_equal(block.text, "-----BEGIN ", 11);
        assert_memory_equal(block.text + block.size - 6, "-----\n", 6);
    }
}

static void assert_malformed(const char *text, const char *reason)
{
    char expected[HAPLO_TEXT_SIZE_MAX];
    struct pem_block block = {.label = "x"};
    int error = 0;
    file_open(text);
    while (error == 0 && block.label[0] != '\0') {
        error = pem_file_next(&file, &block, &why);
    }
    assert_int_equal(error, HAPLO_ETLS);
    snprintf(expected, sizeof expected, "%s, %s", path, reason);
    assert_string_equal(why.text, expected);
    pem_file_clear(&file);
}

/* Bundles have names and comments between their blocks. */
static void blocks_are_found_between_comments(void **state)
{
    (void)state;
    file_open("# Example Root\n=====\n" A "\n- Another -\n" KEY "the end\n" A);
    assert_next("CERTIFICATE", 3);
    assert_next("PRIVATE KEY", 8);
    assert_next("CERTIFICATE", 12);
    assert_next("", 0);
    assert_next("", 0);
}

/* As written by editors on other systems. */
static void blanks_and_marks_of_editors_do_no_harm(void **state)
{
    (void)state;
    file_open("\xef\xbb\xbf-----BEGIN CERTIFICATE-----  \r\nQUFB\r\n"
              "-----END CERTIFICATE-----\t\n" A);
    struct pem_block block;
    assert_int_equal(pem_file_next(&file, &block, &why), 0);
    assert_string_equal(block.label, "CERTIFICATE");
    assert_int_equal(block.line, 1);
    assert_next("CERTIFICATE", 4);
    assert_next("", 0);
}

static void a_file_may_be_empty(void **state)
{
    (void)state;
    file_open("");
    assert_next("", 0);
}

/* An operator finds the place, and what was quoted there could be a key. */
static void a_damaged_block_is_an_error_at_its_line(void **state)
{
    (void)state;
    assert_malformed(A "-----BEGIN CERTIFICATE-----\nQUFB\n",
                     "line 4: the block has no line \"-----END "
                     "CERTIFICATE-----\"");
    assert_malformed("-----BEGIN CERTIFICATE-----\nQUFB\n" A,
                     "line 1: the block has no line \"-----END "
                     "CERTIFICATE-----\"");
    assert_malformed("-----BEGIN CERTIFICATE-----\nQUFB\n"
                     "-----END PRIVATE KEY-----\n",
                     "line 1: the block has no line \"-----END "
                     "CERTIFICATE-----\"");
    assert_malformed(A "QUFB\n-----END CERTIFICATE-----\n",
                     "line 5: a damaged or misplaced BEGIN or END line");
    assert_malformed(A "----BEGIN CERTIFICATE-----\nQUFB\n",
                     "line 4: a damaged or misplaced BEGIN or END line");
    assert_malformed("  -----BEGIN CERTIFICATE-----\nQUFB\n",
                     "line 1: a damaged or misplaced BEGIN or END line");
    assert_malformed("-----BEGIN PRIVATE KEY----- S0VZ -----END PRIVATE "
                     "KEY-----",
                     "line 1: a damaged or misplaced BEGIN or END line");
}

static void assert_unreadable(const char *name, const char *reason)
{
    char expected[HAPLO_TEXT_SIZE_MAX];
    assert_int_equal(pem_file_read(&file, name, &why), HAPLO_ETLS);
    snprintf(expected, sizeof expected, "%s %s", name, reason);
    assert_string_equal(why.text, expected);
    assert_false(pem_stamp_is_current(&file.stamp, name));
    pem_file_clear(&file);
}

/* A pipe would stop the loop until somebody writes. */
static void what_is_no_file_is_not_read(void **state)
{
    char fifo[64];
    (void)state;
    assert_unreadable("/nonexistent.pem",
                      "cannot be read: no such file or directory");
    assert_unreadable("/dev", "is not a regular file");
    assert_unreadable("/dev/null", "is not a regular file");
    snprintf(fifo, sizeof fifo, "%s.fifo", path);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_unreadable(fifo, "is not a regular file");
    assert_int_equal(unlink(fifo), 0);
}

/* That is how a repaired file is noticed. */
static void a_changed_file_has_another_stamp(void **state)
{
    (void)state;
    char other[64];
    snprintf(other, sizeof other, "%s.other", path);
    file_open(A);
    assert_true(pem_stamp_is_current(&file.stamp, path));
    file_write(A A);
    assert_false(pem_stamp_is_current(&file.stamp, path));
    pem_file_clear(&file);
    file_open(A);
    assert_int_equal(rename(path, other), 0);
    assert_false(pem_stamp_is_current(&file.stamp, path));
    file_write(A);
    assert_false(pem_stamp_is_current(&file.stamp, path));
    assert_int_equal(unlink(other), 0);
}

#define TEST(name) cmocka_unit_test_teardown(name, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(blocks_are_found_between_comments),
        TEST(blanks_and_marks_of_editors_do_no_harm),
        TEST(a_file_may_be_empty),
        TEST(a_damaged_block_is_an_error_at_its_line),
        TEST(what_is_no_file_is_not_read),
        TEST(a_changed_file_has_another_stamp),
    };
    int fd = mkstemp(path);
    if (fd < 0) {
        return 1;
    }
    close(fd);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink(path);
    return failed;
}
