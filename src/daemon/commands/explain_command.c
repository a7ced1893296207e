/*
 * explain_command.c - `explain CODE` prints what the catalogue knows about the
 * code of a diagnostic, or lists all codes.
 */
#include <stdio.h>
#include <string.h>

#include "base/command_hint.h"
#include "config/catalogue.h"
#include "daemon/command.h"
#include "daemon/command_line.h"
#include "daemon/commands/explain_object.h"

#define WIDTH 79

/* The number of bytes up to the end of the last word that fits a line. */
static size_t line_size(const char *text)
{
    size_t size = strcspn(text, " ");
    for (size_t i = size; i <= WIDTH; i += 1 + strcspn(text + i + 1, " ")) {
        size = i;
        if (text[i] == '\0') {
            break;
        }
    }
    return size;
}

static void print_paragraph(const char *text)
{
    while (*text != '\0') {
        size_t size = line_size(text);
        printf("%.*s\n", (int)size, text);
        text += size + strspn(text + size, " ");
    }
}

/* Indents each line. */
static void print_example(const char *heading, const char *text)
{
    printf("\n%s\n\n", heading);
    while (*text != '\0') {
        size_t size = strcspn(text, "\n");
        printf("    %.*s\n", (int)size, text);
        text += size + (text[size] == '\n');
    }
}

static void print_entry(const struct catalogue_entry *entry)
{
    char code[CODE_TEXT_SIZE];
    char advice[COMMAND_HINT_TEXT_SIZE];
    printf("%s: %s%s\n\n", code_format(entry->code, code), entry->title,
           entry->is_warning ? " (a warning)" : "");
    print_paragraph(entry->meaning);
    if (entry->wrong != NULL) {
        print_example("For example:", entry->wrong);
    }
    if (entry->right != NULL) {
        print_example("Corrected:", entry->right);
    }
    printf("\n");
    print_paragraph(command_hint_in(advice, entry->advice));
}

static void print_list(void)
{
    char code[CODE_TEXT_SIZE];
    const struct catalogue_entry *entry;
    for (size_t i = 0; (entry = catalogue_at(i)) != NULL; i++) {
        printf("%s  %s\n", code_format(entry->code, code), entry->title);
    }
}

enum exit_code command_explain(const struct command_options *options)
{
    if (options->argument_count == 0) {
        print_list();
        return EXIT_CODE_FINE;
    }
    const struct catalogue_entry *entry =
        catalogue_find(code_parse(options->arguments[0]));
    const char *name = options->arguments[0];
    if (entry == NULL && name[0] != '\0' && strncmp(name, "HP", 2) != 0) {
        return explain_object(options, name);
    }
    if (entry == NULL) {
        return command_line_error(
            "explain takes a code, such as HP0201, as errors have it at their "
            "end, not ",
            options->arguments[0]);
    }
    print_entry(entry);
    return EXIT_CODE_FINE;
}
