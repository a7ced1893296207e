/*
 * api_key.h - reads API keys from where the configuration says they are. No
 * part of a key is ever put into a message.
 */
#ifndef DAEMON_API_KEY_H
#define DAEMON_API_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"

#define API_KEY_SIZE (HAPLO_KEY_SIZE_MAX + 1) /* with the NUL */

/*
 * Reads a queue's key, afresh each time, into `key`, which is API_KEY_SIZE
 * bytes large; the caller wipes it with explicit_bzero(). 0, or -1 with why set
 * to one line ("api_key_file keys/student: cannot be read: ...") and key empty.
 */
int api_key_read(const struct config_queue *queue, char *key, char *why,
                 size_t why_size);
int api_key_read_from(const struct config_key *from, char *key, char *why,
                      size_t why_size);

/* The file to watch for a new key; NULL if the key is in the environment. */
const char *api_key_path(const struct config_queue *queue);

/* True for text that may be an API key given where its place belongs: no
 * message may show it. */
bool api_key_is_like(const char *text);

#endif
