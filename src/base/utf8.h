/*
 * utf8.h - recognises UTF-8 (RFC 3629). Pure.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* The size of the character at text, of which at most size bytes are there;
 * 0: this is not UTF-8. size must not be 0. */
size_t utf8_character_size(const char *text, size_t size);

/* True if all of it is UTF-8. */
bool utf8_is_valid(const char *text, size_t size);

#endif
