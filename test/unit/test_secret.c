#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "outlets/secret.h"

static char folder[] = "/tmp/test_secret.XXXXXX";

static int folder_make(void **state)
{
    (void)state;
    return mkdtemp(folder) != NULL && chdir(folder) == 0 ? 0 : -1;
}

static int folder_remove(void **state)
{
    (void)state;
    unlink("token");
    return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

/* Under another name first, so that each file differs from the one before. */
static void file_write(const char *text, size_t size, mode_t mode)
{
    FILE *file = fopen("token.new", "w");

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod("token.new", mode), 0);
    assert_int_equal(rename("token.new", "token"), 0);
}

static const struct secret_source from_file = {.file = "token"};
static const struct secret_source from_env = {.env = "TEST_SECRET_TOKEN"};
static const struct secret_source from_credential = {.credential = "token"};

static void assert_read(const struct secret_source *source,
                        const char *expected)
{
    struct secret secret;
    struct reason why = {""};

    secret_init(&secret, source, "token");
    assert_int_equal(secret_read(&secret, &why), 0);
    assert_string_equal(secret.revealed, expected);
    assert_int_equal(secret.size, strlen(expected));
    secret_free(&secret);
}

static void assert_refused(const struct secret_source *source,
                           const char *expected)
{
    char why[HAPLO_TEXT_SIZE_MAX];

    assert_int_equal(secret_check(source, "token", why, sizeof(why)),
                     HAPLO_EINVAL);
    assert_string_equal(why, expected);
}

/* Editors end a file with a newline, which is not part of a password. */
static void trailing_newlines_are_cut_off(void **state)
{
    (void)state;
    file_write("pass word\r\n\n", 12, 0600);
    assert_read(&from_file, "pass word");
    file_write("one\ntwo", 7, 0640);
    assert_read(&from_file, "one\ntwo");
}

/* The same secret may come from whatever a host has to keep secrets in. */
static void it_comes_from_the_environment_or_a_credential(void **state)
{
    (void)state;
    assert_int_equal(setenv("TEST_SECRET_TOKEN", "from-env", 1), 0);
    assert_read(&from_env, "from-env");
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", folder, 1), 0);
    file_write("from-systemd\n", 13, 0400);
    assert_read(&from_credential, "from-systemd");
    unsetenv("TEST_SECRET_TOKEN");
    unsetenv("CREDENTIALS_DIRECTORY");
}

/* What is wrong with a place is found before anything is sent there. */
static void a_place_without_a_usable_secret_is_refused(void **state)
{
    static const struct secret_source two = {.file = "token", .env = "X"};
    static const struct secret_source path = {.credential = "../token"};

    (void)state;
    assert_refused(&two, "token_file, token_env and token_credential: keep one "
                         "of them");
    assert_refused(&from_env,
                   "token_env TEST_SECRET_TOKEN: no such variable in the "
                   "environment: set it, or name a file");
    assert_refused(&from_credential,
                   "token_credential token: CREDENTIALS_DIRECTORY is not set: "
                   "run it by systemd with LoadCredential=, or name a file");
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", folder, 1), 0);
    assert_refused(&path, "token_credential ../token: not the name of a "
                          "credential: write it without slashes");
    unsetenv("CREDENTIALS_DIRECTORY");
    unlink("token");
    assert_refused(&from_file,
                   "token_file token: cannot be read: No such file or "
                   "directory: create the file, or correct the path");
    file_write("\n", 1, 0600);
    assert_refused(&from_file, "token_file token: it is empty: write it there");
    file_write("a\0b", 3, 0600);
    assert_refused(&from_file,
                   "token_file token: it contains a NUL byte: write it as "
                   "text");
}

/* A password file with two lines is a mistake that a server would only call a
 * wrong password. */
