/*
 * help.c - `help` and `version`: what there is, from the tables of commands and
 * options.
 */
#include "daemon/help.h"

#include <string.h>

#include "config/option_print.h"
#include "daemon/command.h"
#include "daemon/command_line.h"
#include "daemon/commands.h"
#include "outlets/outlet.h"

#define INDENT 22 /* columns before the text */
#define WIDTH 79  /* columns of a line */

/* The number of bytes of the text that fit a line, up to a space or the end. */
static size_t line_size(const char *text)
{
    size_t size = 0;
    for (size_t i = 0; i <= WIDTH - INDENT; i++) {
        if (text[i] == '\0') {
            return i;
        }
        if (text[i] == ' ') {
            size = i;
        }
    }
    return size > 0 ? size : strcspn(text, " ");
}

void help_print_row(FILE *out, const char *heading, const char *text)
{
    int width = fprintf(out, "  %-*s", INDENT - 3, heading);
    if (width >= INDENT) { /* no room next to it */
        fprintf(out, "\n%*s", INDENT - 1, "");
    }
    while (*text != '\0') {
        size_t size = line_size(text);
        fprintf(out, " %.*s\n", (int)size, text);
        text += size;
        text += *text == ' ';
        if (*text != '\0') {
            fprintf(out, "%*s", INDENT - 1, "");
        }
    }
}

static void print_all(void)
{
    fputs("usage: haplo-poll [OPTIONS] COMMAND\n"
          "\n"
          "Collects messages from many Haplo message queues, and forwards "
          "them.\n"
          "\n"
          "Commands:\n",
          stdout);
    commands_print(stdout, NULL);
    fputs("\nOptions:\n", stdout);
    command_line_print(stdout, NULL);
    fputs("\n"
          "A TIME is a date in UTC, or how long ago it was, such as 2h.\n"
          "\n"
          "Exit codes: 0 success; 1 a queue, an outlet or the system failed; "
          "2 the\n"
          "command line or the configuration is invalid; 3 the state "
          "directory or\n"
          "an inbox is in use; 4 no process is running that could be "
          "asked.\n"
          "\n"
          "See haplo-poll(1), which names the other manual pages.\n",
          stdout);
}

enum exit_code command_help(const struct command_options *options)
{
    if (options->argument_count == 0) {
        print_all();
        return EXIT_CODE_FINE;
    }
    const char *word = options->arguments[0];
    if (strcmp(word, "config") == 0) {
        option_print_help(stdout);
        return EXIT_CODE_FINE;
    }
    if (!commands_print(stdout, word)) {
        return command_line_error("no help available for ", word);
    }
    command_line_print(stdout, word);
    return EXIT_CODE_FINE;
}

enum exit_code command_version(const struct command_options *options)
{
    (void)options;
    printf("haplo-poll %s\ninboxes:", haplo_version());
    for (size_t i = 0; inbox_type_at(i) != NULL; i++) {
        printf(" %s", inbox_type_at(i)->name);
    }
    printf("\noutlets:");
    for (size_t i = 0; outlet_type_at(i) != NULL; i++) {
        printf(" %s", outlet_type_at(i)->name);
    }
    printf("\n");
    return EXIT_CODE_FINE;
}
