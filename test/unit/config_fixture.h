/*
 * config_fixture.h - a folder with a key in it, and configurations written
 * there and loaded, for the tests of daemon/config.h. cmocka.h comes first.
 */
#ifndef TEST_CONFIG_FIXTURE_H
#define TEST_CONFIG_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"

#define FILE_NAME "haplo-poll.yaml"
#define KEY "Kq3_x-0123456789abcdefghijklmnopqrstuvwxyzAB"

/* Four lines, one sink. */
#define HEAD                                            \
    "state_dir: state\n"                                \
    "sinks:\n"                                          \
    "  - {name: inbox, type: sqlite, path: inbox.db}\n" \
    "servers:\n"

/* Lines 5 to 7. */
#define SERVER                                \
    "  - name: example\n"                     \
    "    url: https://server.example.ac.uk\n" \
    "    queues:\n"

/* Lines 8 and 9. */
#define QUEUE                 \
    "      - name: student\n" \
    "        api_key_file: key\n"

static char folder[] = "/tmp/config_fixture.XXXXXX";

static inline void text_write(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static inline int folder_make(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL || chdir(folder) != 0 ||
        unsetenv("CREDENTIALS_DIRECTORY") != 0) {
        return -1;
    }
    text_write("key", KEY "\n", 0600);
    return 0;
}

static inline int folder_remove(void **state)
{
    (void)state;
    unlink("key");
    unlink(FILE_NAME);
    return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

/* Loads the file; what it printed is in *errors, to be freed. */
static inline struct config *load(const char *path, int *count, char **errors)
{
    size_t size;
    struct config *config;
    FILE *file = open_memstream(errors, &size);
    assert_non_null(file);
    *count = config_load(path, file, &config);
    fclose(file);
    assert_true((*count == 0) == (config != NULL));
    return config;
}

static inline struct config *assert_loaded(const char *text)
{
    int count;
    char *errors;
    text_write(FILE_NAME, text, 0600);
    struct config *config = load(FILE_NAME, &count, &errors);
    assert_string_equal(errors, "");
    free(errors);
    return config;
}

static inline void assert_refused(const char *text, const char *expected)
{
    int count;
    char *errors;
    text_write(FILE_NAME, text, 0600);
    assert_null(load(FILE_NAME, &count, &errors));
    assert_string_equal(errors, expected);
    assert_null(strstr(errors, KEY));
    free(errors);
}

#endif