static void a_secret_of_one_line_must_be_one(void **state)
{
    char why[HAPLO_TEXT_SIZE_MAX];

    (void)state;
    file_write("one\ntwo\n", 8, 0600);
    assert_int_equal(secret_check(&from_file, "token", why, sizeof(why)), 0);
    assert_int_equal(secret_check_line(&from_file, "token", why, sizeof(why)),
                     HAPLO_EINVAL);
    assert_string_equal(why, "token_file token: it has a line break or another "
                             "control character inside: write it in one line");
    file_write("one two\r\n", 9, 0600);
    assert_int_equal(secret_check_line(&from_file, "token", why, sizeof(why)),
                     0);
}

/* Whoever can read the secret can pose as this host. */
static void a_file_open_to_others_is_refused(void **state)
{
    (void)state;
    file_write("secret", 6, 0644);
    assert_refused(&from_file, "token_file token: accessible to others (mode "
                               "0644): run chmod 600 token");
}

/* A file that is not a secret at all must not fill the memory. */
static void a_huge_file_is_refused(void **state)
{
    static char text[SECRET_SIZE_MAX + 1];

    (void)state;
    memset(text, 'x', sizeof(text));
    file_write(text, sizeof(text), 0600);
    assert_refused(&from_file, "token_file token: too long for a secret: "
                               "correct the path");
    file_write(text, sizeof(text) - 1, 0600);
    text[SECRET_SIZE_MAX] = '\0';
    assert_read(&from_file, text);
}

/* An outlet without a password is not an error. */
static void no_place_means_no_secret(void **state)
{
    static const struct secret_source none = {NULL, NULL, NULL};
    struct secret secret;
    struct reason why;

    (void)state;
    assert_false(secret_is_given(&none));
    secret_init(&secret, &none, "token");
    assert_int_equal(secret_read(&secret, &why), 0);
    assert_null(secret.revealed);
    assert_false(secret_refresh(&secret, 0, &why));
    secret_free(&secret);
}

/* Secrets are replaced while the daemon runs. A file that is looked at for
 * each message would cost more than the message. */
static void a_replaced_file_is_read_again_within_a_second(void **state)
{
    struct secret secret;
    struct reason why;

    (void)state;
    file_write("first\n", 6, 0600);
    secret_init(&secret, &from_file, "token");
    assert_int_equal(secret_read(&secret, &why), 0);
    assert_false(secret_refresh(&secret, 5000, &why));
    file_write("second\n", 7, 0600);
    assert_false(secret_refresh(&secret, 5999, &why));
    assert_true(secret_refresh(&secret, 6000, &why));
    assert_string_equal(secret.revealed, "second");
    assert_false(secret_refresh(&secret, 7000, &why));
    secret_free(&secret);
}

/* Half-way through a replacement there may be no file. The old secret may well
 * be the right one; only the destination knows. */
static void while_the_file_is_missing_the_old_secret_stays(void **state)
{
    struct secret secret;
    struct reason why;

    (void)state;
    file_write("first", 5, 0600);
    secret_init(&secret, &from_file, "token");
    assert_int_equal(secret_read(&secret, &why), 0);
    unlink("token");
    assert_false(secret_refresh(&secret, 1000, &why));
    assert_string_equal(secret.revealed, "first");
    assert_non_null(strstr(why.text, "token_file token: cannot be read"));
    file_write("third", 5, 0600);
    assert_true(secret_refresh(&secret, 2000, &why));
    assert_string_equal(why.text, "");
    assert_string_equal(secret.revealed, "third");
    secret_free(&secret);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trailing_newlines_are_cut_off),
        cmocka_unit_test(it_comes_from_the_environment_or_a_credential),
        cmocka_unit_test(a_place_without_a_usable_secret_is_refused),
        cmocka_unit_test(a_secret_of_one_line_must_be_one),
        cmocka_unit_test(a_file_open_to_others_is_refused),
        cmocka_unit_test(a_huge_file_is_refused),
        cmocka_unit_test(no_place_means_no_secret),
        cmocka_unit_test(a_replaced_file_is_read_again_within_a_second),
        cmocka_unit_test(while_the_file_is_missing_the_old_secret_stays),
    };

    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
