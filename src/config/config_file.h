/*
 * config_file.h - opens and reads the files that the configuration consists
 * of: the main file, and those that it includes.
 */
#ifndef CONFIG_CONFIG_FILE_H
#define CONFIG_CONFIG_FILE_H

#include "config/config_loading.h"

/* Reads the main file, and everything that it includes. False if one of them
 * cannot be read or is not YAML, which is then the only error. */
bool config_file_read_main(struct config_loading *loading);

/* Reads a file that is included at this position, or reports what is wrong with
 * it. */
void config_file_include(struct config_loading *loading, const char *path,
                         struct config_place place);

/* Reads the value of the key include, given its first event (config_include.c):
 * a pattern, or a list of them. */
struct config_mapping;
void config_include_read(const struct config_mapping *mapping,
                         struct config_event *event);

#endif
