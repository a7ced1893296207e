/*
 * config_fixture.h - a folder with a key in it, and configurations written
 * there and loaded, for the tests of config/config.h. cmocka.h comes first.
 * Besides the program's own types there are an inbox type `memory` and an
 * outlet type `post`, so that the tests do not depend on the options of a
 * module.
 */
#ifndef TEST_CONFIG_FIXTURE_H
#define TEST_CONFIG_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/catalogue.h"
#include "config/config.h"
#include "config/config_errors.h"

#define FILE_NAME "haplo-poll.yaml"
#define KEY "Kq3_x-0123456789abcdefghijklmnopqrstuvwxyzAB"

/* Three lines, one inbox. */
#define HEAD             \
    "state_dir: state\n" \
    "inbox: inbox.db\n"  \
    "servers:\n"

/* Lines 4 to 6. */
#define SERVER                                \
    "  - name: example\n"                     \
    "    url: https://server.example.ac.uk\n" \
    "    queues:\n"

/* Lines 7 and 8. */
#define QUEUE                 \
    "      - name: student\n" \
    "        api_key_file: key\n"

struct memory_options {
    size_t size;      /* default 1M */
    const char *path; /* default none */
};

struct post_options {
    const char *url;           /* required */
    const char *password;      /* secret; default none */
    const char *const *groups; /* default none */
    int method;                /* post or put */
    const char *path;          /* default none */
};

static const struct option_row memory_rows[] = {
    {.name = "size",
     .value = OPTION_SIZE,
     .min = 1024,
     .max = 1048576,
     .fallback = "1M",
     .offset = offsetof(struct memory_options, size),
     .help = "How much it holds."},
    {.name = "path",
     .value = OPTION_PATH,
     .fallback = "none",
     .offset = offsetof(struct memory_options, path),
     .help = "Where a copy is written."},
};

static const struct inbox_type memory_type = {
    .name = "memory",
    .help = "An inbox for tests.",
    .options = memory_rows,
    .option_count = 2,
    .options_size = sizeof(struct memory_options),
};

static const struct option_row post_rows[] = {
    {.name = "url",
     .value = OPTION_TEXT,
     .word = "URL",
     .offset = offsetof(struct post_options, url),
     .help = "Where it posts to."},
    {.name = "password",
     .value = OPTION_SECRET,
     .fallback = "none",
     .offset = offsetof(struct post_options, password),
     .help = "What it logs in with."},
    {.name = "groups",
     .value = OPTION_TEXT_LIST,
     .fallback = "none",
     .check = haplo_name_check,
     .offset = offsetof(struct post_options, groups),
     .help = "Whom it tells."},
    {.name = "method",
     .value = OPTION_CHOICE,
     .choices = "post put",
     .fallback = "post",
     .offset = offsetof(struct post_options, method),
     .help = "How it posts."},
    {.name = "path",
     .value = OPTION_PATH,
     .fallback = "none",
     .offset = offsetof(struct post_options, path),
     .help = "Where it keeps a copy."},
};

static inline int post_check(const void *options, char *why, size_t why_size)
{
    const struct post_options *post = options;
    if (post->method == 1 && post->groups != NULL) {
        snprintf(why, why_size, "put cannot tell groups: remove one of them");
        return HAPLO_EINVAL;
    }
    return 0;
}

static const struct outlet_type post_type = {
    .name = "post",
    .help = "An outlet for tests.",
    .options = post_rows,
    .option_count = 5,
    .options_size = sizeof(struct post_options),
    .check = post_check,
};

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
    inbox_type_register(&memory_type);
    outlet_type_register(&post_type);
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

/* "PATH:LINE:COLUMN: TEXT" for each error; "PATH: TEXT" for a whole file. */
static inline void errors_write(const struct config_errors *errors, FILE *file)
{
    for (int i = 0; i < errors->listed; i++) {
        const struct config_error *error = &errors->list[i];
        fprintf(file, "%s:", config_errors_path(errors, error->place));
        if (error->place.line > 0) {
            fprintf(file, "%u:%u:", error->place.line, error->place.column);
        }
        fprintf(file, " %s%s\n", error->is_warning ? "warning: " : "",
                error->text);
        assert_non_null(catalogue_find(error->code));
    }
    if (errors->count > CONFIG_ERRORS_MAX) {
        fprintf(file, "%s: and %d more\n", errors->path,
                errors->count - CONFIG_ERRORS_MAX);
    }
}

/* Loads the file; what it printed is in *errors, to be freed. */
static inline struct config *load_for(enum config_mode mode, const char *path,
                                      int *count, char **errors)
{
    size_t size;
    struct config *config;
    FILE *file = open_memstream(errors, &size);
    assert_non_null(file);
    struct config_errors found;
    *count = config_load(path, NULL, mode, &found, &config);
    errors_write(&found, file);
    config_errors_clear(&found);
    fclose(file);
    assert_true((*count == 0) == (config != NULL));
    return config;
}

static inline struct config *load(const char *path, int *count, char **errors)
{
    return load_for(CONFIG_CHECK_STRICT, path, count, errors);
}

/* Loads a text as `run` does. */
static inline struct config *assert_runs(const char *text)
{
    int count;
    char *errors;
    text_write(FILE_NAME, text, 0600);
    struct config *config = load_for(CONFIG_RUN, FILE_NAME, &count, &errors);
    assert_string_equal(errors, "");
    free(errors);
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

/* Each line of `expected` begins behind the file's name: ":LINE:COLUMN: ...".
 */
static inline void assert_refused(const char *text, const char *expected)
{
    int count;
    char *errors;
    char *wanted;
    size_t size;
    FILE *file = open_memstream(&wanted, &size);
    assert_non_null(file);
    for (const char *line = expected; *line != '\0';) {
        size_t end = strcspn(line, "\n") + 1;
        fprintf(file, FILE_NAME "%.*s", (int)end, line);
        line += end;
    }
    fclose(file);
    text_write(FILE_NAME, text, 0600);
    assert_null(load(FILE_NAME, &count, &errors));
    assert_string_equal(errors, wanted);
    assert_null(strstr(errors, KEY));
    free(errors);
    free(wanted);
}

#endif
