/*
 * config_path.h - paths in the configuration, which are relative to the folder
 * of the file that they are in.
 */
#ifndef CONFIG_CONFIG_PATH_H
#define CONFIG_CONFIG_PATH_H

#include <stddef.h>

#include "config/codes.h"
#include "config/config.h"

/* Resolves a path relative to the folder of the file that it is in,
 * config->path_file. *name (may
 * be NULL) points to the given path at its end. Owned by the configuration;
 * NULL if memory runs out. */
const char *config_path(struct config *config, const char *path,
                        const char **name);

/* Returns "FOLDER/NAME", owned by the configuration; *end (may be NULL) points
 * to "NAME" in it. NULL if memory runs out. */
const char *config_path_join(struct config *config, const char *folder,
                             size_t folder_size, const char *name,
                             const char **end);

/* The path without symbolic links and dots, as far as it exists, to compare it
 * with others. Owned by the arena; NULL if memory runs out. */
const char *config_path_real(struct arena *arena, const char *path);

/* Look whether a file can be written, which may not exist yet; or files in a
 * folder, which may not exist yet. Change nothing. Return HP_NONE, or what
 * is wrong with why set. */
enum diagnostic_code config_path_may_write(const char *path, char *why,
                                           size_t why_size);
enum diagnostic_code config_path_may_fill(const char *path, char *why,
                                          size_t why_size);

#endif
