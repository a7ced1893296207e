/*
 * key_shape.h - recognises a text that looks like an API key. People paste keys
 * where the configuration wants a file or a name, and no message may repeat
 * them.
 */
#ifndef BASE_KEY_SHAPE_H
#define BASE_KEY_SHAPE_H

#include <stdbool.h>

#define API_KEY_HIDDEN "(hidden)" /* what is shown instead */

/* True if text looks like an API key that was written in place of its file or
 * variable. No message may show it. */
bool api_key_is_like(const char *text);

/* True if a part of a URL or a path looks like one. */
bool api_key_is_part(const char *text);

/* The path or name; API_KEY_HIDDEN if its last part looks like a key. */
const char *api_key_hide(const char *path);

#endif
