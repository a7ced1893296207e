/*
 * config_path.h - the paths of a configuration file, which are relative to
 * its folder.
 */
#ifndef CONFIG_CONFIG_PATH_H
#define CONFIG_CONFIG_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"

/* The path relative to the configuration file's folder; *name is its end, as
 * path was given (may be NULL). Owned by the config; NULL when there is no
 * memory. */
const char *config_path(struct config *config, const char *path,
                        const char **name);

/* "FOLDER/NAME", owned by the config; *end is "NAME" in it (may be NULL). NULL
 * when there is no memory. */
const char *config_path_join(struct config *config, const char *folder,
                             size_t folder_size, const char *name,
                             const char **end);

/* Opens a file for reading; one that holds a secret must not be accessible to
 * others. 0, or HAPLO_EINVAL with why set: what is wrong, and what to do. */
int config_path_open(const char *path, bool is_secret, int *fd, char *why,
                     size_t why_size);

#endif
