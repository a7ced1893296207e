#include "core/token_pattern.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "core/alloc.h"
#include "haplopoll.h"

/* Counts are written out when the pattern is compiled, those in groups of
 * others as often as the product says. */
#define COUNT_PRODUCT_MAX 20000

/* A reference back to a group has no bound of its time. */
static bool has_reference(const char *text)
{
    for (const char *at = strchr(text, '\\'); at != NULL;
         at = strchr(at + 2, '\\')) {
        if (at[1] == '\0') {
            return false;
        }
        if (at[1] >= '1' && at[1] <= '9') {
            return true;
        }
    }
    return false;
}

static bool has_large_counts(const char *text)
{
    unsigned long product = 1;
    for (const char *at = strchr(text, '{'); at != NULL;
         at = strchr(at + 1, '{')) {
        char *end;
        unsigned long count = strtoul(at + 1, &end, 10);
        if (*end == ',' && end[1] != '}') {
            count = strtoul(end + 1, NULL, 10);
        }
        if (count > COUNT_PRODUCT_MAX) {
            return true;
        }
        product *= count > 0 ? count : 1;
        if (product > COUNT_PRODUCT_MAX) {
            return true;
        }
    }
    return false;
}

static int pattern_compile(struct token_pattern *pattern, const char *text,
                           struct reason *why)
{
    if (has_reference(text)) {
        return reason_set(why, HAPLO_EINVAL,
                          "it refers back to a group, which has no bound of "
                          "its time");
    }
    if (has_large_counts(text)) {
        return reason_set(why, HAPLO_EINVAL,
                          "its { } counts are too large: multiplied, at most "
                          "%d",
                          COUNT_PRODUCT_MAX);
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
