/*
 * commands.h - the table of commands. Each row is one command: to add one, add
 * a row, and a function to command.h.
 */
#ifndef DAEMON_COMMANDS_H
#define DAEMON_COMMANDS_H

#include <stdio.h>

#include "daemon/command.h"

/* A command. */
struct command_row {
    const char *words;     /* "outlet test"; "retry|skip" is either of these */
    const char *arguments; /* what follows, for help: "OUTLET [INBOX]" */
    int argument_min;      /* how many must follow */
    int argument_max;      /* how many may */
    enum exit_code (*run)(const struct command_options *options);
    const char *help; /* one or two sentences, not ended by a full stop */
};

/* The command that these words begin with, and how many of them are its own;
 * the rest are its arguments. NULL after the error has been printed, which
 * includes a wrong number of arguments. */
const struct command_row *commands_find(int count, char *const *words,
                                        int *word_count);

/* True if the list, such as "dead-letters, replay list", has this command, or
 * its first words. */
bool commands_among(const struct command_row *row, const char *list);

/* True if a command of the list begins with this word. */
bool commands_list_begins(const char *list, const char *word);

/* Prints a line for each command, or those that begin with this word. Returns
 * false if no command does. */
bool commands_print(FILE *out, const char *word);

#endif
