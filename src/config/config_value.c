#include "config/config_value.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/input_file.h"
#include "base/key_shape.h"
#include "base/reason.h"
#include "base/similar.h"
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

__attribute__((format(printf, 3, 4))) static enum diagnostic_code refuse(
    const struct parsing *parsing, enum diagnostic_code code,
    const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)reason_write_list(parsing->why, parsing->why_size, 0, format,
                            arguments);
    va_end(arguments);
    return code;
}

/* True if it may contain a password or a key: as the user of a URL, in its
 * query, or in a path. */
static bool is_secret(const struct parsing *parsing)
{
    const char *text = parsing->text;
    bool is_path = text[0] == '/' || strstr(text, "://") != NULL;
    return parsing->row->value == OPTION_SECRET || strchr(text, '@') != NULL ||
           (is_path && (strpbrk(text, "?#") != NULL || api_key_is_part(text)));
}

/* The same, prefixed with the value: "\"60\" is not a duration ...". */
static enum diagnostic_code refuse_value(const struct parsing *parsing,
                                         enum diagnostic_code code,
                                         const char *joint, const char *reason)
{
    char quoted[CONFIG_SHOW_SIZE];
    return refuse(parsing, code, "%s%s%s",
                  is_secret(parsing) ? CONFIG_HIDDEN
                                     : config_quote(parsing->text, quoted),
                  joint, reason);
}

/* Calls the check of the module that declared the row. */
static enum diagnostic_code check(const struct parsing *parsing)
{
    char why[HAPLO_TEXT_SIZE_MAX];
    if (parsing->row->check == NULL ||
        parsing->row->check(parsing->text, why, sizeof why) == 0) {
        return HP_NONE;
    }
    return refuse_value(parsing,
                        parsing->row->check == haplo_name_check
                            ? HP_NAME_INVALID
                            : HP_VALUE_REFUSED,
                        ": ", why);
}

static enum diagnostic_code text_store(const struct parsing *parsing,
                                       const char *text)
{
    if (text == NULL) {
        return refuse(parsing, HP_NO_MEMORY, "out of memory");
    }
    *(const char **)parsing->target = text;
    return HP_NONE;
}

static enum diagnostic_code text_parse(const struct parsing *parsing)
{
    enum diagnostic_code code = check(parsing);
    return code != HP_NONE
               ? code
               : text_store(parsing, arena_string(&parsing->config->arena,
                                                  parsing->text));
}

static enum diagnostic_code path_store(const struct parsing *parsing)
{
    enum diagnostic_code code = check(parsing);
    return code != HP_NONE
               ? code
               : text_store(parsing,
                            config_path(parsing->config, parsing->text, NULL));
}

static const char *path_of(const struct parsing *parsing)
{
    return *(const char **)parsing->target;
}

/* Looks at the path, if the configuration is being checked. */
static enum diagnostic_code path_look(
    const struct parsing *parsing,
    enum diagnostic_code (*look)(const char *path, char *why, size_t why_size))
{
    enum diagnostic_code code = path_store(parsing);
    return code != HP_NONE || !parsing->config->checks_files
               ? code
               : look(path_of(parsing), parsing->why, parsing->why_size);
}

static enum diagnostic_code path_parse(const struct parsing *parsing)
{
    return path_look(parsing, config_path_may_write);
}

static enum diagnostic_code folder_parse(const struct parsing *parsing)
{
    return path_look(parsing, config_path_may_fill);
}

static enum diagnostic_code file_parse(const struct parsing *parsing)
{
    enum diagnostic_code code = path_store(parsing);
    return code != HP_NONE || !parsing->config->checks_files
               ? code
               : config_file_check(path_of(parsing),
                                   parsing->row->value == OPTION_PRIVATE_FILE,
                                   parsing->why, parsing->why_size);
}

static enum diagnostic_code bool_parse(const struct parsing *parsing)
{
    bool is_true = strcmp(parsing->text, "true") == 0;
    if (!is_true && strcmp(parsing->text, "false") != 0) {
        return refuse_value(parsing, HP_NOT_A_BOOLEAN, "",
                            " is not true or false: write one");
    }
    *(bool *)parsing->target = is_true;
    return HP_NONE;
}

/* A word of a list, copied; the longest one is "dead_letter". */
#define CHOICE_SIZE 32

/* " is not possible: did you mean "block"?", or all words. */
static enum diagnostic_code choice_refuse(const struct parsing *parsing)
{
    char reason[HAPLO_TEXT_SIZE_MAX];
    char best[CHOICE_SIZE] = "";
    char word[CHOICE_SIZE];
    struct similar similar;
    const char *choices = parsing->row->choices;
    similar_begin(&similar, parsing->text);
    for (const char *at = choices; *at != '\0';) {
        size_t size = strcspn(at, " ");
        snprintf(word, sizeof word, "%.*s", (int)size, at);
        if (similar_consider(&similar, word)) {
            memcpy(best, word, sizeof best);
        }
        at += size + strspn(at + size, " ");
    }
    if (best[0] != '\0') {
        snprintf(reason, sizeof reason,
                 " is not possible: did you mean \"%s\"?", best);
    } else {
        snprintf(reason, sizeof reason, " is not possible: write one of: %s",
                 choices);
    }
    return refuse_value(parsing, HP_NOT_A_CHOICE, "", reason);
}

