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

/* Its name for people; API_KEY_HIDDEN if nothing has this name and it looks
 * like a key that was written in its place. */
const char *api_key_shown(const struct config_key *key);

#endif
