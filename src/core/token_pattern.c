#include "core/token_pattern.h"

#include <assert.h>
#include <ctype.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "haplopoll.h"

/* Counts are written out when the pattern is compiled, those in groups of
 * others as often as the product says. */
#define COUNT_PRODUCT_MAX 20000

/* The last character of a bracket expression that begins at text, or the NUL
 * that ends it too early. */
static const char *bracket_end(const char *text)
{
    const char *at = text + 1;
    at += *at == '^';
    at += *at == ']';
    while (*at != ']' && *at != '\0') {
        const char *end = NULL;
        if (*at == '[' && (at[1] == ':' || at[1] == '.' || at[1] == '=')) {
            const char class_end[] = {at[1], ']', '\0'};
            end = strstr(at + 2, class_end);
        }
        at = end != NULL ? end + 2 : at + 1;
    }
    return at;
}

/* The larger number of {n}, {n,} {,m} or {n,m}; 0 if it is none of them, as
 * TRE has more in { }. */
static unsigned long count_read(const char *text)
{
    char *end = (char *)(uintptr_t)text;
    unsigned long least = 0;
    unsigned long most = 0;
    if (isdigit((unsigned char)*end)) {
        least = strtoul(end, &end, 10);
    }
    if (*end == ',' && isdigit((unsigned char)end[1])) {
        most = strtoul(end + 1, &end, 10);
    } else {
        end += *end == ',';
    }
    return *end != '}' ? 0 : most > least ? most : least;
}

/* What TRE would have no bound of time or memory for, or cannot take; NULL if
 * there is nothing of that. */
static const char *pattern_excess(const char *text)
{
    unsigned long product = 1;
    size_t depth = 0;
    for (const char *at = text; *at != '\0'; at++) {
        switch (*at) {
        case '\\':
            if (at[1] >= '1' && at[1] <= '9') {
                return "it refers back to a group";
            }
            at += at[1] != '\0';
            break;
        case '[':
            at = bracket_end(at);
            at -= *at == '\0'; /* for TRE to tell */
            break;
        case '(':
            depth++;
            break;
        case ')':
            if (depth-- == 0) {
                return "a ) has no (";
            }
            break;
        case '{': {
            unsigned long count = count_read(at + 1);
            if (count == 0) {
                return "{ } has no count, as {2}, {2,} or {2,8}";
            }
            product *=
                count <= COUNT_PRODUCT_MAX ? count : COUNT_PRODUCT_MAX + 1;
            if (product > COUNT_PRODUCT_MAX) {
                return "its { } counts, multiplied, are over 20,000";
            }
            break;
        }
        default:
            break;
        }
    }
    return NULL;
}

static int pattern_compile(struct token_pattern *pattern, const char *text,
                           struct reason *why)
{
    const char *excess = pattern_excess(text);
    if (excess != NULL) {
        return reason_set(why, HAPLO_EINVAL, "%s", excess);
    }
    locale_t before = uselocale(pattern->bytes);
    int result = tre_regcomp(&pattern->compiled, text, REG_EXTENDED);
    (void)uselocale(before);
    if (result == REG_ESPACE) {
        return HAPLO_ENOMEM;
    }
    if (result != 0) {
        char problem[128];
        (void)tre_regerror(result, &pattern->compiled, problem, sizeof problem);
        return reason_set(why, HAPLO_EINVAL, "no regular expression: %s",
                          problem);
    }
    return 0;
}

int token_pattern_search(const struct token_pattern *pattern, const char *text,
                         size_t size, regmatch_t match[2])
{
    assert(size <= INT_MAX);
    locale_t before = uselocale(pattern->bytes);
    int result = tre_regnexec(&pattern->compiled, text, size, 2, match, 0);
    (void)uselocale(before);
    if (result == REG_ESPACE) {
        return HAPLO_ENOMEM;
    }
    if (pattern->compiled.re_nsub == 0) {
        match[1] = match[0];
    }
    return result != 0 || match[1].rm_so < 0 ? HAPLO_EDOCUMENT : 0;
}

/* It would take every answer for an empty queue. */
static int pattern_check(const struct token_pattern *pattern,
                         struct reason *why)
{
    regmatch_t match[2];
    int error = token_pattern_search(pattern, "", 0, match);
    if (error == 0 && pattern->compiled.re_nsub == 0) {
        return reason_set(why, HAPLO_EINVAL,
                          "it matches anything: name what is before the "
                          "token, and put the token in ( )");
    }
    return error == HAPLO_ENOMEM ? error : 0;
}

static int pattern_init(struct token_pattern *pattern, const char *text,
                        struct reason *why)
{
    pattern->bytes = newlocale(LC_CTYPE_MASK, "C", (locale_t)0);
    if (pattern->bytes == (locale_t)0) {
        return HAPLO_ENOMEM;
    }
    int error = pattern_compile(pattern, text, why);
    if (error == 0) {
        error = pattern_check(pattern, why);
        if (error != 0) {
            tre_regfree(&pattern->compiled);
        }
    }
    if (error != 0) {
        freelocale(pattern->bytes);
    }
    return error;
}

struct token_pattern *token_pattern_new(const char *text, int *error,
                                        struct reason *why)
{
    struct token_pattern *pattern = alloc_zeroed(1, sizeof *pattern);
    *error = HAPLO_ENOMEM;
    if (pattern == NULL) {
        return NULL;
    }
    *error = pattern_init(pattern, text, why);
    if (*error != 0) {
        alloc_free(pattern);
        return NULL;
    }
    return pattern;
}

void token_pattern_free(struct token_pattern *pattern)
{
    if (pattern == NULL) {
        return;
    }
    tre_regfree(&pattern->compiled);
    freelocale(pattern->bytes);
    alloc_free(pattern);
}