static enum diagnostic_code choice_parse(const struct parsing *parsing)
{
    int index = 0;
    const char *word = parsing->row->choices;
    while (*word != '\0') {
        size_t size = strcspn(word, " ");
        if (strlen(parsing->text) == size &&
            strncmp(parsing->text, word, size) == 0) {
            *(int *)parsing->target = index;
            return HP_NONE;
        }
        index++;
        word += size + strspn(word + size, " ");
    }
    return choice_refuse(parsing);
}

static const char *count_format(uint64_t count, char text[UNITS_TEXT_SIZE])
{
    snprintf(text, UNITS_TEXT_SIZE, "%" PRIu64, count);
    return text;
}

static enum diagnostic_code number_read(const struct parsing *parsing,
                                        uint64_t *number,
                                        int (*parse)(const char *, uint64_t *),
                                        const char *(*format)(uint64_t, char *),
                                        enum diagnostic_code code,
                                        const char *reason)
{
    char min[UNITS_TEXT_SIZE];
    char max[UNITS_TEXT_SIZE];
    char text[HAPLO_TEXT_SIZE_MAX];
    const struct option_row *row = parsing->row;
    if (parse(parsing->text, number) != 0) {
        return refuse_value(parsing, code, "", reason);
    }
    if (*number >= row->min && *number <= row->max) {
        return HP_NONE;
    }
    snprintf(text, sizeof text, " is out of range: give %s to %s%s",
             format(row->min, min), format(row->max, max),
             option_has_none(row) ? ", or none" : "");
    return refuse_value(parsing, HP_OUT_OF_RANGE, "", text);
}

static enum diagnostic_code count_value_parse(const struct parsing *parsing)
{
    uint64_t count;
    enum diagnostic_code code =
        number_read(parsing, &count, count_parse, count_format, HP_NOT_A_COUNT,
                    " is not a count: write a whole number");
    if (code == HP_NONE) {
        *(unsigned *)parsing->target = (unsigned)count;
    }
    return code;
}

static enum diagnostic_code duration_value_parse(const struct parsing *parsing)
{
    uint64_t ms;
    enum diagnostic_code code = number_read(
        parsing, &ms, duration_parse, duration_format, HP_NOT_A_DURATION,
        " is not a duration: write it like " UNITS_DURATION_EXAMPLES);
    if (code == HP_NONE) {
        *(uint64_t *)parsing->target = ms;
    }
    return code;
}

static enum diagnostic_code size_value_parse(const struct parsing *parsing)
{
    uint64_t bytes;
    enum diagnostic_code code =
        number_read(parsing, &bytes, size_parse, size_format, HP_NOT_A_SIZE,
                    " is not a size: write it like " UNITS_SIZE_EXAMPLES);
    if (code == HP_NONE) {
        *(size_t *)parsing->target = (size_t)bytes;
    }
    return code;
}

/* The size of what each kind stores, and its parser. */
static const struct {
    size_t size; /* bytes; 0: stores nothing */
    enum diagnostic_code (*parse)(
        const struct parsing *); /* NULL: parsed elsewhere */
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

enum diagnostic_code config_file_check(const char *path, bool is_private,
                                       char *why, size_t why_size)
{
    int fd;
    char quoted[CONFIG_SHOW_SIZE];
    char reason[HAPLO_TEXT_SIZE_MAX];
    if (input_file_open(path, is_private, &fd, reason, sizeof reason) == 0) {
        close(fd);
        return HP_NONE;
    }
    if (api_key_hide(path) != path) {
        (void)reason_write(why, why_size, 0,
                           CONFIG_HIDDEN " cannot be opened: give the path of "
                                         "a file");
        return HP_SECRET_PASTED;
    }
    (void)reason_write(why, why_size, 0, "%s: %s", config_quote(path, quoted),
                       reason);
    return access(path, R_OK) != 0 ? HP_INPUT_FILE_MISSING
                                   : HP_INPUT_FILE_UNUSABLE;
}

enum diagnostic_code config_value_parse(struct config *config,
                                        const struct option_row *row,
                                        const char *text, void *values,
                                        char *why, size_t why_size)
{
    struct parsing parsing = {
        config, row, text, (char *)values + row->offset, why, why_size};
    assert(kinds[row->value].parse != NULL);
    if (text[0] == '\0') {
        return refuse(&parsing, HP_VALUE_EMPTY,
                      "it has no value: write one, or remove it");
    }
    if (option_has_none(row) && strcmp(text, "none") == 0) {
        memset(parsing.target, 0, kinds[row->value].size);
        return HP_NONE;
    }
    return kinds[row->value].parse(&parsing);
}

enum diagnostic_code config_list_parse(struct config *config,
                                       const struct option_row *row,
                                       char *const *texts, size_t count,
                                       void *values, char *why, size_t why_size)
{
    struct parsing parsing = {config, row,     "", (char *)values + row->offset,
                              why,    why_size};
    if (count == 0) {
        return refuse(&parsing, HP_LIST_EMPTY,
                      "the list is empty: write an entry, or remove "
                      "it");
    }
    const char **list = arena_bytes(&config->arena, (count + 1) * sizeof *list);
    for (size_t i = 0; list != NULL && i < count; i++) {
        parsing.text = texts[i];
        parsing.target = &list[i];
        enum diagnostic_code code = text_parse(&parsing);
        if (code != HP_NONE) {
            return code;
        }
    }
    parsing.target = (char *)values + row->offset;
    if (list == NULL) {
        return refuse(&parsing, HP_NO_MEMORY, "out of memory");
    }
    *(const char ***)parsing.target = list;
    return HP_NONE;
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
                                            why, sizeof why) != HP_NONE) {
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
