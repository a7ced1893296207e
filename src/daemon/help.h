/*
 * help.h - how help looks: a heading, and next to it a text that is broken into
 * lines.
 */
#ifndef DAEMON_HELP_H
#define DAEMON_HELP_H

#include <stdio.h>

/* Prints one command or option. Lines have at most 80 columns. */
void help_print_row(FILE *out, const char *heading, const char *text);

#endif
