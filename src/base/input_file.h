/*
 * input_file.h - reads small files that the configuration names: API keys,
 * passwords, certificates. Explanations say what is wrong and what to do, but
 * not which option names the file, and nothing of its content.
 */
#ifndef BASE_INPUT_FILE_H
#define BASE_INPUT_FILE_H

#include <stdbool.h>
#include <stddef.h>

/* Opens a regular file for reading. A private one must not be accessible to
 * others. Returns 0, or HAPLO_EINVAL with why set. */
int input_file_open(const char *path, bool is_private, int *fd, char *why,
                    size_t why_size);

/* Reads up to size bytes, without leaving copies in memory, as stdio would;
 * *filled is size if there may be more. Returns 0, or HAPLO_EINVAL with why
 * set. */
int input_file_read(int fd, char *data, size_t size, size_t *filled, char *why,
                    size_t why_size);

#endif
