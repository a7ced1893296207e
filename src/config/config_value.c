#include "config/config_value.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/input_file.h"
#include "base/reason.h"
#include "config/api_key.h"
#include "config/config_errors.h"
#include "config/config_path.h"
#include "config/units.h"

/* A value being parsed. */
struct parsing {
    struct config *config;        /* owns what is stored */
    const struct option_row *row; /* its option */
    const char *text;             /* as written */
    void *target;                 /* gets the parsed value */
    char *why;                    /* set if it is refused */
    size_t why_size;              /* of why */
};

__attribute__((format(printf, 2, 3))) static int refuse(
    const struct parsing *parsing, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)reason_write_list(parsing->why, parsing->why_size, HAPLO_EINVAL,
                            format, arguments);
    va_end(arguments);
    return HAPLO_EINVAL;
}

/* True if it may contain a password, such as a URL. */
static bool is_secret(const struct parsing *parsing)
{
    return parsing->row->value == OPTION_SECRET ||
           strchr(parsing->text, '@') != NULL;
}

/* The same, prefixed with the value: "\"60\" is not a duration ...". */
static int refuse_value(const struct parsing *parsing, const char *joint,
                        const char *reason)
{
    char quoted[CONFIG_SHOW_SIZE];
    return refuse(parsing, "%s%s%s",
                  is_secret(parsing) ? CONFIG_HIDDEN
                                     : config_quote(parsing->text, quoted),
                  joint, reason);
}

/* Calls the check of the module that declared the row. */
static int check(const struct parsing *parsing)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    if (parsing->row->check == NULL ||
        parsing->row->check(parsing->text, why, sizeof why) == 0) {
        return 0;
    }
    return refuse_value(parsing, ": ", why);
}

static int text_store(const struct parsing *parsing, const char *text)
{
    if (text == NULL) {
        return refuse(parsing, "out of memory");
    }
    *(const char **)parsing->target = text;
    return 0;
}

static int text_parse(const struct parsing *parsing)
{
    int error = check(parsing);
    return error != 0
               ? error
               : text_store(parsing, arena_string(&parsing->config->arena,
                                                  parsing->text));
}

static int path_store(const struct parsing *parsing)
{
    int error = check(parsing);
    return error != 0 ? error
                      : text_store(parsing, config_path(parsing->config,
                                                        parsing->text, NULL));
}

static const char *path_of(const struct parsing *parsing)
{
    return *(const char **)parsing->target;
}

/* Looks at the path, if the configuration is being checked. */
static int path_look(const struct parsing *parsing,
                     int (*look)(const char *path, char *why, size_t why_size))
{
    int error = path_store(parsing);
    return error != 0 || !parsing->config->checks_files
               ? error
               : look(path_of(parsing), parsing->why, parsing->why_size);
}

static int path_parse(const struct parsing *parsing)
{
    return path_look(parsing, config_path_may_write);
}

static int folder_parse(const struct parsing *parsing)
{
    return path_look(parsing, config_path_may_fill);
}

static int file_parse(const struct parsing *parsing)
{
    int error = path_store(parsing);
    return error != 0 || !parsing->config->checks_files
               ? error
               : config_file_check(path_of(parsing),
                                   parsing->row->value == OPTION_PRIVATE_FILE,
                                   parsing->why, parsing->why_size);
}

static int bool_parse(const struct parsing *parsing)
{
    bool is_true = strcmp(parsing->text, "true") == 0;
    if (!is_true && strcmp(parsing->text, "false") != 0) {
        return refuse_value(parsing, "", " is not true or false: write one");
    }
    *(bool *)parsing->target = is_true;
    return 0;
}

static int choice_parse(const struct parsing *parsing)
{
    int index = 0;
    const char *word = parsing->row->choices;
    char reason[HAPLO_TEXT_SIZE_MAX];
    while (*word != '\0') {
        size_t size = strcspn(word, " ");
        if (strlen(parsing->text) == size &&
            strncmp(parsing->text, word, size) == 0) {
            *(int *)parsing->target = index;
            return 0;
        }
        index++;
        word += size + strspn(word + size, " ");
    }
    snprintf(reason, sizeof reason, " is not possible: write one of: %s",
             parsing->row->choices);
    return refuse_value(parsing, "", reason);
}

static const char *count_format(uint64_t count, char text[UNITS_TEXT_SIZE])
{
    snprintf(text, UNITS_TEXT_SIZE, "%" PRIu64, count);
    return text;
}

static int number_read(const struct parsing *parsing, uint64_t *number,
                       int (*parse)(const char *, uint64_t *),
                       const char *(*format)(uint64_t, char *),
                       const char *reason)
{
    char min[UNITS_TEXT_SIZE];
    char max[UNITS_TEXT_SIZE];
    char text[HAPLO_TEXT_SIZE_MAX];
    const struct option_row *row = parsing->row;
    if (parse(parsing->text, number) != 0) {
        return refuse_value(parsing, "", reason);
    }
    if (*number >= row->min && *number <= row->max) {
        return 0;
    }
    snprintf(text, sizeof text, " is out of range: give %s to %s%s",
             format(row->min, min), format(row->max, max),
             option_has_none(row) ? ", or none" : "");
    return refuse_value(parsing, "", text);
}

