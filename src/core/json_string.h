/*
 * json_string.h - the escapes of a JSON string. The text is what stands between
 * its quotes, and has been validated by json_reader.h.
 */
#ifndef CORE_JSON_STRING_H
#define CORE_JSON_STRING_H

#include <stdbool.h>
#include <stddef.h>

/* True unless it contains half a surrogate pair ("\uD83D" alone), which is
 * valid JSON but cannot be encoded in UTF-8. */
bool json_string_is_sound(const char *text, size_t size);

/* Decodes it to `to`, which has room for size bytes: a decoded string is never
 * longer. Half a surrogate pair becomes U+FFFD, "\u0000" a NUL byte. Returns
 * the number of bytes. */
size_t json_string_decode(const char *text, size_t size, char *to);

#endif
