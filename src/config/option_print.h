/*
 * option_print.h - prints the options of the configuration file, for
 * `haplo-poll help config` and for the section OPTIONS of haplo-poll.yaml(5).
 */
#ifndef CONFIG_OPTION_PRINT_H
#define CONFIG_OPTION_PRINT_H

#include <stdio.h>

void option_print_help(FILE *file);
void option_print_mdoc(FILE *file);

#endif