static int count_value_parse(const struct parsing *parsing)
{
    uint64_t count;
    int error = number_read(parsing, &count, count_parse, count_format,
                            " is not a count: write a whole number");
    if (error == 0) {
        *(unsigned *)parsing->target = (unsigned)count;
    }
    return error;
}

static int duration_value_parse(const struct parsing *parsing)
{
    uint64_t ms;
    int error = number_read(
        parsing, &ms, duration_parse, duration_format,
        " is not a duration: write it like " UNITS_DURATION_EXAMPLES);
    if (error == 0) {
        *(uint64_t *)parsing->target = ms;
    }
    return error;
}

static int size_value_parse(const struct parsing *parsing)
{
    uint64_t bytes;
    int error =
        number_read(parsing, &bytes, size_parse, size_format,
                    " is not a size: write it like " UNITS_SIZE_EXAMPLES);
    if (error == 0) {
        *(size_t *)parsing->target = (size_t)bytes;
    }
    return error;
}

/* The size of what each kind stores, and its parser. */
static const struct {
    size_t size;                          /* bytes; 0: stores nothing */
    int (*parse)(const struct parsing *); /* NULL: parsed elsewhere */
} kinds[] = {
    [OPTION_BOOL] = {sizeof(bool), bool_parse},
    [OPTION_COUNT_32] = {sizeof(unsigned), count_value_parse},
    [OPTION_DURATION] = {sizeof(uint64_t), duration_value_parse},
    [OPTION_SIZE] = {sizeof(size_t), size_value_parse},
    [OPTION_CHOICE] = {sizeof(int), choice_parse},
    [OPTION_TEXT] = {sizeof(char *), text_parse},
    [OPTION_SECRET] = {sizeof(char *), text_parse},
    [OPTION_PATH] = {sizeof(char *), path_parse},
    [OPTION_FOLDER] = {sizeof(char *), folder_parse},
    [OPTION_FILE] = {sizeof(char *), file_parse},
    [OPTION_PRIVATE_FILE] = {sizeof(char *), file_parse},
    [OPTION_TEXT_LIST] = {sizeof(char **), NULL},
    [OPTION_REFERENCE] = {sizeof(char *), text_parse},
    [OPTION_GROUP] = {0, NULL},
};

int config_file_check(const char *path, bool is_private, char *why,
                      size_t why_size)
{
    int fd;
    char quoted[CONFIG_SHOW_SIZE];
    char reason[HAPLO_TEXT_SIZE_MAX];
    const char *slash = strrchr(path, '/');
    if (input_file_open(path, is_private, &fd, reason, sizeof reason) == 0) {
        close(fd);
        return 0;
    }
    return api_key_is_like(slash != NULL ? slash + 1 : path)
               ? reason_write(why, why_size, HAPLO_EINVAL,
                              CONFIG_HIDDEN " cannot be opened: give the path "
                                            "of a file")
               : reason_write(why, why_size, HAPLO_EINVAL, "%s: %s",
                              config_quote(path, quoted), reason);
}

int config_value_parse(struct config *config, const struct option_row *row,
                       const char *text, void *values, char *why,
                       size_t why_size)
{
    struct parsing parsing = {
        config, row, text, (char *)values + row->offset, why, why_size};
    assert(kinds[row->value].parse != NULL);
    if (text[0] == '\0') {
        return refuse(&parsing, "it has no value: write one, or remove it");
    }
    if (option_has_none(row) && strcmp(text, "none") == 0) {
        memset(parsing.target, 0, kinds[row->value].size);
        return 0;
    }
    return kinds[row->value].parse(&parsing);
}

int config_list_parse(struct config *config, const struct option_row *row,
                      char *const *texts, size_t count, void *values, char *why,
                      size_t why_size)
{
    struct parsing parsing = {config, row,     "", (char *)values + row->offset,
                              why,    why_size};
    if (count == 0) {
        return refuse(&parsing, "the list is empty: write an entry, or remove "
                                "it");
    }
    const char **list = arena_bytes(&config->arena, (count + 1) * sizeof *list);
    for (size_t i = 0; list != NULL && i < count; i++) {
        parsing.text = texts[i];
        parsing.target = &list[i];
        int error = text_parse(&parsing);
        if (error != 0) {
            return error;
        }
    }
    parsing.target = (char *)values + row->offset;
    if (list == NULL) {
        return refuse(&parsing, "out of memory");
    }
    *(const char ***)parsing.target = list;
    return 0;
}

int config_values_default(struct config *config,
                          const struct option_table *table, void *values)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    for (size_t i = 0; i < table->count; i++) {
        const struct option_row *row = &table->rows[i];
        bool is_parsed = row->fallback != NULL &&
                         row->value != OPTION_REFERENCE &&
                         kinds[row->value].parse != NULL;
        /* Only memory can run out: a test parses all defaults. */
        if (is_parsed && config_value_parse(config, row, row->fallback, values,
                                            why, sizeof why) != 0) {
            return -1;
        }
    }
    return 0;
}

void config_values_copy(const struct option_table *table, uint64_t set,
                        void *to, const void *from)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct option_row *row = &table->rows[i];
        if ((set >> i & 1) != 0) {
            memcpy((char *)to + row->offset, (const char *)from + row->offset,
                   kinds[row->value].size);
        }
    }
}
