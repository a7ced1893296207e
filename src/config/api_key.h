/*
 * api_key.h - reads API keys from the places that the configuration names. No
 * message ever contains any part of a key.
 */
#ifndef CONFIG_API_KEY_H
#define CONFIG_API_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"

#define API_KEY_SIZE (HAPLO_KEY_SIZE_MAX + 1) /* NUL included */

/* A key in memory. It is not a string, so no printf() takes it by accident, and
 * `make layers` checks that nothing called `revealed` is printed on purpose. */
struct api_key {
    char revealed[API_KEY_SIZE]; /* "": none */
};

void api_key_wipe(struct api_key *text);

/*
 * Reads a key from its source into text, which the caller wipes with
 * api_key_wipe(). Returns 0; or HAPLO_EINVAL with text empty and
 * one line in why ("api_key_file keys/student: cannot be read: ..."). key->path
 * is the file to watch for a new key. Not for CONFIG_KEY_COMMAND, which
 * daemon/gather/key_commands.h runs.
 */
int api_key_read(const struct config_key *key, struct api_key *text, char *why,
                 size_t why_size);

/* True if this user can get at the key, or what is in its place. */
bool api_key_exists(const struct config_key *key);

/* True if text looks like an API key that was written in place of its file or
 * variable. No message may show it. */
bool api_key_is_like(const char *text);

/* True if a part of a URL or a path looks like one. */
bool api_key_is_part(const char *text);

#endif
