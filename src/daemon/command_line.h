/*
 * command_line.h - the options of the command line. Each row of the table in
 * command_line.c is one option: to add one, add a row, and a field to struct
 * command_options.
 */
#ifndef DAEMON_COMMAND_LINE_H
#define DAEMON_COMMAND_LINE_H

#include <stdio.h>

#include "daemon/command.h"

struct command_row; /* commands.h */

enum command_line {
    COMMAND_LINE_COMMAND, /* a command with its words */
    COMMAND_LINE_HELP,    /* --help */
    COMMAND_LINE_VERSION, /* --version */
    COMMAND_LINE_INVALID  /* the error has been printed */
};

/* Reads the options and the command, and checks that they go together. */
enum command_line command_line_read(int argc, char **argv,
                                    struct command_options *options,
                                    const struct command_row **command);

/* Prints a line for each option; word: only those of commands that begin with
 * it, or NULL. */
void command_line_print(FILE *out, const char *word);

/* Prints an error in the use of the program. Returns EXIT_CODE_USAGE. */
enum exit_code command_line_error(const char *what, const char *detail);

#endif
