/*
 * The secrets of a webhook while it runs, and what it makes of them. In place
 * of its header lines there are some that only have the token.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "outlets/webhook/webhook_secrets.h"

#define OLD_KEY "whsec_b2xkLXNlY3JldC1vZi0yNC1ieXRlcyEh"
#define NEW_KEY "whsec_bmV3LXNlY3JldC1vZi0yNC1ieXRlcyEh"

static char folder[] = "/tmp/test_webhook_secrets.XXXXXX";
static bool is_short_of_memory;

static const struct webhook_options options = {
    .signing_secret = {.file = "key"},
    .token = {.file = "token"},
};

/* In place of webhook_lines.c */

int webhook_lines_new(const struct webhook_options *from,
                      const char *secret_headers, const char *password,
                      const char *token, struct webhook_lines **out,
                      struct reason *why)
{
    assert_ptr_equal(from, &options);
    assert_null(secret_headers);
    assert_null(password);
    *out = NULL;
    if (is_short_of_memory) {
        return reason_set(why, HAPLO_ENOMEM, "out of memory");
    }
    *out = calloc(1, sizeof(**out));
    assert_non_null(*out);
    (*out)->text = strdup(token);
    return 0;
}

void webhook_lines_leave(struct webhook_lines *lines)
{
    if (lines != NULL) {
        free(lines->text);
        free(lines);
    }
}

/* The scene */

/* Under another name first, so that each file differs from the one before. */
static void file_write(const char *name, const char *text)
{
    FILE *file = fopen("new", "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod("new", 0600), 0);
    assert_int_equal(rename("new", name), 0);
}

static int folder_make(void **state)
{
    (void)state;
    return mkdtemp(folder) != NULL && chdir(folder) == 0 ? 0 : -1;
}

static int folder_remove(void **state)
{
    (void)state;
    unlink("key");
    unlink("token");
    return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static void secrets_open(struct webhook_secrets *secrets)
{
    struct reason why = {""};

    is_short_of_memory = false;
    file_write("key", OLD_KEY);
    file_write("token", "old");
    assert_int_equal(webhook_secrets_open(secrets, &options, &why), 0);
    assert_string_equal(secrets->lines->text, "old");
    assert_memory_equal(secrets->keys.keys[0].bytes, "old", 3);
}

static void assert_trouble(const struct webhook_secrets *secrets,
                           const char *part)
{
    if (strstr(secrets->trouble.text, part) == NULL ||
        (part[0] == '\0' && secrets->trouble.text[0] != '\0')) {
        fail_msg("\"%s\": not: %s", part, secrets->trouble.text);
    }
}

/* The tests */

/* It may have been read by anyone, so somebody must be told. What was sent with
 * it so far can go on. */
static void a_file_that_others_may_read_is_a_trouble(void **state)
{
    struct webhook_secrets secrets;

    (void)state;
    secrets_open(&secrets);
    assert_int_equal(chmod("key", 0644), 0);
    webhook_secrets_refresh(&secrets, 1000);
    assert_trouble(&secrets, "signing_secret_file key: accessible to others");
    assert_memory_equal(secrets.keys.keys[0].bytes, "old", 3);
    webhook_secrets_refresh(&secrets, 1999); /* does not look */
    assert_trouble(&secrets, "accessible to others");
    assert_int_equal(chmod("key", 0600), 0);
    webhook_secrets_refresh(&secrets, 2000);
    assert_trouble(&secrets, "");
    webhook_secrets_close(&secrets);
}

/* A second trouble must not end with the first one. */
static void the_trouble_of_one_stays_when_another_is_replaced(void **state)
{
    struct webhook_secrets secrets;

    (void)state;
    secrets_open(&secrets);
    assert_int_equal(chmod("key", 0644), 0);
    file_write("token", "new");
    webhook_secrets_refresh(&secrets, 1000);
    assert_string_equal(secrets.lines->text, "new");
    assert_trouble(&secrets, "signing_secret_file key: accessible to others");
    webhook_secrets_close(&secrets);
}

/* A key that was copied wrong must not take the place of a good one. */
static void what_cannot_be_used_replaces_nothing(void **state)
{
    struct webhook_secrets secrets;

    (void)state;
    secrets_open(&secrets);
    file_write("key", "whsec_short");
    webhook_secrets_refresh(&secrets, 1000);
    assert_trouble(&secrets, "a key is not base64");
    assert_memory_equal(secrets.keys.keys[0].bytes, "old", 3);
    webhook_secrets_refresh(&secrets, 2000);
    assert_trouble(&secrets, "a key is not base64");
    file_write("key", NEW_KEY);
    webhook_secrets_refresh(&secrets, 3000);
    assert_trouble(&secrets, "");
    assert_memory_equal(secrets.keys.keys[0].bytes, "new", 3);
    webhook_secrets_close(&secrets);
}

/* A file is read once. If memory is short just then, and the new secret is
 * forgotten, the receiver refuses the old one until a restart. */
static void without_memory_a_new_one_is_used_later(void **state)
{
    struct webhook_secrets secrets;

    (void)state;
    secrets_open(&secrets);
    is_short_of_memory = true;
    file_write("token", "new");
    webhook_secrets_refresh(&secrets, 1000);
    assert_string_equal(secrets.lines->text, "old");
    assert_trouble(&secrets, "out of memory");
    is_short_of_memory = false;
    webhook_secrets_refresh(&secrets, 1001);
    assert_string_equal(secrets.lines->text, "new");
    assert_trouble(&secrets, "");
    webhook_secrets_close(&secrets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_that_others_may_read_is_a_trouble),
        cmocka_unit_test(the_trouble_of_one_stays_when_another_is_replaced),
        cmocka_unit_test(what_cannot_be_used_replaces_nothing),
        cmocka_unit_test(without_memory_a_new_one_is_used_later),
    };

    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
