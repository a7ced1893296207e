/*
 * glob.h - patterns for texts: '*' stands for any number of characters, '?' for
 * one, and "\*", "\?" and "\\" for these three characters themselves. A
 * character is one of UTF-8.
 */
#ifndef CORE_GLOB_H
#define CORE_GLOB_H

#include <stdbool.h>
#include <stddef.h>

/* False if the pattern ends in the middle of an escape, or escapes a character
 * that needs none, which is probably a mistake. */
bool glob_is_valid(const char *pattern);

/* True if a valid pattern matches the whole text, which may contain NULs. */
bool glob_matches(const char *pattern, const char *text, size_t size);

#endif
