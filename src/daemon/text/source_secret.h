/*
 * source_secret.h - what nobody should see of a line of a configuration file:
 * what looks like an API key, the user and the query of a URL, and the value of
 * an option that has to do with secrets. Pure.
 */
#ifndef DAEMON_SOURCE_SECRET_H
#define DAEMON_SOURCE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/* The number of bytes to hide that begin at `at`, in the line that begins at
 * `from`; 0: none. */
size_t source_secret_size(const char *from, const char *at);

/* If the name of an option begins at `at` and its value is secret, where the
 * value begins, which reaches to the end of the line. NULL otherwise. */
const char *source_secret_value(const char *from, const char *at);

/* True if an option in this line has a secret value. */
bool source_secret_is_in(const char *line);

#endif
