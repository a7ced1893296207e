/*
 * token_pattern.h - the regular expression that finds the token in a body.
 *
 * glibc's regexec() keeps what it works out in the compiled pattern. Where it
 * finds no memory for that, it leaves the pattern such that nothing matches
 * any more, and says "no match". So a pattern is compiled anew after that: one
 * moment without memory must not stop a queue for good.
 */
#ifndef CORE_TOKEN_PATTERN_H
#define CORE_TOKEN_PATTERN_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/reason.h"

struct token_pattern {
    char *text;       /* owned; as it was given */
    bool is_compiled; /* compiled is good */
    regex_t compiled; /* */
};

/* NULL with *error set: HAPLO_EINVAL (no regular expression, or one that
 * matches nothing at all, which would take any body for an empty queue) with
 * why set, or HAPLO_ENOMEM. Copies text. */
struct token_pattern *token_pattern_new(const char *text, int *error,
                                        struct reason *why);

/* Searches size bytes, at most INT_MAX, NUL bytes too. 0: match[0] is all that
 * matched, match[1] the token; or HAPLO_EDOCUMENT, no match, or HAPLO_ENOMEM;
 * why is not set. */
int token_pattern_search(struct token_pattern *pattern, const char *text,
                         size_t size, regmatch_t match[2]);

/* NULL is fine. */
void token_pattern_free(struct token_pattern *pattern);

#endif
