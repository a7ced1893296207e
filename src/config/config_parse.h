/*
 * config_parse.h - turns the text of one value into what is stored, by the
 * type that the option table gives it.
 */
#ifndef DAEMON_CONFIG_PARSE_H
#define DAEMON_CONFIG_PARSE_H

#include <stddef.h>

#include "config/config.h"
#include "config/option.h"

/* Stores at target what text says. 0, or -1 with why set: what is wrong, and
 * what to do. Borrows text; what it makes (paths) the config owns. */
int config_parse(struct config *config, const struct option_row *row,
                 const char *text, void *target, char *why, size_t why_size);

#endif
