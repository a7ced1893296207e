#include "config/option_print.h"

#include <inttypes.h>
#include <string.h>

#include "config/config_options.h"
#include "config/units.h"
#include "inbox/inbox.h"
#include "outlets/forwarder/forwarder.h"
#include "outlets/outlet.h"

#define FALLBACK_SIZE 30 /* a longer default gets a line of its own */
#define LINE_SIZE 76     /* longest line */

/* An output format. */
struct style {
    void (*heading)(const char *heading, const char *help, FILE *file);
    void (*begin)(FILE *file);
    void (*row)(const struct option_row *row, const char *also, FILE *file);
    void (*end)(FILE *file);
};

/* The kind of a value, without its bounds. */
static const char *value_word(const struct option_row *row)
{
    static const char *const words[] = {
        [OPTION_BOOL] = "true or false", [OPTION_COUNT_32] = "count",
        [OPTION_DURATION] = "duration",  [OPTION_SIZE] = "size",
        [OPTION_TEXT] = "text",          [OPTION_SECRET] = "text",
        [OPTION_PATH] = "path",          [OPTION_FOLDER] = "path",
        [OPTION_FILE] = "path",          [OPTION_PRIVATE_FILE] = "path",
        [OPTION_TEXT_LIST] = "list",     [OPTION_REFERENCE] = "name",
        [OPTION_GROUP] = "list",
    };
    return row->word != NULL ? row->word : words[row->value];
}

/* Prints "json raw" as "json or raw". */
static void choices_print(const char *choices, FILE *file)
{
    for (const char *c = choices; *c != '\0'; c++) {
        if (*c != ' ') {
            fputc(*c, file);
        } else {
            fputs(strchr(c + 1, ' ') != NULL ? ", " : " or ", file);
        }
    }
}

/* Prints what a value may be: "count, 1 to 1000". */
static void value_print(const struct option_row *row, FILE *file)
{
    char min[UNITS_TEXT_SIZE];
    char max[UNITS_TEXT_SIZE];
    if (row->value == OPTION_CHOICE) {
        choices_print(row->choices, file);
        return;
    }
    fputs(value_word(row), file);
    if (row->value == OPTION_DURATION) {
        fprintf(file, ", %s to %s", duration_format(row->min, min),
                duration_format(row->max, max));
    } else if (row->value == OPTION_SIZE) {
        fprintf(file, ", %s to %s", size_format(row->min, min),
                size_format(row->max, max));
    } else if (row->value == OPTION_COUNT_32) {
        fprintf(file, ", %" PRIu64 " to %" PRIu64, row->min, row->max);
    }
}

/* Prints text in lines of at most LINE_SIZE; with sentences set, starts each
 * sentence on a new line, as required by mdoc(7). */
static void text_print(const char *text, size_t indent, int sentences,
                       FILE *file)
{
    size_t column = 0;
    while (*text != '\0') {
        size_t size = strcspn(text, " ");
        if (column > 0 && column + 1 + size > LINE_SIZE) {
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

static void help_heading(const char *heading, const char *help, FILE *file)
{
    fprintf(file, "\n%s\n", heading);
    if (help != NULL) {
        text_print(help, 2, 0, file);
    }
}

static void help_row(const struct option_row *row, const char *also, FILE *file)
{
    fprintf(file, "  %-21s ", row->name);
    value_print(row, file);
    if (row->fallback == NULL) {
        fputs("; required", file);
    } else {
        const char *joint =
            strlen(row->fallback) > FALLBACK_SIZE ? "\n      " : " ";
        fprintf(file, ";%sdefault: %s", joint, row->fallback);
    }
    fputc('\n', file);
    text_print(row->help, 6, 0, file);
    if (also != NULL) {
        fprintf(file, "      Also in %s.\n", also);
    }
}

/* Nothing: help has no lists. */
static void help_list(FILE *file)
{
    (void)file;
}

static void mdoc_heading(const char *heading, const char *help, FILE *file)
{
    fprintf(file, ".Ss %s\n", heading);
    if (help != NULL) {
        text_print(help, 0, 1, file);
    }
}

static void mdoc_begin(FILE *file)
{
    fputs(".Bl -tag -width Ds\n", file);
}

static void mdoc_row(const struct option_row *row, const char *also, FILE *file)
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
    if (also != NULL) {
        fprintf(file, "Also in %s.\n", also);
    }
}

static void mdoc_end(FILE *file)
{
    fputs(".El\n", file);
}

/* Options under one heading. */
struct part {
    const struct option_table *table; /* of them */
    const char *also;                 /* where else they may stand; or NULL */
};

static void section_print(const struct style *style, const char *heading,
                          const char *help, const struct part *parts,
                          size_t count, FILE *file)
{
    style->heading(heading, help, file);
    if (count == 1 && parts[0].table->count == 0) {
        return; /* a type without options */
    }
    style->begin(file);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < parts[i].table->count; j++) {
            style->row(&parts[i].table->rows[j], parts[i].also, file);
        }
    }
    style->end(file);
}

static void types_print(const struct style *style, enum config_level level,
                        FILE *file)
{
    char heading[128];
    bool is_inbox = level == LEVEL_INBOX;
    for (size_t i = 0;; i++) {
        const struct option_table table = config_type_table(level, i);
        const struct part part = {&table, NULL};
        if (table.rows == NULL) {
            return;
        }
        snprintf(heading, sizeof heading, "%s of the type %s",
                 is_inbox ? "Inbox" : "Outlet",
                 is_inbox ? inbox_type_at(i)->name : outlet_type_at(i)->name);
        section_print(style, heading,
                      is_inbox ? inbox_type_at(i)->help
                               : outlet_type_at(i)->help,
                      &part, 1, file);
    }
}

#define SECTION(heading, ...)                                                 \
    section_print(style, heading, NULL, (struct part[]){__VA_ARGS__},         \
                  sizeof((struct part[]){__VA_ARGS__}) / sizeof(struct part), \
                  file)

static void all_print(const struct style *style, FILE *file)
{
    const struct option_table forwarder = {forwarder_option_rows,
                                           forwarder_option_count};
    SECTION("Top level", {&config_top_rows, NULL});
    SECTION("Admin", {&config_admin_rows, NULL});
    SECTION("Fleet", {&config_fleet_rows, NULL});
    SECTION("Environment", {&config_environment_rows, NULL});
    SECTION("Inbox", {&config_inbox_rows, NULL});
    types_print(style, LEVEL_INBOX, file);
    SECTION("Outlet", {&config_outlet_rows, NULL}, {&forwarder, NULL});
    types_print(style, LEVEL_OUTLET, file);
    SECTION("Server", {&server_own_options, NULL},
            {&config_server_rows, "defaults"});
    SECTION("Queue", {&queue_own_options, NULL}, {&key_options, "a server"},
            {&config_queue_rows, "a server or defaults"});
}

void option_print_help(FILE *file)
{
    static const struct style style = {help_heading, help_list, help_row,
                                       help_list};
    fputs("The configuration file is YAML. Paths are relative to its folder.\n"
          "Durations: " UNITS_DURATION_EXAMPLES ".\n"
          "Sizes: " UNITS_SIZE_EXAMPLES ".\n",
          file);
    all_print(&style, file);
}

void option_print_mdoc(FILE *file)
{
    static const struct style style = {mdoc_heading, mdoc_begin, mdoc_row,
                                       mdoc_end};
    all_print(&style, file);
}
