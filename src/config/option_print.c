#include "config/option.h"

#include <inttypes.h>
#include <string.h>

#include "config/units.h"
#include "daemon/sink_types.h"

static const struct {
    enum option_level home; /* whose options stand under it */
    const char *text;       /* of the heading */
} headings[] = {
    {LEVEL_TOP, "Top level"},
    {LEVEL_SINK, "Sink"},
    {LEVEL_SERVER, "Server"},
    {LEVEL_QUEUE, "Queue"},
};

#define HEADING_COUNT (sizeof headings / sizeof headings[0])

/* "count, 1 to 1000": what may be written for a value. */
static void value_print(const struct option_row *row, FILE *file)
{
    static const char *const names[VALUE_TYPE_COUNT] = {
        [VALUE_LIST] = "list",
        [VALUE_MAPPING] = "mapping",
        [VALUE_NAME] = "name",
        [VALUE_QUEUE_NAME] = "name",
        [VALUE_SINK_TYPE] = SINK_TYPES_TEXT,
        [VALUE_SINK] = "name",
        [VALUE_PATH] = "path",
        [VALUE_FILE] = "path",
        [VALUE_PRIVATE_FILE] = "path",
        [VALUE_KEY_FILE] = "path",
        [VALUE_KEY_ENV] = "name",
        [VALUE_KEY_CREDENTIAL] = "name",
        [VALUE_URL] = "URL",
        [VALUE_PROXY] = "URL",
        [VALUE_BOOL] = "true or false",
        [VALUE_COUNT] = "count",
        [VALUE_DURATION] = "duration",
        [VALUE_SIZE] = "size",
        [VALUE_FORMAT] = "json or raw",
        [VALUE_POINTER] = "pointer",
        [VALUE_PATTERN] = "pattern",
        [VALUE_CONTENT_TYPE] = "type",
    };
    char min[UNITS_TEXT_SIZE];
    char max[UNITS_TEXT_SIZE];
    fputs(names[row->value], file);
    if (row->value == VALUE_DURATION) {
        fprintf(file, ", %s to %s", duration_format(row->min, min),
                duration_format(row->max, max));
    } else if (row->value == VALUE_SIZE) {
        fprintf(file, ", %s to %s", size_format(row->min, min),
                size_format(row->max, max));
    } else if (row->value == VALUE_COUNT) {
        fprintf(file, ", %" PRIu64 " to %" PRIu64, row->min, row->max);
    }
}

/* Prints help in lines of at most 76 characters; with sentences set, each
 * sentence on its own line, as mdoc(7) wants it. */
static void text_print(const char *text, size_t indent, int sentences,
                       FILE *file)
{
    size_t column = 0;
    while (*text != '\0') {
        size_t size = strcspn(text, " ");
        if (column > 0 && column + 1 + size > 76) {
            fputc('\n', file);
            column = 0;
        }
        if (column == 0) {
            fprintf(file, "%*s", (int)indent, "");
            column = indent;
        } else {
            fputc(' ', file);
            column++;
        }
        fwrite(text, 1, size, file);
        column += size;
        if (sentences && text[size - 1] == '.' && text[size] == ' ') {
            fputc('\n', file);
            column = 0;
        }
        text += size;
        text += strspn(text, " ");
    }
    fputc('\n', file);
}

static const char *also_text(const struct option_row *row)
{
    switch (row->levels & ~(unsigned)row->home) {
    case LEVEL_DEFAULTS:
        return "defaults";
    case LEVEL_SERVER:
        return "a server";
    case LEVEL_DEFAULTS | LEVEL_SERVER:
        return "a server or defaults";
    default:
        return NULL;
    }
}

static void row_print_help(const struct option_row *row, FILE *file)
{
    fprintf(file, "  %-22s", row->name);
    value_print(row, file);
    if (row->fallback == NULL) {
        fputs("; required", file);
    } else {
        fprintf(file, "; default: %s", row->fallback);
    }
    fputc('\n', file);
    text_print(row->help, 6, 0, file);
    if (also_text(row) != NULL) {
        fprintf(file, "      Also in %s.\n", also_text(row));
    }
}

static void row_print_mdoc(const struct option_row *row, FILE *file)
{
    fprintf(file, ".It Ic %s : Ar ", row->name);
    value_print(row, file);
    fputc('\n', file);
    text_print(row->help, 0, 1, file);
    if (row->fallback == NULL) {
        fputs("Required.\n", file);
    } else {
        fprintf(file, "Default:\n.Cm %s .\n", row->fallback);
    }
    if (also_text(row) != NULL) {
        fprintf(file, "Also in %s.\n", also_text(row));
    }
}

static void level_print(const char *before, const char *after,
                        enum option_level level,
                        void (*row_print)(const struct option_row *, FILE *),
                        FILE *file)
{
    fputs(before, file);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (option_table[i].home == level) {
            row_print(&option_table[i], file);
        }
    }
    fputs(after, file);
}

void option_print_help(FILE *file)
{
    fputs("The configuration file is YAML. Paths are relative to its folder.\n"
          "Durations: " UNITS_DURATION_EXAMPLES ".\n"
          "Sizes: " UNITS_SIZE_EXAMPLES ".\n",
          file);
    for (size_t i = 0; i < HEADING_COUNT; i++) {
        fprintf(file, "\n%s\n", headings[i].text);
        level_print("", "", headings[i].home, row_print_help, file);
    }
}

void option_print_mdoc(FILE *file)
{
    for (size_t i = 0; i < HEADING_COUNT; i++) {
        fprintf(file, ".Ss %s\n", headings[i].text);
        level_print(".Bl -tag -width Ds\n", ".El\n", headings[i].home,
                    row_print_mdoc, file);
    }
}
