/*
 * token_pattern.h - the regular expression that finds the token in a body.
 *
 * It uses TRE, which follows all possible matches in parallel: the time is
 * proportional to the size of the body, and the memory depends on the pattern
 * alone. regexec() restarts at each position. It can take minutes for 1 MB
 * that almost matches, during which no queue would be polled.
 */
#ifndef CORE_TOKEN_PATTERN_H
#define CORE_TOKEN_PATTERN_H

#include <locale.h>
#include <stddef.h>

#include <tre/tre.h>

#include "base/reason.h"

struct token_pattern {
    locale_t bytes;   /* the C locale, whatever the application uses */
    regex_t compiled; /* by TRE */
};

/* Compiles a pattern. On failure returns NULL and sets *error: HAPLO_EINVAL
 * with why set (not a regular expression, one without bounds on time and
 * memory, or one that matches anything), or HAPLO_ENOMEM. */
struct token_pattern *token_pattern_new(const char *text, int *error,
                                        struct reason *why);

/* Searches size bytes (at most INT_MAX), which may include NUL. Returns 0,
 * with the whole match in match[0] and the token in match[1]; HAPLO_EDOCUMENT
 * if nothing matches; or HAPLO_ENOMEM. */
int token_pattern_search(const struct token_pattern *pattern, const char *text,
                         size_t size, regmatch_t match[2]);

/* pattern may be NULL. */
void token_pattern_free(struct token_pattern *pattern);

#endif
