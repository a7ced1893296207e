/*
 * api_key.h - reads API keys from where the configuration says they are. No
 * part of a key is ever put into a message.
 */
#ifndef CONFIG_API_KEY_H
#define CONFIG_API_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"

#define API_KEY_SIZE (HAPLO_KEY_SIZE_MAX + 1) /* with the NUL */

/*
 * Reads a key, afresh each time, into `text`, which is API_KEY_SIZE bytes
 * large; the caller wipes it with explicit_bzero(). 0, or HAPLO_EINVAL with why
 * set to one line ("api_key_file keys/student: cannot be read: ...") and text
 * empty. key->path is the file to watch for a new key.
 */
int api_key_read(const struct config_key *key, char *text, char *why,
                 size_t why_size);

/* "api_key_file" ...: the key of the configuration that names such a one. */
const char *api_key_option(enum config_key_kind kind);

/* True for text that may be an API key given where its place belongs: no
 * message may show it. */
bool api_key_is_like(const char *text);

#endif
