/*
 * config_when.h - reads `when` of an outlet: the rules of core/route.h.
 */
#ifndef CONFIG_CONFIG_WHEN_H
#define CONFIG_CONFIG_WHEN_H

#include <stdio.h>

#include "config/config_mapping.h"
#include "core/route.h"

/* Reads the value of the key `when`, given its first event. Reports errors and
 * sets pair->is_bad, or sets pair->rules. */
void config_when_read(const struct config_mapping *mapping,
                      struct config_pair *pair, struct config_event *event);

/* Prints an alternative as it could be written in the file, on one line. */
void config_when_print(const struct route_alternative *alternative, FILE *file);

#endif
