/*
 * config_file.h - the bytes of the configuration file.
 */
#ifndef CONFIG_CONFIG_FILE_H
#define CONFIG_CONFIG_FILE_H

#include <stddef.h>

#include "config/config_errors.h"

/* Reads the file, which may be a pipe: 0 with *text to be freed, or -1, and the
 * error is added. */
int config_file_read(const char *path, struct config_errors *errors,
                     unsigned char **text, size_t *size);

#endif
