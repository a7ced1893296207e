/*
 * command_line.h - the options of the command line. Each row of the table in
 * command_line.c is one option: to add one, add a row, a field to struct
 * command_options, and a line to the help text in main.c.
 */
#ifndef DAEMON_COMMAND_LINE_H
#define DAEMON_COMMAND_LINE_H

#include "daemon/command.h"

enum command_line {
    COMMAND_LINE_COMMAND, /* a command with its words; *first is its index */
    COMMAND_LINE_HELP,    /* --help */
    COMMAND_LINE_VERSION, /* --version */
    COMMAND_LINE_INVALID  /* the error has been printed */
};

/* Reads the options, and moves them before the other words. Checks that the
 * command has them. */
enum command_line command_line_read(int argc, char **argv,
                                    struct command_options *options,
                                    int *first);

/* Prints an error in the use of the program. Returns EXIT_CODE_USAGE. */
enum exit_code command_line_error(const char *what, const char *detail);

#endif
