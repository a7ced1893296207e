#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/key_shape.h"
#include "config/api_key.h"

#define KEY "Kq3_x-0123456789abcdefghijklmnopqrstuvwxyzAB"

static char folder[] = "/tmp/test_api_key.XXXXXX";

static int folder_make(void **state)
{
    (void)state;
    return mkdtemp(folder) != NULL && chdir(folder) == 0 ? 0 : -1;
}

static int folder_remove(void **state)
{
    (void)state;
    unlink("key");
    return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static void key_write(const char *text, size_t size, mode_t mode)
{
    FILE *file = fopen("key", "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod("key", mode), 0);
}

static const struct config_key from_file = {
    .kind = CONFIG_KEY_FILE, .name = "key", .path = "key"};

/* Reads the key; why says what was wrong with it. */
static void assert_refused(const struct config_key *from, const char *expected)
{
    struct api_key key = {"old"};
    char why[HAPLO_TEXT_SIZE_MAX];
    assert_int_equal(api_key_read(from, &key, why, sizeof why), HAPLO_EINVAL);
    assert_string_equal(why, expected);
    assert_string_equal(key.revealed, "");
    assert_null(strstr(why, KEY));
}

static void assert_text_refused(const char *text, const char *expected)
{
    key_write(text, strlen(text), 0600);
    assert_refused(&from_file, expected);
}

static void assert_read(const struct config_key *from, const char *expected)
{
    struct api_key key;
    char why[HAPLO_TEXT_SIZE_MAX];
    assert_int_equal(api_key_read(from, &key, why, sizeof why), 0);
    assert_string_equal(key.revealed, expected);
}

/* Editors end a file with a newline; the server would refuse it. */
static void one_newline_at_the_end_is_cut_off(void **state)
{
    (void)state;
    key_write(KEY "\n", strlen(KEY) + 1, 0600);
    assert_read(&from_file, KEY);
    key_write(KEY, strlen(KEY), 0600);
    assert_read(&from_file, KEY);
}

/* A key may be replaced while the daemon runs. */
static void a_key_is_read_afresh_each_time(void **state)
{
    (void)state;
    key_write("first-key-0123456789\n", 21, 0600);
    assert_read(&from_file, "first-key-0123456789");
    key_write("second-key-012345678\n", 21, 0600);
    assert_read(&from_file, "second-key-012345678");
}

/* Each would be refused by the server, and refused keys lock people out. */
static void what_is_no_key_is_refused_before_the_server_sees_it(void **state)
{
    static const char breaks[] =
        "api_key_file key: it has a line break inside, or more than one at its "
        "end: give the key in one line and nothing else";
    static const char characters[] =
        "api_key_file key: it has a space or another character that no key "
        "has: copy it again from the server";
    char longest[HAPLO_KEY_SIZE_MAX + 3];
    (void)state;
    assert_text_refused(KEY "\n\n", breaks);
    assert_text_refused(KEY "\r\n", breaks);
    assert_text_refused(KEY "\n" KEY "\n", breaks);
    assert_text_refused(KEY " \n", characters);
    assert_text_refused("k\xc3\xa9y-" KEY, characters);
    assert_text_refused("", "api_key_file key: it is empty: copy the whole "
                            "key from the server");
    assert_text_refused("0123456789abcde\n",
                        "api_key_file key: it is too short: copy the "
                        "whole key from the server, at least 16 characters");
    memset(longest, 'k', sizeof longest);
    longest[HAPLO_KEY_SIZE_MAX + 1] = '\0';
    assert_text_refused(longest, "api_key_file key: it has more than 256 "
                                 "characters: give the key and nothing else");
    longest[HAPLO_KEY_SIZE_MAX] = '\n';
    key_write(longest, HAPLO_KEY_SIZE_MAX + 1, 0600);
    longest[HAPLO_KEY_SIZE_MAX] = '\0';
    assert_read(&from_file, longest);
}

/* A NUL would cut the key short in silence. */
static void a_nul_in_a_key_is_refused(void **state)
{
    (void)state;
    key_write(KEY "\0" KEY, 2 * strlen(KEY) + 1, 0600);
    assert_refused(&from_file,
                   "api_key_file key: it has a space or another character "
                   "that no key has: copy it again from the server");
}

/* Whoever can read the file can read the institution's messages. */
static void a_file_open_to_others_is_refused(void **state)
{
    (void)state;
    key_write(KEY, strlen(KEY), 0644);
    assert_refused(&from_file, "api_key_file key: accessible to others "
                               "(mode 0644): run chmod 600 key");
    key_write(KEY, strlen(KEY), 0602);
    assert_refused(&from_file, "api_key_file key: accessible to others "
                               "(mode 0602): run chmod 600 key");
    key_write(KEY, strlen(KEY), 0640);
    assert_read(&from_file, KEY);
}

/* Opening a FIFO waits for a writer, perhaps forever. */
static void only_a_regular_file_is_read(void **state)
{
    static const struct config_key here = {
        .kind = CONFIG_KEY_FILE, .name = ".", .path = "."};
    static const struct config_key fifo = {
        .kind = CONFIG_KEY_FILE, .name = "fifo", .path = "fifo"};
    static const struct config_key none = {
        .kind = CONFIG_KEY_FILE, .name = "no", .path = "no"};
    (void)state;
    assert_refused(&here,
                   "api_key_file .: not a regular file: correct the path");
    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_refused(&fifo,
                   "api_key_file fifo: not a regular file: correct the path");
    unlink("fifo");
    assert_refused(&none, "api_key_file no: cannot be read: No such file or "
                          "directory: create the file, or correct the path");
}

/* Containers hand secrets over in the environment. */
static void a_variable_can_hold_the_key(void **state)
{
    static const struct config_key from = {
        .kind = CONFIG_KEY_ENV, .name = "TEST_KEY", .path = NULL};
    (void)state;
    unsetenv("TEST_KEY");
    assert_refused(&from, "api_key_env TEST_KEY: no such variable in "
                          "the environment: set it, or use api_key_file");
    setenv("TEST_KEY", KEY, 1);
    assert_read(&from, KEY);
    setenv("TEST_KEY", "short", 1);
    assert_refused(&from,
                   "api_key_env TEST_KEY: it is too short: copy the whole "
                   "key from the server, at least 16 characters");
    unsetenv("TEST_KEY");
}

/* systemd hands secrets over in a folder of the service's own. */
static void a_credential_can_hold_the_key(void **state)
{
    static const struct config_key from = {
        .kind = CONFIG_KEY_CREDENTIAL, .name = "student", .path = "key"};
    static const struct config_key lost = {
        .kind = CONFIG_KEY_CREDENTIAL, .name = "student", .path = NULL};
    (void)state;
    key_write(KEY, strlen(KEY), 0400);
    assert_read(&from, KEY);
    assert_refused(&lost,
                   "api_key_credential student: CREDENTIALS_DIRECTORY is not "
                   "set: run it by systemd with LoadCredential=, or use "
                   "api_key_file");
}

/* People paste the key where its file's name belongs; logs are read widely. */
static void a_key_in_place_of_its_file_is_not_shown(void **state)
{
    static const struct config_key file = {
        .kind = CONFIG_KEY_FILE, .name = KEY, .path = KEY};
    static const struct config_key variable = {
        .kind = CONFIG_KEY_ENV, .name = KEY, .path = NULL};
    (void)state;
    assert_refused(&file,
                   "api_key_file: the value looks like an API key: write "
                   "the key to a file, and the file's path to api_key_file");
    assert_refused(&variable,
                   "api_key_env: the value looks like an API key: write "
                   "the key to a file, and the file's path to api_key_file");
    assert_true(api_key_is_like("a1B2c3D4e5F6g7H8"));
    assert_false(api_key_is_like("EXAMPLE_STUDENT_KEY_2"));
    assert_false(api_key_is_like("keys/example-live-student"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_newline_at_the_end_is_cut_off),
        cmocka_unit_test(a_key_is_read_afresh_each_time),
        cmocka_unit_test(what_is_no_key_is_refused_before_the_server_sees_it),
        cmocka_unit_test(a_nul_in_a_key_is_refused),
        cmocka_unit_test(a_file_open_to_others_is_refused),
        cmocka_unit_test(only_a_regular_file_is_read),
        cmocka_unit_test(a_variable_can_hold_the_key),
        cmocka_unit_test(a_credential_can_hold_the_key),
        cmocka_unit_test(a_key_in_place_of_its_file_is_not_shown),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
