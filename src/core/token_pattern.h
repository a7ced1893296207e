/*
 * token_pattern.h - the regular expression that finds the token in a body.
 *
 * TRE follows all places where a match may begin at once, so that any body is
 * searched in a time that is in proportion to its size, and in memory that is
 * the pattern's alone. regexec() begins anew at each: 1 MB of what nearly
 * matches takes it minutes, in which no queue would be polled.
 */
#ifndef CORE_TOKEN_PATTERN_H
#define CORE_TOKEN_PATTERN_H

#include <locale.h>
#include <stddef.h>

#include <tre/tre.h>

#include "base/reason.h"

struct token_pattern {
    locale_t bytes;   /* that of C, whatever the application's is */
    regex_t compiled; /* */
};

/* NULL with *error set: HAPLO_EINVAL (no regular expression, one that would
 * take more than its bounds of time or memory, or one that matches anything,
 * which would take any body for an empty queue) with why set, or
 * HAPLO_ENOMEM. */
struct token_pattern *token_pattern_new(const char *text, int *error,
                                        struct reason *why);

/* Searches size bytes, at most INT_MAX, NUL bytes too. 0: match[0] is all that
 * matched, match[1] the token; or HAPLO_EDOCUMENT, no match, or HAPLO_ENOMEM;
 * why is not set. */
int token_pattern_search(const struct token_pattern *pattern, const char *text,
                         size_t size, regmatch_t match[2]);

/* NULL is fine. */
void token_pattern_free(struct token_pattern *pattern);

#endif
