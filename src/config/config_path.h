/*
 * config_path.h - the paths of a configuration file, which are relative to
 * its folder.
 */
#ifndef DAEMON_CONFIG_PATH_H
#define DAEMON_CONFIG_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"

/* The path relative to the configuration file's folder; owned by the config,
 * or path itself. NULL when there is no memory. */
const char *config_path(struct config *config, const char *path);

/* "FOLDER/NAME", owned by the config. NULL when there is no memory. */
const char *config_path_join(struct config *config, const char *folder,
                             size_t folder_size, const char *name);

/* Frees what the two have made. */
void config_strings_free(struct config *config);

/* Opens a file for reading; one that holds a secret must not be open to
 * others. 0, or -1 with why set: what is wrong, and what to do. */
int config_path_open(const char *path, bool is_secret, int *fd, char *why,
                     size_t why_size);

#endif
